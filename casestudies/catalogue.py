"""
What the list asks of all published case studies at once: which has what, and how many.

Counting every option of every filter over a hundred thousand case studies takes the database most of a second, and
sets of numbers a few milliseconds. So each process keeps, for every option, the set of case studies that have it (a
Roaring bitmap). Each request asks the database for the version of the content and first takes in what has changed
since. What pages work out of it is remembered as long as it is that version, and thrown away with it.
"""

import threading
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import TextChoices
from pyroaring import BitMap

from casestudies.content_version import ContentState, read_state
from casestudies.models import (
    ContentChange,
    InterventionType,
    Result,
    SearchWord,
    Setting,
    Stage,
    Theme,
    ThemeFormerSlug,
)
from casestudies.synonyms import Synonyms, load_synonyms
from partners.models import Organisation, OrganisationFormerSlug

# The filters with options. Those of the first four are rows of a table, found by their keys.
FILTERS = ("theme", "setting", "organisation", "region", "intervention", "stage", "result")

# A set this many times smaller than all is sorted by itself; a larger one is picked from all in their order.
FEW_OF = 20

FACTS = """
SELECT study.id, study.published_at, lower(study.title), study.stage, study.result, study.intervention_types,
    study.start_year, study.end_year, lead.region,
    ARRAY(SELECT theme_id FROM casestudies_casestudy_themes WHERE casestudy_id = study.id),
    ARRAY(SELECT setting_id FROM casestudies_casestudy_settings WHERE casestudy_id = study.id),
    ARRAY(SELECT organisation_id FROM casestudies_casestudy_partner_organisations WHERE casestudy_id = study.id)
        || study.lead_organisation_id
FROM casestudies_casestudy study JOIN partners_organisation lead ON lead.id = study.lead_organisation_id
WHERE study.status = 'published'
"""


@dataclass(frozen=True)
class Facts:
    """What the filters and orders ask of one case study."""

    id: int
    published_at: datetime
    title: str  # in small letters
    stage: str
    result: str
    interventions: tuple[str, ...]
    start_year: int | None
    end_year: int | None
    region: str
    themes: tuple[int, ...]
    settings: tuple[int, ...]
    organisations: tuple[int, ...]  # the lead is the last

    @property
    def options(self) -> Iterator[tuple[str, int | str]]:
        """Give what it has, as filters and their options."""
        yield from (("theme", theme) for theme in self.themes)
        yield from (("setting", setting) for setting in self.settings)
        yield from (("organisation", organisation) for organisation in self.organisations)
        yield ("lead", self.organisations[-1])
        yield from (("intervention", intervention) for intervention in self.interventions)
        yield from (("region", self.region), ("stage", self.stage), ("result", self.result))
        # A project known by one year only ran in that year.
        if (first := self.start_year or self.end_year) and (last := self.end_year or self.start_year):
            yield from (("began", first), ("ended", last))


@dataclass(frozen=True)
class Term:
    """An option of a filter: a theme, a setting, an organisation, or one of a fixed list."""

    key: int | str
    slug: str
    name: str
    phrase: str = ""  # of a setting, in a sentence


# What a case study is sorted by, its key last.
type Place = tuple[Any, ...]


