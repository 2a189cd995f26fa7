"""The nearest spelling of a search, from the words of what visitors may see."""

import re

from django.db import connection
from pyroaring import BitMap
from rapidfuzz import process
from rapidfuzz.distance import OSA

from casestudies.catalogue import Catalogue
from casestudies.models import SEARCH_CONFIGURATION
from casestudies.search_matches import find

MOST_RESPELLED = 6  # words of a search
LONG = 8  # letters
MUCH_MORE = 5  # times as many case studies have a word, so that it may have been meant


def respell(words: str, catalogue: Catalogue, visible: BitMap, rarer_than: int = 1) -> str:
    """
    Put right the words that hardly any visible case study has; empty when there is nothing to put right.

    `rarer_than` 1 takes the words that none has, a larger number rare ones too, where a far more common one is near.
    """
    # Abbreviations are short and look alike; to respell one is to guess.
    doubtful = sorted({word for word in re.findall(r"\b[A-Za-z]{5,}\b", words) if not word.isupper()})
    right = {}
    for word, number in _count(doubtful[:MOST_RESPELLED], catalogue, visible, knows_synonyms=False).items():
        if number < rarer_than and (nearest := _nearest(word.lower(), catalogue, visible, least=MUCH_MORE * number)):
            right[word] = nearest
    return re.sub(r"\b[A-Za-z]+\b", lambda match: right.get(match[0], match[0]), words) if right else ""


def _nearest(word: str, catalogue: Catalogue, visible: BitMap, least: int) -> str:
    """
    Give the other word of the content nearest to one, the more common of two; empty when none is near.

    It stands in `least` visible case studies or more, and in one at least.

    Near is one letter away, or two in a long word, and begins with the same letter, as most misspellings do: what
    is further away is another word, and as often as not the one that was typed is no misspelling at all.
    """
    most = 1 if len(word) < LONG else 2
    vocabulary = [other for other in (*catalogue.vocabulary, *catalogue.synonym_words) if other[0] == word[0]]
    near = {
        found: distance
        for found, distance, _ in process.extract(word, vocabulary, scorer=OSA.distance, score_cutoff=most, limit=8)
        if distance
    }
    candidates = [
        (near[found], -number, found)
        for found, number in _count(list(near), catalogue, visible).items()
        if number >= max(least, 1)
    ]
    return min(candidates)[2] if candidates else ""


def _count(words: list[str], catalogue: Catalogue, visible: BitMap, *, knows_synonyms: bool = True) -> dict[str, int]:
    """
    Count the visible case studies that have each word, or a synonym of it; common words are not in it.

    Without synonyms, words that stand in one are left out: staff know them, however few case studies have them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT word, query::text FROM unnest(%s::text[]) word, plainto_tsquery(%s::regconfig, word) query"
            " WHERE numnode(query) > 0 AND NOT tsvector_to_array(to_tsvector(%s::regconfig, word)) && %s::text[]",
            [words, SEARCH_CONFIGURATION, SEARCH_CONFIGURATION, [] if knows_synonyms else catalogue.synonym_lexemes],
        )
        queries = {word: (query, *catalogue.synonym_words.get(word, ())) for word, query in cursor.fetchall()}
    found = find(list(queries.values()))
    return {
        word: matches.anywhere.intersection_cardinality(visible) for word, matches in zip(queries, found, strict=True)
    }
