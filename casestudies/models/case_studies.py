"""
Case studies and what belongs to them.

The sections follow SQUIRE 2.0 (why, what was done, what was found, what it means) and AHRQ's innovation profiles
(getting started, keeping it going).
"""

from typing import TYPE_CHECKING, ClassVar

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, OuterRef, Prefetch, Q
from django.db.models.functions import Collate, Lower
from django.urls import reverse

from casestudies.fields import RichTextField
from casestudies.models.publishing import (
    Publishable,
    PublishableQuerySet,
    PublishedSource,
    Status,
    publishable_constraints,
)
from casestudies.models.taxonomies import InterventionType, Result, Setting, Stage, Theme
from casestudies.uploads import unguessable_name, validate_resource_file
from partners.models import Contact, Organisation
from partners.slugs import FormerSlug, Slugged

if TYPE_CHECKING:
    from casestudies.models.figures import ImpactFigure
    from casestudies.models.reports import Report

SEARCH_CONFIGURATION = "english"
# Kept by the database for search; no page shows them.
SEARCH_COLUMNS = ("title_vector", "head_vector", "search_vector", "search_names", "search_partners")
# How `casestudies.suggestions` finds a title while it is typed: by the words as they are written, and by its beginning
# (in the order of the characters, which the index can be read in).
TITLE_WORDS = SearchVector("title", config="simple")
TITLE_BEGINS = Collate(Lower("title"), "C")
FIRST_YEAR, LAST_YEAR = 1948, 2100


class CaseStudyQuerySet(PublishableQuerySet["CaseStudy"]):
    """Case studies, by who may see them and what a page needs of them."""

    def withdrawn(self) -> "CaseStudyQuerySet":
        """Those whose address answers that they were withdrawn."""
        return self.filter(status=Status.WITHDRAWN)

    def for_cards(self) -> "CaseStudyQuerySet":
        """
        Fetch all that a card shows, and no more, so that a page costs the same at any length, and little.

        The names of settings and the figures are plain lists: to ask a manager for what is there already takes longer
        than to show it.
        """
        settings = Setting.objects.filter(case_studies=OuterRef("pk")).order_by("order", "name")
        return (
            self.select_related("lead_organisation")
            .only("title", "slug", "summary", "result", "stage", "start_year", "end_year", "lead_organisation__name")
            .annotate(setting_names=ArraySubquery(settings.values("name")))
            .prefetch_related(Prefetch("impact_figures", to_attr="figures_of_card"))
        )

    def for_reports(self) -> "CaseStudyQuerySet":
        """Fetch all that the page and the PDF of a report tell of a case study."""
        return (
            self.select_related("lead_organisation")
            .prefetch_related("settings", "sources", "impact_figures__source")
            .defer(*SEARCH_COLUMNS, "editor_note")
        )


