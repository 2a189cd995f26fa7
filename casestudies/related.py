"""
Case studies related to another, each with its reason in words.

What two share decides: themes, care settings, the lead organisation, what was introduced, and telling words of title
and summary. What few have counts most.

The work is bounded, however many case studies there are. A word, theme or organisation that few have brings all of
these as candidates. What many have only ranks candidates; so that there are some, the newest always are.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import nlargest, nsmallest
from itertools import islice
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import connection
from django.utils.text import get_text_list
from pyroaring import BitMap

from casestudies.catalogue import Catalogue, read_catalogue
from casestudies.models import CaseStudy, InterventionType, Setting, Status, Theme
from casestudies.phrases import listed, listed_places, lower_first, setting_phrase, with_article
from casestudies.related_words import (
    FEW,
    GENERIC,
    Known,
    TellingWord,
    Words,
    inverse_frequency,
    telling_words,
    words_in,
)

NEWEST = 200  # published case studies are candidates whatever they share, and tell how common a theme is
BY_WORDS = 100  # candidates are taken for the words that they share
SCORED_WORDS = 4  # that two share count
READ = 12  # candidates are read word by word
ENOUGH_WORDS = 2  # shared make a relation where no theme does
MOST_REMEMBERED = 2_000  # case studies, in each process; some kilobytes each
MOST_THEMES, MOST_PLACES, MOST_INTRODUCED, MOST_WORDS = 2, 2, 2, 2  # are said in a reason
# What it counts to share one of each.
THEME, PLACE, ORGANISATION, INTRODUCED, WORD = 2.0, 1.0, 1.5, 0.5, 1.5


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
    themes: Sequence[int]
    settings: Sequence[int]
    same_organisation: bool
    intervention_types: Sequence[str]
    lexemes: Sequence[str]  # stems; whether the words themselves are the same, only reading tells


@dataclass(frozen=True)
class _Shares:
    """What a case study has, each with the others that have it too."""

    others: BitMap
    themes: dict[int, BitMap]
    settings: dict[int, BitMap]
    introduced: dict[str, BitMap]
    led: BitMap
    lexemes: dict[str, tuple[BitMap, float]]  # of telling words, with what each counts

    @classmethod
    def of(
        cls, case_study: CaseStudy, words: Collection[TellingWord], catalogue: Catalogue, others: BitMap
    ) -> "_Shares":
        def having(name: str, keys: Iterable[Any]) -> dict[Any, BitMap]:
            return {key: catalogue.with_any(name, [key]) & others for key in keys}

        return cls(
            others,
            themes=having("theme", [theme.pk for theme in case_study.themes.all()]),
            settings=having("setting", [setting.pk for setting in case_study.settings.all()]),
            introduced=having("intervention", case_study.intervention_types),
            led=catalogue.with_any("lead", [case_study.lead_organisation_id]) & others,
            lexemes={word.lexeme: (word.case_studies & others, word.weight) for word in words},
        )

    def candidates(self, newest: BitMap, catalogue: Catalogue) -> list[_Candidate]:
        """Give those that share a theme or words enough, newest first."""
        weight: defaultdict[int, float] = defaultdict(float)
        words: defaultdict[int, int] = defaultdict(int)
        for keys, telling in self.lexemes.values():
            for pk in keys:
                weight[pk] += telling
                words[pk] += 1
        by_words = nsmallest(BY_WORDS, weight, key=lambda pk: (-weight[pk], pk))
        few = [keys for keys in (self.led, *self.themes.values()) if len(keys) <= FEW]
        enough = BitMap(pk for pk, number in words.items() if number >= ENOUGH_WORDS)
        chosen = BitMap.union(newest, BitMap(by_words), *few) & BitMap.union(enough, *self.themes.values())
        return [
            _Candidate(
                pk,
                [key for key, keys in self.themes.items() if pk in keys],
                [key for key, keys in self.settings.items() if pk in keys],
                pk in self.led,
                [key for key, keys in self.introduced.items() if pk in keys],
                [lexeme for lexeme, (keys, _) in self.lexemes.items() if pk in keys],
            )
            for pk in catalogue.in_order("newest", chosen)
        ]


@dataclass(frozen=True)
class _Rarity:
    """How much each theme and setting tells, by how few of the newest case studies have it."""

    themes: dict[int, float]
    settings: dict[int, float]
    introduced: frozenset[str]  # what the case study itself introduced

    @classmethod
    def among(cls, newest: BitMap, shares: "_Shares") -> "_Rarity":
        def told(having: dict[int, BitMap]) -> dict[int, float]:
            numbers = {pk: case_studies.intersection_cardinality(newest) for pk, case_studies in having.items()}
            return {pk: inverse_frequency(number, len(newest)) for pk, number in numbers.items() if number}

        return cls(told(shares.themes), told(shares.settings), frozenset(shares.introduced))

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
        return _find_related(case_study, catalogue, visible, {}, limit)
    # Of two sets that visitors saw one after the other, the later has more.
    known: dict[tuple[int, int, int], list[Related]] = catalogue.remembered.setdefault("related", {})
    key = (case_study.pk, limit, len(visible))
    found = known.get(key)
    if found is None:
        found = _find_related(case_study, catalogue, visible, _known_words(catalogue, len(visible)), limit)
        if len(known) >= MOST_REMEMBERED:
            known.clear()
        known[key] = found
    return found


def _known_words(catalogue: Catalogue, total: int) -> Known:
    """Give what is known of the words of so many case studies; what was known of fewer goes."""
    number, words = catalogue.remembered.get("telling words", (0, {}))
    if number != total:
        number, words = catalogue.remembered["telling words"] = (total, {})
    known: Known = words
    return known


def _find_related(
    case_study: CaseStudy, catalogue: Catalogue, visible: BitMap, known: Known, limit: int
) -> list[Related]:
    own = Words.of(case_study)
    telling = telling_words(own, words_in(case_study.lead_organisation.name), len(visible), known)
    shares = _Shares.of(case_study, telling.values(), catalogue, visible - BitMap([case_study.pk]))
    newest = BitMap(catalogue.in_order("newest", shares.others, limit=NEWEST))
    rarity = _Rarity.among(newest, shares)
    candidates = shares.candidates(newest, catalogue)
    weights = {word.lexeme: word.weight for word in telling.values()}
    hopeful = nlargest(
        READ,
        candidates,
        key=lambda candidate: rarity.score(candidate, (weights[lexeme] for lexeme in candidate.lexemes)),
    )
    read = _read([candidate.pk for candidate in hopeful])
    found = []
    for candidate in candidates:
        if other := read.get(candidate.pk):
            shared = own.shared_with(Words.of(other, telling))
            words = {form: telling[word].weight for word, form in shared.items()}
            found.append((rarity.score(candidate, words.values()), candidate, other, words))
    # Newest first, as they came: of those equally near the first stay first.
    found.sort(key=itemgetter(0), reverse=True)
    items = (_related(case_study, other, candidate, rarity, words) for _, candidate, other, words in found)
    return list(islice((item for item in items if item.themes or len(item.words) >= ENOUGH_WORDS), limit))


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
    said = [word for word in words_in(reason) - GENERIC if len(word) > 2]
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
