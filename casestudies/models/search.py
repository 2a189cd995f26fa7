"""What search knows beside the case studies."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


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
