"""
What people type into the search box, and what PostgreSQL is asked.

`understand` reads the words (phrases in quotes, `or`, a minus), adds synonyms, corrects the spelling where nothing
is found, and leaves out the least telling words where hardly anything has them all. What it did is kept beside the
query, so that the page can say so.
"""

import html
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise

from django.db import connection, transaction
from django.utils.html import escape, strip_tags
from django.utils.safestring import SafeString, mark_safe
from rapidfuzz import process
from rapidfuzz.distance import OSA

from casestudies.models import SEARCH_CONFIGURATION, CaseStudy, CaseStudyQuerySet, SearchWord, in_zone

# Private-use characters mark a hit until the text around it is escaped, so that content cannot bring markup along.
HIT_START, HIT_END = "\ue000", "\ue001"
HEADLINE_OPTIONS = (
    f"StartSel={HIT_START}, StopSel={HIT_END}, MaxFragments=2, MaxWords=22, MinWords=8, FragmentDelimiter=' … '"
)
# With fewer results than this, words are left out one by one, and a spelling may be suggested.
FEW = 4
MOST_WORDS = 32  # are read of a search; each costs a query or two
MOST_RESPELLED = 6  # words of a search
MUCH_MORE = 5  # times as many case studies have a word, so that it may have been meant
LONGEST = 2_000  # milliseconds, for one query of a search
CLOSER_WEIGHT = 0.4  # of a word as it was typed, beside its synonyms; and of two words side by side
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
class Synonyms:
    """A group of synonyms that the words call for: the words that called, the rest, and the queries for each."""

    typed: str
    others: tuple[str, ...]
    target: str
    substitute: str
    lexemes: frozenset[str]
    is_asked_for: bool = True  # not behind a minus


@dataclass(frozen=True)
class Search:
    """A search as it was understood."""

    words: str  # as typed
    query: str = ""  # decides what is found; empty when nothing is left to search for
    parts: tuple[tuple[str, float], ...] = ()  # decide the order: each a query, and how telling it is
    also: tuple[str, ...] = ()  # the synonyms that were searched for too
    is_widened: bool = False  # whether some of the words were enough, as hardly anything has them all
    is_shortened: bool = False  # whether there were more words than are read
    corrected: str = ""  # the words that were searched for instead, as nothing has those typed
    suggestion: str = ""  # what may have been meant

    @property
    def anything(self) -> str:
        """Give a query for any of the words, to mark them where they stand."""
        return _any_of([query for query, _ in self.parts])

    @property
    def has_meaning(self) -> bool:
        """Say whether anything was left to search for once common words ("the", "of") and operators are gone."""
        return bool(self.query)


@dataclass
class _Reading:
    """A query with its synonyms, its parts where it is a plain list of words, and what speaks for a better match."""

    query: str
    synonyms: list[Synonyms] = field(default_factory=list)
    parts: list[tuple[str, str]] = field(default_factory=list)  # (words as typed, query of the part)
    closer: list[str] = field(default_factory=list)  # words as they were typed, and side by side


