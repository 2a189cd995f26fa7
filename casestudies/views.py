"""Public pages of case studies and themes. Each list and page starts from what is published."""

from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from operator import attrgetter
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.db import OperationalError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe
from django.views.generic import ListView, TemplateView, View
from psycopg.errors import QueryCanceled
from pyroaring import BitMap

from casestudies import search
from casestudies.catalogue import Catalogue, read_catalogue
from casestudies.filters import CaseStudyFilter, SuggestionFilter
from casestudies.models import CaseStudy, CaseStudyQuerySet, ImpactFigure, Report, Resource, Theme
from casestudies.related import related_to
from casestudies.search_extracts import extracts
from casestudies.suggestions import suggest
from casestudies.whole import published_case_study
from casestudies.written import written_cards, written_options, written_pages
from partners.views import SluggedDetailView

PER_PAGE = 20
# The home page tells these many case studies by one figure each, and shows these many reports.
ON_HOME, REPORTS_ON_HOME = 3, 3


def themes_with_counts(catalogue: Catalogue, visible: BitMap) -> list[Theme]:
    """Give the themes in their order, each with `number`, its published case studies."""
    themes = list(Theme.objects.all())
    for theme in themes:
        theme.number = catalogue.count("theme", theme.pk, visible)
    return themes


def told_by_one_figure(case_studies: CaseStudyQuerySet) -> list[CaseStudy]:
    """
    Give the newest that worked and whose headline is an effect in per cent, each by another organisation.

    A percentage is understood at a glance; a change of "14 points" needs its scale.
    """
    telling = ImpactFigure.objects.filter(case_study=OuterRef("pk"), kind__in=["change", "level"], unit="%")
    measured = (
        case_studies.filter(Exists(telling), result="worked")
        .order_by("-published_at", "pk")
        .for_cards()[: ON_HOME * 4]
    )
    by_organisation: dict[int, CaseStudy] = {}
    for case_study in measured:
        figure = case_study.headline_figure
        if figure and figure.is_effect and figure.unit == "%":
            by_organisation.setdefault(case_study.lead_organisation_id, case_study)
    return list(by_organisation.values())[:ON_HOME]


class HomeView(TemplateView):
    """Let a hurried reader start in one click: search, themes, what others achieved, reports, how asking works."""

    template_name = "casestudies/home.jinja"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        catalogue, now = read_catalogue()
        visible = catalogue.visible(now)
        organisations = catalogue.terms["organisation"]
        return super().get_context_data(
            **kwargs,
            themes=themes_with_counts(catalogue, visible),
            featured=catalogue.remember(
                # Of two sets that visitors saw one after the other, the later has more.
                ("featured", len(visible)),
                lambda: told_by_one_figure(CaseStudy.objects.published()),
            ),
            reports=Report.objects.published().select_related("publisher")[:REPORTS_ON_HOME],
            case_study_count=len(visible),
            organisation_count=sum(catalogue.count("organisation", term.key, visible) > 0 for term in organisations),
        )


class CaseStudyListView(View):
    """All case studies, with filters, counts, search and pages. `CaseStudyFilter` reads the parameters."""

    http_method_names = ["get", "head", "options"]

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show a page of results, or say that the search took too long."""
        chosen = CaseStudyFilter(request.GET, queryset=CaseStudy.objects.published())
        if not chosen.words:
            return self.answer(request, chosen)
        try:
            with search.limited_time():
                return self.answer(request, chosen)
        except OperationalError as error:
            if not isinstance(error.__cause__, QueryCanceled):
                raise
            return render(
                request,
                "casestudies/casestudy_list_too_slow.jinja",
                {"words": chosen.words},
                status=HTTPStatus.SERVICE_UNAVAILABLE,
            )

    def answer(self, request: HttpRequest, chosen: CaseStudyFilter) -> HttpResponse:
        """Find and show the results; a page past the end leads to the last."""
        chosen.count_options()
        pages = Paginator(range(len(chosen.found)), PER_PAGE)
        page = pages.get_page(chosen.page_number)
        # What is to be put right must be seen first.
        if not chosen.form.errors:
            address = chosen.url(page=page.number if page.number > 1 else None)
            if chosen.is_renamed:
                return redirect(address, permanent=True)
            if page.number != chosen.page_number:
                return redirect(address)
        found = chosen.results((page.number - 1) * PER_PAGE, PER_PAGE)
        passages = extracts(found, chosen.search) if chosen.search.has_meaning else {}
        cards = written_cards(found, chosen.catalogue, level=2, extracts=passages)
        return render(
            request,
            "casestudies/casestudy_list.jinja",
            {
                "filter": chosen,
                "page": page,
                "pages": written_pages(page, chosen.url()),
                "cards": cards,
                "options": {facet.name: written_options(facet, chosen.catalogue) for facet in chosen.facets.values()},
                "sentence": chosen.sentence(pages.count),
                "ways_on": chosen.ways_on() if not cards else [],
                "themes_that_fit": chosen.themes_that_fit() if not cards else [],
            },
        )


@require_safe
def suggestions(request: HttpRequest) -> JsonResponse:
    """Suggest pages for what has been typed into the search box so far. Read by the script of the page."""
    found = suggest(SuggestionFilter(request.GET).typed)
    # Not forbidden in robots.txt: a search engine that may not ask does not hear that this is no page.
    return JsonResponse(
        {"suggestions": [asdict(suggestion) for suggestion in found]}, headers={"X-Robots-Tag": "noindex"}
    )


def casestudy_context(case_study: CaseStudy, content: tuple[Catalogue, datetime] | None = None) -> dict[str, Any]:
    """
    Give what the page of a whole case study shows; the admin's preview of a draft uses it too.

    `content` is what `read_catalogue` gave before the case study was read.
    """
    figures = list(case_study.impact_figures.all())
    sections = [
        ("challenge", "The challenge", case_study.challenge),
        ("approach", "What was done", case_study.approach),
        ("outcome", "What was found", case_study.outcome),
        ("lessons", "Lessons", case_study.lessons),
        ("getting-started", "Getting started", case_study.getting_started),
        ("keeping-it-going", "Keeping it going", case_study.keeping_it_going),
    ]
    return {
        "case_study": case_study,
        "effects": [figure for figure in figures if figure.is_effect],
        "savings": [figure for figure in figures if figure.kind == "saving"],
        "reach": [figure for figure in figures if figure.kind == "reach"],
        "sections": [section for section in sections if section[2]],
        "contacts": [link for link in case_study.case_study_contacts.all() if link.contact.left_on is None],
        "reports": case_study.published_reports,
        "related": related_to(case_study, content),
        "structured": structured_data(case_study),
    }


class CaseStudyDetailView(SluggedDetailView[CaseStudy]):
    """One case study. A withdrawn one answers 410 with the reason, the date and its successor."""

    template_name = "casestudies/casestudy_detail.jinja"

    def get_queryset(self) -> QuerySet[CaseStudy]:
        return CaseStudy.objects.published()

    def get_object(self, queryset: QuerySet[CaseStudy] | None = None) -> CaseStudy:
        self.content = read_catalogue()
        case_study = published_case_study(self.kwargs["slug"])
        if case_study is None:
            raise Http404("No published case study has this address.")
        return case_study

    def get_addressable(self) -> QuerySet[CaseStudy]:
        return CaseStudy.objects.published() | CaseStudy.objects.withdrawn()

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().get(request, *args, **kwargs)
        except Http404:
            withdrawn = withdrawn_case_study(kwargs["slug"].lower())
            if withdrawn is None:
                raise
            return gone(request, withdrawn)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs, **casestudy_context(self.object, self.content))


def structured_data(case_study: CaseStudy) -> dict[str, Any]:
    """Describe a case study in schema.org's words, for search engines."""
    return {
        "@type": "Article",
        "headline": case_study.title,
        "description": case_study.summary,
        "url": f"{settings.SITE_URL}{case_study.get_absolute_url()}",
        "inLanguage": "en-GB",
        "datePublished": case_study.published_at,
        "dateModified": case_study.updated_at,
        "about": [theme.name for theme in case_study.themes.all()],
        "author": {"@type": "Organization", "name": case_study.lead_organisation.name},
        "publisher": {"@type": "Organization", "name": settings.ORGANISATION_NAME},
        "citation": [
            {"@type": "CreativeWork", "name": source.title, "publisher": source.publisher, "url": source.url}
            for source in case_study.sources.all()
        ],
    }


