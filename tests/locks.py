"""Waiting, without sleeping, until others wait for a lock."""

from collections.abc import Callable

from django.db import connection


def wait_until_blocked(number: int, is_underway: Callable[[], bool]) -> None:
    """
    Wait until so many transactions of this database wait for a lock, or fail when what should wait is over before.

    Asks `pg_locks`: within a transaction `pg_stat_activity` always answers what it answered first. A transaction that
    waits for another has no database there, but locks that it has been granted do.
    """
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_locks"
                " WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
            )
            (blocked,) = cursor.fetchone()
            if blocked >= number:
                return
            assert is_underway(), f"{blocked} wait for a lock, not {number}."