class CaseStudy(Publishable, Slugged):
    """One project told in sections."""

    title = models.CharField(max_length=150)
    summary = models.TextField(max_length=500, help_text="Two or three sentences: what was done and what it changed.")
    challenge = RichTextField("challenge", blank=True, help_text="Why: what was wrong, and for whom.")
    approach = RichTextField("approach", blank=True, help_text="What was done, by whom and how.")
    outcome = RichTextField("outcome", blank=True, help_text="What was found.")
    lessons = RichTextField("lessons", blank=True, help_text="What those who did it would tell others.")
    getting_started = RichTextField(
        blank=True, help_text="What someone needs to do the same: people, time, money, agreement."
    )
    keeping_it_going = RichTextField(blank=True, help_text="What makes it last.")
    result = models.CharField(max_length=20, choices=Result)
    stage = models.CharField(max_length=20, choices=Stage)
    start_year = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(FIRST_YEAR), MaxValueValidator(LAST_YEAR)],
        help_text="Leave empty where no source gives it.",
    )
    end_year = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(FIRST_YEAR), MaxValueValidator(LAST_YEAR)],
        help_text="Leave empty where no source gives it.",
    )
    themes = models.ManyToManyField(Theme, related_name="case_studies")
    settings = models.ManyToManyField(Setting, related_name="case_studies", verbose_name="care settings")
    intervention_types = ArrayField(
        models.CharField(max_length=20, choices=InterventionType),
        default=list,
        blank=True,
        help_text="What was introduced.",
    )
    lead_organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="led_case_studies")
    partner_organisations = models.ManyToManyField(Organisation, related_name="partnered_case_studies", blank=True)
    contacts = models.ManyToManyField(Contact, through="CaseStudyContact", related_name="case_studies")
    funding = models.TextField(
        "funding declaration", blank=True, help_text="Who paid for the work, and what else a reader should know."
    )
    reviewed_on = models.DateField("last reviewed", null=True, blank=True)
    review_due_on = models.DateField("next review", null=True, blank=True)
    successor = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="predecessors",
        help_text="What to read instead of a withdrawn case study.",
    )
    editor_note = models.TextField(
        blank=True, help_text="What the writer was unsure of. For staff; visitors never see it."
    )
    search_names = models.TextField(
        default="",
        editable=False,
        help_text="Names of its themes, settings and lead organisation, kept by the database for search.",
    )
    search_partners = models.TextField(
        default="",
        db_default="",
        editable=False,
        help_text="Names of its partner organisations and the area of its lead, kept by the database for search.",
    )
    # What search looks at, from little to much: most matches can be told apart by the little, which is read fast.
    title_vector = models.GeneratedField(
        expression=SearchVector("title", config=SEARCH_CONFIGURATION),
        output_field=SearchVectorField(),
        db_persist=True,
    )
    head_vector = models.GeneratedField(
        expression=SearchVector("title", weight="A", config=SEARCH_CONFIGURATION)
        + SearchVector("summary", "search_names", weight="B", config=SEARCH_CONFIGURATION)
        + SearchVector("search_partners", weight="C", config=SEARCH_CONFIGURATION),
        output_field=SearchVectorField(),
        db_persist=True,
    )
    search_vector = models.GeneratedField(
        expression=SearchVector("title", weight="A", config=SEARCH_CONFIGURATION)
        + SearchVector("summary", "search_names", weight="B", config=SEARCH_CONFIGURATION)
        + SearchVector("search_partners", weight="C", config=SEARCH_CONFIGURATION)
        + SearchVector(
            "challenge", "approach", "outcome", "lessons", "getting_started", "keeping_it_going",
            weight="D", config=SEARCH_CONFIGURATION,
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )  # fmt: skip

    former_slug_model: ClassVar[type[FormerSlug]]
    published_reports: list["Report"]  # that tell of it; only of one that casestudies.whole has read

    objects = CaseStudyQuerySet.as_manager()

    class Meta:
        ordering = ["-published_at", "title"]
        verbose_name_plural = "case studies"
        permissions = [
            ("publish_casestudy", "Can publish, schedule and withdraw case studies"),
        ]
        constraints = [
            *publishable_constraints("casestudy"),
            models.CheckConstraint(
                condition=Q(start_year__isnull=True) | Q(end_year__isnull=True) | Q(end_year__gte=F("start_year")),
                name="casestudy_ends_after_start",
                violation_error_message="The work cannot end before it starts.",
            ),
            models.CheckConstraint(
                condition=(Q(start_year__isnull=True) | Q(start_year__range=(FIRST_YEAR, LAST_YEAR)))
                & (Q(end_year__isnull=True) | Q(end_year__range=(FIRST_YEAR, LAST_YEAR))),
                name="casestudy_years_make_sense",
                violation_error_message=f"Give years from {FIRST_YEAR} to {LAST_YEAR}.",
            ),
            models.CheckConstraint(
                condition=Q(intervention_types__contained_by=InterventionType.values),
                name="casestudy_known_intervention_types",
                violation_error_message="Choose what was introduced from the list.",
            ),
            models.CheckConstraint(
                condition=Q(result__in=Result.values),
                name="casestudy_known_result",
                violation_error_message="Choose a result from the list.",
            ),
            models.CheckConstraint(
                condition=Q(stage__in=Stage.values),
                name="casestudy_known_stage",
                violation_error_message="Choose a stage from the list.",
            ),
            models.CheckConstraint(
                condition=Q(review_due_on__isnull=True)
                | Q(reviewed_on__isnull=True)
                | Q(review_due_on__gt=F("reviewed_on")),
                name="casestudy_review_due_after_review",
                violation_error_message="The next review comes after the last one.",
            ),
            models.CheckConstraint(
                condition=Q(successor__isnull=True) | ~Q(successor=F("id")),
                name="casestudy_succeeds_another",
                violation_error_message="A case study cannot be its own successor.",
            ),
        ]
        indexes = [
            GinIndex(fields=["search_vector"], fastupdate=False, name="casestudy_search"),
            GinIndex(fields=["head_vector"], fastupdate=False, name="casestudy_search_head"),
            GinIndex(fields=["title_vector"], fastupdate=False, name="casestudy_search_title"),
            GinIndex(TITLE_WORDS, fastupdate=False, name="casestudy_title_words"),
            models.Index(TITLE_BEGINS, name="casestudy_title_begins", condition=Q(status="published")),
            GinIndex(fields=["intervention_types"], name="casestudy_interventions"),
            models.Index(F("published_at").desc(), "title", name="casestudy_newest", condition=Q(status="published")),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("casestudies:casestudy_detail", args=[self.slug])

    def get_intervention_types_display(self) -> list[str]:
        """Give what was introduced, in words."""
        return [str(InterventionType(value).label) for value in self.intervention_types]

    @property
    def years(self) -> str:
        """Give when it ran: `2016 to 2018`, `since 2016`, `until 2018`, `2016`, or nothing where nobody dates it."""
        if self.start_year and self.end_year:
            if self.start_year == self.end_year:
                return str(self.start_year)
            return f"{self.start_year} to {self.end_year}"
        if self.start_year:
            return f"since {self.start_year}"
        return f"until {self.end_year}" if self.end_year else ""

    @property
    def headline_figure(self) -> "ImpactFigure | None":
        """Give the first figure that says what the project did, else the first saving, else the first of any kind."""
        figures: list[ImpactFigure] | None = getattr(self, "figures_of_card", None)
        figures = list(self.impact_figures.all()) if figures is None else figures
        for kinds in ({"change", "level"}, {"saving"}, {"reach"}):
            for figure in figures:
                if figure.kind in kinds:
                    return figure
        return None


class CaseStudyFormerSlug(FormerSlug):
    """An old address of a case study."""

    current = models.ForeignKey(CaseStudy, on_delete=models.CASCADE, related_name="former_slugs")


CaseStudy.former_slug_model = CaseStudyFormerSlug


class CaseStudyContact(models.Model):
    """A contact's part in a case study: whom its enquiries reach, in this order."""

    case_study = models.ForeignKey(CaseStudy, on_delete=models.CASCADE, related_name="case_study_contacts")
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="case_study_contacts")
    role = models.CharField(max_length=100, default="Project lead")
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["order", "pk"]
        verbose_name = "contact"
        constraints = [
            models.UniqueConstraint(
                fields=["case_study", "contact"],
                name="casestudycontact_once",
                violation_error_message="The case study already has this contact.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.contact}"


class Source(PublishedSource):
    """Where the facts of a case study were published."""

    case_study = models.ForeignKey(CaseStudy, on_delete=models.CASCADE, related_name="sources")

    class Meta(PublishedSource.Meta):
        abstract = False
        ordering = ["order", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["case_study", "url"],
                name="source_once_per_case_study",
                violation_error_message="The case study already has a source with this address.",
            ),
            # The composite foreign key of ImpactFigure points here.
            models.UniqueConstraint(fields=["id", "case_study"], name="source_of_case_study"),
        ]


def resource_path(resource: "Resource", filename: str) -> str:
    """Give the place of a resource's file below MEDIA_ROOT."""
    return f"resources/{resource.case_study_id}/{unguessable_name(filename)}"


class Resource(models.Model):
    """A file or link that helps someone do the same."""

    case_study = models.ForeignKey(CaseStudy, on_delete=models.CASCADE, related_name="resources")
    title = models.CharField(max_length=200)
    description = models.CharField(max_length=300, blank=True)
    url = models.URLField("link", max_length=1000, blank=True)
    file = models.FileField(
        upload_to=resource_path,
        blank=True,
        validators=[validate_resource_file],
        help_text="PDF, Word, Excel, PowerPoint, plain text, CSV, PNG or JPEG, up to 20 MB.",
    )
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["order", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(url="") & ~Q(file="")) | (~Q(url="") & Q(file="")),
                name="resource_is_file_or_link",
                violation_error_message="Give either a file or a link.",
            )
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return self.url or reverse("casestudies:resource_file", args=[self.case_study.slug, self.pk])

    @property
    def file_kind(self) -> str:
        """Give the kind of its file by the end of its name, as people know it: PDF, DOCX."""
        return (self.file.name or "").rpartition(".")[2].upper()
