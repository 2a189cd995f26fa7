"""Organisations, their contacts, and who may edit what, for staff. Addresses of contacts are shown here only."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from partners.initial_data import CheckedInitialData
from partners.limits import organisations_of
from partners.models import Contact, Organisation, OrganisationEditor, OrganisationName

CONFIRMED_FOR = timedelta(days=365)


def today() -> date:
    """Give the day it is where the site is at home."""
    return timezone.localdate()


class ReachableFilter(admin.SimpleListFilter):
    """Organisations whose enquiries would reach nobody."""

    title = "contact"
    parameter_name = "reachable"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Has no reachable contact"), ("yes", "Has a reachable contact")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Organisation]) -> QuerySet[Organisation]:
        reachable = Exists(Contact.objects.reachable().filter(organisation=OuterRef("pk")))
        if self.value() == "no":
            return queryset.filter(~reachable)
        if self.value() == "yes":
            return queryset.filter(reachable)
        return queryset


class LimitedAdmin(CheckedInitialData):
    """
    What belongs to an organisation: an editor who is limited to some sees the others' but does not change them.

    `organisation_path` leads from a record to the key of its organisation.
    """

    organisation_path: str

    def is_theirs(self, request: HttpRequest, obj: Any) -> bool:
        """Say whether a record, or what it will be, is in the hands of this member of staff."""
        limits = organisations_of(request.user)
        return obj is None or limits is None or getattr(obj, self.organisation_path) in limits

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self.is_theirs(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self.is_theirs(request, obj)

    def theirs(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep of what was ticked in a list what this member of staff may change."""
        limits = organisations_of(request.user)
        return queryset if limits is None else queryset.filter(**{f"{self.organisation_path}__in": limits})


class OrganisationNameInline(admin.TabularInline[OrganisationName, Organisation]):
    model = OrganisationName
    extra = 0
    verbose_name = "other name"
    verbose_name_plural = "other names, so that people find it by the name they know"


class ContactInline(admin.TabularInline[Contact, Organisation]):
    model = Contact
    extra = 0
    fields = ["name", "job_title", "email", "phone", "is_team", "is_primary", "confirmed_on", "left_on"]
    show_change_link = True


@admin.register(Organisation)
class OrganisationAdmin(LimitedAdmin):
    """Organisations with their other names and contacts on one screen."""

    organisation_path = "pk"

    list_display = ["name", "kind", "region", "psc_name", "short_names_in_words"]
    list_filter = ["kind", "region", ReachableFilter]
    show_facets = admin.ShowFacets.ALWAYS
    search_fields = ["name", "names__name", "psc_name", "slug"]
    search_help_text = "Search by name, short name or former name"
    prepopulated_fields = {"slug": ["name"]}
    inlines = [OrganisationNameInline, ContactInline]
    fieldsets = [
        (None, {"fields": ["name", "kind", "region", "area", "website"]}),
        ("Patient Safety Collaborative", {"fields": ["psc_name"]}),
        ("Page", {"fields": ["slug", "source_url"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organisation]:
        return super().get_queryset(request).prefetch_related("names")

    def get_prepopulated_fields(self, request: HttpRequest, obj: Organisation | None = None) -> dict[str, Any]:
        """Suggest an address for a new page only: a correction of the name keeps the address."""
        return {} if obj else super().get_prepopulated_fields(request, obj)

    @admin.display(description="known as")
    def short_names_in_words(self, organisation: Organisation) -> str:
        return ", ".join(organisation.short_names)


class ConfirmationFilter(admin.SimpleListFilter):
    """Contacts by how long ago they said that their details are right."""

    title = "confirmation"
    parameter_name = "confirmation"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("old", "Not confirmed for a year"), ("fresh", "Confirmed within a year"), ("left", "Has left")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        since = today() - CONFIRMED_FOR
        if self.value() == "old":
            return queryset.filter(Q(confirmed_on__isnull=True) | Q(confirmed_on__lt=since), left_on__isnull=True)
        if self.value() == "fresh":
            return queryset.filter(confirmed_on__gte=since, left_on__isnull=True)
        if self.value() == "left":
            return queryset.filter(left_on__isnull=False)
        return queryset


class ContactForm(forms.ModelForm[Contact]):
    """A contact; what the database would refuse is said in words, also where two fields are at odds."""

    class Meta:
        model = Contact
        fields = "__all__"  # noqa: DJ007  # the admin's fieldsets choose

    def clean_phone(self) -> str:
        """Refuse what nobody could ring: a telephone number has digits."""
        phone: str = self.cleaned_data["phone"].strip()
        if phone and not any(letter.isdigit() for letter in phone):
            raise ValidationError("Give a telephone number, such as 0113 496 0000.")
        return phone


@admin.register(Contact)
class ContactAdmin(LimitedAdmin):
    """The people and mailboxes behind case studies: who they are, and whether that is still right."""

    organisation_path = "organisation_id"
    form = ContactForm
    list_display = ["name", "organisation", "job_title", "email", "is_team", "is_primary", "confirmed_on", "left_on"]
    list_filter = [ConfirmationFilter, "is_team", "is_primary", "show_email", "is_demonstration"]
    list_select_related = ["organisation"]
    show_facets = admin.ShowFacets.ALWAYS
    search_fields = ["name", "email", "organisation__name"]
    search_help_text = "Search by name, e-mail address or organisation"
    autocomplete_fields = ["organisation"]
    actions = ["confirm_today", "mark_as_left"]
    fieldsets = [
        (None, {"fields": ["name", "job_title", "organisation"]}),
        (
            "How to reach them",
            {
                "fields": ["email", "phone", "show_email", "is_team"],
                "description": "For staff and for sending enquiries. Visitors write through the form.",
            },
        ),
        ("Is it still right?", {"fields": ["confirmed_on", "left_on", "is_primary", "is_demonstration"]}),
    ]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Let a limited editor give a contact to their own organisations only."""
        if db_field.name == "organisation" and (limits := organisations_of(request.user)) is not None:
            kwargs["queryset"] = Organisation.objects.filter(pk__in=limits)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @admin.action(description="Confirm today: the details are right", permissions=["change"])
    def confirm_today(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        """Note that these contacts said today that their details are right; those who left stay as they are."""
        confirmed = self.theirs(request, queryset).filter(left_on__isnull=True).update(confirmed_on=today())
        self.message_user(request, f"{_counted(confirmed)} confirmed today.", messages.SUCCESS)

    @admin.action(description="Mark as left: send no more enquiries", permissions=["change"])
    def mark_as_left(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        """Note that these contacts moved on today. They cannot stay the first contact of their organisation."""
        left = self.theirs(request, queryset).filter(left_on__isnull=True).update(left_on=today(), is_primary=False)
        self.message_user(request, f"{_counted(left)} marked as left.", messages.SUCCESS)


def _counted(number: int) -> str:
    return f"{number} contact{'' if number == 1 else 's'}"


@admin.register(OrganisationEditor)
class OrganisationEditorAdmin(CheckedInitialData):
    """Limits of editors. Only superusers have it: no role may widen its own limits."""

    list_display = ["user", "organisation"]
    list_select_related = ["user", "organisation"]
    list_filter = [("user", admin.RelatedOnlyFieldListFilter)]
    show_facets = admin.ShowFacets.ALWAYS
    search_fields = ["user__username", "user__first_name", "user__last_name", "organisation__name"]
    autocomplete_fields = ["user", "organisation"]
