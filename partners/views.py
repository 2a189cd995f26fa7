"""Pages of organisations, and the detail page of anything whose address may have changed."""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Case, Count, F, Prefetch, Q, QuerySet, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import redirect, render
from django.views.generic import DetailView, View

from partners.filters import OrganisationFilter, PageFilter
from partners.models import Organisation
from partners.slugs import Slugged

PER_PAGE = 20


class SluggedDetailView[Record: Slugged](DetailView[Record]):
    """
    A page found by its slug in any case, or by a former slug: those redirect to the address it has now (301).

    Only what has a page for visitors is ever redirected to, so an old address tells nothing about a draft.
    """

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().get(request, *args, **kwargs)
        except Http404:
            address = self.current_address(kwargs["slug"].lower())
            if address is None or address == request.path:
                raise
            query = request.META.get("QUERY_STRING", "")
            return HttpResponsePermanentRedirect(f"{address}?{query}" if query else address)

    def get_addressable(self) -> QuerySet[Record]:
        """Give what has a page for visitors, if only one that says that it was withdrawn."""
        return self.get_queryset()

    def current_address(self, slug: str) -> str | None:
        """Find the address of the record that has, or once had, this slug."""
        records = self.get_addressable()
        record = records.filter(slug=slug).first() or records.filter(former_slugs__slug=slug).first()
        return record.get_absolute_url() if record else None


# The headings of the list: many organisations of one kind.
KINDS_IN_PLURAL = {
    Organisation.Kind.AHSN: "Health innovation networks",
    Organisation.Kind.TRUST: "NHS trusts",
    Organisation.Kind.PRIMARY_CARE: "Primary care",
    Organisation.Kind.COMMISSIONER: "Commissioners",
    Organisation.Kind.COUNCIL: "Councils",
    Organisation.Kind.CARE_PROVIDER: "Care providers",
    Organisation.Kind.UNIVERSITY: "Universities",
    Organisation.Kind.CHARITY: "Charities",
    Organisation.Kind.INDUSTRY: "Companies",
    Organisation.Kind.NATIONAL_BODY: "National bodies",
}


@dataclass(frozen=True)
class KindGroup:
    """The organisations of one kind, by name."""

    kind: str
    heading: str
    organisations: list[Organisation]


def published_case_studies() -> Any:
    """Give the case studies that visitors may see, through the relation: partners imports no case studies."""
    model: Any = Organisation._meta.get_field("led_case_studies").related_model
    return model._default_manager.published()


def case_study_counts() -> dict[int, int]:
    """Count published case studies by organisation, led or taken part in, each once. Two queries at any length."""
    counts: Counter[int] = Counter()
    led = published_case_studies().order_by().values_list("lead_organisation")
    counts.update(dict(led.annotate(number=Count("pk"))))
    partnered = (
        published_case_studies()
        .order_by()
        .annotate(partner=F("partner_organisations"))
        .exclude(partner=None)
        .exclude(partner=F("lead_organisation"))
        .values_list("partner")
    )
    counts.update(dict(partnered.annotate(number=Count("pk"))))
    return counts


class OrganisationListView(View):
    """Organisations by kind, then name. `OrganisationFilter` reads the parameters."""

    http_method_names = ["get", "head", "options"]

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show every organisation that matches, with the number of its published case studies."""
        chosen = OrganisationFilter(request.GET, queryset=Organisation.objects.with_names())
        counts = case_study_counts()
        organisations = list(chosen.qs)
        for organisation in organisations:
            organisation.number = counts.get(organisation.pk, 0)
        groups = [
            KindGroup(kind.value, heading, found)
            for kind, heading in KINDS_IN_PLURAL.items()
            if (found := [organisation for organisation in organisations if organisation.kind == kind])
        ]
        return render(
            request,
            "partners/organisation_list.jinja",
            {"filter": chosen, "groups": groups, "number": len(organisations)},
        )


class OrganisationDetailView(SluggedDetailView[Organisation]):
    """One organisation: the case studies it led, then those it took part in, its reports and who answers."""

    template_name = "partners/organisation_detail.jinja"
    context_object_name = "organisation"

    def get_queryset(self) -> QuerySet[Organisation]:
        return Organisation.objects.with_names()

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        """Show a page of its case studies; a page past the end leads to the last."""
        asked_for = PageFilter(self.request.GET, queryset=Organisation.objects.none()).number
        pages = Paginator(self.case_studies(), PER_PAGE)
        page = pages.get_page(asked_for)
        if page.number != asked_for:
            return redirect(page_address(self.object, page.number))
        context |= {
            "page": page,
            "case_studies": list(page.object_list),
            "page_numbers": list(pages.get_elided_page_range(page.number, on_each_side=1, on_ends=1)),
            "page_address": partial(page_address, self.object),
            "reports": list(self.object.reports.published().select_related("publisher")),
            "contacts": self.contacts(),
        }
        return super().render_to_response(context, **kwargs)

    def case_studies(self) -> Any:
        """Give its published case studies, those it led first; `led` says which."""
        partnered = self.object.partnered_case_studies.values("pk")
        return (
            published_case_studies()
            .filter(Q(lead_organisation=self.object) | Q(pk__in=partnered))
            .annotate(led=Case(When(lead_organisation=self.object, then=True), default=False))
            .order_by("-led", "-published_at", "title", "pk")
            .for_cards()
        )

    def contacts(self) -> list[Any]:
        """Give the contacts who answer for a published case study: `answers_for` holds those, to ask through."""
        published = published_case_studies().only("slug", "title")
        contacts: Any = self.object.contacts.reachable().prefetch_related(
            Prefetch("case_studies", published, to_attr="answers_for")
        )
        return [contact for contact in contacts if contact.answers_for]


def page_address(organisation: Organisation, number: int) -> str:
    """Give the address of a page of an organisation's case studies; the first has the organisation's own."""
    address = organisation.get_absolute_url()
    return f"{address}?page={number}" if number > 1 else address
