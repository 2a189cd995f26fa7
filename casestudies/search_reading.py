"""What the words in the search box ask for: operators, synonyms, and the small talk around them."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from django.db import connection

from casestudies.models import SEARCH_CONFIGURATION
from casestudies.synonyms import Synonyms, any_of

# Words of the sentence around what is looked for. Left out when others remain; they say nothing about safety.
SMALL_TALK = frozenset(
    """
    about advice always anyone anything are around asked at avoid avoiding be been being best better bring but
    by call can cannot cope could dad deal do does done end ending enough example examples feel feeling find for
    from get gets getting give giving go goes going gone good got gran had has have help helping helps her hers
    him his how idea ideas if improve improving instead into is it its keep keeping keeps kept know learn less
    let like look looking looks lot lots made make makes making manage many mean more most much mum my nan need
    needs new not often on our patient people please project projects properly put putting reduce reduced
    reducing resident residents right safely same see should show so some someone something stay staying stop
    stopped stopping stops take taking tell that their them there they thing things this those time to too try
    trying up us use used using want wants way ways we what when where which while who whose why will with
    without work working works would you your
    """.split()  # noqa: SIM905  # a list of 170 quoted words is hard to read
)


@dataclass(frozen=True)
class Wanted:
    """A part of a search: the queries of which any will do, and looser ones that hardly tell what is meant."""

    queries: tuple[str, ...]
    loose: tuple[str, ...] = ()


@dataclass
class Reading:
    """
    What words ask for.

    `parts` are what was asked for, one by one: they decide the order and, in a plain list of words, what is found.
    With operators (a phrase in quotes, `or`, a minus) `query` decides that.
    """

    query: str
    parts: list[Wanted]
    words: list[Wanted]  # the words of longer terms one by one, for when hardly anything has the term
    is_plain: bool
    synonyms: list[Synonyms] = field(default_factory=list)
    closer: list[str] = field(default_factory=list)  # words as they were typed, and side by side


@dataclass(frozen=True)
class _Word:
    """A word as it was typed, the lexemes PostgreSQL makes of it, and the query for it."""

    typed: str
    lexemes: frozenset[str]
    query: str


def read(words: str, known: Iterable[Synonyms]) -> Reading | None:
    """Turn words into a query, with the synonyms that are known; None when nothing is left to search for."""
    query, typed, pairs = _parse(words)
    if not query:
        return None
    asked = {lexeme for word in typed for lexeme in word.lexemes}
    refused = {lexeme for word in typed if word.typed.startswith("-") for lexeme in word.lexemes}
    synonyms = [
        replace(group, is_asked_for=refused.isdisjoint(group.lexemes))
        for group in _choose(words, [group for group in known if group.lexemes <= asked])
    ]
    wanted = [group for group in synonyms if group.is_asked_for]
    asked_for = [word for word in typed if refused.isdisjoint(word.lexemes)]
    parts = _parts(asked_for, wanted)
    words_of_terms = _parts(asked_for, [group for group in wanted if len(group.lexemes) == 1])
    closer = [group.target for group in wanted] + [pair for pair in pairs if "<" in pair]
    if _is_plain(words):
        query = all_of(any_of(part.queries + part.loose) for part in parts)
        return Reading(query, parts, [word for word in words_of_terms if word not in parts], True, synonyms, closer)
    (query,) = _rewrite([(query, synonyms)])
    return Reading(query, parts, [], False, synonyms, closer)


def _parse(words: str) -> tuple[str, list[_Word], list[str]]:
    """Let PostgreSQL read the words: all together, one by one, and in pairs without the small talk between."""
    typed = words.split()
    telling = [word for word in typed if not _is_small_talk(word)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT websearch_to_tsquery(%(config)s::regconfig, %(words)s)::text,
                (
                    SELECT json_agg(json_build_array(
                        word, tsvector_to_array(to_tsvector(%(config)s::regconfig, word)),
                        plainto_tsquery(%(config)s::regconfig, word)::text
                    ) ORDER BY place) FROM unnest(%(typed)s::text[]) WITH ORDINALITY AS typed (word, place)
                )::text,
                ARRAY(SELECT phraseto_tsquery(%(config)s::regconfig, pair)::text FROM unnest(%(pairs)s::text[]) pair)
            """,
            {
                "config": SEARCH_CONFIGURATION,
                "words": words,
                "typed": typed,
                "pairs": [" ".join(pair) for pair in pairwise(telling)],
            },
        )
        query, each, pairs = cursor.fetchone()
    return query, [_Word(word, frozenset(lexemes), one) for word, lexemes, one in json.loads(each or "[]")], pairs


