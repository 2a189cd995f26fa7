"""
What people type into the search box, and what it finds.

`understand` reads the words (phrases in quotes, `or`, a minus), adds synonyms, corrects the spelling where nothing
is found, and leaves out the least telling words where hardly anything has them all. What it did is kept beside what
it found, so that the page can say so. docs/adr/0008 has the reasons.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.utils.safestring import SafeString
from pyroaring import BitMap

from casestudies.catalogue import Catalogue
from casestudies.search_matches import MOST_RANKED, Matches, Part, find, rank, tiers
from casestudies.search_reading import Reading, Wanted, read
from casestudies.search_spelling import respell
from casestudies.synonyms import any_of

# With fewer results than this, words are left out one by one, and a spelling may be suggested.
FEW = 4
MOST_WORDS = 32  # are read of a search; each costs a query or two
# Searches that a process remembers, the parts of one that is remembered, and orders of results that each remembers.
MOST_SEARCHES, MOST_REMEMBERED_PARTS, MOST_RANKINGS = 100, 8, 3
LONGEST = 2_000  # milliseconds, for one query of a search
LOOSE_WEIGHT = 0.3  # of the words of a term that stand apart
CLOSER_WEIGHT = 0.2  # of a word as it was typed, beside its synonyms; and of two words side by side


@dataclass(frozen=True)
class Search:
    """A search as it was understood, and what it found."""

    words: str  # as typed
    query: str = ""  # finds what has all the words; empty when nothing is left to search for
    found: BitMap = field(default_factory=BitMap)
    parts: tuple[Part, ...] = ()  # decide the order
    also: tuple[str, ...] = ()  # the synonyms that were searched for too
    is_widened: bool = False  # whether some of the words were enough, as hardly anything has them all
    is_shortened: bool = False  # whether there were more words than are read
    corrected: str = ""  # the words that were searched for instead, as nothing has those typed
    suggestion: str = ""  # what may have been meant
    ranked: dict[tuple[int, ...], list[int]] = field(default_factory=dict, compare=False)  # best match first
    extracts: dict[int, SafeString] = field(default_factory=dict, compare=False)  # that search_extracts has marked

    @property
    def anything(self) -> str:
        """Give a query for any of the words, to mark them where they stand."""
        return any_of(part.query for part in self.parts)

    @property
    def has_meaning(self) -> bool:
        """Say whether anything was left to search for once common words ("the", "of") and operators are gone."""
        return bool(self.query)

    def best_first(self, catalogue: Catalogue, among: BitMap, offset: int, limit: int) -> list[int]:
        """Give the keys of some of the results from an offset on, best match first."""
        last = offset + limit
        first: list[int] = []  # in the best places, to be ranked
        rest: list[int] = []
        for tier in tiers(self.parts, among):
            wanted = max(last, MOST_RANKED) - len(first) - len(rest)
            if wanted <= 0:
                break
            # Of a tier larger than what is left to rank, the newest stand for the others.
            keys = catalogue.in_order("newest", tier, limit=wanted)
            taken = MOST_RANKED - len(first)
            first += keys[:taken]
            rest += keys[taken:]
        ranked = self._rank(tuple(first)) if offset < len(first) else first
        return (ranked + rest)[offset:last]

    def _rank(self, keys: tuple[int, ...]) -> list[int]:
        """Put the best match first; the pages of one list ask for the same."""
        found = self.ranked.get(keys)
        if found is None:
            found = rank(self.parts, keys)
            if len(self.ranked) >= MOST_RANKINGS:
                self.ranked.clear()
            self.ranked[keys] = found
        return found


@contextmanager
def limited_time() -> Iterator[None]:
    """
    Stop every query inside that runs longer than LONGEST; the database then raises an OperationalError.

    A search that asks too much must not keep a thread from those who ask little.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(LONGEST)])
        yield


def understand(typed: str, catalogue: Catalogue, visible: BitMap) -> Search:
    """
    Read what was typed, for a search among the case studies that visitors may see now.

    Whoever narrows a search or turns its pages asks for the same again, so it is remembered with the catalogue of the
    content. Of two sets that visitors saw one after the other, the later has more.
    """
    known: dict[tuple[str, int], Search] = catalogue.remembered.setdefault("searches", {})
    key = (typed, len(visible))
    found = known.get(key)
    if found is None:
        found = _understand(typed, catalogue, visible)
        if len(found.parts) <= MOST_REMEMBERED_PARTS:
            if len(known) >= MOST_SEARCHES:
                known.clear()
            known[key] = found
    return found


def _understand(typed: str, catalogue: Catalogue, visible: BitMap) -> Search:
    asked = " ".join(typed.split()[:MOST_WORDS])
    reading = read(asked, catalogue.synonyms)
    if reading is None:
        return Search(typed)
    found, matches = _find(reading, catalogue, visible)
    corrected = suggestion = ""
    if not found and (other := respell(asked, catalogue, visible)):
        other_reading = read(other, catalogue.synonyms)
        if other_reading is not None:
            other_found, other_matches = _find(other_reading, catalogue, visible)
            if other_found or (other_reading.is_plain and len(other_reading.parts) > 1):
                corrected, reading, found, matches = other, other_reading, other_found, other_matches
    elif len(found) < FEW:
        suggestion = respell(asked, catalogue, visible, rarer_than=FEW)
    parts = _telling(reading, matches, visible)
    is_widened = reading.is_plain and len(found) < FEW and len(reading.parts) + len(reading.words) > 1
    if is_widened:
        words = find([word.queries for word in reading.words], catalogue)
        parts += tuple(_weighed(reading.words, words, visible))
        # In a title, a summary or a name, where a word says what a case study is about.
        found |= BitMap.union(*(part.head for part in matches + words)) & visible
    return Search(
        words=typed,
        query=reading.query,
        found=found,
        parts=parts,
        also=tuple(reading.also),
        is_widened=is_widened,
        is_shortened=len(typed.split()) > MOST_WORDS,
        corrected=corrected,
        suggestion=suggestion,
    )


def _find(reading: Reading, catalogue: Catalogue, visible: BitMap) -> tuple[BitMap, list[Matches]]:
    """Find what a search asks for, and what has each of its parts."""
    wanted = [part.queries + part.loose for part in reading.parts]
    if reading.is_plain:
        matches = find(wanted, catalogue)
        return BitMap.intersection(visible, *(part.anywhere for part in matches)), matches
    whole, *matches = find(wanted, catalogue, first=reading.query)
    return whole.anywhere & visible, matches


def _telling(reading: Reading, matches: list[Matches], visible: BitMap) -> tuple[Part, ...]:
    """Give what decides the order: each part, its looser queries, and what speaks for a better match."""
    if not reading.parts:
        return (Part(reading.query, 1.0),)
    parts = _weighed(reading.parts, matches, visible)
    usual = sum(part.telling for part in parts) / len(parts)
    loose = [
        Part(query, LOOSE_WEIGHT * tight.telling)
        for part, tight in zip(reading.parts, parts, strict=True)
        for query in part.loose
    ]
    return (*parts, *loose, *(Part(query, CLOSER_WEIGHT * usual) for query in reading.closer))


def _weighed(wanted: list[Wanted], matches: list[Matches], visible: BitMap) -> list[Part]:
    """Say how telling each part is: a part that everything has tells little (inverse document frequency)."""
    return [
        Part(
            any_of(part.queries),
            math.log1p(len(visible) / (1 + found.anywhere.intersection_cardinality(visible))),
            found,
        )
        for part, found in zip(wanted, matches, strict=True)
    ]
