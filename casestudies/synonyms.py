"""The synonyms that staff manage, as search uses them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection

from casestudies.models import SEARCH_CONFIGURATION, SynonymGroup


def any_of(queries: Iterable[str]) -> str:
    """Give a query for what has any of these."""
    return " | ".join(f"({query})" for query in queries)


@dataclass(frozen=True)
class Term:
    """A word or a phrase, the stems PostgreSQL makes of it in their order, and the query for it."""

    text: str
    stems: tuple[str, ...]
    query: str

    @property
    def says_more_than_its_stems(self) -> bool:
        """Say whether a phrase loses its meaning with its common words: "did not work" becomes "work"."""
        return " " in self.text.strip() and len(self.stems) < 2


@dataclass(frozen=True)
class Synonyms:
    """A group of synonyms, as one of its terms calls for it: that term, and all of the group."""

    typed: Term
    terms: tuple[Term, ...]
    target: str  # the query for the words of the term, wherever they stand
    inside: str = ""  # the same, each word with its own synonyms
    is_asked_for: bool = True  # not behind a minus

    @property
    def lexemes(self) -> frozenset[str]:
        """Give the stems of the term that calls."""
        return frozenset(self.typed.stems)

    @property
    def substitutes(self) -> tuple[str, ...]:
        """Give the queries of which any will do; those of phrases that their stems do not tell are left out."""
        return tuple(dict.fromkeys(term.query for term in self.terms if not term.says_more_than_its_stems))


def load_synonyms() -> list[Synonyms]:
    """Read every term in use that calls for its group."""
    groups = SynonymGroup.objects.filter(is_active=True).order_by("pk")
    return _synonyms(json.dumps(list(groups.values("id", "terms", "leads_here"))))


@lru_cache(maxsize=2)  # groups change far less often than other content does
def _synonyms(groups: str) -> list[Synonyms]:
    """Make stems and queries of groups, as JSON; it takes PostgreSQL 20 ms."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH term AS (
                SELECT id, is_typed, json_build_array(text, ARRAY(
                    SELECT lexeme FROM unnest(to_tsvector(%(config)s::regconfig, text)) ORDER BY positions[1], lexeme
                ), phraseto_tsquery(%(config)s::regconfig, text)::text) AS said,
                    plainto_tsquery(%(config)s::regconfig, text)::text AS target
                FROM jsonb_to_recordset(%(groups)s::jsonb) AS (id bigint, terms text[], leads_here text[]), LATERAL (
                    SELECT text, false AS is_typed FROM unnest(terms) text
                    UNION ALL
                    SELECT text, true FROM unnest(CASE WHEN leads_here = '{}' THEN terms ELSE leads_here END) text
                ) texts
                WHERE numnode(plainto_tsquery(%(config)s::regconfig, text)) > 0
            )
            SELECT said::text, target,
                (SELECT json_agg(other.said ORDER BY other.said->>0) FROM term other
                    WHERE other.id = term.id AND NOT other.is_typed)::text
            FROM term WHERE is_typed
            """,
            {"config": SEARCH_CONFIGURATION, "groups": groups},
        )
        return [
            Synonyms(_term(json.loads(said)), tuple(map(_term, json.loads(terms or "[]"))), target)
            for said, target, terms in cursor.fetchall()
        ]


def _term(said: tuple[str, list[str], str]) -> Term:
    text, stems, query = said
    return Term(text, tuple(stems), query)