def _choose(words: str, calling: list[Synonyms]) -> list[Synonyms]:
    """
    Choose the groups that the words call for: the longest term first, no word twice.

    Inside a longer term the groups of its single words hold too: "medication review" is also any word for medicines,
    with a review.
    """
    as_typed = " ".join(words.lower().split())
    calling = sorted(
        calling, key=lambda group: (-len(group.lexemes), group.typed.lower() not in as_typed, group.typed)
    )
    chosen: dict[frozenset[str], Synonyms] = {}
    taken: set[str] = set()
    for group in calling:
        if same := chosen.get(group.lexemes):
            others = tuple(dict.fromkeys(same.others + group.others))
            chosen[group.lexemes] = replace(same, others=others, substitutes=same.substitutes + group.substitutes)
        elif taken.isdisjoint(group.lexemes):
            taken |= group.lexemes
            chosen[group.lexemes] = group
    groups = list(chosen.values())
    inside = _rewrite([(group.target, _inside(group, calling)) for group in groups])
    return [replace(group, inside=query) for group, query in zip(groups, inside, strict=True)]


def _inside(group: Synonyms, calling: list[Synonyms]) -> list[Synonyms]:
    """Give the groups of the single words of a term that has several, each with the word itself."""
    return [other for other in calling if other.lexemes < group.lexemes]


def _rewrite(queries: list[tuple[str, list[Synonyms]]]) -> list[str]:
    """Let PostgreSQL put synonyms in their places in each query, inside phrases and behind a minus too."""
    if not any(synonyms for _, synonyms in queries):
        return [query for query, _ in queries]
    columns: list[str] = []
    parameters: list[str] = []
    for query, synonyms in queries:
        call = "%s::tsquery"
        parameters.append(query)
        for group in synonyms:
            call = f"ts_rewrite({call}, %s::tsquery, %s::tsquery)"
            parameters += [group.target, any_of((*group.substitutes, group.inside or group.target))]
        columns.append(f"({call})::text")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(columns)}", parameters)
        return list(cursor.fetchone())


def _is_small_talk(word: str) -> bool:
    return word.lower().strip(".,;:!?") in SMALL_TALK


def _is_plain(words: str) -> bool:
    """Say whether words are a plain list: no phrase, no `or`, nothing to leave out."""
    return '"' not in words and not re.search(r"(^|\s)-\S", words) and not re.search(r"(?i)(^|\s)or(\s|$)", words)


def _parts(typed: list[_Word], synonyms: list[Synonyms]) -> list[Wanted]:
    """Give each part of a list of words: a group of synonyms, or a word by itself."""
    parts = [
        # The words of a term may stand anywhere in a text that has none of the terms; they seldom mean the same then.
        Wanted(group.substitutes, (group.inside,))
        if len(group.lexemes) > 1
        else Wanted(tuple(dict.fromkeys((*group.substitutes, group.target))))
        for group in synonyms
    ]
    grouped = {lexeme for group in synonyms for lexeme in group.lexemes}
    single = [word for word in typed if word.lexemes and not grouped.issuperset(word.lexemes)]
    telling = [word for word in single if not _is_small_talk(word.typed)]
    chosen = telling if telling or parts else single
    return list(dict.fromkeys(parts + [Wanted((word.query,)) for word in chosen]))


def all_of(queries: Iterable[str]) -> str:
    """Give a query for what has all of these."""
    return " & ".join(f"({query})" for query in queries)
