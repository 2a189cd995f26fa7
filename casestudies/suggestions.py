"""
What to suggest while somebody types into the search box: themes, case studies by title, organisations by any name.

Somebody waits between two keys, so each question to the database reads a bounded number of rows, however many match.
Two letters may match most titles: the newest few hundred case studies then have enough, and nobody misses the rest.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.contrib.postgres.search import SearchQuery
from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.urls import reverse

from casestudies.catalogue import read_catalogue
from casestudies.models import SEARCH_CONFIGURATION, TITLE_BEGINS, TITLE_WORDS, CaseStudy, CaseStudyQuerySet, Theme
from partners.models import Organisation, OrganisationName

SHORTEST = 2  # letters or digits; one says nothing yet
MOST_WORDS = 10  # are read; a title has hardly more
MOST = 8  # suggestions: as many as one takes in at a glance
MOST_THEMES = 2
MOST_ORGANISATIONS = 2  # where there are case studies enough
NEWEST = 300  # case studies are looked through first
SAMPLE = 200  # of all that match; where more do, the newest have enough


@dataclass(frozen=True)
class Suggestion:
    """A page that may be meant: its kind in words, and for an organisation the other name that it was found by."""

    kind: str
    text: str
    address: str
    other_name: str = ""


def suggest(typed: str) -> list[Suggestion]:
    """Suggest what has all the words, the last of which may not be typed to its end. Three queries, or none."""
    # Letters and digits only, so that nothing typed can be an operator, a quote or part of a pattern.
    words = re.findall(r"[^\W_]+", typed)[:MOST_WORDS]
    if sum(map(len, words)) < SHORTEST:
        return []
    themes = _themes(words)
    case_studies = _case_studies(typed, words)
    organisations = _organisations(words)
    for_organisations = min(len(organisations), max(MOST_ORGANISATIONS, MOST - len(themes) - len(case_studies)))
    return [*themes, *case_studies[: MOST - len(themes) - for_organisations], *organisations[:for_organisations]]


def _themes(words: Sequence[str]) -> list[Suggestion]:
    found = Theme.objects.filter(_begin_words_of("name", words))[:MOST_THEMES]
    return [Suggestion("Theme", theme.name, theme.get_absolute_url()) for theme in found]


def _case_studies(typed: str, words: Sequence[str]) -> list[Suggestion]:
    """Find case studies by their titles: first those that begin as was typed, by the alphabet, then the newest."""
    published = CaseStudy.objects.published().alias(title_begins=TITLE_BEGINS, title_words=TITLE_WORDS)
    matching = published.filter(_matches(words))
    newest = published.order_by("-published_at", "title").values("pk")[:NEWEST]
    rows = set(
        _rows(published.filter(_begins(typed)).order_by("title_begins")[:MOST], place=0).union(
            _rows(matching.filter(pk__in=newest).order_by("-published_at", "title")[:MOST], place=1),
            # Without an order: to sort them, PostgreSQL would have to read all that match.
            _rows(matching.order_by()[:SAMPLE], place=1),
            all=True,
        )
    )
    beginning = sorted((title.lower(), title, slug) for place, _, title, slug in rows if place == 0)
    others = sorted((-published_at.timestamp(), title, slug) for place, published_at, title, slug in rows if place)
    found = dict.fromkeys((title, slug) for _, title, slug in [*beginning, *others])
    return [
        Suggestion("Case study", title, reverse("casestudies:casestudy_detail", args=[slug]))
        for title, slug in [*found][:MOST]
    ]


def _rows(case_studies: CaseStudyQuerySet, place: int) -> QuerySet[CaseStudy, Any]:
    return case_studies.annotate(place=Value(place)).values_list("place", "published_at", "title", "slug")


def _begins(typed: str) -> Q:
    # Titles have the typographic apostrophe, keyboards the straight one.
    spellings = sorted({typed.lower().replace("'", "’"), typed.lower().replace("’", "'")})
    return reduce(or_, (Q(title_begins__startswith=spelling) for spelling in spellings))


def _matches(words: Sequence[str]) -> Q:
    """
    Say which titles have all the words, as PostgreSQL's own queries.

    By their stems, so that "fall prevention" finds "Preventing falls"; and as they are written, because the stem of
    "medication" is "medic", which "medicat" does not begin.
    """
    *whole, last = (f"'{word}'" for word in words)
    stems = " & ".join([*whole, f"{last}:*"])
    # "COVID-19" is a word and a negative number to PostgreSQL.
    written = " & ".join(f"('{word}':* | '-{word}':*)" if word.isdecimal() else f"'{word}':*" for word in words)
    return Q(title_vector=SearchQuery(stems, config=SEARCH_CONFIGURATION, search_type="raw")) | Q(
        title_words=SearchQuery(written, config="simple", search_type="raw")
    )


def _organisations(words: Sequence[str]) -> list[Suggestion]:
    """Find organisations by any name, of those that led or took part in a case study that visitors may see."""
    by_name, by_psc_name = _begin_words_of("name", words), _begin_words_of("psc_name", words)
    other_names = OrganisationName.objects.filter(by_name)
    found = (
        Organisation.objects.filter(by_name | by_psc_name | Q(pk__in=other_names.values("organisation")))
        .annotate(
            other_name=Case(
                When(by_name, then=Value("")),
                When(by_psc_name, then=F("psc_name")),
                default=Subquery(
                    other_names.filter(organisation=OuterRef("pk")).order_by("kind", "name").values("name")[:1]
                ),
            )
        )
        .order_by("name")
        .values_list("pk", "name", "slug", "other_name")[:SAMPLE]
    )
    catalogue, now = read_catalogue()
    visible = catalogue.visible(now)
    return [
        Suggestion("Organisation", name, reverse("partners:organisation_detail", args=[slug]), other_name)
        for pk, name, slug, other_name in found
        if catalogue.count("organisation", pk, visible)
    ][:MOST]


def _begin_words_of(field: str, words: Sequence[str]) -> Q:
    """Say that each word begins a word of the field."""
    return Q(*(Q(**{f"{field}__iregex": rf"\m{word}"}) for word in words))
