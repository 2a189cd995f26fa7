"""Everything a visitor does, done with the keyboard alone, with the focus in sight all the way."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, expect
from playwright.sync_api import Page as BrowserPage

from tests.addresses import PAGES, Page

# One page of each route that visitors read: what takes focus differs from route to route.
ONE_OF_EACH = list({page.route: page for page in reversed(PAGES) if page.status == 200}.values())
MOST_STOPS = 400

# What Tab should reach, in the order of the page. A search box changes once it has the focus, and keeps its id.
STOPS = """() => [...document.querySelectorAll(
    "a[href], button, input, select, textarea, summary, [tabindex]"
)].filter(element => element.tabIndex >= 0 && !element.disabled && element.type !== "hidden"
    && element.checkVisibility({visibilityProperty: true})
).map(element => element.id ? `#${element.id}` : element.outerHTML.slice(0, 160))"""

# What has the focus, whether it can be seen, and whether anything shows that it is there.
FOCUSED = """() => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const look = () => {
        const style = getComputedStyle(element);
        const outline = style.outlineStyle === "none" || /, 0\\)$|transparent/.test(style.outlineColor)
            ? "" : style.outline;
        return [outline, style.boxShadow, style.backgroundColor, style.border, style.color].join("|");
    };
    const focused = look();
    const box = element.getBoundingClientRect();
    const middle = document.elementFromPoint(
        Math.min(Math.max(box.left + box.width / 2, 0), innerWidth - 1),
        Math.min(Math.max(box.top + Math.min(box.height, innerHeight) / 2, 0), innerHeight - 1));
    const label = element.labels && [...element.labels].some(label => label.contains(middle));
    element.blur();
    const blurred = look();
    element.focus({preventScroll: true});
    return {
        html: element.id ? `#${element.id}` : element.outerHTML.slice(0, 160),
        marked: focused !== blurred,
        inSight: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth
            && Boolean(middle) && (element.contains(middle) || middle.contains(element) || Boolean(label)),
    };
}"""


def tab_through(page: BrowserPage) -> list[dict[str, Any]]:
    """Press Tab until the focus leaves the page, and tell each stop; fails where it never leaves."""
    stops: list[dict[str, Any]] = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if stop is None:
            return stops
        stops.append(stop)
    raise AssertionError(f"the focus never leaves the page; last: {stops[-5:]}")


def tab_to(page: BrowserPage, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    element = target.element_handle()
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if page.evaluate("element => document.activeElement === element", element):
            return
    raise AssertionError(f"Tab never reaches {target}")


def focused(page: BrowserPage, expression: str) -> Any:
    """Say something of the element that has the focus."""
    return page.evaluate(f"() => {{ const element = document.activeElement; return {expression} }}")


def query(page: BrowserPage) -> dict[str, list[str]]:
    """Give the parameters of the page's address."""
    return parse_qs(urlsplit(page.url).query)


@pytest.mark.parametrize("state", ONE_OF_EACH, ids=lambda state: state.route)
def test_tab_stops_at_everything_once_and_shows_where_it_is(page: BrowserPage, state: Page):
    """Guards against traps, focus that cannot be seen or is covered, and an order other than the page's."""
    page.goto(state.address())
    expected = page.evaluate(STOPS)
    stops = tab_through(page)
    assert [stop["html"] for stop in stops] == expected
    assert [stop["html"] for stop in stops if not stop["marked"]] == []
    assert [stop["html"] for stop in stops if not stop["inSight"]] == []


@pytest.mark.parametrize("state", ONE_OF_EACH, ids=lambda state: state.route)
def test_the_first_stop_leads_past_the_menu(phone: BrowserPage, state: Page):
    phone.goto(state.address())
    phone.keyboard.press("Tab")
    assert focused(phone, "element.textContent.trim()") == "Skip to main content"
    phone.keyboard.press("Enter")
    phone.wait_for_url("**#maincontent")
    phone.keyboard.press("Tab")
    assert focused(phone, "Boolean(element.closest('main, footer'))") is True


