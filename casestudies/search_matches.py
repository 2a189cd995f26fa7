"""Which case studies a query of PostgreSQL's finds, where its words stand, and which of them match best."""

import re
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import product
from operator import itemgetter

from django.db import connection
from pyroaring import BitMap

from casestudies.catalogue import Catalogue
from casestudies.synonyms import any_of

# What it counts that a word stands in a section, among the partners, in the summary or a name, in the title; and
# that it stands anywhere at all.
RANK_WEIGHTS = [0.3, 0.2, 0.7, 1.0]
FOUND_WEIGHT = 0.4
# The parts of a search that decide the order: the most telling, however many words were pasted.
MOST_RANKED_PARTS = 40
# Where a search finds more than this, those whose words stand in the best places are ranked in full, and the rest
# follow by those places: to weigh a whole text takes PostgreSQL far longer than to know that it has a word.
MOST_RANKED = 200
MOST_KNOWN = 2_000  # words whose matches a process keeps; some kilobytes each, with 100,000 case studies up to 40
MOST_TIERED_PARTS = 4  # whose places tell a tier apart; four places to the power of this many tiers at the most

PHRASE = re.compile(r"<->|<\d+>")  # words side by side, or so many words apart

FIND = """
SELECT
    (SELECT string_agg(int4send(id::int), '') FROM casestudies_casestudy
        WHERE status = 'published' AND search_vector @@ query),
    (SELECT string_agg(int4send(id::int), '') FROM casestudies_casestudy
        WHERE status = 'published' AND head_vector @@ query),
    (SELECT string_agg(int4send(id::int), '') FROM casestudies_casestudy
        WHERE status = 'published' AND title_vector @@ query)
FROM unnest(%s::text[]) WITH ORDINALITY AS asked (words, place), LATERAL (SELECT words::tsquery AS query) parsed
ORDER BY place
"""

CHECK = """
SELECT string_agg(int4send(id::int), '') FROM casestudies_casestudy WHERE id = ANY(%s) AND {column} @@ %s::tsquery
"""

RANK = """
SELECT id FROM (
    -- Joined to nothing, so that a text which is stored apart is fetched once and not for every part of the search.
    SELECT id, published_at, search_vector || '' AS words FROM casestudies_casestudy WHERE id = ANY(%(among)s) OFFSET 0
) study, LATERAL (
    SELECT COALESCE(sum(telling * (%(found)s + ts_rank(%(weights)s::real[], words, query))), 0) AS score
    FROM unnest(%(queries)s::text[]::tsquery[], %(telling)s::float8[]) AS part (query, telling) WHERE words @@ query
) ranked
ORDER BY score DESC, published_at DESC, id
"""


@dataclass(frozen=True)
class Matches:
    """The published case studies that a query finds: anywhere, in what stands at their head, in their title."""

    anywhere: BitMap
    head: BitMap
    title: BitMap


@dataclass(frozen=True)
class Part:
    """A part of a search: its query, how telling it is, and what it finds."""

    query: str
    telling: float
    matches: Matches | None = None  # of a part that only speaks for a better match


def find(parts: Sequence[Sequence[str]], catalogue: Catalogue, *, first: str = "") -> list[Matches]:
    """
    Find what matches any of the queries of each part, among the published, those scheduled included.

    Whoever narrows a search or turns its pages asks for the same words again: what they find is remembered with the
    catalogue of the content. What a query with operators finds, `first`, is not: there are more of these than words.
    """
    known: dict[tuple[str, ...], Matches] = catalogue.remembered.setdefault("matches", {})
    words = [tuple(part) for part in parts]
    asked = [(first,), *words] if first else words
    found = {part: matches for part in asked if (matches := known.get(part))}
    if missing := [part for part in dict.fromkeys(asked) if part not in found]:
        found |= zip(missing, _find_parts(missing), strict=True)
        if len(known) + len(missing) > MOST_KNOWN:
            known.clear()
        known.update((part, found[part]) for part in words)
    return [found[part] for part in asked]


