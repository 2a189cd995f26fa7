"""Case studies, reports, themes and care settings, for the people who write and publish them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.http import Http404, HttpRequest
from django.utils import timezone

from casestudies.actions import reachable_contacts
from casestudies.models import (
    SEARCH_COLUMNS,
    CaseStudy,
    CaseStudyContact,
    ImpactFigure,
    Report,
    ReportEntry,
    ReportSection,
    ReportSource,
    Resource,
    Result,
    Setting,
    Source,
    Status,
    SynonymGroup,
    Theme,
)
from casestudies.staff_forms import (
    CaseStudyForm,
    ImpactFigureForm,
    PickRowFormSet,
    ReportEntryForm,
    ReportForm,
    ResourceForm,
    WithdrawCaseStudyForm,
)
from casestudies.staff_publishing import (
    PublishingAdmin,
    StateFilter,
    Step,
    first_of,
    without_delete_button,
)
from casestudies.views import casestudy_context
from casestudies.views_reports import report_context
from casestudies.whole import any_case_study
from partners.limits import organisations_of
from partners.models import Contact


def small_number() -> dict[str, Any]:
    """Make the order's field as small as what is typed into it."""
    return {"widget": forms.NumberInput(attrs={"class": "staff-order", "min": 0})}


WRITING_WIDGETS: dict[Any, Any] = {
    models.TextField: {"widget": forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"})}
}


class PartInline(admin.options.InlineModelAdmin[Any, Any]):
    """A part of a case study or report: none until somebody adds one."""

    extra = 0

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "order":
            kwargs |= small_number()
        if isinstance(db_field, models.URLField):
            # The admin's own repeats the address as a link, which makes a row three lines high.
            kwargs["widget"] = forms.URLInput
        if db_field.name == "title":
            kwargs["widget"] = forms.TextInput(attrs={"class": "vTextField"})
        return without_delete_button(super().formfield_for_dbfield(db_field, request, **kwargs))


class SourceInline(PartInline, admin.TabularInline[Source, CaseStudy]):
    model = Source
    fields = ["title", "publisher", "url", "order"]
    verbose_name_plural = "sources: where the facts were published"


class ImpactFigureInline(PartInline, admin.StackedInline[ImpactFigure, CaseStudy]):
    """Figures, each with its source among those of the same screen."""

    model = ImpactFigure
    form = ImpactFigureForm
    formset = PickRowFormSet
    verbose_name = "figure"
    verbose_name_plural = "impact figures, as their sources published them"
    fields = [
        ("kind", "direction"),
        ("qualifier", "value", "value_high", "unit"),
        "label",
        ("baseline_value", "baseline"),
        "period",
        ("row", "order"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImpactFigure]:
        return super().get_queryset(request).select_related("source")

    @admin.display(description="source")
    def row(self, figure: ImpactFigure) -> str:
        """Name the source where the figure is shown to read only."""
        return str(figure.source) if figure.source_id else ""


class ResourceInline(PartInline, admin.StackedInline[Resource, CaseStudy]):
    model = Resource
    form = ResourceForm
    fields = [("title", "order"), "description", ("url", "file")]
    verbose_name_plural = "resources that help someone do the same: give each a link or a file"


class CaseStudyContactInline(PartInline, admin.TabularInline[CaseStudyContact, CaseStudy]):
    model = CaseStudyContact
    fields = ["contact", "role", "order"]
    autocomplete_fields = ["contact"]
    verbose_name_plural = "contacts: who gets the enquiries"

    def get_queryset(self, request: HttpRequest) -> QuerySet[CaseStudyContact]:
        return super().get_queryset(request).select_related("contact__organisation")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Fetch the organisation that a contact's name ends with."""
        if db_field.name == "contact":
            kwargs["queryset"] = Contact.objects.select_related("organisation")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


def is_complete() -> Q:
    """Ask in a list what `casestudies.actions.gaps` asks of one case study; tests hold the two together."""
    has_findings = ~Q(outcome="") | Q(result=Result.NOT_MEASURED)
    parts = [
        CaseStudy.themes.through._default_manager.filter(casestudy=OuterRef("pk")),
        CaseStudy.settings.through._default_manager.filter(casestudy=OuterRef("pk")),
        Source.objects.filter(case_study=OuterRef("pk")),
        reachable_contacts(OuterRef("pk")),
    ]
    complete = ~Q(challenge="") & ~Q(approach="") & ~Q(summary="") & has_findings
    for part in parts:
        complete &= Q(Exists(part))
    return complete


class AttentionFilter(admin.SimpleListFilter):
    """Case studies that somebody should look at, by the reason."""

    title = "what needs doing"
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("ready", "Draft, ready to publish"),
            ("incomplete", "Draft, not complete"),
            ("review", "Review is due"),
            ("contact", "Public, nobody to ask"),
            ("effect", "No measured effect"),
            ("note", "Has a note for staff"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[CaseStudy]) -> QuerySet[CaseStudy]:
        value = self.value()
        if value not in {name for name, _ in self.lookups(request, None)}:
            return queryset
        public = Q(status=Status.PUBLISHED, published_at__lte=Now())
        effects = ImpactFigure.objects.filter(case_study=OuterRef("pk"), kind__in=["change", "level"])
        conditions = {
            "ready": Q(status=Status.DRAFT) & is_complete(),
            "incomplete": Q(status=Status.DRAFT) & ~is_complete(),
            "review": Q(status=Status.PUBLISHED, review_due_on__lte=timezone.localdate()),
            "contact": public & ~Exists(reachable_contacts(OuterRef("pk"))),
            "effect": ~Exists(effects),
            "note": ~Q(editor_note=""),
        }
        return queryset.filter(conditions[value])


@admin.register(CaseStudy)
class CaseStudyAdmin(PublishingAdmin):
    """Case studies with all their parts on one screen, in the order of the page."""

    form = CaseStudyForm
    limited_by = "lead_organisation"
    preview_template = "casestudies/casestudy_detail.jinja"
    list_display = [
        "title",
        "status_in_words",
        "lead_organisation",
        "themes_in_words",
        "review_due_on",
        "last_change",
    ]
    list_filter = [
        StateFilter,
        AttentionFilter,
        "themes",
        "result",
        "stage",
        ("lead_organisation__region", admin.ChoicesFieldListFilter),
    ]
    list_select_related = ["lead_organisation"]
    list_per_page = 50
    date_hierarchy = "published_at"
    ordering = ["-updated_at"]
    search_fields = ["title", "slug", "search_names", "editor_note"]
    search_help_text = "Search by title, theme, care setting or any name of an organisation"
    prepopulated_fields = {"slug": ["title"]}
    autocomplete_fields = ["lead_organisation", "partner_organisations"]
    inlines = [SourceInline, ImpactFigureInline, ResourceInline, CaseStudyContactInline]
    save_on_top = True
    formfield_overrides = WRITING_WIDGETS
    fieldsets = [
        (None, {"fields": ["title", "slug", "summary", "themes"]}),
        (
            "At a glance",
            {
                "fields": [
                    "lead_organisation",
                    "partner_organisations",
                    "settings",
                    ("start_year", "end_year"),
                    ("stage", "result"),
                    "intervention_types",
                ]
            },
        ),
        (
            "The story",
            {
                "fields": ["challenge", "approach", "outcome", "lessons", "getting_started", "keeping_it_going"],
                "description": "Write for someone who has five minutes. Short sentences, plain words.",
            },
        ),
        ("Declarations and review", {"fields": ["funding", ("reviewed_on", "review_due_on")]}),
        ("For staff only", {"fields": ["editor_note"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CaseStudy]:
        found: QuerySet[CaseStudy] = super().get_queryset(request).defer(*SEARCH_COLUMNS)
        return found.prefetch_related("themes")

    def get_prepopulated_fields(self, request: HttpRequest, obj: CaseStudy | None = None) -> dict[str, Any]:
        """Suggest an address for a new page only: a correction of the title keeps the address."""
        return {} if obj else {"slug": ["title"]}

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Tick themes and care settings: there are few, and all should be seen before one is chosen."""
        if db_field.name in {"themes", "settings"}:
            kwargs["widget"] = forms.CheckboxSelectMultiple
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Let the lists of themes and settings be changed on their own pages, by those who manage them."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in {"themes", "settings"}:
            field.widget.can_add_related = False
        return field

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Offer as a successor only what visitors can see."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if request.GET.get("field_name") == "successor":
            found = found.filter(status=Status.PUBLISHED, published_at__lte=Now())
        return found, may_repeat

    @admin.display(description="themes")
    def themes_in_words(self, case_study: CaseStudy) -> str:
        return first_of(case_study.themes.all())

    def step_form(self, step: Step, data: Any = None) -> forms.Form:
        """Ask for a successor too."""
        return WithdrawCaseStudyForm(data) if step.name == "withdraw" else super().step_form(step, data)

    def preview_context(self, record: CaseStudy) -> dict[str, Any]:
        case_study = any_case_study(record.pk)
        if case_study is None:
            raise Http404("Somebody has just deleted it.")
        return casestudy_context(case_study)


class ReportSectionInline(PartInline, admin.TabularInline[ReportSection, Report]):
    model = ReportSection
    fields = ["title", "introduction", "order"]
    verbose_name_plural = "sections"
    formfield_overrides = {models.TextField: {"widget": forms.Textarea(attrs={"rows": 2, "cols": 50})}}


class ReportEntryInline(PartInline, admin.TabularInline[ReportEntry, Report]):
    """Case studies in order, each in a section of the same screen."""

    model = ReportEntry
    form = ReportEntryForm
    formset = PickRowFormSet
    fields = ["row", "case_study", "order"]
    autocomplete_fields = ["case_study"]
    verbose_name = "case study"
    verbose_name_plural = "case studies, in the order of their section and number"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReportEntry]:
        return super().get_queryset(request).select_related("section", "case_study")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Let a limited editor name what they may read only: the form then shows its title."""
        organisations = organisations_of(request.user)
        if db_field.name == "case_study" and organisations is not None:
            here = ReportEntry.objects.filter(report__publisher__in=organisations).values("case_study")
            public = CaseStudy.objects.published().values("pk")
            may_read = Q(lead_organisation__in=organisations) | Q(pk__in=here) | Q(pk__in=public)
            kwargs["queryset"] = CaseStudy.objects.filter(may_read)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @admin.display(description="section")
    def row(self, entry: ReportEntry) -> str:
        """Name the section where the entry is shown to read only."""
        return str(entry.section) if entry.section_id else ""


class ReportSourceInline(PartInline, admin.TabularInline[ReportSource, Report]):
    model = ReportSource
    fields = ["title", "publisher", "url", "order"]
    verbose_name_plural = "sources: where the facts were published"


@admin.register(Report)
class ReportAdmin(PublishingAdmin):
    """Reports, composed on one screen: cover, foreword, sections and case studies in order."""

    form = ReportForm
    limited_by = "publisher"
    preview_template = "casestudies/report_detail.jinja"
    list_display = [
        "title",
        "status_in_words",
        "publisher",
        "issued_on",
        "case_study_count",
        "last_change",
    ]
    list_filter = [StateFilter, ("publisher", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["publisher"]
    date_hierarchy = "issued_on"
    ordering = ["-issued_on"]
    search_fields = ["title", "slug", "summary"]
    prepopulated_fields = {"slug": ["title"]}
    autocomplete_fields = ["publisher"]
    inlines = [ReportSectionInline, ReportEntryInline, ReportSourceInline]
    save_on_top = True
    formfield_overrides = WRITING_WIDGETS
    fieldsets = [
        (None, {"fields": ["title", "slug", ("publisher", "issued_on"), "summary"]}),
        ("Cover", {"fields": ["cover", "cover_alt"]}),
        ("Foreword", {"fields": ["foreword", "foreword_by"]}),
        ("About this page", {"fields": ["note"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Report]:
        found: QuerySet[Report] = super().get_queryset(request)
        entries = (
            ReportEntry.objects.filter(report=OuterRef("pk"))
            .order_by()
            .values("report")
            .annotate(number=models.Count("pk"))
            .values("number")
        )
        return found.annotate(number=models.Subquery(entries))

    def get_prepopulated_fields(self, request: HttpRequest, obj: Report | None = None) -> dict[str, Any]:
        """Suggest an address for a new page only: a correction of the title keeps the address."""
        return {} if obj else {"slug": ["title"]}

    @admin.display(description="case studies", ordering="number")
    def case_study_count(self, report: Report) -> int:
        return getattr(report, "number", None) or 0

    def preview_context(self, record: Report) -> dict[str, Any]:
        return report_context(record)


class TermAdmin(admin.ModelAdmin[Any]):
    """A list of terms that staff manage: a theme or a care setting. One in use is not deleted."""

    list_display = ["name", "slug", "order", "number_of_case_studies"]
    search_fields = ["name"]
    prepopulated_fields = {"slug": ["name"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        terms: QuerySet[Any] = super().get_queryset(request).annotate(number=models.Count("case_studies"))
        return terms

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        """Suggest an address for a new page only: a correction of the name keeps the address."""
        return {} if obj else {"slug": ["name"]}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deleting one in use would quietly take it from case studies that visitors see."""
        return super().has_delete_permission(request, obj) and (obj is None or not obj.case_studies.exists())

    @admin.display(description="case studies", ordering="number")
    def number_of_case_studies(self, term: Any) -> int:
        return int(term.number)


@admin.register(Theme)
class ThemeAdmin(TermAdmin):
    fields = ["name", "slug", "introduction", "order"]


@admin.register(Setting)
class SettingAdmin(TermAdmin):
    fields = ["name", "slug", "phrase", "order"]


@admin.register(SynonymGroup)
class SynonymGroupAdmin(admin.ModelAdmin[SynonymGroup]):
    """The words that search takes for the same."""

    list_display = ["__str__", "narrower", "is_active"]
    list_filter = ["is_active"]
    show_facets = admin.ShowFacets.ALWAYS
    search_fields = ["terms__icontains", "leads_here__icontains"]
    fields = ["terms", "leads_here", "is_active"]

    @admin.display(description="words that lead here")
    def narrower(self, group: SynonymGroup) -> str:
        return ", ".join(group.leads_here)
