"""
Case studies and what belongs to them, the taxonomies, and reports.

The sections follow SQUIRE 2.0 (why, what was done, what was found, what it means) and AHRQ's innovation profiles
(getting started, keeping it going).
"""

from decimal import Decimal
from typing import ClassVar

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import (
    SearchVector,
    SearchVectorField,
)
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, OuterRef, Prefetch, Q
from django.db.models.functions import Collate, Lower, Now
from django.urls import reverse

from casestudies.fields import RichTextField
from casestudies.uploads import unguessable_name, validate_image, validate_resource_file
from partners.models import Contact, Organisation
from partners.slugs import FormerSlug, Slugged

SEARCH_CONFIGURATION = "english"
# Kept by the database for search; no page shows them.
SEARCH_COLUMNS = ("title_vector", "head_vector", "search_vector", "search_names", "search_partners")
# How `casestudies.suggestions` finds a title while it is typed: by the words as they are written, and by its beginning
# (in the order of the characters, which the index can be read in).
TITLE_WORDS = SearchVector("title", config="simple")
TITLE_BEGINS = Collate(Lower("title"), "C")
FIRST_YEAR, LAST_YEAR = 1948, 2100


class Theme(Slugged):
    """What kind of safety a case study is about."""

    name = models.CharField(max_length=100, unique=True)
    introduction = models.TextField(blank=True, help_text="What the theme is about, for its page.")
    order = models.PositiveSmallIntegerField(default=0, help_text="Themes are shown in this order.")

    number: int  # of its published case studies, where a page counts them
    shared: int  # of these with another theme

    former_slug_model: ClassVar[type[FormerSlug]]

    class Meta:
        ordering = ["order", "name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("casestudies:theme_detail", args=[self.slug])


class ThemeFormerSlug(FormerSlug):
    """An old address of a theme."""

    current = models.ForeignKey(Theme, on_delete=models.CASCADE, related_name="former_slugs")


Theme.former_slug_model = ThemeFormerSlug


class Setting(models.Model):
    """Where care happens."""

    name = models.CharField(max_length=100, unique=True)
    slug = models.SlugField("address name", max_length=100, unique=True)
    phrase = models.CharField(
        "in a sentence",
        max_length=100,
        blank=True,
        default="",
        db_default="",
        help_text="How it reads after “case studies …”, such as “in care homes” or “in ambulance services”.",
    )
    order = models.PositiveSmallIntegerField(default=0, help_text="Settings are shown in this order.")

    class Meta:
        ordering = ["order", "name"]
        verbose_name = "care setting"

    def __str__(self) -> str:
        return self.name


class InterventionType(models.TextChoices):
    """What was introduced."""

    TOOL = "tool", "Tool"
    TRAINING = "training", "Training"
    DEVICE = "device", "Device"
    MEDICINE = "medicine", "Medicine"
    MEDICINES_REVIEW = "medicines-review", "Medicines review"
    DIGITAL = "digital", "Digital"
    PATHWAY = "pathway", "Pathway"
    COLLABORATIVE = "collaborative", "Collaborative"
    CHECKLIST = "checklist", "Checklist"


class Result(models.TextChoices):
    """How it turned out."""

    WORKED = "worked", "Worked"
    MIXED = "mixed", "Mixed results"
    DID_NOT_WORK = "did-not-work", "Did not work"
    NOT_MEASURED = "not-measured", "Not measured"


class Stage(models.TextChoices):
    """How far it had come."""

    PILOT = "pilot", "Pilot"
    LOCAL = "local", "Local"
    REGIONAL = "regional", "Regional"
    NATIONAL = "national", "National"


class Status(models.TextChoices):
    """Whether visitors see it."""

    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    WITHDRAWN = "withdrawn", "Withdrawn"


class Publishable(models.Model):
    """
    A record that staff prepare, publish and withdraw; see `casestudies.actions`.

    One published with a time to come is scheduled: nobody sees it until then.
    """

    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT, editable=False)
    published_at = models.DateTimeField(
        "visible from", null=True, blank=True, editable=False, help_text="When visitors first see it."
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True, editable=False)
    withdrawal_reason = models.CharField(max_length=500, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField("last changed", auto_now=True)

    class Meta:
        abstract = True


def publishable_constraints(name: str) -> list[models.CheckConstraint]:
    """Give the rules of a publishable model: constraints on an abstract base need a name for each table."""
    return [
        models.CheckConstraint(
            condition=~Q(status=Status.PUBLISHED) | Q(published_at__isnull=False),
            name=f"{name}_published_has_time",
            violation_error_message="Give what is published the time it is visible from.",
        ),
        models.CheckConstraint(
            condition=Q(
                Q(status=Status.WITHDRAWN, withdrawn_at__isnull=False) & ~Q(withdrawal_reason=""),
            )
            | (~Q(status=Status.WITHDRAWN) & Q(withdrawn_at__isnull=True, withdrawal_reason="")),
            name=f"{name}_withdrawn_has_reason",
            violation_error_message="Give what is withdrawn its reason and time, and nothing else.",
        ),
    ]


class CaseStudyQuerySet(models.QuerySet["CaseStudy"]):
    """Case studies, by who may see them and what a page needs of them."""

    def published(self) -> "CaseStudyQuerySet":
        """Those that visitors may see now. Every public page starts here."""
        return self.filter(status=Status.PUBLISHED, published_at__lte=Now())

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

    def is_public(self) -> bool:
        """Say whether visitors see it now."""
        return type(self)._default_manager.published().filter(pk=self.pk).exists()


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


class PublishedSource(models.Model):
    """Where facts were published: title, publisher, address."""

    title = models.CharField(max_length=300)
    publisher = models.CharField(max_length=200, blank=True)
    url = models.URLField("address", max_length=1000)
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.title} ({self.publisher})" if self.publisher else self.title


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


