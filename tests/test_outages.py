"""The site while its database goes away and comes back."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.request import urlopen

import pytest
from django.db import connection

from tests.serving import database_of_its_own, served


@pytest.fixture
def site(transactional_db: None, tmp_path: Path) -> Iterator[str]:
    with database_of_its_own("outages"), served(log=tmp_path / "gunicorn.log") as address:
        yield address


def break_connections() -> int:
    """End every connection of the site to its database, as a restart of PostgreSQL does; says how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
            [connection.settings_dict["NAME"], connection.connection.info.backend_pid],
        )
        (number,) = cursor.fetchone()
    return int(number)


def test_a_restart_of_the_database_costs_nobody_a_page(site: str):
    for _ in range(2):
        with urlopen(f"{site}/themes/", timeout=20) as answer:  # noqa: S310  # our own address
            assert answer.status == HTTPStatus.OK
        assert break_connections() > 0
