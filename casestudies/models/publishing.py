"""What can be published and withdrawn, and where facts were published."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Status(models.TextChoices):
    """Whether visitors see it."""

    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    WITHDRAWN = "withdrawn", "Withdrawn"


class PublishableQuerySet[Record: "Publishable"](models.QuerySet[Record]):
    """Records that staff publish, by who may see them."""

    def published(self) -> Self:
        """Those that visitors may see now. Every public page starts here."""
        return self.filter(status=Status.PUBLISHED, published_at__lte=Now())


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

    def is_public(self) -> bool:
        """Say whether visitors see it now, by the database's clock."""
        return PublishableQuerySet(type(self)).published().filter(pk=self.pk).exists()


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