@dataclass
class Catalogue:
    """All published case studies, by what they have and in the orders of the list. Never changed once it is made."""

    version: int | None = None
    origin: str = ""  # of the version; see ContentState
    published: BitMap = field(default_factory=BitMap)  # those whose time is still to come included
    having: dict[tuple[str, int | str], BitMap] = field(default_factory=dict)
    newest: list[Place] = field(default_factory=list)
    by_title: list[Place] = field(default_factory=list)
    places: dict[int, tuple[Place, Place]] = field(default_factory=dict)  # in the two orders
    scheduled: dict[int, datetime] = field(default_factory=dict)
    terms: dict[str, list[Term]] = field(default_factory=dict)
    former: dict[str, dict[str, str]] = field(default_factory=dict)  # slugs that options had, with those they have
    # What pages work out of this content again and again; thrown away with the catalogue when the content changes.
    remembered: dict[Any, Any] = field(default_factory=dict)

    # --- Questions -----------------------------------------------------------------------------------------

    def visible(self, now: datetime) -> BitMap:
        """Give the case studies that visitors may see at a time (the database's, which publishes by its own clock)."""
        times, keys = self._still_to_come
        appeared = bisect_right(times, now)
        hidden = keys[appeared:]
        return (
            self.remember(("visible", appeared), lambda: self.published - BitMap(hidden)) if hidden else self.published
        )

    @cached_property
    def _still_to_come(self) -> tuple[list[datetime], list[int]]:
        """Give the times of what is scheduled, and its keys, in their order."""
        order = sorted((time, pk) for pk, time in self.scheduled.items())
        return [time for time, _ in order], [pk for _, pk in order]

    def in_use(self, name: str, visible: BitMap) -> list[Term]:
        """Give the options of a filter that visitors may see a case study of."""
        numbers = self._numbers(name, visible)
        return [term for term in self.terms[name] if numbers[term.key]]

    def remember[Found](self, key: Any, find: Callable[[], Found]) -> Found:
        """Give what was found before in this content, or find it now; the key says what, and of which case studies."""
        if key not in self.remembered:
            self.remembered[key] = find()
        found: Found = self.remembered[key]
        return found

    def with_any(self, name: str, keys: Iterable[int | str]) -> BitMap:
        """Give the case studies that have any of a filter's options."""
        return BitMap.union(BitMap(), *(self.having[name, key] for key in keys if (name, key) in self.having))

    def since(self, year: int) -> BitMap:
        """Give those that still ran in a year or later."""
        return self._in_years("ended", lambda last: last >= year)

    def until(self, year: int) -> BitMap:
        """Give those that had begun by a year."""
        return self._in_years("began", lambda first: first <= year)

    def count(self, name: str, key: int | str, among: BitMap) -> int:
        """Count those of a set that have an option."""
        has = self.having.get((name, key))
        return has.intersection_cardinality(among) if has is not None else 0

    def counts(self, name: str, terms: Iterable[Term], among: BitMap) -> list[int]:
        """Count those of a set that have each of some options of a filter."""
        having, none = self.having, BitMap()
        return [having.get((name, term.key), none).intersection_cardinality(among) for term in terms]

    def counts_of_all(self, name: str, terms: Iterable[Term], visible: BitMap) -> list[int]:
        """Count those that visitors may see of each of some options of a filter."""
        known = self._numbers(name, visible)
        return [known[term.key] for term in terms]

    def _numbers(self, name: str, visible: BitMap) -> dict[int | str, int]:
        # Of two sets that visitors saw one after the other, the later has more.
        return self.remember(
            ("numbers", name, len(visible)),
            lambda: {term.key: self.count(name, term.key, visible) for term in self.terms[name]},
        )

    def in_order(self, order: str, among: BitMap, offset: int = 0, limit: int | None = None) -> list[int]:
        """Give the keys of a set, newest first or by title, from an offset on."""
        last = None if limit is None else offset + limit
        if len(among) * FEW_OF <= len(self.places):
            which = 1 if order == "title" else 0
            return [place[-1] for place in sorted(self.places[pk][which] for pk in among)[offset:last]]
        keys = (place[-1] for place in (self.by_title if order == "title" else self.newest) if place[-1] in among)
        return list(islice(keys, offset, last))

    def _in_years(self, name: str, is_meant: Callable[[int], bool]) -> BitMap:
        years = (key for filter_name, key in self.having if filter_name == name)
        return self.with_any(name, [year for year in years if isinstance(year, int) and is_meant(year)])

    # --- What search needs beside them; read when it is first asked for -----------------------------------------

    @cached_property
    def synonyms(self) -> list[Synonyms]:
        """Give the synonyms in use."""
        return load_synonyms()

    @cached_property
    def synonym_lexemes(self) -> list[str]:
        """Give the lexemes of all terms that call for synonyms."""
        return sorted({lexeme for group in self.synonyms for lexeme in group.lexemes})

    @cached_property
    def synonym_words(self) -> dict[str, tuple[str, ...]]:
        """Give the terms of one word, each with the queries for its group."""
        words = {group.typed.text.lower(): group.substitutes for group in self.synonyms}
        return {word: queries for word, queries in words.items() if word.isascii() and word.isalpha()}

    @cached_property
    def vocabulary(self) -> list[str]:
        """Give the words that case studies were written with, drafts included: ask before one is shown."""
        return list(SearchWord.objects.values_list("word", flat=True))

    # --- Making one ----------------------------------------------------------------------------------------

    def with_changes(self, state: ContentState, changed: BitMap, facts: Iterable[Facts]) -> "Catalogue":
        """Give the catalogue with some case studies changed: those among them without facts are public no more."""
        facts = list(facts)
        added: dict[tuple[str, int | str], list[int]] = defaultdict(list)
        for fact in facts:
            for option in fact.options:
                added[option].append(fact.id)
        having = {option: keys - changed if keys.intersect(changed) else keys for option, keys in self.having.items()}
        having |= {option: having.get(option, BitMap()) | BitMap(keys) for option, keys in added.items()}
        places = {pk: place for pk, place in self.places.items() if pk not in changed}
        for fact in facts:
            by_time = (-fact.published_at.timestamp(), fact.title, fact.id)
            places[fact.id] = (by_time, (fact.title, fact.id))
        return Catalogue(
            version=state.version,
            origin=state.origin,
            published=(self.published - changed) | BitMap([fact.id for fact in facts]),
            having=having,
            newest=sorted(by_time for by_time, _ in places.values()),
            by_title=sorted(by_title for _, by_title in places.values()),
            places=places,
            scheduled={pk: time for pk, time in self.scheduled.items() if pk not in changed and time > state.now}
            | {fact.id: fact.published_at for fact in facts if fact.published_at > state.now},
            terms=_terms(),
            former={
                "theme": dict(ThemeFormerSlug.objects.values_list("slug", "current__slug")),
                "organisation": dict(OrganisationFormerSlug.objects.values_list("slug", "current__slug")),
            },
        )


