"""The figures of case studies, and how they are written."""

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from casestudies.models.case_studies import CaseStudy, Source


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
