"""
The filters of the case study list: the one reader of its query parameters.

Several values of one filter widen it (OR), several filters narrow (AND). Nothing typed is an error that stops the
page: what cannot be understood is left out and named.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlencode

import django_filters as filters
from django import forms
from django.core.validators import ProhibitNullCharactersValidator
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Lower
from django.http import QueryDict
from django.urls import reverse
from django.utils.text import get_text_list

from casestudies import search
from casestudies.models import (
    FIRST_YEAR,
    LAST_YEAR,
    CaseStudy,
    CaseStudyQuerySet,
    InterventionType,
    Result,
    Setting,
    Stage,
    Theme,
)
from casestudies.related import listed_places, lower_first, setting_phrase, with_article
from partners.models import Organisation

QUERY_LENGTH = 500  # characters; a long question has 200
MOST_VALUES = 50  # of one filter; more is no choice a person made
SORTS = {"relevance": "Best match", "newest": "Newest first", "title": "Title, A to Z"}


class SlugListField(forms.Field):
    """The values of a repeatable parameter: each once, in the order of the alphabet, without what is no slug."""

    widget = forms.SelectMultiple

    def clean(self, value: Any) -> list[str]:
        slugs = {text.strip().lower() for text in value or [] if isinstance(text, str)}
        return sorted(slug for slug in slugs if slug and len(slug) <= 100 and "\0" not in slug)[:MOST_VALUES]


class SlugListFilter(filters.Filter):
    """A filter that may be given several times."""

    field_class = SlugListField


class SearchField(forms.CharField):
    """Words to search for, on one line."""

    default_validators = [ProhibitNullCharactersValidator("Search without special control characters.")]

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        # Half a UTF-8 sequence arrives as U+FFFD; control characters mean nothing to search.
        return " ".join("".join(" " if not c.isprintable() and c != "\0" else c for c in text).split())


class SearchFilter(filters.CharFilter):
    """The words to search for."""

    field_class = SearchField


class YearFilter(filters.Filter):
    """A year, within what the database holds."""

    field_class = forms.IntegerField


@dataclass
class Option:
    """One value of a filter: how it reads, how many results it would give, and where the choice leads."""

    value: str
    label: str
    phrase: str = ""
    count: int = 0
    chosen: bool = False


@dataclass
class Facet:
    """A filter as the page shows it."""

    name: str
    label: str
    options: list[Option] = field(default_factory=list)

    @property
    def chosen(self) -> list[Option]:
        """Give the options that are on."""
        return [option for option in self.options if option.chosen]


@dataclass(frozen=True)
class Removal:
    """A filter that is on, and the address without it."""

    label: str
    text: str
    url: str


class CaseStudyFilter(filters.FilterSet):
    """Read the parameters of the list, filter by them, and say what they mean."""

    q = SearchFilter(
        method="filter_search",
        label="Search",
        max_length=QUERY_LENGTH,
        error_messages={"max_length": f"Search with {QUERY_LENGTH} characters or fewer."},
    )
    theme = SlugListFilter(method="filter_theme", label="Theme")
    setting = SlugListFilter(method="filter_setting", label="Care setting")
    intervention = SlugListFilter(method="filter_intervention", label="What was introduced")
    stage = SlugListFilter(method="filter_stage", label="Stage")
    result = SlugListFilter(method="filter_result", label="Result")
    region = SlugListFilter(method="filter_region", label="Region")
    organisation = SlugListFilter(method="filter_organisation", label="Organisation")
    sort = SlugListFilter(method="leave", label="Sort by")
    page = SlugListFilter(method="leave", label="Page")

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
                method=f"filter_{name}",
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
        self.facets = {name: Facet(name, str(self.filters[name].label)) for name in self.FACETS}
        self.unknown: list[str] = []
        self._load_options()
        self.search = search.understand(self.words, queryset) if self.words else search.Search("")
        sorts = [value for value in cleaned.get("sort", []) if value in SORTS]
        self.order = sorts[0] if sorts else self.natural_order
        if self.order == "relevance" and not self.search.has_meaning:
            self.order = "newest"

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

    def _load_options(self) -> None:
        """Load what can be chosen, mark what is, and set aside the values that name nothing."""
        chosen = {name: self.form.cleaned_data.get(name, []) for name in self.FACETS}
        options: dict[str, list[Option]] = {
            "theme": [Option(t.slug, t.name, lower_first(t.name)) for t in Theme.objects.all()],
            "setting": [Option(s.slug, s.name, setting_phrase(s)) for s in Setting.objects.all()],
            "intervention": [
                Option(str(c.value), str(c.label), with_article(lower_first(str(c.label)))) for c in InterventionType
            ],
            "stage": [Option(str(c.value), str(c.label), lower_first(str(c.label))) for c in Stage],
            "result": [Option(str(c.value), str(c.label), lower_first(str(c.label))) for c in Result],
            "region": [Option(str(c.value), str(c.label), str(c.label)) for c in Organisation.Region],
            "organisation": [
                Option(slug, name, name)
                for slug, name in Organisation.objects.filter(
                    Q(led_case_studies__in=self.queryset) | Q(partnered_case_studies__in=self.queryset)
                    if not chosen["organisation"]
                    else Q()
                )
                .distinct()
                .values_list("slug", "name")
            ],
        }
        for name, facet in self.facets.items():
            facet.options = options[name]
            known = {option.value: option for option in facet.options}
            for value in chosen[name]:
                if value in known:
                    known[value].chosen = True
                else:
                    self.unknown.append(f"{facet.label}: {value[:60]}")

    def _values(self, name: str) -> list[str]:
        return [option.value for option in self.facets[name].chosen]

    # --- Filtering -------------------------------------------------------------------------------------------

    def filter_queryset(self, queryset: CaseStudyQuerySet, *, without: str = "") -> CaseStudyQuerySet:
        """Apply all filters but one: the counts beside its options need the others only."""
        for name in self.filters:
            if name != without:
                queryset = self.filters[name].filter(queryset, self.form.cleaned_data.get(name))
        return queryset

    @property
    def results(self) -> CaseStudyQuerySet:
        """Give the results in the chosen order."""
        found = self.filter_queryset(self.queryset)
        if self.order == "relevance":
            return found.ranked(self.search.parts)
        return (
            found.order_by(Lower("title"), "pk")
            if self.order == "title"
            else found.order_by("-published_at", "title", "pk")
        )

    def leave(self, queryset: CaseStudyQuerySet, name: str, value: Any) -> CaseStudyQuerySet:
        """Filter nothing: order and page are not about which results there are."""
        return queryset

    def filter_search(self, queryset: CaseStudyQuerySet, name: str, words: str) -> CaseStudyQuerySet:
        """Keep what matches the words. Words without meaning ("the of") match nothing."""
        if not words:
            return queryset
        return queryset.matching(self.search.query) if self.search.has_meaning else queryset.none()

    def filter_theme(self, queryset: CaseStudyQuerySet, name: str, value: Any) -> CaseStudyQuerySet:
        """Keep what has one of the themes. A subquery: a join would repeat rows and spoil counts."""
        if not (slugs := self._values("theme")):
            return queryset
        links = CaseStudy.themes.through.objects.filter(casestudy=OuterRef("pk"), theme__slug__in=slugs)
        return queryset.filter(Exists(links))

    def filter_setting(self, queryset: CaseStudyQuerySet, name: str, value: Any) -> CaseStudyQuerySet:
        """Keep what took place in one of the settings."""
        if not (slugs := self._values("setting")):
            return queryset
        links = CaseStudy.settings.through.objects.filter(casestudy=OuterRef("pk"), setting__slug__in=slugs)
        return queryset.filter(Exists(links))

    def filter_intervention(self, queryset: CaseStudyQuerySet, name: str, value: Any) -> CaseStudyQuerySet:
        """Keep what introduced one of the types."""
        slugs = self._values("intervention")
        return queryset.filter(intervention_types__overlap=slugs) if slugs else queryset

    def filter_stage(self, queryset: CaseStudyQuerySet, name: str, value: Any) -> CaseStudyQuerySet:
        """Keep what had come to one of the stages."""
        slugs = self._values("stage")
        return queryset.filter(stage__in=slugs) if slugs else queryset

    def filter_result(self, queryset: CaseStudyQuerySet, name: str, value: Any) -> CaseStudyQuerySet:
        """Keep what had one of the results."""
        slugs = self._values("result")
        return queryset.filter(result__in=slugs) if slugs else queryset

    def filter_region(self, queryset: CaseStudyQuerySet, name: str, value: Any) -> CaseStudyQuerySet:
        """Keep what an organisation of one of the regions led: a partner's region says little of where it was."""
        slugs = self._values("region")
        return queryset.filter(lead_organisation__region__in=slugs) if slugs else queryset

    def filter_organisation(self, queryset: CaseStudyQuerySet, name: str, value: Any) -> CaseStudyQuerySet:
        """Keep what one of the organisations led or took part in."""
        if not (slugs := self._values("organisation")):
            return queryset
        links = CaseStudy.partner_organisations.through.objects.filter(
            casestudy=OuterRef("pk"), organisation__slug__in=slugs
        )
        return queryset.filter(Q(lead_organisation__slug__in=slugs) | Exists(links))

    def filter_from(self, queryset: CaseStudyQuerySet, name: str, value: Any) -> CaseStudyQuerySet:
        """Keep what still ran in that year or later; a project known by one year only ran in that year."""
        year = self.years[0]
        if not year:
            return queryset
        return queryset.filter(Q(end_year__gte=year) | Q(end_year__isnull=True, start_year__gte=year))

    def filter_to(self, queryset: CaseStudyQuerySet, name: str, value: Any) -> CaseStudyQuerySet:
        """Keep what had begun by that year."""
        year = self.years[1]
        if not year:
            return queryset
        return queryset.filter(Q(start_year__lte=year) | Q(start_year__isnull=True, end_year__lte=year))

    # --- Counts ----------------------------------------------------------------------------------------------

    def count_options(self) -> None:
        """Put beside each option the number of results it would give with all other filters on. One or two
        queries a filter, however many options and results there are."""
        for name, facet in self.facets.items():
            counts = getattr(self, f"count_{name}")(self.filter_queryset(self.queryset, without=name).order_by())
            for option in facet.options:
                option.count = counts.get(option.value, 0)

    def count_theme(self, found: CaseStudyQuerySet) -> dict[str, int]:
        """Count by theme."""
        return _counts(found, "themes__slug")

    def count_setting(self, found: CaseStudyQuerySet) -> dict[str, int]:
        """Count by setting."""
        return _counts(found, "settings__slug")

    def count_intervention(self, found: CaseStudyQuerySet) -> dict[str, int]:
        """Count by what was introduced; one case study may have introduced several things."""
        totals = found.aggregate(
            **{
                value.replace("-", "_"): Count("pk", filter=Q(intervention_types__contains=[value]))
                for value in InterventionType.values
            }
        )
        return {value: totals[value.replace("-", "_")] for value in InterventionType.values}

    def count_stage(self, found: CaseStudyQuerySet) -> dict[str, int]:
        """Count by stage."""
        return _counts(found, "stage")

    def count_result(self, found: CaseStudyQuerySet) -> dict[str, int]:
        """Count by result."""
        return _counts(found, "result")

    def count_region(self, found: CaseStudyQuerySet) -> dict[str, int]:
        """Count by the lead organisation's region."""
        return _counts(found, "lead_organisation__region")

    def count_organisation(self, found: CaseStudyQuerySet) -> dict[str, int]:
        """Count by organisation, led or partnered, each case study once."""
        counts = _counts(found, "lead_organisation__slug")
        links = CaseStudy.partner_organisations.through.objects.filter(casestudy__in=found.values("pk")).exclude(
            organisation=F("casestudy__lead_organisation")
        )
        for slug, number in links.values_list("organisation__slug").annotate(number=Count("pk")):
            counts[slug] = counts.get(slug, 0) + number
        return counts

    # --- Words and addresses ---------------------------------------------------------------------------------

    @property
    def sorts(self) -> list[tuple[str, str]]:
        """Give the orders that make sense: best match only for a search."""
        return [(value, label) for value, label in SORTS.items() if self.search.has_meaning or value != "relevance"]

    @property
    def chosen_count(self) -> int:
        """Give how many filters are on, without the search."""
        return sum(len(facet.chosen) for facet in self.facets.values()) + sum(1 for year in self.years if year)

    def parameters(self, **changes: Any) -> list[tuple[str, str]]:
        """Give the parameters in their one canonical order, without what says nothing, with changes applied."""
        values: dict[str, Any] = {
            "q": self.words,
            **{name: self._values(name) for name in self.FACETS},
            "from": self.years[0],
            "to": self.years[1],
            "sort": "" if self.order == self.natural_order else self.order,
        } | changes
        pairs: list[tuple[str, str]] = []
        for name, value in values.items():
            if isinstance(value, list):
                pairs += [(name, item) for item in sorted(value)]
            elif value:
                pairs.append((name, str(value)))
        return pairs

    def url(self, **changes: Any) -> str:
        """Give the address of the list as it is, with changes: `url(page=2)`, `url(theme=[])`."""
        query = urlencode(self.parameters(**changes))
        path = reverse("casestudies:casestudy_list")
        return f"{path}?{query}" if query else path

    @property
    def removals(self) -> list[Removal]:
        """Give the filters that are on, each with the address without it."""
        found = [Removal("Search", _quoted(self.words), self.url(q="", sort=""))] if self.words else []
        for name, facet in self.facets.items():
            for option in facet.chosen:
                rest = [value for value in self._values(name) if value != option.value]
                found.append(Removal(facet.label, option.label, self.url(**{name: rest})))
        for name, label, year in (("from", "First year", self.years[0]), ("to", "Last year", self.years[1])):
            if year:
                found.append(Removal(label, str(year), self.url(**{name: None})))
        return found

    def ways_on(self) -> list[tuple[Removal, int]]:
        """Give for each filter that is on how many results there are without it; for a list that is empty."""
        return [
            (removal, CaseStudyFilter(QueryDict(removal.url.partition("?")[2]), self.queryset).results.count())
            for removal in self.removals
        ]

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
        words = [option.phrase for option in self.facets[name].chosen]
        if not words:
            return ""
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


def _counts(found: QuerySet[CaseStudy], path: str) -> dict[str, int]:
    """Count results by the value at a path; across a many-to-many link each result counts once for each value."""
    rows: Iterable[tuple[str, int]] = found.values_list(path).annotate(number=Count("pk"))
    return dict(rows)


def _quoted(words: str) -> str:
    """Quote what was typed, shortened where it would fill the page."""
    return f"“{words if len(words) <= 60 else f'{words[:57]}…'}”"


def _with_the(region: str) -> str:
    """Write a region as it stands in a sentence: the North West, but London and East of England."""
    return region if region == "London" else f"the {region}"
