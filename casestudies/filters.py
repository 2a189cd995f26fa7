"""
The filters of the case study list: the one reader of its query parameters.

Several values of one filter widen it (OR), several filters narrow (AND). Nothing typed is an error that stops the
page: what cannot be understood is left out and named.
"""

from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from heapq import nlargest
from operator import itemgetter
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

import django_filters as filters
from django import forms
from django.core.validators import ProhibitNullCharactersValidator
from django.http import QueryDict
from django.urls import reverse
from django.utils.text import get_text_list
from pyroaring import BitMap

from casestudies import search
from casestudies.catalogue import Term, read_catalogue
from casestudies.models import (
    FIRST_YEAR,
    LAST_YEAR,
    CaseStudy,
    CaseStudyQuerySet,
)
from casestudies.phrases import listed_places, lower_first, with_article

TYPED_LENGTH = 150  # characters that are suggested for; a title has no more
QUERY_LENGTH = 500  # characters; a long question has 200
MOST_VALUES = 50  # of one filter: each is a chip, whose address has all the others
MOST_UNKNOWN = 10  # values of one filter that are named
LONGEST_SHOWN = 60  # characters of what was typed
MOST_THEMES = 3  # that an empty list leads to
MOST_NAMED = 5  # options of one filter in the sentence; of more it says how many
MANY = {
    "theme": "about any of {} themes",
    "setting": "in any of {} care settings",
    "intervention": "that introduced any of {} things",
    "stage": "at any of {} stages",
    "result": "with any of {} results",
    "region": "led from any of {} regions",
    "organisation": "with any of {} organisations",
}
SORTS = {"relevance": "Best match", "newest": "Newest first", "title": "Title, A to Z"}


class Filter(filters.Filter):
    """A filter that costs little to copy: a FilterSet copies all its filters for each request."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy the filter, with the same settings and field: nothing changes them."""
        self.field  # noqa: B018  # made when it is first asked for
        copied = copy(self)
        copied.method = self.method  # which knows the filter it belongs to
        return copied


class SharedField:
    """A form field that all forms share, where others copy it for each request: nothing changes it."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Give the field itself."""
        return self


class SlugListField(SharedField, forms.Field):
    """The values of a repeatable parameter: each once, in the order of the alphabet."""

    widget = forms.MultipleHiddenInput  # never shown, and quickly copied

    def clean(self, value: Any) -> list[str]:
        slugs = {text.replace("\0", "\ufffd").strip().lower() for text in value or [] if isinstance(text, str)}
        return sorted(filter(None, slugs))


class SlugListFilter(Filter):
    """A filter that may be given several times."""

    field_class = SlugListField


class SearchField(SharedField, forms.CharField):
    """Words to search for, on one line."""

    default_validators = [ProhibitNullCharactersValidator("Search without special control characters.")]

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        # Half a UTF-8 sequence arrives as U+FFFD; control characters mean nothing to search.
        return " ".join("".join(" " if not c.isprintable() and c != "\0" else c for c in text).split())


class SearchFilter(Filter):
    """The words to search for."""

    field_class = SearchField


class SuggestionFilter(filters.FilterSet):
    """Read what has been typed so far. What is too long or no text to search for leads to no suggestion."""

    q = SearchFilter(method="leave", label="Search", max_length=TYPED_LENGTH)

    class Meta:
        model = CaseStudy
        fields: ClassVar[list[str]] = []

    @property
    def typed(self) -> str:
        """Give what was typed, on one line; empty where there is nothing to suggest for."""
        self.form.is_valid()
        typed: str = self.form.cleaned_data.get("q") or ""
        return typed

    def leave(self, queryset: CaseStudyQuerySet, name: str, value: str) -> CaseStudyQuerySet:
        """Leave a queryset alone: `casestudies.suggestions` asks for more than case studies."""
        return queryset


class YearField(SharedField, forms.IntegerField):
    """A year."""


class YearFilter(Filter):
    """A year, within what the database holds."""

    field_class = YearField


@dataclass
class Facet:
    """A filter as the page shows it: what can be chosen, what is, and how many results each would give."""

    name: str
    label: str
    terms: list[Term]
    chosen: list[Term]
    counts: list[int] = field(default_factory=list)  # of the terms, in their order


@dataclass(frozen=True)
class Removal:
    """A filter that is on, and the address without it; `option` is one of several that may be on."""

    name: str
    label: str
    text: str
    url: str
    option: Term | None = None