@contextmanager
def limited_time() -> Iterator[None]:
    """
    Stop every query inside that runs longer than LONGEST; the database then raises an OperationalError.

    A search that asks too much must not keep a connection from those who ask little.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(LONGEST)])
        yield


def understand(words: str, case_studies: CaseStudyQuerySet) -> Search:
    """Read what was typed, for a search among these case studies; they must be those that visitors may see."""
    asked = " ".join(words.split()[:MOST_WORDS])
    reading = _read(asked)
    if reading is None:
        return Search(words)
    found = _count(case_studies, reading.query)
    corrected = suggestion = ""
    if not found and (other := _respell(asked, case_studies)):
        other_reading = _read(other)
        if other_reading is not None and (_count(case_studies, other_reading.query) or len(other_reading.parts) > 1):
            corrected, reading = other, other_reading
            found = _count(case_studies, reading.query)
    elif found < FEW:
        suggestion = _respell(asked, case_studies, rarer_than=FEW)
    query = _widen(reading) if found < FEW and len(reading.parts) > 1 else reading.query
    return Search(
        words=words,
        query=query,
        parts=_telling(reading, case_studies),
        also=tuple(dict.fromkeys(other for group in reading.synonyms if group.is_asked_for for other in group.others)),
        is_widened=query != reading.query,
        is_shortened=len(words.split()) > MOST_WORDS,
        corrected=corrected,
        suggestion=suggestion,
    )


def _read(words: str) -> _Reading | None:
    """Turn words into a query with synonyms; None when nothing is left to search for."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT asked::text, groups.terms, groups.typed, groups.target::text, groups.substitute::text,
                groups.lexemes
            FROM websearch_to_tsquery(%(config)s::regconfig, %(words)s) asked
            LEFT JOIN LATERAL (
                SELECT terms, typed, target,
                    (
                        SELECT string_agg(
                            '(' || phraseto_tsquery(%(config)s::regconfig, term)::text || ')', ' | ' ORDER BY term
                        ) FROM unnest(terms) term WHERE numnode(phraseto_tsquery(%(config)s::regconfig, term)) > 0
                    ) AS substitute,
                    tsvector_to_array(to_tsvector(%(config)s::regconfig, typed)) AS lexemes
                FROM casestudies_synonymgroup,
                    unnest(CASE WHEN leads_here = '{}' THEN terms ELSE leads_here END) typed,
                    plainto_tsquery(%(config)s::regconfig, typed) target
                WHERE is_active AND asked @> target AND numnode(target) > 0
            ) groups ON true
            WHERE numnode(asked) > 0
            """,
            {"config": SEARCH_CONFIGURATION, "words": words},
        )
        rows = cursor.fetchall()
    if not rows:
        return None
    synonyms = _choose_synonyms(words, rows)
    if refused := re.findall(r"(?:^|\s)-\"?([^\s\"]+)", words):
        lexemes = _lexemes(refused)
        synonyms = [replace(group, is_asked_for=lexemes.isdisjoint(group.lexemes)) for group in synonyms]
    parts = _parts(words, synonyms) if _is_plain(words) else []
    if parts:
        return _Reading(_all_of([part for _, part in parts]), synonyms, parts, _closer(words, synonyms))
    return _Reading(_rewrite(rows[0][0], synonyms), synonyms)


def _lexemes(words: list[str]) -> set[str]:
    """Give what PostgreSQL makes of words: their stems, without common words."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT lexeme FROM unnest(to_tsvector(%s::regconfig, %s))", [SEARCH_CONFIGURATION, " ".join(words)]
        )
        return {lexeme for (lexeme, *_) in cursor.fetchall()}


def _choose_synonyms(words: str, rows: list[tuple[str, list[str], str, str, str, list[str]]]) -> list[Synonyms]:
    """
    Choose the groups that the words call for: the longest term first, no word twice.

    Inside a longer term the groups of its single words hold too: "medication review" is also any word for medicines,
    with a review.
    """
    as_typed = " ".join(words.lower().split())
    calling = [
        Synonyms(typed, tuple(term for term in terms if term != typed), target, substitute, frozenset(lexemes))
        for _, terms, typed, target, substitute, lexemes in rows
        if terms is not None
    ]
    calling.sort(key=lambda group: (-len(group.lexemes), group.typed.lower() not in as_typed, group.typed))
    chosen: dict[frozenset[str], Synonyms] = {}
    taken: set[str] = set()
    for group in calling:
        if same := chosen.get(group.lexemes):
            others = tuple(dict.fromkeys(same.others + group.others))
            chosen[group.lexemes] = replace(same, others=others, substitute=f"{same.substitute} | {group.substitute}")
        elif taken.isdisjoint(group.lexemes):
            taken |= group.lexemes
            chosen[group.lexemes] = group
    return [
        replace(group, substitute=f"{group.substitute} | ({_inside(group, calling)})") for group in chosen.values()
    ]


def _inside(group: Synonyms, calling: list[Synonyms]) -> str:
    """Give what was typed of a group, with the synonyms of its single words where it has several."""
    smaller = [other for other in calling if other.lexemes < group.lexemes]
    return _rewrite(
        group.target, [replace(other, substitute=f"{other.substitute} | {other.target}") for other in smaller]
    )


