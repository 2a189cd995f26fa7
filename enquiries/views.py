"""Pages where visitors ask the people behind a case study, and see what became of it."""

import re
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import DetailView

from casestudies.models import SEARCH_COLUMNS, CaseStudy
from casestudies.views import gone, withdrawn_case_study
from enquiries.actions import receive_enquiry
from enquiries.forms import EnquiryForm
from enquiries.models import Enquiry
from enquiries.recipients import recipients
from partners.views import SluggedDetailView

TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")  # what `make_token` makes


def refuse_other_sites(request: HttpRequest) -> None:
    """
    Refuse a form that another site has sent in a visitor's name; raises PermissionDenied.

    It takes the place of Django's token, which needs a cookie that visitors do not get. Every browser of the last
    years says where a form comes from (Fetch Metadata, or the Origin header before it); what says nothing is no
    browser that another site could misuse.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise PermissionDenied("The form was sent by another site.")
        return
    origin = request.headers.get("Origin")
    own = {request.get_host(), urlsplit(settings.SITE_URL).netloc}
    if origin is not None and origin.partition("://")[2] not in own:
        raise PermissionDenied("The form was sent by another site.")


@method_decorator(csrf_exempt, name="dispatch")
class EnquiryCreateView(SluggedDetailView[CaseStudy]):
    """Ask the contacts of a published case study. The page is the same for everyone, so it can be cached anywhere."""

    template_name = "enquiries/enquiry_create.jinja"
    context_object_name = "case_study"

    def get_queryset(self) -> QuerySet[CaseStudy]:
        return CaseStudy.objects.published().select_related("lead_organisation").defer(*SEARCH_COLUMNS)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().get(request, *args, **kwargs)
        except Http404:
            return self.withdrawn()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Keep the question and lead to its page (303), or show what to put right with all that was typed."""
        refuse_other_sites(request)
        try:
            self.object = self.find()
        except Http404:
            return self.withdrawn()
        form = EnquiryForm(request.POST)
        if form.is_valid():
            try:
                enquiry = receive_enquiry(form.instance, case_study=self.object)
            except ValidationError as error:
                form.add_error(None, ValidationError(error.messages))
            else:
                answer = redirect(enquiry)
                answer.status_code = HTTPStatus.SEE_OTHER
                return answer
        return render(request, self.template_name, self.get_context_data(form=form))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        form = kwargs.pop("form", None) or EnquiryForm()
        return super().get_context_data(
            **kwargs, form=form, recipients=recipients(self.object), problem=form.errors.get(NON_FIELD_ERRORS)
        )

    def find(self) -> CaseStudy:
        """Find the case study by its slug, or by the one it had when the visitor began to write."""
        slug, records = self.kwargs["slug"].lower(), self.get_queryset()
        found = records.filter(slug=slug).first() or records.filter(former_slugs__slug=slug).first()
        if found is None:
            raise Http404("No published case study has this address.")
        return found

    def current_address(self, slug: str) -> str | None:
        """Find where the form of a case study is now, so that an old address leads there."""
        try:
            return reverse("enquiries:enquiry_create", args=[self.find().slug])
        except Http404:
            return None

    def withdrawn(self) -> HttpResponse:
        """Answer 410 where the case study was withdrawn; otherwise raise Http404."""
        withdrawn = withdrawn_case_study(self.kwargs["slug"].lower())
        if withdrawn is None:
            raise Http404("No published case study has this address.")
        return gone(self.request, withdrawn)


class EnquiryDetailView(DetailView[Enquiry]):
    """
    The receipt of a question: its reference, what happens next, and where it stands.

    Whoever has the address sees the page, so it shows neither the question nor who asked it.
    """

    template_name = "enquiries/enquiry_detail.jinja"
    queryset = Enquiry.objects.select_related("case_study__lead_organisation")
    object: Enquiry

    def get_object(self, queryset: QuerySet[Enquiry] | None = None) -> Enquiry:
        """Find the enquiry by its token. What cannot be one (a NUL character, say) is not asked of the database."""
        token = self.kwargs["token"]
        if TOKEN.fullmatch(token) and (found := self.get_queryset().filter(token=token).first()):
            return found
        raise Http404("There is no enquiry at this address.")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        case_study = self.object.case_study
        return super().get_context_data(
            **kwargs,
            # A case study that is no longer public is not named.
            case_study=case_study if case_study.is_public() else None,
            recipients=recipients(case_study),
        )

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Keep the address, which is all that protects the page, out of caches, search engines and other sites."""
        response = super().dispatch(request, *args, **kwargs)
        response["Cache-Control"] = "private, no-store"
        response["Referrer-Policy"] = "no-referrer"
        response["X-Robots-Tag"] = "noindex"
        return response  # type: ignore[return-value]  # a template answers with an HttpResponse
