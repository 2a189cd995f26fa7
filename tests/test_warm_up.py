"""A process is ready before its first visitor comes."""

from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from safetyhub import warm_up
from tests.factories import CaseStudyFactory, ThemeFactory
from tests.serving import served


@pytest.mark.django_db(transaction=True)
def test_the_first_visitor_finds_pages_of_every_kind_made(tmp_path: Path):
    case_study = CaseStudyFactory(published=True, themes=[ThemeFactory(slug="falls")])
    with served(log=tmp_path / "gunicorn.log", CACHE_URL="memory://") as site:
        found = {}
        for path in warm_up.addresses():
            request = Request(f"{site}{path}", headers={"Accept-Encoding": "gzip"})  # noqa: S310  # of this machine
            with urlopen(request) as answer:  # noqa: S310
                found[path] = answer.headers["Cache-Status"]
    assert {"/", "/case-studies/", "/themes/falls/", case_study.get_absolute_url()} <= found.keys()
    assert found == dict.fromkeys(found, "site; hit")