def _find_parts(parts: Sequence[Sequence[str]]) -> list[Matches]:
    """
    Ask for phrases last, and of those case studies alone which have their words and were not found already.

    An index knows which words a text has, not whether they stand side by side: for that PostgreSQL reads the text,
    and those of all rows on the same page of the table.
    """
    plain = [any_of(query for query in part if not _is_phrase(query)) for part in parts]
    phrases = [any_of(query for query in part if _is_phrase(query)) for part in parts]
    found = _find([*plain, *(PHRASE.sub("&", query) for query in phrases)])
    sure, likely = found[: len(parts)], found[len(parts) :]
    return [
        _with_phrases(phrase, *matches) if phrase else matches[0]
        for phrase, *matches in zip(phrases, sure, likely, strict=True)
    ]


def _is_phrase(query: str) -> bool:
    """Say whether a query needs words side by side. Behind a `!` they need to be read in full wherever they stand."""
    return PHRASE.search(query) is not None and "!" not in query


def _find(queries: Sequence[str]) -> list[Matches]:
    with connection.cursor() as cursor:
        cursor.execute(FIND, [list(queries)])
        return [Matches(*(_bitmap(keys) for keys in row)) for row in cursor.fetchall()]


def _with_phrases(phrase: str, sure: Matches, likely: Matches) -> Matches:
    """Add to what is found for sure what has a phrase, of what has its words. Small columns are read first."""
    title = sure.title | _check("title_vector", phrase, likely.title - sure.title)
    head = sure.head | title | _check("head_vector", phrase, likely.head - sure.head - title)
    anywhere = sure.anywhere | head
    return Matches(anywhere | _check("search_vector", phrase, likely.anywhere - anywhere), head, title)


def _check(column: str, phrase: str, among: BitMap) -> BitMap:
    if not among:
        return among
    with connection.cursor() as cursor:
        cursor.execute(CHECK.format(column=column), [list(among), phrase])
        return _bitmap(cursor.fetchone()[0])


def _bitmap(keys: bytes | None) -> BitMap:
    numbers = array("I", keys or b"")
    if sys.byteorder == "little":  # PostgreSQL sends the most significant byte first
        numbers.byteswap()
    return BitMap(numbers)


def tiers(parts: Sequence[Part], among: BitMap) -> Iterator[BitMap]:
    """
    Divide what was found by where the words stand, the best places first.

    A cheap forecast of the rank: the same weights, without how often a word stands there.
    """
    telling = nlargest(MOST_TIERED_PARTS, (part for part in parts if part.matches), key=lambda part: part.telling)
    places = []
    for part in telling:
        found = part.matches
        if found is None:
            continue
        title, head = found.title, found.head
        places.append(
            [
                (part.telling * (FOUND_WEIGHT + RANK_WEIGHTS[3]), title),
                (part.telling * (FOUND_WEIGHT + RANK_WEIGHTS[2]), head - title),
                (part.telling * (FOUND_WEIGHT + RANK_WEIGHTS[0]), found.anywhere - head - title),
                (0.0, among - found.anywhere - head - title),
            ]
        )
    combinations = [(sum(worth for worth, _ in combination), combination) for combination in product(*places)]
    for _, combination in sorted(combinations, key=itemgetter(0), reverse=True):
        if tier := BitMap.intersection(among, *(keys for _, keys in combination)):
            yield tier


def rank(parts: Sequence[Part], among: Sequence[int]) -> list[int]:
    """
    Put the best match first.

    Each part of a search counts where it is found, by how telling it is: more so in the title than in the summary or
    a name, and more there than in the sections. Equal ones stand newest first.
    """
    chosen = nlargest(MOST_RANKED_PARTS, parts, key=lambda part: part.telling)
    with connection.cursor() as cursor:
        cursor.execute(
            RANK,
            {
                "among": list(among),
                "found": FOUND_WEIGHT,
                "weights": RANK_WEIGHTS,
                "queries": [part.query for part in chosen],
                "telling": [part.telling for part in chosen],
            },
        )
        return [pk for (pk,) in cursor.fetchall()]
