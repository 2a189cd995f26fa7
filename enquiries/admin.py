"""Enquiries as staff work through them: which wait, which hang, which were answered."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from enquiries import actions as enquiry_actions
from enquiries.models import Enquiry
from enquiries.recipients import recipients
from enquiries.tasks import NOBODY
from partners.limits import organisations_of


@admin.register(Enquiry)
class EnquiryAdmin(admin.ModelAdmin[Enquiry]):
    """
    Read, send again, note the answer. Nobody adds an enquiry or changes what a visitor wrote.

    Deleting one (a person may ask for it: UK GDPR, article 17) needs the permission that publishers have.
    """

    list_display = ["reference", "created_at", "case_study", "name", "delivery", "answer", "attempts"]
    list_filter = ["delivery", "answer", "created_at"]
    list_select_related = ["case_study"]
    list_per_page = 50
    show_facets = admin.ShowFacets.ALWAYS
    search_fields = ["reference", "name", "email", "organisation", "case_study__title"]
    search_help_text = "Search by reference, name, e-mail address, workplace or case study."
    date_hierarchy = "created_at"
    actions = ["send_again", "mark_as_answered", "close"]
    fieldsets = [
        (None, {"fields": ["reference", "case_study_link", "created_at", "page"]}),
        ("Question", {"fields": ["name", "email", "organisation", "message"]}),
        (
            "Delivery",
            {"fields": ["delivery", "asked", "sent_to", "sent_at", "attempts", "attempted_at", "last_error"]},
        ),
        ("Answer", {"fields": ["answer"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Enquiry]:
        """Show an editor who is limited to organisations the enquiries about their case studies."""
        found = super().get_queryset(request).select_related("case_study__lead_organisation")
        organisations = organisations_of(request.user)
        return found if organisations is None else found.filter(case_study__lead_organisation__in=organisations)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Enquiry | None = None) -> list[str]:
        """Leave only the answer to be changed."""
        names = [name for _, options in self.fieldsets or [] for name in options["fields"]]
        return [name for name in names if isinstance(name, str) and name != "answer"]

    @admin.display(description="case study")
    def case_study_link(self, enquiry: Enquiry) -> SafeString:
        """Lead to the case study as visitors see it."""
        return format_html('<a href="{}">{}</a>', enquiry.case_study.get_absolute_url(), enquiry.case_study)

    @admin.display(description="visitor's page")
    def page(self, enquiry: Enquiry) -> SafeString:
        """Lead to the receipt that the visitor has."""
        return format_html('<a href="{0}">{0}</a>', enquiry.get_absolute_url())

    @admin.display(description="goes to")
    def asked(self, enquiry: Enquiry) -> str:
        """Say whom it is sent to, as of now."""
        found = [f"{recipient.contact.name} ({recipient.in_words})" for recipient in recipients(enquiry.case_study)]
        return "; ".join(found) or NOBODY

    @admin.action(description="Send again to those who do not have it", permissions=["change"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Enquiry]) -> None:
        """Queue those that failed or hang, and say which were left alone."""
        chosen = list(queryset)
        sent = [enquiry for enquiry in chosen if enquiry_actions.send_again(enquiry)]
        self._log(request, sent, "Sent again.")
        if sent:
            self.message_user(request, f"{_enquiries(len(sent))} will be sent again.", messages.SUCCESS)
        if left := [enquiry.reference for enquiry in chosen if enquiry not in sent]:
            self.message_user(
                request,
                f"Left alone: {', '.join(left)}. Only those that could not be sent, or have been “being sent” for "
                "more than 15 minutes, can be sent again.",
                messages.WARNING,
            )

    @admin.action(description="Mark as answered", permissions=["change"])
    def mark_as_answered(self, request: HttpRequest, queryset: QuerySet[Enquiry]) -> None:
        """Note that the visitor has an answer."""
        self._set_answer(request, queryset, Enquiry.Answer.ANSWERED)

    @admin.action(description="Close without an answer", permissions=["change"])
    def close(self, request: HttpRequest, queryset: QuerySet[Enquiry]) -> None:
        """Note that there will be no answer."""
        self._set_answer(request, queryset, Enquiry.Answer.CLOSED)

    def _set_answer(self, request: HttpRequest, queryset: QuerySet[Enquiry], answer: Enquiry.Answer) -> None:
        changed = [enquiry for enquiry in queryset if enquiry_actions.set_answer(enquiry, answer)]
        self._log(request, changed, f"{answer.label}.")
        self.message_user(request, f"{_enquiries(len(changed))} changed: {answer.label}.", messages.SUCCESS)

    def _log(self, request: HttpRequest, enquiries: list[Enquiry], what: str) -> None:
        for enquiry in enquiries:
            self.log_change(request, enquiry, what)


def _enquiries(number: int) -> str:
    return f"{number} {'enquiry' if number == 1 else 'enquiries'}"
