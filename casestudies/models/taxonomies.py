"""What case studies are sorted by."""

from typing import ClassVar

from django.db import models
from django.urls import reverse

from partners.slugs import FormerSlug, Slugged


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
