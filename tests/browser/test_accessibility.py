"""WCAG 2.2 AA on every page in every state: axe, reflow, zoomed text."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import RequestFactory
from playwright.sync_api import Page as BrowserPage

from safetyhub import views
from tests.addresses import PAGES, Page
from tests.browser.conftest import DESK, PHONE

AXE = settings.BASE_DIR / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def findings(page: BrowserPage, **options: Any) -> list[str]:
    """Give what axe finds on the page as it stands, one line for each element."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "async options => (await axe.run(document, options)).violations",
        {"runOnly": TAGS, "resultTypes": ["violations"], **options},
    )
    return [f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


def wider_than_the_screen(page: BrowserPage) -> list[str]:
    """Give what makes the page scroll sideways; empty where it fits."""
    return page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= width) return [];
            const wide = [...document.body.querySelectorAll("*")].filter(
                element => element.getBoundingClientRect().right > width + 0.5);
            return wide.map(element => element.outerHTML.slice(0, 120)).concat(["the page scrolls sideways"]);
        }"""
    )


def check(page: BrowserPage) -> None:
    """Hold a page against everything, at the width of a desk and of a small phone."""
    for width, height in ((DESK, 900), (PHONE, 640)):
        page.set_viewport_size({"width": width, "height": height})
        assert findings(page) == []
        assert wider_than_the_screen(page) == []


@pytest.mark.parametrize("state", PAGES, ids=str)
def test_a_page_can_be_used_by_everybody(page: BrowserPage, state: Page):
    response = page.goto(state.address())
    assert response is not None
    assert response.status == state.status
    check(page)


@pytest.mark.parametrize("state", PAGES, ids=str)
def test_letters_twice_as_large_fit_a_small_phone(large_text_phone: BrowserPage, state: Page):
    large_text_phone.goto(state.address())
    assert wider_than_the_screen(large_text_phone) == []


@pytest.mark.parametrize(
    "answer",
    [views.bad_request, views.permission_denied, views.csrf_failure, views.page_not_found, views.server_error],
    ids=lambda view: view.__name__,
)
def test_an_error_page_can_be_used_by_everybody(page: BrowserPage, answer: Callable[..., Any]):
    response = answer(RequestFactory().get("/broken/"))
    page.route(
        "**/broken/",
        lambda route: route.fulfill(
            status=response.status_code, content_type="text/html; charset=utf-8", body=response.content
        ),
    )
    page.goto("/broken/")
    assert page.locator("h1").count() == 1
    check(page)


def test_axe_finds_what_is_wrong(page: BrowserPage):
    """Guards the checks above: they would be silent if axe did not run, or if the page could not be too wide."""
    page.goto("/")
    page.evaluate(
        """() => {
            const image = document.createElement("img");
            image.style.width = "2000px";
            document.querySelector("main").append(image);
        }"""
    )
    assert [line.split(":")[0] for line in findings(page)] == ["image-alt"]
    assert wider_than_the_screen(page)[-1] == "the page scrolls sideways"