class ImpactFigure(models.Model):
    """
    One figure of a case study as its source published it.

    Only a change and a level say what the project did; a reach says how far it got and must never look like an
    effect. `value` of a change is the size of the change ("9.5 percentage points, from 18%"), of a level what was
    reached, from `baseline_value`, in the same unit.
    """

    class Kind(models.TextChoices):
        CHANGE = "change", "Change"
        LEVEL = "level", "Level reached"
        SAVING = "saving", "Saving"
        REACH = "reach", "Reach"

    class Direction(models.TextChoices):
        LOWER = "lower", "Lower"
        HIGHER = "higher", "Higher"

    class Qualifier(models.TextChoices):
        MORE_THAN = "more than", "More than"
        LESS_THAN = "less than", "Less than"
        ABOUT = "about", "About"
        UP_TO = "up to", "Up to"
        AT_LEAST = "at least", "At least"

    case_study = models.ForeignKey(CaseStudy, on_delete=models.CASCADE, related_name="impact_figures")
    kind = models.CharField(max_length=10, choices=Kind)
    direction = models.CharField(max_length=10, choices=Direction, blank=True)
    qualifier = models.CharField(max_length=20, choices=Qualifier, blank=True)
    value = models.DecimalField(max_digits=14, decimal_places=3)
    value_high = models.DecimalField(
        "to", max_digits=14, decimal_places=3, null=True, blank=True, help_text="The upper end of a range."
    )
    unit = models.CharField(max_length=60, help_text="For example %, care homes, £, bed days.")
    label = models.CharField("what was measured", max_length=200)
    baseline_value = models.DecimalField(
        max_digits=14, decimal_places=3, null=True, blank=True, help_text="Where it started, in the same unit."
    )
    baseline = models.CharField(max_length=200, blank=True, help_text="Where it started, in words.")
    period = models.CharField(max_length=200, blank=True, help_text="Over what time.")
    # RESTRICT, not PROTECT: it lets a case study be deleted with its figures and sources together.
    source = models.ForeignKey(
        Source, on_delete=models.RESTRICT, related_name="impact_figures", help_text="Where it was published."
    )
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["order", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(kind="change") | ~Q(direction=""),
                name="impactfigure_change_has_direction",
                violation_error_message="Say whether a change is lower or higher.",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["change", "level"]) | Q(direction=""),
                name="impactfigure_only_effects_have_direction",
                violation_error_message="Only a change or a level is lower or higher; a reach or saving is neither.",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["change", "level", "saving", "reach"]),
                name="impactfigure_known_kind",
                violation_error_message="Choose a kind from the list.",
            ),
            models.CheckConstraint(
                condition=Q(value__gte=0),
                name="impactfigure_value_not_negative",
                violation_error_message="Give the size of the figure without a minus; the direction says which way.",
            ),
            models.CheckConstraint(
                condition=Q(value_high__isnull=True) | Q(value_high__gt=F("value")),
                name="impactfigure_range_goes_up",
                violation_error_message="The upper end of a range is above its lower end.",
            ),
            models.CheckConstraint(
                condition=~Q(label="") & ~Q(unit=""),
                name="impactfigure_says_what_was_measured",
                violation_error_message="Say what was measured, and in which unit.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.value_text} {self.label}"

    def clean(self) -> None:
        """Refuse a source of another case study; the database does too (impactfigure_source_of_same_case_study)."""
        if self.source_id and self.case_study_id and self.source.case_study_id != self.case_study_id:
            raise ValidationError({"source": "Choose one of this case study's own sources."})

    @property
    def is_effect(self) -> bool:
        """Say whether the figure tells what the project did, rather than how far it got or what it saved."""
        return self.kind in {self.Kind.CHANGE, self.Kind.LEVEL}

    @property
    def value_text(self) -> str:
        """Give the figure as people write it: `more than 40%`, `£4.5 million`, `10 to 12 weeks`, `46 homes`."""
        return f"{self.qualifier} {self.amount}".strip()

    @property
    def headline(self) -> str:
        """Give the figure so that it cannot be misread: `43% lower`, `lower by 4 days`, `9.5%`, `46 care homes`."""
        if self.kind != self.Kind.CHANGE:
            return self.value_text
        return f"{self.value_text} {self.direction}" if self.unit == "%" else f"{self.direction} by {self.value_text}"

    @property
    def start(self) -> str:
        """Give where a level started: `down from 18%`; empty for other kinds and where no source gives a number."""
        if self.kind != self.Kind.LEVEL or self.baseline_value is None:
            return ""
        way = {"lower": "down from", "higher": "up from"}.get(self.direction, "from")
        return f"{way} {self.baseline or figure_text(self.baseline_value, self.unit)}"

    @property
    def comparison(self) -> str:
        """Give in words what it was compared with, where `start` does not say it."""
        if self.start:
            return ""
        if self.baseline_value is not None and not self.baseline:
            return figure_text(self.baseline_value, self.unit)
        return self.baseline.removeprefix("compared with ")

    @property
    def amount(self) -> str:
        """Give the value, or the range, with its unit."""
        low = figure_text(self.value, self.unit)
        if self.value_high is None:
            return low
        number = low.removesuffix("%").removesuffix(f" {self.unit}")
        return f"{number} to {figure_text(self.value_high, self.unit)}"


def number_text(value: Decimal) -> str:
    """Write a number without needless zeros, with commas: 57,205; 4.5; 33 million from a million upwards."""
    if value >= 1_000_000 and (value / 1_000_000 * 100) % 1 == 0:
        return f"{number_text(value / 1_000_000)} million"
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def figure_text(value: Decimal, unit: str) -> str:
    """Write a value with its unit: 43%, £4.5 million, £113 per resident, 46 care homes."""
    if unit.startswith("£"):
        return f"£{number_text(value)}{unit.removeprefix('£')}"
    if unit == "%":
        return f"{number_text(value)}%"
    return f"{number_text(value)} {unit}"


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


class ReportQuerySet(models.QuerySet["Report"]):
    """Reports, by who may see them."""

    def published(self) -> "ReportQuerySet":
        """Those that visitors may see now. Every public page starts here."""
        return self.filter(status=Status.PUBLISHED, published_at__lte=Now())


def cover_path(report: "Report", filename: str) -> str:
    """Give the place of a report's cover below MEDIA_ROOT."""
    return f"covers/{unguessable_name(filename)}"


class Report(Publishable, Slugged):
    """A publication that gathers case studies in an order of its own."""

    title = models.CharField(max_length=200)
    publisher = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="reports")
    issued_on = models.DateField("publication date", help_text="The date that the report carries.")
    summary = models.TextField(max_length=1000)
    foreword = RichTextField(blank=True)
    foreword_by = models.CharField(max_length=200, blank=True)
    note = models.TextField(blank=True, help_text="How this page relates to the publication, for readers.")
    cover = models.ImageField(
        upload_to=cover_path,
        blank=True,
        validators=[validate_image],
        help_text="PNG, JPEG or WebP up to 10 MB. Without one the site sets the title as a cover.",
    )
    cover_alt = models.CharField(
        "cover in words", max_length=250, blank=True, help_text="What the cover shows, for those who cannot see it."
    )
    case_studies = models.ManyToManyField(CaseStudy, through="ReportEntry", related_name="reports")

    former_slug_model: ClassVar[type[FormerSlug]]

    objects = ReportQuerySet.as_manager()

    class Meta:
        ordering = ["-issued_on", "title"]
        permissions = [
            ("publish_report", "Can publish, schedule and withdraw reports"),
        ]
        constraints = [
            *publishable_constraints("report"),
            models.CheckConstraint(
                condition=Q(cover="") | ~Q(cover_alt=""),
                name="report_cover_has_alternative",
                violation_error_message="Say in words what the cover shows.",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("casestudies:report_detail", args=[self.slug])

    def is_public(self) -> bool:
        """Say whether visitors see it now."""
        return type(self)._default_manager.published().filter(pk=self.pk).exists()


class ReportFormerSlug(FormerSlug):
    """An old address of a report."""

    current = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="former_slugs")


Report.former_slug_model = ReportFormerSlug


class ReportSection(models.Model):
    """A part of a report, with case studies in order."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="sections")
    title = models.CharField(max_length=200)
    introduction = models.TextField(blank=True)
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["order", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["report", "title"],
                name="reportsection_title_once",
                violation_error_message="The report already has a section with this title.",
            ),
            # The composite foreign key of ReportEntry points here.
            models.UniqueConstraint(fields=["id", "report"], name="reportsection_of_report"),
        ]

    def __str__(self) -> str:
        return self.title


class ReportEntry(models.Model):
    """A case study's place in a report."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="entries")
    section = models.ForeignKey(ReportSection, on_delete=models.CASCADE, related_name="entries")
    case_study = models.ForeignKey(CaseStudy, on_delete=models.PROTECT, related_name="report_entries")
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["section__order", "order", "pk"]
        verbose_name = "case study in the report"
        verbose_name_plural = "case studies in the report"
        constraints = [
            models.UniqueConstraint(
                fields=["report", "case_study"],
                name="reportentry_case_study_once",
                violation_error_message="The report already has this case study.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.section}: {self.case_study}"

    def clean(self) -> None:
        """Refuse a section of another report; the database does too (reportentry_section_of_same_report)."""
        if self.section_id and self.report_id and self.section.report_id != self.report_id:
            raise ValidationError({"section": "Choose one of this report's own sections."})


class ReportSource(PublishedSource):
    """Where the facts of a report's page were published."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="sources")

    class Meta(PublishedSource.Meta):
        abstract = False
        ordering = ["order", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["report", "url"],
                name="reportsource_once_per_report",
                violation_error_message="The report already has a source with this address.",
            )
        ]


class SynonymGroup(models.Model):
    """Words that mean the same to search: who types one of them finds what is written with the others."""

    terms = ArrayField(
        models.CharField(max_length=80),
        help_text="Words or phrases with the same meaning, separated by commas: UTI, urinary tract infection",
    )
    leads_here = ArrayField(
        models.CharField(max_length=80),
        default=list,
        db_default=models.Value([], output_field=ArrayField(models.CharField(max_length=80))),
        blank=True,
        help_text="Narrower words, separated by commas: who types “slip” also finds falls, but not the other way.",
    )
    is_active = models.BooleanField("in use", default=True)

    class Meta:
        ordering = ["terms"]
        verbose_name = "group of synonyms"
        verbose_name_plural = "synonyms"
        constraints = [
            models.CheckConstraint(
                condition=Q(terms__len__gte=2) | Q(terms__len=1, leads_here__len__gte=1),
                name="synonymgroup_has_two_terms",
                violation_error_message="Give at least two words that mean the same.",
            ),
            models.UniqueConstraint(
                fields=["terms"], name="synonymgroup_once", violation_error_message="This group exists already."
            ),
        ]

    def __str__(self) -> str:
        return ", ".join(self.terms)


class SearchWord(models.Model):
    """A word that some case study is or was written with; see `casestudies.search_words`."""

    word = models.CharField(max_length=30, unique=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.word


class ContentVersion(models.Model):
    """The version of all that visitors may see, in one row; see `casestudies.content_version`."""

    version = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(id=1),
                name="contentversion_is_one",
                violation_error_message="There is one version of the content.",
            ),
        ]

    def __str__(self) -> str:
        return str(self.version)


class ContentChange(models.Model):
    """The version that last changed a case study that visitors may see, or could; it outlives a deletion."""

    case_study_id = models.BigIntegerField(primary_key=True)
    version = models.BigIntegerField(db_index=True)

    def __str__(self) -> str:
        return f"{self.case_study_id}: {self.version}"


class ContentNote(models.Model):
    """
    That a transaction changed something visitors see, a case study or else; see `casestudies.content_version`.

    It is gone when the transaction is: a row of its own, so that transactions that note the same do not wait for each
    other.
    """

    case_study_id = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"case study {self.case_study_id}" if self.case_study_id else "something else"