class CaseStudyFilter(filters.FilterSet):
    """Read the parameters of the list, filter by them, and say what they mean."""

    q = SearchFilter(
        method="leave",
        label="Search",
        max_length=QUERY_LENGTH,
        error_messages={"max_length": f"Search with {QUERY_LENGTH} characters or fewer."},
    )
    theme = SlugListFilter(method="leave", label="Theme")
    setting = SlugListFilter(method="leave", label="Care setting")
    intervention = SlugListFilter(method="leave", label="What was introduced")
    stage = SlugListFilter(method="leave", label="Stage")
    result = SlugListFilter(method="leave", label="Result")
    region = SlugListFilter(method="leave", label="Region")
    organisation = SlugListFilter(method="leave", label="Organisation")
    sort = SlugListFilter(method="leave", label="Sort by")
    page = SlugListFilter(method="leave", label="Page")

    most_values: ClassVar[int] = MOST_VALUES
    FACETS: ClassVar[tuple[str, ...]] = (
        "theme", "setting", "intervention", "stage", "result", "region", "organisation",
    )  # fmt: skip

    class Meta:
        model = CaseStudy
        fields: ClassVar[list[str]] = []

    @classmethod
    def get_filters(cls) -> dict[str, filters.Filter]:
        """Add the years: `from` is a keyword of Python and cannot be declared as an attribute."""
        errors = dict.fromkeys(
            ("invalid", "min_value", "max_value"), f"Enter a year from {FIRST_YEAR} to {LAST_YEAR}, such as 2018."
        )
        years = {
            name: YearFilter(
                method="leave",
                label=label,
                min_value=FIRST_YEAR,
                max_value=LAST_YEAR,
                error_messages=errors,
            )
            for name, label in (("from", "From year"), ("to", "To year"))
        }
        return super().get_filters() | years  # type: ignore[no-any-return]  # django-filter has no types

    def __init__(self, data: QueryDict, queryset: CaseStudyQuerySet) -> None:
        super().__init__(data=data, queryset=queryset)
        self.form.is_valid()
        cleaned = self.form.cleaned_data
        self.words: str = cleaned.get("q") or ""
        self.years: tuple[int | None, int | None] = (cleaned.get("from"), cleaned.get("to"))
        if self.years[0] and self.years[1] and self.years[0] > self.years[1]:
            self.form.add_error("to", "The last year must not be before the first.")
            self.years = (None, None)
        self.catalogue, now = read_catalogue()
        self.visible = self.catalogue.visible(now)
        self.unknown: list[str] = []
        self.too_many: list[str] = []  # filters with more values than MOST_VALUES
        self.is_renamed = False  # whether a value is one that a theme or organisation had before
        self.facets = {name: self._facet(name, cleaned.get(name, [])) for name in self.FACETS}

    def leave(self, queryset: CaseStudyQuerySet, name: str, value: Any) -> CaseStudyQuerySet:
        """Leave a queryset alone: the catalogue knows what has what, and counts it too."""
        return queryset

    @cached_property
    def search(self) -> search.Search:
        """Give the search as it was understood, and what it found."""
        return search.understand(self.words, self.catalogue, self.visible) if self.words else search.Search("")

    @cached_property
    def order(self) -> str:
        """Give the order that was chosen, or the natural one."""
        sorts = [value for value in self.form.cleaned_data.get("sort", []) if value in SORTS]
        order = sorts[0] if sorts else self.natural_order
        return "newest" if order == "relevance" and not self.search.has_meaning else order

    @property
    def has_letters(self) -> bool:
        """Say whether the search has a letter or digit at all."""
        return any(character.isalnum() for character in self.words)

    @property
    def natural_order(self) -> str:
        """Give the order of results nobody chose: best match for a search, else newest."""
        return "relevance" if self.search.has_meaning else "newest"

    @property
    def page_number(self) -> int:
        """Give the page that was asked for; 1 where it was none."""
        pages = self.form.cleaned_data.get("page") or ["1"]
        text = pages[0]
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 and int(text) else 1

    # --- Options ---------------------------------------------------------------------------------------------

    def _facet(self, name: str, values: list[str]) -> Facet:
        """Give what can be chosen, with what is, and set aside the values that name nothing."""
        # Of hundreds of organisations, those that have case studies.
        terms = self.catalogue.in_use(name, self.visible) if name == "organisation" else self.catalogue.terms[name]
        facet = Facet(name, str(self.filters[name].label), terms, [])
        if values:
            former = self.catalogue.former.get(name, {})
            self.is_renamed = self.is_renamed or not former.keys().isdisjoint(values)
            current = {former.get(value, value) for value in values}
            known = [term for term in self.catalogue.terms[name] if term.slug in current]
            facet.chosen = known[:MOST_VALUES]
            if len(known) > MOST_VALUES:
                self.too_many.append(facet.label)
            if not all(term in terms for term in facet.chosen):
                facet.terms = [term for term in self.catalogue.terms[name] if term in terms or term in facet.chosen]
            unknown = sorted(current.difference(term.slug for term in known))
            self.unknown += [f"{facet.label}: {_shortened(value)}" for value in unknown[:MOST_UNKNOWN]]
            if len(unknown) > MOST_UNKNOWN:
                self.unknown.append(f"{facet.label}: {len(unknown) - MOST_UNKNOWN} more")
        return facet

    def count_options(self) -> None:
        """Put beside each option the number of results it would give with all other filters on."""
        for name, facet in self.facets.items():
            if self._sets.keys() <= {name}:  # nothing else narrows the list
                facet.counts = self.catalogue.counts_of_all(name, facet.terms, self.visible)
            else:
                facet.counts = self.catalogue.counts(name, facet.terms, self._found(without=name))

    # --- Filtering -------------------------------------------------------------------------------------------

    @cached_property
    def found(self) -> BitMap:
        """Give the results, in no order."""
        return self._found()

    @cached_property
    def _sets(self) -> dict[str, BitMap]:
        """Give for each filter that is on the case studies it keeps."""
        sets = {
            name: self.catalogue.with_any(name, [term.key for term in facet.chosen])
            for name, facet in self.facets.items()
            if facet.chosen
        }
        if self.words:
            sets["q"] = self.search.found
        if self.years[0]:
            sets["from"] = self.catalogue.since(self.years[0])
        if self.years[1]:
            sets["to"] = self.catalogue.until(self.years[1])
        return sets

    def _found(self, without: str = "", instead: BitMap | None = None) -> BitMap:
        """Give what all filters keep, without one of them, or with another set in its place."""
        sets = [keys for name, keys in self._sets.items() if name != without]
        return BitMap.intersection(self.visible, *sets, *([instead] if instead is not None else []))

    def results(self, offset: int, limit: int) -> list[int]:
        """Give the keys of some of the results, in the chosen order."""
        if self.order == "relevance":
            return self.search.best_first(self.catalogue, self.found, offset, limit)
        return self.catalogue.in_order(self.order, self.found, offset, limit)

    # --- Words and addresses ---------------------------------------------------------------------------------

    @property
    def sorts(self) -> list[tuple[str, str]]:
        """Give the orders that make sense: best match only for a search."""
        return [(value, label) for value, label in SORTS.items() if self.search.has_meaning or value != "relevance"]

    @property
    def chosen_count(self) -> int:
        """Give how many filters are on, without the search."""
        return sum(len(facet.chosen) for facet in self.facets.values()) + sum(1 for year in self.years if year)

    @cached_property
    def _values(self) -> dict[str, Any]:
        """Give the values of the parameters, in their one canonical order."""
        return {
            "q": self.words,
            **{name: [term.slug for term in facet.chosen] for name, facet in self.facets.items()},
            "from": self.years[0],
            "to": self.years[1],
            "sort": "" if self.order == self.natural_order else self.order,
        }

    def url(self, **changes: Any) -> str:
        """Give the canonical address of the list as it is, with changes: `url(page=2)`, `url(theme=[])`."""
        said = {name: value for name, value in (self._values | changes).items() if value}
        query = urlencode({name: sorted(v) if isinstance(v, list) else v for name, v in said.items()}, doseq=True)
        return f"{self._path}?{query}" if query else self._path

    @cached_property
    def _path(self) -> str:
        return reverse("casestudies:casestudy_list")

    @cached_property
    def removals(self) -> list[Removal]:
        """Give the filters that are on, each with the address without it."""
        found = [Removal("q", "Search", _quoted(self.words), self.url(q="", sort=""))] if self.words else []
        for name, facet in self.facets.items():
            for option in facet.chosen:
                rest = [other.slug for other in facet.chosen if other is not option]
                found.append(Removal(name, facet.label, option.name, self.url(**{name: rest}), option))
        for name, label, year in (("from", "First year", self.years[0]), ("to", "Last year", self.years[1])):
            if year:
                found.append(Removal(name, label, str(year), self.url(**{name: None})))
        return found

    def ways_on(self) -> list[tuple[Removal, int]]:
        """Give for each filter that is on how many results there are without it, most first; for an empty list."""
        ways = []
        for removal in self.removals:
            chosen = self.facets[removal.name].chosen if removal.option else []
            rest = [option for option in chosen if option is not removal.option]
            instead = self.catalogue.with_any(removal.name, [option.key for option in rest]) if rest else None
            ways.append((removal, len(self._found(without=removal.name, instead=instead))))
        return sorted(ways, key=lambda way: way[1], reverse=True)

    def themes_that_fit(self) -> list[tuple[Term, int, str]]:
        """
        Give the themes of what the search finds without the filters, or else the filters without the search.

        Each with its number and the address of just these, most first; for an empty list, so at most MOST_THEMES.
        """
        if self.search.found:
            found, others = self.search.found, dict.fromkeys((*self.FACETS, "from", "to"), None)
        elif self._sets.keys() - {"q", "theme"}:
            kept = [keys for name, keys in self._sets.items() if name not in {"q", "theme"}]
            found, others = BitMap.intersection(self.visible, *kept), {"q": None}
        else:
            return []
        counted = [
            (theme, number, self.url(**others | {"theme": [theme.slug], "sort": None}))
            for theme in self.facets["theme"].terms
            if theme not in self.facets["theme"].chosen and (number := self.catalogue.count("theme", theme.key, found))
        ]
        return nlargest(MOST_THEMES, counted, key=itemgetter(1))

    def sentence(self, count: int) -> str:
        """
        Say in one plain sentence what the list shows; it is the page's heading and title.

        `12 case studies about medicines safety in care homes, led from the North West`
        """
        noun = "case study" if count == 1 else "case studies"
        parts = [f"{count:,} {noun}"]
        if self.words:
            parts.append(f"for {_quoted(self.search.corrected or self.words)}")
        for name in self.FACETS:
            if part := self._phrase(name):
                # Without a comma, what was led from a region would be the homes or the result named just before.
                if name == "region" and any(self.facets[other].chosen for other in self.FACETS[:5]):
                    parts[-1] += ","
                parts.append(part)
        parts.append(self._years_phrase())
        return " ".join(part for part in parts if part)

    def _phrase(self, name: str) -> str:
        words = [_phrase(name, term) for term in self.facets[name].chosen]
        if not words:
            return ""
        if len(words) > MOST_NAMED:
            return MANY[name].format(len(words))
        listed = get_text_list(words, "or")
        match name:
            case "theme":
                return f"about {listed}"
            case "setting":
                return listed_places(words, "or")
            case "intervention":
                return f"that introduced {listed}"
            case "stage":
                return f"at {listed} stage"
            case "result":
                return f"with the result “{listed}”"
            case "region":
                return f"led from {get_text_list([_with_the(word) for word in words], 'or')}"
            case _:
                return f"with {listed}"

    def _years_phrase(self) -> str:
        first, last = self.years
        if first and last:
            return f"in {first}" if first == last else f"from {first} to {last}"
        return f"since {first}" if first else f"up to {last}" if last else ""


def _phrase(name: str, term: Term) -> str:
    """Write an option as it stands in the sentence."""
    match name:
        case "setting":
            return term.phrase or f"in {lower_first(term.name)}"
        case "intervention":
            return with_article(lower_first(term.name))
        case "theme" | "stage" | "result":
            return lower_first(term.name)
        case _:
            return term.name


def _quoted(words: str) -> str:
    """Quote what was typed, shortened where it would fill the page."""
    return f"“{_shortened(words)}”"


def _shortened(typed: str) -> str:
    # Django's Truncator counts no accents that stand alone, and takes a second for a text of nothing else.
    return typed if len(typed) <= LONGEST_SHOWN else f"{typed[: LONGEST_SHOWN - 1]}…"


def _with_the(region: str) -> str:
    """Write a region as it stands in a sentence: the North West, but London."""
    return region if region == "London" else f"the {region}"