def _rewrite(query: str, synonyms: Iterable[Synonyms]) -> str:
    """Let PostgreSQL put the synonyms in their places, inside phrases and behind a minus too."""
    with connection.cursor() as cursor:
        for group in synonyms:
            cursor.execute(
                "SELECT ts_rewrite(%s::tsquery, %s::tsquery, %s::tsquery)::text",
                [query, group.target, group.substitute],
            )
            query = cursor.fetchone()[0]
    return query


def _is_plain(words: str) -> bool:
    """Say whether words are a plain list: no phrase, no `or`, nothing to leave out."""
    return '"' not in words and not re.search(r"(^|\s)-\S", words) and not re.search(r"(?i)(^|\s)or(\s|$)", words)


def _parts(words: str, synonyms: list[Synonyms]) -> list[tuple[str, str]]:
    """Give each part of a plain list of words: a group of synonyms, or a word by itself."""
    typed = words.split()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT word, tsvector_to_array(to_tsvector(%s::regconfig, word)),"
            " plainto_tsquery(%s::regconfig, word)::text FROM unnest(%s::text[]) WITH ORDINALITY AS w (word, place)"
            " ORDER BY place",
            [SEARCH_CONFIGURATION, SEARCH_CONFIGURATION, typed],
        )
        rows = cursor.fetchall()
    parts = [(group.typed, group.substitute) for group in synonyms]
    grouped = {lexeme for group in synonyms for lexeme in group.lexemes}
    single = [(word, query) for word, lexemes, query in rows if query and not grouped.issuperset(lexemes) and lexemes]
    telling = [(word, query) for word, query in single if not _is_small_talk(word)]
    return list(dict.fromkeys(parts + (telling if telling or parts else single)))


def _closer(words: str, synonyms: list[Synonyms]) -> list[str]:
    """Give what speaks for a better match: the words as they were typed, and two that stand side by side."""
    telling = [word for word in words.split() if not _is_small_talk(word)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT phraseto_tsquery(%s::regconfig, pair)::text FROM unnest(%s::text[]) pair",
            [SEARCH_CONFIGURATION, [" ".join(pair) for pair in pairwise(telling)]],
        )
        pairs = [pair for (pair,) in cursor.fetchall() if "<" in pair]
    return [group.target for group in synonyms] + pairs


def _is_small_talk(word: str) -> bool:
    return word.lower().strip(".,;:!?") in SMALL_TALK


def _widen(reading: _Reading) -> str:
    """Ask for any of the parts in a title, a summary or a name, where a word says what a case study is about."""
    return _any_of([reading.query, *(in_zone(part, "ABC") for _, part in reading.parts)])


def _telling(reading: _Reading, case_studies: CaseStudyQuerySet) -> tuple[tuple[str, float], ...]:
    """Say how telling each part is: a part that everything has tells little (inverse document frequency)."""
    if not reading.parts:
        return ((reading.query, 1.0),)
    total = case_studies.count()
    parts = [(part, math.log1p(total / (1 + _count(case_studies, part, up_to=None)))) for _, part in reading.parts]
    usual = sum(telling for _, telling in parts) / len(parts)
    return tuple(parts + [(query, CLOSER_WEIGHT * usual) for query in reading.closer])


def _count(case_studies: CaseStudyQuerySet, query: str, up_to: int | None = FEW) -> int:
    """Count what a query finds, up to a number."""
    found = case_studies.matching(query).order_by()
    return found.count() if up_to is None else len(found.values_list("pk", flat=True)[:up_to])


def _all_of(parts: list[str]) -> str:
    return " & ".join(f"({part})" for part in parts)


def _any_of(parts: list[str]) -> str:
    return " | ".join(f"({part})" for part in parts)


