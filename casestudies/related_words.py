"""The words of title and summary that tell what a case study is about, for those related to it."""

import math
import re
from collections.abc import Container
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connection
from pyroaring import BitMap

from casestudies.models import SEARCH_CONFIGURATION, CaseStudy
from casestudies.search_reading import SMALL_TALK

FEW = 200  # published case studies at most have what brings candidates
TELLING = 0.1  # of the published case studies at most have a telling word; or these many, where there are few:
TELLING_AT_LEAST = 5
COUNTED = 3_000  # published case studies are enough to say how rare a word is
MOST_KNOWN = 10_000  # words, in each process; under a kilobyte each
# Words that say nothing about what was done, and that few case studies may happen to have.
GENERIC = SMALL_TALK.union(
    """
    half quarter third first second twice two three four five six seven eight nine ten eleven twelve thirteen fourteen
    fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds
    thousand thousands million across ahsn ahsns big clinical cut daily early enhanced large late learning local long
    national nearly new nhs patients place region regional safer score scores share short simple small spot spotting
    staff straight suspected visits warning whole day days week weeks month months year years hour hours minute
    minutes
    """.split()  # noqa: SIM905  # a list of quoted words is hard to read
)
WORD_FORM = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")


class TellingWord(NamedTuple):
    """A word that few case studies have, with those that have it where it tells something."""

    lexeme: str
    weight: float
    case_studies: BitMap


# What is known of words, by the word and whether it stands in a title; None where it tells nothing.
type Known = dict[tuple[str, bool], TellingWord | None]


@dataclass(frozen=True)
class Words:
    """The words of a case study: those of its title, and each of title and summary with its form to quote."""

    title: frozenset[str]
    forms: dict[str, str]  # as they stand; no form where there is a capital only, as names have

    @classmethod
    def of(cls, case_study: CaseStudy, among: Container[str] | None = None) -> "Words":
        """Find the words of a case study, or those of them that are among others."""
        forms: dict[str, str] = {}
        for word in WORD_FORM.findall(f"{case_study.title}\n{case_study.summary}"):
            folded = word.casefold()
            if among is not None and folded not in among:
                continue
            if len(word) > 2 and word[0].isalpha() and not {"'", "’"}.intersection(word):
                is_plain = word.islower() or not word[1:].islower()
                forms[folded] = forms.get(folded) or (word if is_plain else "")
        return cls(frozenset(words_in(case_study.title)), forms)

    def shared_with(self, other: "Words") -> dict[str, str]:
        """
        Give the words that both have and their forms to quote, without names.

        One of both has it in the title: there a word says what it is about.
        """
        return {
            word: form or other.forms[word]
            for word, form in self.forms.items()
            if word in other.forms and (form or other.forms[word]) and (word in self.title or word in other.title)
        }


def words_in(text: str) -> set[str]:
    """Give the words of a text, without regard to capitals."""
    return {word.casefold() for word in WORD_FORM.findall(text)}


def inverse_frequency(number: int, total: int) -> float:
    """Say how much it tells to have what so many of so many have (inverse document frequency)."""
    return math.log1p(total / (1 + number))


def telling_words(own: Words, organisation: set[str], total: int, known: Known) -> dict[str, TellingWord]:
    """
    Give the words that few of all published case studies have, and one at least; an organisation's name tells nothing.

    A word of the title tells something wherever another has it in title, summary or a name, and any other only where
    it stands in the other's title. What the database says of a word is added to what is `known` of the `total`.
    """
    asked = sorted((word, word in own.title) for word in own.forms if word not in GENERIC and word not in organisation)
    told = {word: known[word] for word in asked if word in known}
    if unknown := [word for word in asked if word not in told]:
        found = dict.fromkeys(unknown) | _ask(unknown, min(total, COUNTED))
        told |= found
        if len(known) < MOST_KNOWN:
            known |= found
    return {word[0]: telling for word in asked if (telling := told[word])}


def _ask(words: list[tuple[str, bool]], total: int) -> Known:
    """Find the words that tell something, each for a title or not."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH published AS NOT MATERIALIZED (
                SELECT id, title_vector, head_vector FROM casestudies_casestudy
                WHERE status = 'published' AND published_at <= statement_timestamp()
            ), words AS (
                -- Of a word with hyphens the whole, which is the longest.
                SELECT DISTINCT ON (word) word, lexeme, in_title
                FROM unnest(%(words)s::text[], %(in_title)s::boolean[]) words (word, in_title),
                    unnest(to_tsvector(%(config)s::regconfig, word))
                ORDER BY word, length(lexeme) DESC, lexeme
            )
            SELECT word, in_title, lexeme, in_head, COALESCE(in_titles, in_head)
            FROM words, LATERAL (
                SELECT CASE WHEN NOT in_title THEN ARRAY(
                    SELECT id FROM published WHERE title_vector @@ quote_literal(lexeme)::tsquery LIMIT %(few)s + 1
                ) END AS in_titles OFFSET 0
            ) titles, LATERAL (
                SELECT CASE WHEN in_title OR cardinality(in_titles) BETWEEN 1 AND %(few)s THEN ARRAY(
                    SELECT id FROM published WHERE head_vector @@ quote_literal(lexeme)::tsquery LIMIT %(few)s + 1
                ) END AS in_head OFFSET 0
            ) heads
            WHERE cardinality(in_head) BETWEEN 1 AND %(few)s
            """,
            {
                "words": [word for word, _ in words],
                "in_title": [in_title for _, in_title in words],
                "config": SEARCH_CONFIGURATION,
                "few": FEW,
            },
        )
        return {
            (word, in_title): TellingWord(lexeme, inverse_frequency(len(in_head), total), BitMap(telling))
            for word, in_title, lexeme, in_head, telling in cursor.fetchall()
            if len(in_head) <= max(TELLING * total, TELLING_AT_LEAST)
        }
