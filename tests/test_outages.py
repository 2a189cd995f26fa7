"""The site while its database goes away and comes back."""

import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from django.db import connection, transaction

from casestudies.content_version import read_state
from tests.factories import CaseStudyFactory, OrganisationFactory, ThemeFactory
from tests.locks import wait_until_blocked
from tests.serving import database_of_its_own, served


@pytest.fixture
def site(transactional_db: None, tmp_path: Path) -> Iterator[str]:
    with database_of_its_own("outages"), served(log=tmp_path / "gunicorn.log") as address:
        yield address


@pytest.fixture
def uncached(transactional_db: None, tmp_path: Path) -> Iterator[str]:
    with (
        database_of_its_own("outages"),
        served(log=tmp_path / "gunicorn.log", CACHE_URL="none://") as address,
    ):
        yield address


def break_connections() -> int:
    """End every connection of the site to its database, as a restart of PostgreSQL does, and wait; says how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
            [connection.settings_dict["NAME"], connection.connection.info.backend_pid],
        )
        (number,) = cursor.fetchone()
    return int(number)


def test_after_a_restart_of_the_database_every_page_is_there(site: str):
    for _ in range(2):
        with urlopen(f"{site}/themes/", timeout=20) as answer:  # noqa: S310  # our own address
            assert answer.status == HTTPStatus.OK
        assert break_connections() > 0


def ask_four_at_once(site: str) -> list[int]:
    """Ask for four pages that wait in the database at one moment, so that each has a connection; gives statuses."""
    with ThreadPoolExecutor(4) as threads:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE casestudies_contentversion")
            answers = [threads.submit(urlopen, f"{site}/themes/", timeout=20) for _ in range(4)]
            wait_until_blocked(4, lambda: not any(answer.done() for answer in answers))
        return [answer.result().status for answer in answers]


def test_after_a_restart_every_page_is_there_though_every_thread_had_a_connection(uncached: str):
    with urlopen(f"{uncached}/healthz", timeout=20) as answer:  # noqa: S310  # our own address
        assert answer.status == HTTPStatus.OK
    assert ask_four_at_once(uncached) == [HTTPStatus.OK] * 4
    assert break_connections() >= 4
    with urlopen(f"{uncached}/themes/", timeout=20) as answer:  # noqa: S310  # our own address
        assert answer.status == HTTPStatus.OK
    assert ask_four_at_once(uncached) == [HTTPStatus.OK] * 4


def test_while_the_database_is_away_pages_say_when_to_come_back(transactional_db: None, tmp_path: Path):
    with (
        database_of_its_own("outages"),
        served(log=tmp_path / "gunicorn.log", may_fail=True, CACHE_URL="none://") as site,
        connection._nodb_cursor() as cursor,
    ):
        with urlopen(f"{site}/themes/", timeout=20) as answer:  # noqa: S310  # our own address
            assert answer.status == HTTPStatus.OK
        name = connection.settings_dict["NAME"]
        connection.ensure_connection()  # while that can be done
        cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            assert break_connections() > 0
            with pytest.raises(HTTPError) as error:
                urlopen(f"{site}/themes/", timeout=20)  # noqa: S310  # our own address
            with error.value as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "30")
                assert "Sorry, there is a problem with the site" in answer.read().decode()
        finally:
            cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        with urlopen(f"{site}/themes/", timeout=20) as answer:  # noqa: S310  # our own address
            assert answer.status == HTTPStatus.OK


def test_a_database_that_does_not_answer_is_asked_once_for_a_page(tmp_path: Path):
    """A page that needs nothing of it waits once, not twice, while other visitors wait behind."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgres://portal@127.0.0.1:{silent.getsockname()[1]}/portal?sslmode=disable&gssencmode=disable"
        log = tmp_path / "gunicorn.log"
        with (
            served(log=log, DATABASE_URL=f"{url}&connect_timeout=1", CACHE_URL="memory://") as site,
            urlopen(f"{site}/about/", timeout=20) as answer,  # noqa: S310  # our own address
        ):
            assert answer.status == HTTPStatus.OK
        silent.setblocking(False)
        asked = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                silent.accept()[0].close()
                asked += 1
    assert asked == 2  # to make the process ready, and for the page


def put_back(backup: str) -> None:
    """Put another database in the place of the one that the site uses."""
    name = connection.settings_dict["NAME"]
    connection.close()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        cursor.execute(f'ALTER DATABASE "{backup}" RENAME TO "{name}"')


def test_a_backup_brings_back_no_page_of_what_is_lost(transactional_db: None, tmp_path: Path):
    """It gives the same versions once more, to other content; pages and catalogue have them still."""
    with database_of_its_own("restored"):
        organisation, theme = OrganisationFactory(), ThemeFactory()
        connection.creation.clone_test_db(suffix="backup", verbosity=0)
        backup = connection.creation.get_test_db_clone_settings("backup")["NAME"]

        def publish(*titles: str) -> int | None:
            with transaction.atomic():
                for title in titles:
                    CaseStudyFactory(published=True, title=title, lead_organisation=organisation, themes=[theme])
            return read_state().version

        with served(log=tmp_path / "gunicorn.log", CACHE_URL="memory://") as site:

            def page(path: str) -> tuple[str, str | None]:
                with urlopen(f"{site}{path}", timeout=20) as answer:  # noqa: S310  # our own address
                    return answer.read().decode(), answer.headers["Cache-Status"]

            paths = ["/case-studies/", "/themes/", theme.get_absolute_url()]
            version = publish("Lost rounds", "Lost visits")
            assert all(page(path) and page(path)[1] == "site; hit" for path in paths)
            put_back(backup)
            assert publish("New rounds") == version
            for path in paths:
                text, status = page(path)
                assert status == "site; fwd=uri-miss; stored"
                assert "1 case study" in text  # which takes the catalogue
                assert "Lost" not in text
                assert ("New rounds" in text) == (path != "/themes/")
