"""The synonyms that staff manage, as search uses them."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from casestudies.models import SEARCH_CONFIGURATION


def any_of(queries: Iterable[str]) -> str:
    """Give a query for what has any of these."""
    return " | ".join(f"({query})" for query in queries)


@dataclass(frozen=True)
class Synonyms:
    """A group of synonyms, as one of its terms calls for it: that term, the others, and a query for each of all."""

    typed: str
    others: tuple[str, ...]
    target: str
    substitutes: tuple[str, ...]
    lexemes: frozenset[str]
    inside: str = ""  # the words of the term wherever they stand, each with its own synonyms
    is_asked_for: bool = True  # not behind a minus


def load_synonyms() -> list[Synonyms]:
    """Read every term in use that calls for its group."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT terms, typed, target::text, tsvector_to_array(to_tsvector(%(config)s::regconfig, typed)), ARRAY(
                SELECT phrase::text FROM unnest(terms) term, phraseto_tsquery(%(config)s::regconfig, term) phrase
                WHERE numnode(phrase) > 0 ORDER BY term
            )
            FROM casestudies_synonymgroup, unnest(CASE WHEN leads_here = '{}' THEN terms ELSE leads_here END) typed,
                plainto_tsquery(%(config)s::regconfig, typed) target
            WHERE is_active AND numnode(target) > 0
            """,
            {"config": SEARCH_CONFIGURATION},
        )
        return [
            Synonyms(
                typed, tuple(term for term in terms if term != typed), target, tuple(substitutes), frozenset(lexemes)
            )
            for terms, typed, target, lexemes, substitutes in cursor.fetchall()
        ]
