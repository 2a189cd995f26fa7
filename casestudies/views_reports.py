"""Public pages of reports. Each starts from what is published; what is withdrawn says so."""

from typing import Any

from django.conf import settings
from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponsePermanentRedirect,
)
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe
from django.views.generic import ListView

from casestudies.models import CaseStudy, Report, ReportEntry, ReportSection, Status
from casestudies.pdf import report_as_pdf
from casestudies.views import gone
from partners.views import SluggedDetailView


def reports_with_counts() -> QuerySet[Report]:
    """Give the published reports, newest first, each with `number`, its published case studies."""
    return (
        Report.objects.published()
        .select_related("publisher")
        .annotate(number=Count("entries", filter=Q(entries__case_study__in=CaseStudy.objects.published())))
        # Grouping drops the order of the model.
        .order_by("-issued_on", "title")
    )


def report_context(report: Report) -> dict[str, Any]:
    """
    Give what the page of a report and its PDF show; the admin's preview of a draft uses it too.

    A section is there only with a case study that visitors may see.
    """
    entries = ReportEntry.objects.filter(case_study__in=CaseStudy.objects.published()).prefetch_related(
        Prefetch("case_study", CaseStudy.objects.for_reports())
    )
    sections: list[dict[str, Any]] = [
        {
            "anchor": f"section-{section.pk}",
            "title": section.title,
            "introduction": section.introduction,
            "case_studies": case_studies,
        }
        for section in ReportSection.objects.filter(report=report).prefetch_related(Prefetch("entries", entries))
        if (case_studies := [entry.case_study for entry in section.entries.all()])
    ]
    return {
        "report": report,
        "sections": sections,
        "sources": list(report.sources.all()),
        "number": sum(len(section["case_studies"]) for section in sections),
        "structured_parts": [
            {
                "@type": "Article",
                "name": case_study.title,
                "url": f"{settings.SITE_URL}{case_study.get_absolute_url()}",
            }
            for section in sections
            for case_study in section["case_studies"]
        ],
    }


def withdrawn_report(slug: str) -> Report | None:
    """Find the withdrawn report that has, or once had, this slug."""
    withdrawn = Report.objects.filter(status=Status.WITHDRAWN)
    return withdrawn.filter(slug=slug).first() or withdrawn.filter(former_slugs__slug=slug).first()


class ReportListView(ListView[Report]):
    """All reports, newest first, each with its cover."""

    template_name = "casestudies/report_list.jinja"
    context_object_name = "reports"

    def get_queryset(self) -> QuerySet[Report]:
        return reports_with_counts()


class ReportDetailView(SluggedDetailView[Report]):
    """One report with its sections. A withdrawn one answers 410 with the reason and the date."""

    template_name = "casestudies/report_detail.jinja"

    def get_queryset(self) -> QuerySet[Report]:
        return Report.objects.published().select_related("publisher")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().get(request, *args, **kwargs)
        except Http404:
            withdrawn = withdrawn_report(kwargs["slug"].lower())
            if withdrawn is None:
                raise
            return gone(request, withdrawn)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = report_context(self.object)
        return super().get_context_data(**kwargs, **context, pdf_size=len(report_as_pdf(context)))


def _public_report(slug: str) -> Report | None:
    """Find the published report that has, or once had, this slug, in any case."""
    reports = Report.objects.published().select_related("publisher")
    return reports.filter(slug=slug).first() or reports.filter(former_slugs__slug=slug).first()


def _answer_without_report(request: HttpRequest, slug: str) -> HttpResponse:
    """Answer 410 for the file of a withdrawn report. Raises Http404 for any other: a draft tells nothing."""
    withdrawn = withdrawn_report(slug)
    if withdrawn is None:
        raise Http404
    return gone(request, withdrawn)


@require_safe
def report_pdf(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Send a report as a PDF, made from what visitors may see now; a wrong or old name redirects to the right one."""
    report = _public_report(slug.lower())
    if report is None:
        return _answer_without_report(request, slug.lower())
    if (slug, name) != (report.slug, report.slug):
        return HttpResponsePermanentRedirect(reverse("casestudies:report_pdf", args=[report.slug, report.slug]))
    return HttpResponse(
        report_as_pdf(report_context(report)),
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{report.slug}.pdf"'},
    )


@require_safe
def report_cover(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Send the cover of a published report. Uploads have no address of their own."""
    report = _public_report(slug.lower())
    if report is None:
        return _answer_without_report(request, slug.lower())
    if slug != report.slug:
        return HttpResponsePermanentRedirect(reverse("casestudies:report_cover", args=[report.slug]))
    if not report.cover:
        raise Http404
    try:
        return FileResponse(report.cover.open("rb"), content_type="image/webp")
    except FileNotFoundError as error:
        raise Http404("The cover is missing from the storage.") from error
