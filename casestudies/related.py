"""
Case studies related to another, each with its reason in words.

What two share decides: themes, care settings, the lead organisation, what was introduced, and telling words of title
and summary. What few have counts most.

The work is bounded, however many case studies there are. A word, theme or organisation that few have brings all of
these as candidates. What many have only ranks candidates; so that there are some, the newest always are.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import nlargest, nsmallest
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import connection
from django.utils.text import get_text_list
from pyroaring import BitMap

from casestudies.catalogue import Catalogue, read_catalogue
from casestudies.models import SEARCH_CONFIGURATION, CaseStudy, InterventionType, Setting, Status, Theme
from casestudies.phrases import listed, listed_places, lower_first, setting_phrase, with_article
from casestudies.search_reading import SMALL_TALK

FEW = 200  # published case studies at most have what brings candidates
TELLING = 0.1  # of the published case studies at most have a telling word; or these many, where there are few:
TELLING_AT_LEAST = 5
COUNTED = 3_000  # published case studies are enough to say how rare a word is
NEWEST = 200  # published case studies are candidates whatever they share, and tell how common a theme is
BY_WORDS = 100  # candidates are taken for the words that they share
SCORED_WORDS = 4  # that two share count
READ = 12  # candidates are read word by word
ENOUGH_WORDS = 2  # shared make a relation where no theme does
MOST_REMEMBERED = 2_000  # case studies, in each process; some kilobytes each
MOST_THEMES, MOST_PLACES, MOST_INTRODUCED, MOST_WORDS = 2, 2, 2, 2  # are said in a reason
# What it counts to share one of each.
THEME, PLACE, ORGANISATION, INTRODUCED, WORD = 2.0, 1.0, 1.5, 0.5, 1.5
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


@dataclass(frozen=True)
class Related:
    """A case study, and what its reason says that it shares; all of it is true of both."""

    case_study: CaseStudy
    themes: tuple[Theme, ...] = ()
    settings: tuple[Setting, ...] = ()
    organisation: str = ""  # that led both
    introduced: tuple[str, ...] = ()
    words: tuple[str, ...] = ()  # that stand in title or summary of both

    @property
    def reason(self) -> str:
        """Say it in words: `Also about falls and frailty, in care homes; both mention “huddles” and “fluids”`."""
        parts = [f"about {listed([lower_first(theme.name) for theme in self.themes])}"] if self.themes else []
        if self.settings:
            parts.append(listed_places([setting_phrase(setting) for setting in self.settings], "and"))
        if self.organisation:
            parts.append(f"led by {self.organisation}")
        if self.introduced:
            named = [lower_first(str(InterventionType(value).label)) for value in self.introduced]
            parts.append(f"with {get_text_list([with_article(word) for word in named], 'and')}")
        also = f"Also {', '.join(parts)}" if parts else ""
        if not self.words:
            return also
        mention = f"oth mention {' and '.join(f'“{word}”' for word in self.words)}"
        return f"{also}; b{mention}" if also else f"B{mention}"


class _Candidate(NamedTuple):
    """What a published case study shares with another."""

    pk: int
    is_newest: bool
    themes: Sequence[int]
    settings: Sequence[int]
    same_organisation: bool
    intervention_types: Sequence[str]
    lexemes: Sequence[str]  # stems; whether the words themselves are the same, only reading tells


class _Word(NamedTuple):
    """A telling word of a case study, with those that have it where it tells something."""

    lexeme: str
    weight: float
    case_studies: BitMap


@dataclass(frozen=True)
class _Words:
    """The words of a case study: those of its title, and each of title and summary with its form to quote."""

    title: frozenset[str]
    forms: dict[str, str]  # as they stand; no form where there is a capital only, as names have

    @classmethod
    def of(cls, case_study: CaseStudy) -> "_Words":
        forms: dict[str, str] = {}
        for word in WORD_FORM.findall(f"{case_study.title}\n{case_study.summary}"):
            if len(word) > 2 and word[0].isalpha() and not {"'", "’"}.intersection(word):
                is_plain = word.islower() or not word[1:].islower()
                forms[word.casefold()] = forms.get(word.casefold()) or (word if is_plain else "")
        return cls(frozenset(_words_in(case_study.title)), forms)

    def shared_with(self, other: "_Words") -> dict[str, str]:
        """
        Give the words that both have and their forms to quote, without names.

        One of both has it in the title: there a word says what it is about.
        """
        return {
            word: form or other.forms[word]
            for word, form in self.forms.items()
            if (form or other.forms.get(word)) and word in other.forms and (word in self.title or word in other.title)
        }


@dataclass(frozen=True)
class _Rarity:
    """How much each theme and setting tells, by how few of the newest case studies have it."""

    themes: dict[int, float]
    settings: dict[int, float]
    introduced: frozenset[str]  # what the case study itself introduced

    @classmethod
    def among(cls, newest: list[_Candidate], introduced: Iterable[str]) -> "_Rarity":
        themes = Counter(pk for candidate in newest for pk in candidate.themes)
        settings = Counter(pk for candidate in newest for pk in candidate.settings)
        return cls(
            {pk: _telling(number, len(newest)) for pk, number in themes.items()},
            {pk: _telling(number, len(newest)) for pk, number in settings.items()},
            frozenset(introduced),
        )

    def of_theme(self, pk: int) -> float:
        """Those that no newer one has tell as much as a theme can."""
        return self.themes.get(pk, math.log1p(NEWEST))

    def of_setting(self, pk: int) -> float:
        return self.settings.get(pk, math.log1p(NEWEST))

    def score(self, candidate: _Candidate, words: Iterable[float]) -> float:
        """Say how near a candidate is, with the weights of the words that it shares."""
        return (
            THEME * sum(map(self.of_theme, candidate.themes))
            + PLACE * sum(map(self.of_setting, candidate.settings))
            + ORGANISATION * candidate.same_organisation
            + INTRODUCED * len(self.introduced.intersection(candidate.intervention_types))
            + WORD * sum(nlargest(SCORED_WORDS, words))
        )


def related_to(
    case_study: CaseStudy, content: tuple[Catalogue, datetime] | None = None, *, limit: int = 3
) -> list[Related]:
    """
    Find the published case studies that share most with one, nearest first; at most `limit`.

    A relation needs a shared theme, or telling words that both have; the rest says which is nearer.

    To compare words is most of the work of a page, so what was found is remembered with the catalogue of the content.
    `content` is what `read_catalogue` gave before the case study was read: with a later one, an older text could be
    remembered. Without it nothing is; a draft changes without the content changing.
    """
    catalogue, now = content or read_catalogue()
    visible = catalogue.visible(now)
    if content is None or case_study.status != Status.PUBLISHED:
        return _find_related(case_study, catalogue, visible, limit)
    # Of two sets that visitors saw one after the other, the later has more.
    known: dict[tuple[int, int, int], list[Related]] = catalogue.remembered.setdefault("related", {})
    key = (case_study.pk, limit, len(visible))
    found = known.get(key)
    if found is None:
        found = _find_related(case_study, catalogue, visible, limit)
        if len(known) >= MOST_REMEMBERED:
            known.clear()
        known[key] = found
    return found


def _find_related(case_study: CaseStudy, catalogue: Catalogue, visible: BitMap, limit: int) -> list[Related]:
    own = _Words.of(case_study)
    others = visible - BitMap([case_study.pk])
    telling = _telling_words(own, _words_in(case_study.lead_organisation.name), len(visible))
    weights = {word.lexeme: word.weight for word in telling.values()}
    candidates = _candidates(case_study, telling.values(), catalogue, others)
    newest = [candidate for candidate in candidates if candidate.is_newest]
    rarity = _Rarity.among(newest, case_study.intervention_types)
    hopeful = nlargest(
        READ,
        (candidate for candidate in candidates if candidate.themes or len(candidate.lexemes) >= ENOUGH_WORDS),
        key=lambda candidate: rarity.score(candidate, (weights[lexeme] for lexeme in candidate.lexemes)),
    )
    read = _read([candidate.pk for candidate in hopeful])
    found = []
    # Newest first, as they came: of those equally near the first stay first.
    for candidate in candidates:
        if other := read.get(candidate.pk):
            shared = own.shared_with(_Words.of(other))
            words = {form: telling[word].weight for word, form in shared.items() if word in telling}
            item = _related(case_study, other, candidate, rarity, words)
            if item.themes or len(item.words) >= ENOUGH_WORDS:
                found.append((rarity.score(candidate, words.values()), item))
    return [item for _, item in nlargest(limit, found, key=itemgetter(0))]


def _read(keys: list[int]) -> dict[int, CaseStudy]:
    """Read address, title and summary of published case studies, by their keys."""
    if not keys:
        return {}
    columns = ["id", "slug", "title", "summary"]  # in the order of the model, as from_db takes them
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, slug, title, summary FROM casestudies_casestudy WHERE id = ANY(%s)"
            " AND status = 'published' AND published_at <= statement_timestamp()",
            [keys],
        )
        return {row[0]: CaseStudy.from_db("default", columns, row) for row in cursor.fetchall()}


def _telling(number: int, total: int) -> float:
    """Say how much it tells to have what so many of so many have (inverse document frequency)."""
    return math.log1p(total / (1 + number))


def _telling_words(own: _Words, organisation: set[str], total: int) -> dict[str, _Word]:
    """
    Give the words that few of all published case studies have, and one at least; an organisation's name tells nothing.

    A word of the title tells something wherever another has it in title, summary or a name, and any other only where
    it stands in the other's title.
    """
    words = [word for word in own.forms if word not in GENERIC and word not in organisation]
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
            SELECT word, lexeme, in_head, COALESCE(in_titles, in_head)
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
                "words": words,
                "in_title": [word in own.title for word in words],
                "config": SEARCH_CONFIGURATION,
                "few": FEW,
            },
        )
        total = min(total, COUNTED)
        return {
            word: _Word(lexeme, _telling(len(in_head), total), BitMap(telling))
            for word, lexeme, in_head, telling in cursor.fetchall()
            if len(in_head) <= max(TELLING * total, TELLING_AT_LEAST)
        }


def _candidates(
    case_study: CaseStudy, words: Collection[_Word], catalogue: Catalogue, others: BitMap
) -> list[_Candidate]:
    """Give the candidates among other case studies, newest first, with what each shares."""

    def having(name: str, keys: Iterable[int | str]) -> dict[Any, BitMap]:
        return {key: catalogue.with_any(name, [key]) & others for key in keys}

    themes = having("theme", [theme.pk for theme in case_study.themes.all()])
    settings = having("setting", [setting.pk for setting in case_study.settings.all()])
    introduced = having("intervention", case_study.intervention_types)
    (led,) = having("lead", [case_study.lead_organisation_id]).values()
    lexemes = {word.lexeme: (word.case_studies & others, word.weight) for word in words}
    weight: defaultdict[int, float] = defaultdict(float)
    for keys, telling in lexemes.values():
        for pk in keys:
            weight[pk] += telling
    newest = BitMap(catalogue.in_order("newest", others, limit=NEWEST))
    by_words = nsmallest(BY_WORDS, weight, key=lambda pk: (-weight[pk], pk))
    few = [keys for keys in (led, *themes.values()) if len(keys) <= FEW]
    return [
        _Candidate(
            pk,
            pk in newest,
            [key for key, keys in themes.items() if pk in keys],
            [key for key, keys in settings.items() if pk in keys],
            pk in led,
            [key for key, keys in introduced.items() if pk in keys],
            [lexeme for lexeme, (keys, _) in lexemes.items() if pk in keys],
        )
        for pk in catalogue.in_order("newest", BitMap.union(newest, BitMap(by_words), *few))
    ]


def _related(
    one: CaseStudy, other: CaseStudy, candidate: _Candidate, rarity: _Rarity, words: dict[str, float]
) -> Related:
    """Choose what the reason says of all that two share: the most telling, and nothing twice."""
    themes = [theme for theme in one.themes.all() if theme.pk in candidate.themes]
    settings = [setting for setting in one.settings.all() if setting.pk in candidate.settings]
    # Care homes are a theme and a setting: they are the place, where there is something else to be about.
    places = {setting_phrase(setting) for setting in settings}
    if len(themes) > 1:
        themes = [theme for theme in themes if f"in {lower_first(theme.name)}" not in places] or themes
    subjects = tuple(f"in {lower_first(theme.name)}" for theme in themes)
    settings = [setting for setting in settings if not setting_phrase(setting).startswith(subjects)]

    telling_themes = nlargest(MOST_THEMES, themes, key=lambda theme: rarity.of_theme(theme.pk))
    telling_settings = nlargest(MOST_PLACES, settings, key=lambda setting: rarity.of_setting(setting.pk))
    related = Related(
        other,
        themes=tuple(theme for theme in themes if theme in telling_themes),
        settings=tuple(setting for setting in settings if setting in telling_settings),
        organisation=one.lead_organisation.name if candidate.same_organisation else "",
    )
    chosen = _unsaid(sorted(words, key=lambda word: -words[word]), related.reason)
    related = replace(related, words=tuple(word for word in words if word in chosen))
    introduced = tuple(value for value in one.intervention_types if value in candidate.intervention_types)[
        :MOST_INTRODUCED
    ]
    said = bool(related.themes) + bool(related.settings) + bool(related.organisation)
    return related if related.words or said > 2 else replace(related, introduced=introduced)


def _unsaid(words: Iterable[str], reason: str) -> list[str]:
    """Choose words that a reason does not say yet, nor one another, in any form."""
    said = [word for word in _words_in(reason) - GENERIC if len(word) > 2]
    chosen: list[str] = []
    for word in words:
        if len(chosen) < MOST_WORDS and not any(_alike(word.casefold(), other) for other in said):
            chosen.append(word)
            said.append(word.casefold())
    return chosen


def _alike(one: str, other: str) -> bool:
    """Say whether two words may be forms of one; to leave one out for no reason does no harm."""
    length = min(5, len(one), len(other))
    return one[:length] == other[:length]


def _words_in(text: str) -> set[str]:
    return {word.casefold() for word in WORD_FORM.findall(text)}
