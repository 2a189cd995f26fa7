"""Reports that gather case studies."""

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.urls import reverse

from casestudies.fields import RichTextField
from casestudies.models.case_studies import CaseStudy
from casestudies.models.publishing import Publishable, PublishableQuerySet, PublishedSource, publishable_constraints
from casestudies.uploads import unguessable_name, validate_image
from partners.models import Organisation
from partners.slugs import FormerSlug, Slugged


class ReportQuerySet(PublishableQuerySet["Report"]):
    """Reports, by who may see them."""


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
