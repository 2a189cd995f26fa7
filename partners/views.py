"""Pages of organisations, and the detail page of anything whose address may have changed."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.views.generic import DetailView, ListView

from partners.models import Organisation
from partners.slugs import Slugged


class SluggedDetailView[Record: Slugged](DetailView[Record]):
    """
    A page found by its slug in any case, or by a former slug: those redirect to the address it has now (301).

    Only what `get_queryset` shows is ever redirected to, so an old address tells nothing about a draft.
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

    def current_address(self, slug: str) -> str | None:
        """Find the address of the record that has, or once had, this slug."""
        records = self.get_queryset()
        record = records.filter(slug=slug).first() or records.filter(former_slugs__slug=slug).first()
        return record.get_absolute_url() if record else None


class OrganisationListView(ListView[Organisation]):
    """Organisations by kind and region."""

    template_name = "partners/organisation_list.jinja"
    queryset = Organisation.objects.with_names()


class OrganisationDetailView(SluggedDetailView[Organisation]):
    """One organisation with its case studies."""

    template_name = "partners/organisation_detail.jinja"
    queryset = Organisation.objects.with_names()


