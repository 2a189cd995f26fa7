"""The version of all that visitors may see; see `casestudies.content_version`."""

from django.db import models
from django.db.models import Q


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
