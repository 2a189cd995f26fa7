"""
Counts the database queries of pages: reads addresses by kind as JSON, and writes the most queries that one took.

Each address is asked for twice and the second time counts, so that a cache has had its chance. What begins and
ends a transaction is not counted.
"""

import json
import os
import sys

import django
from django.db import connection

ASKED = 10  # addresses of a kind


def main() -> None:
    """Count the queries of the addresses on standard input."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safetyhub.settings")
    django.setup()
    asked: dict[str, list[str]] = json.load(sys.stdin)
    json.dump({kind: max(map(count, paths[:ASKED])) for kind, paths in asked.items()}, sys.stdout)


def count(path: str) -> int:
    """Count the queries of one page."""
    from django.test import Client  # noqa: PLC0415  # both read the settings
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    client = Client(headers={"host": "127.0.0.1", "accept-encoding": "gzip"})
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        status = client.get(path).status_code
    if status != 200:
        sys.exit(f"{path} was answered with {status}; --leave-out leaves a kind of request out.")
    frame = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
    return sum(not query["sql"].startswith(frame) for query in captured.captured_queries)


if __name__ == "__main__":
    main()
