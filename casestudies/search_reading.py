"""What the words in the search box ask for: operators, synonyms, and the small talk around them."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from django.db import connection

from casestudies.models import SEARCH_CONFIGURATION
from casestudies.synonyms import Synonyms, Term, any_of

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
    also: list[str] = field(default_factory=list)  # the synonyms, as staff wrote them
    closer: list[str] = field(default_factory=list)  # words as they were typed, and side by side


@dataclass(frozen=True)
class _Word:
    """A word or a phrase in quotes as it was typed, the stems PostgreSQL makes of it, and the query for it."""

    typed: str
    stems: tuple[str, ...]
    query: str
    is_phrase: bool
    is_refused: bool  # behind a minus


def read(words: str, known: Iterable[Synonyms]) -> Reading | None:
    """Turn words into a query, with the synonyms that are known; None when nothing is left to search for."""
    query, typed, pairs = _parse(words)
    if not query:
        return None
    asked = {stem for word in typed if not word.is_refused for stem in word.stems}
    # A phrase in quotes is meant as it stands.
    sequence = [stem for word in typed if not word.is_phrase for stem in word.stems]
    refused = {stem for word in typed if word.is_refused for stem in word.stems}
    synonyms = [
        replace(group, is_asked_for=refused.isdisjoint(group.lexemes))
        for group in _choose(words, [group for group in known if _calls(group.typed, words, sequence)])
    ]
    wanted = [group for group in synonyms if group.is_asked_for]
    # What is asked for, or means the same, is not refused with a synonym of it: "falls -slips".
    meant = asked.union(*(term.stems for group in wanted for term in group.terms))
    synonyms = [
        group
        if group.is_asked_for
        else replace(group, terms=tuple(term for term in group.terms if not meant.issuperset(term.stems)))
        for group in synonyms
    ]
    asked_for = [word for word in typed if not word.is_refused]
    parts = _parts(asked_for, wanted)
    if not parts and not refused:
        return None
    words_of_terms = _parts(asked_for, [group for group in wanted if len(group.lexemes) == 1])
    closer = [group.target for group in wanted] + [pair for pair in pairs if "<" in pair]
    also = dict.fromkeys(
        term.text for group in wanted for term in group.terms if not {*asked, *refused}.issuperset(term.stems)
    )
    if _is_plain(words):
        query = all_of(any_of(part.queries + part.loose) for part in parts)
        return Reading(query, parts, [word for word in words_of_terms if word not in parts], True, list(also), closer)
    (query,) = _rewrite([(query, synonyms)])
    return Reading(query, parts, [], False, list(also), closer)


def _calls(term: Term, words: str, sequence: list[str]) -> bool:
    """Say whether a term stands among the words: its stems side by side and in order, small words between or not."""
    if term.says_more_than_its_stems:
        return f" {term.text.lower()} " in f" {' '.join(words.lower().split())} "
    length = len(term.stems)
    return any(tuple(sequence[place : place + length]) == term.stems for place in range(len(sequence) - length + 1))


def _parse(words: str) -> tuple[str, list[_Word], list[str]]:
    """Let PostgreSQL read the words: all together, one by one, and in pairs without the small talk between."""
    found = [match.groups(default="") for match in re.finditer(r'(-?)(?:"([^"]*)"?|(\S+))', words)]
    typed = [(phrase or word, bool(phrase), bool(minus)) for minus, phrase, word in found]
    telling = [text for text, is_phrase, is_refused in typed if not _is_small_talk(text) and not is_refused]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT websearch_to_tsquery(%(config)s::regconfig, %(words)s)::text,
                ARRAY(
                    SELECT json_build_array(ARRAY(
                        SELECT lexeme FROM unnest(to_tsvector(%(config)s::regconfig, word))
                        ORDER BY positions[1], lexeme
                    ), CASE WHEN is_phrase THEN phraseto_tsquery(%(config)s::regconfig, word)
                        ELSE plainto_tsquery(%(config)s::regconfig, word) END::text)::text
                    FROM unnest(%(typed)s::text[], %(phrases)s::bool[])
                        WITH ORDINALITY AS typed (word, is_phrase, place)
                    ORDER BY place
                ),
                ARRAY(SELECT phraseto_tsquery(%(config)s::regconfig, pair)::text FROM unnest(%(pairs)s::text[]) pair)
            """,
            {
                "config": SEARCH_CONFIGURATION,
                "words": words,
                "typed": [text for text, _, _ in typed],
                "phrases": [is_phrase for _, is_phrase, _ in typed],
                "pairs": [" ".join(pair) for pair in pairwise(telling)],
            },
        )
        query, each, pairs = cursor.fetchone()
    read_words = []
    for (text, is_phrase, is_refused), one in zip(typed, each, strict=True):
        stems, own_query = json.loads(one)
        read_words.append(_Word(text, tuple(stems), own_query, is_phrase, is_refused))
    return query, read_words, pairs


def _choose(words: str, calling: list[Synonyms]) -> list[Synonyms]:
    """
    Choose the groups that the words call for: the longest term first, no word twice.

    Inside a longer term the groups of its single words hold too: "medication review" is also any word for medicines,
    with a review.
    """
    as_typed = " ".join(words.lower().split())
    calling = sorted(
        calling,
        key=lambda group: (-len(group.typed.stems), group.typed.text.lower() not in as_typed, group.typed.text),
    )
    chosen: dict[tuple[str, ...], Synonyms] = {}
    taken: set[str] = set()
    for group in calling:
        if same := chosen.get(group.typed.stems):
            chosen[group.typed.stems] = replace(same, terms=tuple(dict.fromkeys(same.terms + group.terms)))
        elif taken.isdisjoint(group.lexemes):
            taken |= group.lexemes
            chosen[group.typed.stems] = group
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
    single = [word for word in typed if word.stems and not grouped.issuperset(word.stems)]
    telling = [word for word in single if not _is_small_talk(word.typed)]
    chosen = telling if telling or parts else single
    return list(dict.fromkeys(parts + [Wanted((word.query,)) for word in chosen]))


def all_of(queries: Iterable[str]) -> str:
    """Give a query for what has all of these."""
    return " & ".join(f"({query})" for query in queries)