def _terms() -> dict[str, list[Term]]:
    """Read every option of every filter, in the order in which they are shown."""
    lists: dict[str, type[TextChoices]] = {
        "intervention": InterventionType,
        "stage": Stage,
        "result": Result,
        "region": Organisation.Region,
    }
    return {
        "theme": [Term(*row) for row in Theme.objects.values_list("pk", "slug", "name")],
        "setting": [Term(*row) for row in Setting.objects.values_list("pk", "slug", "name", "phrase")],
        "organisation": [Term(*row) for row in Organisation.objects.values_list("pk", "slug", "name")],
    } | {
        name: [Term(str(choice.value), str(choice.value), str(choice.label)) for choice in choices]
        for name, choices in lists.items()
    }


def _read_facts(condition: str = "", parameters: tuple[Any, ...] = ()) -> Iterator[Facts]:
    """Read facts from the database, of all published case studies or of some."""
    with connection.cursor() as cursor:
        cursor.execute(FACTS + condition, parameters)
        for row in cursor:
            yield Facts(*row)


class _Shared:
    """The catalogue of this process, which all its threads read."""

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        self.lock = threading.Lock()

    def at(self, state: ContentState) -> Catalogue:
        """Give the catalogue with all that a state of the content has, or more."""
        if state.version is None:
            raise ValueError("Only a state that others see too can be shared.")
        catalogue = self.catalogue
        if (catalogue.version, catalogue.origin) == (state.version, state.origin):
            return catalogue
        with self.lock:
            catalogue = self.catalogue
            # Another thread may be ahead by now: its state was read later. A database put back from a backup is not.
            if _is_of_another_past(catalogue, state):
                state = read_state()
            if _is_of_another_past(catalogue, state):
                catalogue = Catalogue().with_changes(state, BitMap(), _read_facts())
            elif catalogue.version != state.version:
                changed = BitMap(
                    ContentChange.objects.filter(version__gt=catalogue.version).values_list("case_study_id", flat=True)
                )
                facts = _read_facts(" AND study.id = ANY(%s)", (list(changed),)) if changed else ()
                catalogue = catalogue.with_changes(state, changed, facts)
            self.catalogue = catalogue
            return catalogue


def _is_of_another_past(catalogue: Catalogue, state: ContentState) -> bool:
    """Say whether what has changed since the catalogue does not lead to a state."""
    if catalogue.version is None or state.version is None or catalogue.origin != state.origin:
        return True
    return catalogue.version > state.version


_shared = _Shared()


def read_catalogue() -> tuple[Catalogue, datetime]:
    """
    Give the catalogue with all that is committed, and the time by the database's clock.

    A transaction that has written something gets one of its own, which has that too and is thrown away.
    """
    state = read_state()
    if state.version is None:
        return Catalogue().with_changes(state, BitMap(), _read_facts()), state.now
    return _shared.at(state), state.now