def test_filters_on_a_phone(phone: BrowserPage):
    phone.goto("/case-studies/")
    everything = phone.get_by_role("heading", level=1).inner_text()
    box = phone.get_by_role("checkbox", name=re.compile("^Falls"))
    expect(box).to_be_hidden()

    tab_to(phone, phone.locator("summary", has_text=re.compile("^Filters")))
    phone.keyboard.press("Enter")
    expect(box).to_be_visible()
    tab_to(phone, box)
    phone.keyboard.press("Space")
    expect(box).to_be_checked()
    tab_to(phone, phone.get_by_role("button", name="Apply filters"))
    phone.keyboard.press("Enter")
    phone.wait_for_url("**theme=falls**")
    assert query(phone)["theme"] == ["falls"]
    assert phone.get_by_role("heading", level=1).inner_text().endswith("about falls")
    assert phone.locator("summary", has_text=re.compile("^Filters")).inner_text() == "Filters (1 on)"

    tab_to(phone, phone.get_by_role("link", name=re.compile("Remove filter")))
    phone.keyboard.press("Enter")
    phone.wait_for_url(lambda url: "theme=" not in url)
    assert phone.get_by_role("heading", level=1).inner_text() == everything


def test_search_sort_and_pages(page: BrowserPage):
    page.goto("/case-studies/")
    tab_to(page, page.get_by_role("searchbox"))
    page.keyboard.type("falls")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=falls**")
    assert "for “falls”" in page.get_by_role("heading", level=1).inner_text()

    page.goto("/case-studies/")
    tab_to(page, page.get_by_label("Sort by"))
    page.keyboard.type("Title")
    tab_to(page, page.get_by_role("button", name="Sort"))
    page.keyboard.press("Enter")
    page.wait_for_url("**sort=title**")
    titles = page.locator("main li article :is(h2, h3)").all_inner_texts()
    assert titles == sorted(titles, key=str.lower)
    assert len(titles) == 20

    tab_to(page, page.get_by_role("link", name=re.compile("^Next")))
    page.keyboard.press("Enter")
    page.wait_for_url("**page=2**")
    assert page.locator("main li article").count() == 20


def test_the_menu_on_a_phone(phone: BrowserPage):
    phone.goto("/")
    about = phone.get_by_role("banner").get_by_role("link", name="About")
    expect(about).to_be_hidden()
    more = phone.get_by_role("banner").get_by_role("button")
    tab_to(phone, more)
    assert more.get_attribute("aria-expanded") == "false"
    phone.keyboard.press("Enter")
    assert more.get_attribute("aria-expanded") == "true"
    expect(about).to_be_visible()
    phone.keyboard.press("Escape")
    expect(about).to_be_hidden()
    phone.keyboard.press("Enter")
    tab_to(phone, about)
    phone.keyboard.press("Enter")
    phone.wait_for_url("**/about/")


def test_asking(page: BrowserPage):
    page.goto("/case-studies/made-with-everything/")
    tab_to(page, page.get_by_role("link", name="Ask about this project").first)
    page.keyboard.press("Enter")
    page.wait_for_url("**/contact/")

    tab_to(page, page.get_by_label("Your name"))
    page.keyboard.type("Kim")
    tab_to(page, page.get_by_role("button", name="Send your question"))
    page.keyboard.press("Enter")
    summary = page.get_by_role("alert")
    expect(summary).to_be_visible()
    assert page.title().startswith("Error: ")
    assert focused(page, "element.classList.contains('nhsuk-error-summary')") is True
    assert summary.get_by_role("link").all_inner_texts() == ["Enter your email address", "Enter your question"]

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert focused(page, "element.name") == "email"
    assert page.get_by_label("Your name").input_value() == "Kim"
    page.keyboard.type("kim@home.example")
    tab_to(page, page.get_by_label("Your question"))
    page.keyboard.type("How long did it take, and by keyboard?")
    tab_to(page, page.get_by_role("button", name="Send your question"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/enquiries/*/")
    assert re.search(r"\b[B-Z2-9]{4}-[B-Z2-9]{4}\b", page.get_by_role("main").inner_text())


def test_a_stop_without_a_mark_and_a_trap_are_noticed(page: BrowserPage):
    """Guards the checks above, which would be silent if everything counted as a mark."""
    page.goto("/cookies/")
    page.evaluate(
        """() => {
            const button = document.createElement("button");
            button.textContent = "Unmarked";
            button.style.all = "unset";
            document.querySelector("main").prepend(button);
        }"""
    )
    assert [stop["html"][:7] for stop in tab_through(page) if not stop["marked"]] == ["<button"]
    page.evaluate(
        """() => document.querySelector("main button").addEventListener(
            "keydown", event => { if (event.key === "Tab") event.preventDefault() })"""
    )
    page.evaluate("() => document.body.focus()")
    with pytest.raises(AssertionError, match="never leaves"):
        tab_through(page)
