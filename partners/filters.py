"""The filters of the pages of organisations: the one reader of their query parameters."""

from functools import reduce
from operator import and_, or_
from typing import Any, ClassVar
from urllib.parse import urlencode

import django_filters as filters
from django import forms
from django.db.models import Exists, OuterRef, Q
from django.http import QueryDict

from partners.models import Organisation, OrganisationName, OrganisationQuerySet

QUERY_LENGTH = 200  # characters; as long as the longest name
MOST_WORDS = 10  # of a search; more is a pasted paragraph, not a name
ACROSS_ENGLAND = "england"  # the filter's word for an organisation without a region
LONGEST_PAGE_NUMBER = 6  # digits; PostgreSQL refuses absurd offsets


class NameField(forms.CharField):
    """Words of a name, on one line. Control characters mean nothing to search, and PostgreSQL refuses NUL."""

    def to_python(self, value: Any) -> str:
        """Give the words with single spaces between them."""
        text = "" if value is None else str(value)
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())


class NameFilter(filters.CharFilter):
    """The words of a name."""

    field_class = NameField


class OrganisationFilter(filters.FilterSet):
    """
    Read the parameters of the list of organisations and filter by them.

    Nothing typed stops the page: a value that names nothing is left out, and `unknown` says which.
    """

    q = NameFilter(
        method="filter_name",
        label="Name",
        max_length=QUERY_LENGTH,
        error_messages={"max_length": f"Search with {QUERY_LENGTH} characters or fewer."},
    )
    kind = filters.ChoiceFilter(choices=Organisation.Kind.choices, label="Kind")
    region = filters.ChoiceFilter(
        choices=[*Organisation.Region.choices, (ACROSS_ENGLAND, "Across England")],
        method="filter_region",
        label="NHS region",
    )

    class Meta:
        model = Organisation
        fields: ClassVar[list[str]] = []

    def __init__(self, data: QueryDict, queryset: OrganisationQuerySet) -> None:
        super().__init__(data=data, queryset=queryset)
        self.form.is_valid()
        cleaned = self.form.cleaned_data
        self.words: str = cleaned.get("q") or ""
        self.chosen_kind: str = cleaned.get("kind") or ""
        self.chosen_region: str = cleaned.get("region") or ""

    @property
    def typed(self) -> str:
        """Give what was searched for, also where it was too long, so that nothing typed is lost."""
        return self.words or NameField().to_python(self.form.data.get("q"))

    @property
    def unknown(self) -> list[str]:
        """Give the labels of the filters whose value names nothing."""
        return [str(self.filters[name].label) for name in ("kind", "region") if name in self.form.errors]

    @property
    def is_filtered(self) -> bool:
        """Say whether anything narrows the list."""
        return bool(self.words or self.chosen_kind or self.chosen_region)

    @property
    def query(self) -> str:
        """Give the parameters in their one canonical order, without what says nothing."""
        pairs = {"q": self.words, "kind": self.chosen_kind, "region": self.chosen_region}
        return urlencode({name: value for name, value in pairs.items() if value})

    def filter_name(self, queryset: OrganisationQuerySet, name: str, words: str) -> OrganisationQuerySet:
        """Keep what has every word in one of its names: present, short, former, or of the collaborative it hosts."""
        matches = [_has_word(word) for word in words.split()[:MOST_WORDS]]
        return queryset.filter(reduce(and_, matches)) if matches else queryset

    def filter_region(self, queryset: OrganisationQuerySet, name: str, region: str) -> OrganisationQuerySet:
        """Keep what belongs to the region, or to none."""
        return queryset.filter(region="" if region == ACROSS_ENGLAND else region)


def _has_word(word: str) -> Q | Exists:
    # Names have the typographic apostrophe (St George’s), keyboards the straight one.
    spellings = {word.replace("'", "’"), word.replace("’", "'")}
    return reduce(
        or_,
        (
            Q(name__icontains=spelling)
            | Q(psc_name__icontains=spelling)
            | Q(Exists(OrganisationName.objects.filter(organisation=OuterRef("pk"), name__icontains=spelling)))
            for spelling in sorted(spellings)
        ),
    )


class PageFilter(filters.FilterSet):
    """Read which page of an organisation's case studies is asked for."""

    page = filters.CharFilter(method="leave", label="Page")

    class Meta:
        model = Organisation
        fields: ClassVar[list[str]] = []

    @property
    def number(self) -> int:
        """Give the page; 1 where what was asked for is no page number."""
        text: str = self.form.cleaned_data.get("page", "") if self.form.is_valid() else ""
        is_number = text.isascii() and text.isdigit() and len(text) <= LONGEST_PAGE_NUMBER
        return max(int(text), 1) if is_number else 1

    def leave(self, queryset: OrganisationQuerySet, name: str, value: str) -> OrganisationQuerySet:
        """Filter nothing: the page is not about which organisation is shown."""
        return queryset
