"""A process is ready before its first visitor comes."""

import logging
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import urlopen

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.template import engines
from django.test import Client
from jinja2 import Environment

from safetyhub.warm_up import addresses, warm_up
from tests.factories import CaseStudyFactory, ThemeFactory
from tests.serving import database_url, served

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Give the templates that are compiled from now on; none is before."""
    names: list[str | None] = []
    compile_template = Environment.compile

    def noted(self: Environment, source: Any, name: str | None = None, *arguments: Any, **named: Any) -> Any:
        names.append(name)
        return compile_template(self, source, name, *arguments, **named)

    environment: Any = engines["jinja2"]
    environment.env.cache.clear()
    monkeypatch.setattr(Environment, "compile", noted)
    return names


def test_the_first_visitor_waits_for_no_template(compiled: list[str | None]):
    case_study = CaseStudyFactory(published=True, themes=[ThemeFactory(slug="falls")])
    alive: list[str] = []
    warm_up(WSGIHandler(), lambda: alive.append("yes"))
    assert len(alive) == len(addresses())
    assert "casestudies/casestudy_list.jinja" in compiled
    compiled.clear()
    for path in ("/", "/case-studies/", "/case-studies/?q=care", "/themes/falls/", case_study.get_absolute_url()):
        assert Client().get(path).status_code == 200
    assert compiled == []


def test_a_page_that_fails_ends_it(caplog: pytest.LogCaptureFixture):
    asked = []

    def away(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked.append(environ["PATH_INFO"])
        start_response("503 Service Unavailable", [])
        return [b"Away."]

    with caplog.at_level(logging.WARNING, "safetyhub.warm_up"):
        warm_up(away, lambda: None)
    assert asked == ["/"]
    assert [record.getMessage() for record in caplog.records] == [
        "The first visitors will wait a little: making / ended with 503 Service Unavailable."
    ]


def test_a_server_starts_before_its_database_has_tables(tmp_path: Path):
    """Who starts it before the migrations hears so from /readyz."""
    with connection._nodb_cursor() as cursor:
        cursor.execute("CREATE DATABASE without_tables TEMPLATE template0")
    try:
        empty = urlunsplit(urlsplit(database_url())._replace(path="/without_tables"))
        with served(log=tmp_path / "gunicorn.log", DATABASE_URL=empty) as site:
            with urlopen(f"{site}/healthz") as answer:  # noqa: S310  # of this machine
                assert answer.status == HTTPStatus.OK
            with pytest.raises(HTTPError) as error:
                urlopen(f"{site}/readyz")  # noqa: S310  # of this machine
            with error.value as answer:
                assert answer.code == HTTPStatus.SERVICE_UNAVAILABLE
    finally:
        with connection._nodb_cursor() as cursor:
            cursor.execute("DROP DATABASE without_tables WITH (FORCE)")
