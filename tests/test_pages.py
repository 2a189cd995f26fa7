"""The pages that every public site owes, and structured data."""

from datetime import date
from decimal import Decimal
from html import unescape

import pytest
from django.template import engines
from jinja2 import Undefined

from safetyhub.jinja import first_sentence
from safetyhub.structured_data import json_ld
from tests.pages import soup, text

PAGES = {
    "/about/": "About this site",
    "/accessibility/": "Accessibility statement",
    "/privacy/": "Privacy",
    "/cookies/": "Cookies",
}


@pytest.mark.parametrize(("address", "heading"), PAGES.items())
def test_the_pages_need_no_database_and_set_no_cookie(client, address, heading):
    response = client.get(address)
    page = soup(response)
    assert response.status_code == 200
    assert text(page, "h1") == heading
    assert text(page, "title") == f"{heading} – Patient Safety Case Studies"
    assert page.select_one("link[rel=canonical]")["href"].endswith(address)
    assert page.select_one("meta[name=description]")["content"]
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("address", ["/about/", "/accessibility/", "/privacy/"])
def test_people_are_told_where_to_write(client, monkeypatch, address):
    shown = engines["jinja2"].env.globals["settings"]
    monkeypatch.setitem(shown, "SUPPORT_EMAIL", "")
    monkeypatch.setitem(shown, "ORGANISATION_NAME", "The Network")
    assert "The Network" in text(soup(client.get(address)), "article")
    monkeypatch.setitem(shown, "SUPPORT_EMAIL", "help@safety.example")
    page = soup(client.get(address))
    assert {link["href"] for link in page.select("article a[href^=mailto]")} == {"mailto:help@safety.example"}


def test_structured_data_cannot_end_its_element_and_leaves_out_what_is_empty():
    element = str(
        json_ld(
            {
                "name": "</script><!-- & ' é",
                "none": None,
                "empty": ["", {}, {"inner": None}],
                "undefined": Undefined(),
                "zero": 0,
                "day": date(2019, 9, 4),
                "value": Decimal("9.50"),
            }
        )
    )
    assert element == (
        '<script type="application/ld+json">{"@context": "https://schema.org", '
        '"name": "\\u003C/script\\u003E\\u003C!-- \\u0026 \' \\u00e9", "zero": 0, "day": "2019-09-04", '
        '"value": "9.50"}</script>'
    )
    assert unescape(element) == element


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("Wards met. Falls fell.", "Wards met."),
        ("Falls fell by 43%. So did harm.", "Falls fell by 43%."),
        ("Led by Dr. Smith of St. Ann’s. It worked.", "Led by Dr. Smith of St. Ann’s."),
        ("It rose by 4.5 points to 9", "It rose by 4.5 points to 9"),
        ("", ""),
    ],
)
def test_the_first_sentence_of_a_summary(words, first):
    assert first_sentence(words) == first