def withdrawn_case_study(slug: str) -> CaseStudy | None:
    """Find the withdrawn case study that has, or once had, this slug."""
    withdrawn = CaseStudy.objects.withdrawn().select_related("successor")
    return withdrawn.filter(slug=slug).first() or withdrawn.filter(former_slugs__slug=slug).first()


def gone(request: HttpRequest, withdrawn: CaseStudy | Report) -> HttpResponse:
    """Answer 410 for a withdrawn record: the reason, the date, and the successor where visitors may see it."""
    successor = getattr(withdrawn, "successor", None)
    return render(
        request,
        "errors/410.jinja",
        {"record": withdrawn, "successor": successor if successor and successor.is_public() else None},
        status=HTTPStatus.GONE,
    )


@require_safe
def resource_file(request: HttpRequest, slug: str, pk: int) -> HttpResponseBase:
    """
    Send the file of a resource while its case study is published; an old slug redirects, as that of the page does.

    The files have no address of their own.
    """
    files = Resource.objects.exclude(file="").filter(case_study__in=CaseStudy.objects.published())
    slug = slug.lower()
    has_slug = Q(case_study__slug=slug) | Q(case_study__former_slugs__slug=slug)
    resource = files.filter(has_slug, pk=pk).select_related("case_study").first()
    if resource is None:
        if withdrawn := withdrawn_case_study(slug):
            return gone(request, withdrawn)
        raise Http404("No published case study has this file.")
    if request.path != resource.get_absolute_url():
        return redirect(resource, permanent=True)
    try:
        return FileResponse(
            resource.file.open("rb"), as_attachment=True, filename=(resource.file.name or "").rpartition("/")[2]
        )
    except FileNotFoundError as error:
        raise Http404("The file is missing from the storage.") from error


class ThemeListView(ListView[Theme]):
    """All themes, with what each is about."""

    template_name = "casestudies/theme_list.jinja"
    context_object_name = "themes"

    def get_queryset(self) -> list[Theme]:  # type: ignore[override]  # all a ListView asks of it is to be listed
        catalogue, now = read_catalogue()
        return themes_with_counts(catalogue, catalogue.visible(now))


class ThemeDetailView(SluggedDetailView[Theme]):
    """One theme: what it is about, what was measured, and its case studies by newest first."""

    template_name = "casestudies/theme_detail.jinja"
    queryset = Theme.objects.all()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        catalogue, now = read_catalogue()
        about = catalogue.with_any("theme", [self.object.pk]) & catalogue.visible(now)
        newest = catalogue.in_order("newest", about, limit=PER_PAGE)
        neighbours = Theme.objects.exclude(pk=self.object.pk)
        for theme in neighbours:
            theme.shared = catalogue.count("theme", theme.pk, about)
        return super().get_context_data(
            **kwargs,
            cards=written_cards(newest, catalogue, level=3),
            number=len(about),
            # Equal ones keep the order of the themes.
            neighbours=sorted(filter(attrgetter("shared"), neighbours), key=attrgetter("shared"), reverse=True)[:6],
        )
