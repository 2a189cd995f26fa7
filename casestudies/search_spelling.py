"""The nearest spelling of a search, from the words of what visitors may see."""

import re
from functools import cache

from django.db import connection
from pyroaring import BitMap
from rapidfuzz import process
from rapidfuzz.distance import OSA
from spellchecker import SpellChecker

from casestudies.catalogue import Catalogue
from casestudies.models import SEARCH_CONFIGURATION
from casestudies.search_matches import find

MOST_RESPELLED = 6  # words of a search
LONG = 8  # letters
MOST_READ = 100  # case studies, to see whether a word is written in one
MUCH_MORE = 5  # times as many case studies have a word, so that it may have been meant

IS_WRITTEN = """
SELECT EXISTS (
    SELECT FROM casestudies_casestudy WHERE id = ANY(%s) AND to_tsvector('simple', concat_ws(' ',
        title, summary, challenge, approach, outcome, lessons, getting_started, keeping_it_going, search_names,
        search_partners)) @@ %s::tsquery
)
"""


def respell(words: str, catalogue: Catalogue, visible: BitMap, rarer_than: int = 1) -> str:
    """
    Put right the words that hardly any visible case study has; empty when there is nothing to put right.

    `rarer_than` 1 takes the words that none has, a larger number rare ones too, where a far more common one is near.
    """
    # Abbreviations are short and look alike; to respell one is to guess.
    typed = {word for word in re.findall(r"\b[A-Za-z]{4,}\b", words) if not word.isupper()}
    doubtful = sorted(word for word in typed if word.lower() not in english())
    right = {}
    for word, found in _find(doubtful[:MOST_RESPELLED], catalogue, visible, knows_synonyms=False).items():
        least = MUCH_MORE * len(found)
        if len(found) < rarer_than and (nearest := _nearest(word.lower(), catalogue, visible, least)):
            right[word] = nearest
    return re.sub(r"\b[A-Za-z]+\b", lambda match: right.get(match[0], match[0]), words) if right else ""


@cache
def english() -> frozenset[str]:
    """Give the words of everyday English: who types one has not misspelt it, whatever case studies are about."""
    return frozenset(SpellChecker(language="en").word_frequency.words())


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
        other: distance
        for other, distance, _ in process.extract(word, vocabulary, scorer=OSA.distance, score_cutoff=most, limit=8)
        if distance
    }
    found = _find(list(near), catalogue, visible)
    for other in sorted(found, key=lambda other: (near[other], -len(found[other]), other)):
        if len(found[other]) >= max(least, 1) and (
            other in catalogue.synonym_words or _is_written(other, found[other])
        ):
            return other
    return ""


def _is_written(word: str, case_studies: BitMap) -> bool:
    """Say whether one of the case studies has a word as it is: a draft may have one of its own, with the same stem."""
    with connection.cursor() as cursor:
        cursor.execute(IS_WRITTEN, [list(case_studies[:MOST_READ]), f"'{word}'"])
        return bool(cursor.fetchone()[0])


def _find(
    words: list[str], catalogue: Catalogue, visible: BitMap, *, knows_synonyms: bool = True
) -> dict[str, BitMap]:
    """
    Find the visible case studies that have each word, or a synonym of it; common words are not in it.

    Without synonyms, words that stand in one are left out: staff know them, however few case studies have them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT word, query::text FROM unnest(%s::text[]) word, plainto_tsquery(%s::regconfig, word) query"
            " WHERE numnode(query) > 0 AND NOT tsvector_to_array(to_tsvector(%s::regconfig, word)) && %s::text[]",
            [words, SEARCH_CONFIGURATION, SEARCH_CONFIGURATION, [] if knows_synonyms else catalogue.synonym_lexemes],
        )
        queries = {word: (query, *catalogue.synonym_words.get(word, ())) for word, query in cursor.fetchall()}
    return {
        word: matches.anywhere & visible
        for word, matches in zip(queries, find(list(queries.values()), catalogue), strict=True)
    }