def _respell(words: str, case_studies: CaseStudyQuerySet, rarer_than: int = 1) -> str:
    """
    Put right the words that hardly any visible case study has; empty when there is nothing to put right.

    `rarer_than` 1 takes the words that none has, a larger number rare ones too, where a far more common one is near.
    """
    # Abbreviations are short and look alike; to respell one is to guess.
    doubtful = {word for word in re.findall(r"\b[A-Za-z]{5,}\b", words) if not word.isupper()}
    right = {}
    vocabulary: list[str] = []
    for word, query, is_synonym in _queries(sorted(doubtful)[:MOST_RESPELLED]):
        number = _count(case_studies, query, up_to=rarer_than)
        if is_synonym or number >= rarer_than:
            continue
        vocabulary = vocabulary or list(SearchWord.objects.values_list("word", flat=True))
        if nearest := _nearest(word.lower(), vocabulary, case_studies, least=MUCH_MORE * number):
            right[word] = nearest
    return re.sub(r"\b[A-Za-z]+\b", lambda match: right.get(match[0], match[0]), words) if right else ""


def _queries(words: Iterable[str]) -> list[tuple[str, str, bool]]:
    """Give for each word that can be searched for its query, and whether it stands in a group of synonyms."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT word, query::text, EXISTS (
                SELECT FROM casestudies_synonymgroup, unnest(terms || leads_here) term
                WHERE is_active AND position(lower(word) IN lower(term)) > 0
            ) FROM unnest(%(words)s::text[]) word, plainto_tsquery(%(config)s::regconfig, word) query
            WHERE numnode(query) > 0
            """,
            {"config": SEARCH_CONFIGURATION, "words": sorted(words)},
        )
        return list(cursor.fetchall())


def _nearest(word: str, vocabulary: list[str], case_studies: CaseStudyQuerySet, least: int) -> str:
    """
    Give the other word of the content nearest to one, the more common of two; empty when none is near.

    It stands in `least` visible case studies or more, and in one at least.

    Near is one letter away, or two in a word of six letters or more.
    """
    most = 1 if len(word) < 6 else 2
    near = {
        found: distance
        for found, distance, _ in process.extract(word, vocabulary, scorer=OSA.distance, score_cutoff=most, limit=8)
    }
    candidates = [
        (near[found], -number, found)
        for found, query, _ in _queries(near)
        if near[found] and (number := _count(case_studies, query, up_to=100)) >= max(least, 1)
    ]
    return min(candidates)[2] if candidates else ""


def extracts(case_studies: Iterable[CaseStudy], query: str) -> dict[int, SafeString]:
    """
    Give for each case study the passages where a query's words stand, hits in `<mark>`, everything else escaped.

    Two queries however many case studies there are. A case study found only by its title or by a name has none.
    """
    ids = [case_study.pk for case_study in case_studies]
    if not ids:
        return {}
    sections = "concat_ws(' ', summary, challenge, approach, outcome, lessons, getting_started, keeping_it_going)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, {sections} FROM casestudies_casestudy WHERE id = ANY(%s)",  # noqa: S608  # a constant
            [ids],
        )
        texts = {pk: _plain(text) for pk, text in cursor.fetchall()}
        cursor.execute(
            "SELECT id, ts_headline(%s::regconfig, body, %s::tsquery, %s)"
            " FROM unnest(%s::bigint[], %s::text[]) AS documents (id, body)",
            [SEARCH_CONFIGURATION, query, HEADLINE_OPTIONS, list(texts), list(texts.values())],
        )
        return {pk: _marked(headline, texts[pk]) for pk, headline in cursor.fetchall() if HIT_START in headline}


def _plain(text: str) -> str:
    """Take the tags out of rich text, and the marks out of any text."""
    plain = html.unescape(strip_tags(re.sub(r"</(p|li|h3)>", " ", text)))
    return plain.replace(HIT_START, "").replace(HIT_END, "")


def _marked(headline: str, text: str) -> SafeString:
    """Mark the hits, and show by dots where the passages begin or end inside the text."""
    plain = headline.replace(HIT_START, "").replace(HIT_END, "").strip()
    before = "" if text.strip().startswith(plain.partition(" … ")[0]) else "… "
    after = "" if plain.endswith((".", "!", "?")) or text.strip().endswith(plain.rpartition(" … ")[2]) else " …"
    escaped = escape(f"{before}{headline.strip()}{after}")
    return mark_safe(escaped.replace(HIT_START, "<mark>").replace(HIT_END, "</mark>"))  # noqa: S308  # escaped above
