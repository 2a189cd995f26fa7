"""
How PostgreSQL answers what the main pages ask of it, with ten thousand case studies: by indexes.

The pages are asked for as visitors do, and each query that they sent is then explained by PostgreSQL itself.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from benchmarks.addresses import addresses, words
from benchmarks.load import load
from casestudies.catalogue import FACTS, read_catalogue
from casestudies.content_version import STATE
from casestudies.models import CaseStudy, ContentChange
from tests.serving import database_of_its_own

pytestmark = pytest.mark.django_db

# The first few of what is published, in no order, are read from the table as they come.
PUBLISHED = "(((status)::text = 'published'::text) AND (published_at <= statement_timestamp()))"
NUMBER = 10_000
SMALL = 1_000  # rows that a table may be read whole with


@pytest.fixture(scope="module", autouse=True)
def loaded(django_db_setup: None, django_db_blocker) -> Iterator[None]:
    """A database of its own with made-up case studies, known to a process that has answered before."""
    with django_db_blocker.unblock(), database_of_its_own("plans"):
        load(NUMBER, progress=False)
        yield


@dataclass
class Plan:
    """How PostgreSQL carries out a query."""

    query: str
    steps: list[dict[str, Any]]

    @classmethod
    def of(cls, query: str) -> "Plan":
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {query}")
            (found,) = cursor.fetchone()
        ((plan,),) = [json.loads(found) if isinstance(found, str) else found]
        return cls(query, list(cls.walk(plan["Plan"])))

    @classmethod
    def walk(cls, step: dict[str, Any], outer: str = "") -> Iterator[dict[str, Any]]:
        """Give every step, with the kind of the step that it hands its rows to."""
        yield step | {"To": outer}
        for inner in step.get("Plans", []):
            yield from cls.walk(inner, step["Node Type"])

    @property
    def read_whole(self) -> set[str]:
        """The tables that are read from end to end, whatever for."""
        return {
            step["Relation Name"]
            for step in self.steps
            if step["Node Type"] == "Seq Scan" and (step["To"], step.get("Filter")) != ("Limit", PUBLISHED)
        }

    @property
    def indexes(self) -> set[str]:
        return {step["Index Name"] for step in self.steps if "Index Name" in step}


def large_tables() -> set[str]:
    """Give the tables with more rows than are read whole."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > %s", [SMALL])
        return {name for (name,) in cursor.fetchall()}


def plans(path: str) -> list[Plan]:
    """Ask for a page, and explain every query that it sent."""
    client = Client()
    catalogue, _ = read_catalogue()  # which a process does once, and then only what has changed
    catalogue.remembered.clear()
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200, path
    asked = [query["sql"] for query in queries if query["sql"].lstrip().startswith(("SELECT", "WITH"))]
    return [Plan.of(query) for query in asked if "set_config" not in query]


def read_whole(found: list[Plan]) -> list[str]:
    """Say which large tables plans read whole, with the query."""
    large = large_tables()
    return [f"{sorted(plan.read_whole & large)}: {plan.query}" for plan in found if plan.read_whole & large]


def first_words() -> str:
    """Give two words that stand side by side in a title."""
    return " ".join(CaseStudy.objects.published().earliest("pk").title.split()[:2])


# A few addresses of each kind that is measured, and what is not among them.
KINDS = list(addresses(100))
SEARCHES = {"common word", "two words and a filter"}


def paths(kind: str) -> list[str]:
    known = addresses(NUMBER)[kind]
    return [known[0], known[len(known) // 2], known[-1]]


def test_there_is_something_to_find():
    """Guards the others: small tables and few rows are read whole, and rightly so."""
    assert CaseStudy.objects.published().count() > NUMBER * 0.8
    assert {
        "casestudies_casestudy", "casestudies_casestudy_themes", "casestudies_casestudy_settings",
        "casestudies_impactfigure", "casestudies_source", "casestudies_contentchange",
    } <= large_tables()  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_no_page_reads_a_large_table_whole(kind: str):
    found = [plan for path in paths(kind) for plan in plans(path)]
    assert len(found) >= 3
    assert read_whole(found) == []


@pytest.mark.parametrize("kind", sorted(SEARCHES))
def test_searches_use_the_indexes_of_words(kind: str):
    for path in paths(kind):
        assert {"casestudy_search", "casestudy_search_head", "casestudy_search_title"} <= {
            index for plan in plans(path) for index in plan.indexes
        }


def test_a_phrase_is_found_by_its_words():
    found = plans(f"/case-studies/?q=%22{first_words().replace(' ', '+')}%22")
    assert read_whole(found) == []
    assert {"casestudy_search", "casestudy_search_head", "casestudy_search_title"} <= {
        index for plan in found for index in plan.indexes
    }


def test_a_word_with_a_typing_error_is_put_right_without_reading_everything():
    word = words(0.1, 0.5)[0]
    found = plans(f"/case-studies/?q={word[:3]}{word[4:]}")
    assert "casestudies_searchword" in " ".join(plan.query for plan in found)
    assert read_whole(found) == []


@pytest.mark.parametrize("length", [1, 3, 6])
def test_suggestions_read_no_large_table_whole(length: int):
    address = reverse("casestudies:suggestions")
    assert read_whole(plans(f"{address}?q={first_words()[:length]}")) == []


@pytest.mark.parametrize("index", ["casestudy_search", "casestudy_search_head", "casestudy_search_title"])
def test_a_missing_index_is_noticed(index: str):
    """Guards the tests above: they see what PostgreSQL does instead."""
    (path, *_) = paths("common word")
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"DROP INDEX {index}")
        found = plans(path)
        transaction.set_rollback(True)
    assert index not in {name for plan in found for name in plan.indexes}
    assert read_whole(found) != []


def test_the_state_of_the_content_is_known_without_reading_everything():
    """It stands in the way of every request."""
    plan = Plan.of(STATE)
    assert plan.read_whole & large_tables() == set()
    assert "casestudy_newest" in plan.indexes


def test_what_has_changed_is_found_without_reading_everything():
    """After a publication every process asks which case studies it changed, and for their facts."""
    case_study = CaseStudy.objects.published().earliest("pk")
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM casestudies_contentversion")
        (version,) = cursor.fetchone()
    changed = str(ContentChange.objects.filter(version__gt=version).values_list("case_study_id", flat=True).query)
    for query in (changed, f"{FACTS} AND study.id = ANY('{{{case_study.pk}}}'::int2[])"):
        assert read_whole([Plan.of(query)]) == []
