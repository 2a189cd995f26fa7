"""Whether search finds what visitors mean: judged queries, asked at the front door."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client, TestCase, override_settings
from django.urls import reverse
from rich.console import Console
from rich.table import Table

from casestudies.sample_content import load, read_pack
from tests.pages import soup
from tests.search.judgements import KINDS, Query, load_judgements
from tests.search.metrics import USEFUL, mean, ndcg, reciprocal_rank

PACK = settings.BASE_DIR / "sample_content"
DEPTH = 10
LEAST_NDCG = 0.90
LEAST_MRR = 0.95
WORST = 10


@dataclass(frozen=True)
class Answer:
    """A query, and the slugs of its first results."""

    query: Query
    slugs: Sequence[str]

    @property
    def ndcg(self) -> float:
        """Say how good the first results are."""
        return ndcg(self.slugs, self.query.grades, DEPTH)

    @property
    def reciprocal_rank(self) -> float:
        """Say how soon the first useful one comes."""
        return reciprocal_rank(self.slugs, self.query.grades)


def ask(client: Client, words: str) -> list[str]:
    """Search as a visitor does, and read the first results off the page."""
    response = client.get(reverse("casestudies:casestudy_list"), {"q": words})
    assert response.status_code == 200, words
    links = soup(response).select(".app-result__heading a[href]")
    return [PurePosixPath(urlsplit(str(link["href"])).path).name for link in links[:DEPTH]]


@pytest.fixture(scope="module")
def answers(django_db_setup, django_db_blocker, tmp_path_factory) -> list[Answer]:
    """Load the sample content once, ask every query, and leave the database as it was."""
    media = override_settings(MEDIA_ROOT=tmp_path_factory.mktemp("media"))
    with media, django_db_blocker.unblock(), transaction.atomic():
        with TestCase.captureOnCommitCallbacks(execute=True):
            load(read_pack(PACK))
        client = Client()
        found = [Answer(query, ask(client, query.words)) for query in load_judgements()]
        transaction.set_rollback(True)
    return found


def report(answers: Sequence[Answer]) -> str:
    """Set out the measures by kind and overall, and the worst queries that may be tuned for."""
    held_back = [answer for answer in answers if answer.query.held_back]
    tuning = [answer for answer in answers if not answer.query.held_back]
    groups = {kind: [answer for answer in answers if answer.query.kind == kind] for kind in KINDS}
    measures = Table("", "Queries", f"nDCG@{DEPTH}", "MRR", title="Relevance of search")
    for name, group in (groups | {"for tuning": tuning, "held back": held_back, "all": list(answers)}).items():
        if name == "for tuning":
            measures.add_section()
        ranks = mean([answer.reciprocal_rank for answer in group])
        measures.add_row(name, str(len(group)), f"{mean([answer.ndcg for answer in group]):.3f}", f"{ranks:.3f}")
    # Queries held back are counted, never shown: who sees them tunes for them.
    worst = Table("Words", "Kind", "nDCG", "RR", "First found (grade)", title="Worst queries for tuning")
    for answer in sorted(tuning, key=lambda answer: (answer.ndcg, answer.reciprocal_rank))[:WORST]:
        grades = answer.query.grades
        first = "\n".join(f"{slug[:40]} ({grades.get(slug, 0)})" for slug in answer.slugs[:2]) or "nothing"
        measured = f"{answer.ndcg:.3f}", f"{answer.reciprocal_rank:.3f}"
        worst.add_row(answer.query.words, answer.query.kind, *measured, first)
    printed = StringIO()
    Console(file=printed, width=119, color_system=None).print("", measures, worst)
    return printed.getvalue()


@pytest.mark.django_db  # which has the test database made
def test_search_finds_what_visitors_mean(answers, capsys):
    printed = report(answers)
    assert mean([answer.ndcg for answer in answers]) >= LEAST_NDCG, printed
    assert mean([answer.reciprocal_rank for answer in answers]) >= LEAST_MRR, printed
    with capsys.disabled():
        sys.stdout.write(printed)


# --- The judgements --------------------------------------------------------------------------------------------


def test_judgements_are_about_the_sample_content():
    slugs = {record["slug"] for record in json.loads((PACK / "case-studies.json").read_text(encoding="utf-8"))}
    unknown = {(query.id, slug) for query in load_judgements() for slug in query.grades if slug not in slugs}
    assert not unknown


def test_judgements_can_tell_good_from_bad():
    for query in load_judgements():
        assert query.words.strip() == query.words != "", query.id
        assert {*query.grades.values()} <= {1, 2, 3}, query.id
        assert max(query.grades.values()) >= USEFUL, query.id


def test_judgements_are_distinct():
    queries = load_judgements()
    for values in ([query.id for query in queries], [query.words.casefold() for query in queries]):
        assert [value for value, number in Counter(values).items() if number > 1] == []


def test_judgements_are_many_and_of_every_kind():
    queries = load_judgements()
    assert len(queries) >= 80
    assert {query.kind for query in queries} == set(KINDS)


def test_judgements_of_every_kind_are_held_back():
    queries = load_judgements()
    held_back = [query for query in queries if query.held_back]
    assert 0.25 <= len(held_back) / len(queries) <= 0.35
    assert {query.kind for query in held_back} == set(KINDS)
