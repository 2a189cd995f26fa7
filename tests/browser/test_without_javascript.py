"""The same site for a visitor whose browser runs no script: nothing is missing, hidden or dead."""

import re

import pytest
from playwright.sync_api import Locator, expect
from playwright.sync_api import Page as BrowserPage

from tests.addresses import Page
from tests.browser.conftest import DESK, PHONE
from tests.browser.test_keyboard import ONE_OF_EACH

MENU = ["Case studies", "Themes", "Organisations", "Reports", "About"]


def follow(target: Locator) -> None:
    """Press a link or button, and wait for the page that it leads to."""
    with target.page.expect_navigation():
        target.click()


def heading(page: BrowserPage) -> str:
    return page.get_by_role("heading", level=1).inner_text()


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_whole_menu_is_in_sight_and_leads_on(no_js_page: BrowserPage, width: int):
    no_js_page.set_viewport_size({"width": width, "height": 800})
    for item in MENU:
        no_js_page.goto("/")
        links = no_js_page.get_by_role("banner").get_by_role("navigation").get_by_role("link")
        assert [link.inner_text().strip() for link in links.all() if link.is_visible()] == MENU
        with no_js_page.expect_navigation() as navigation:
            links.filter(has_text=item).first.click()
        assert navigation.value.status == 200
        no_js_page.get_by_role("banner").locator("[aria-current]").wait_for()


@pytest.mark.parametrize("state", ONE_OF_EACH, ids=lambda state: state.route)
def test_a_page_says_the_same_with_and_without_scripts(page: BrowserPage, no_js_page: BrowserPage, state: Page):
    """Only what needs a script to do anything is left out: the button that prints, the counter of characters."""
    said = []
    for visitor in (page, no_js_page):
        visitor.goto(state.address())
        visitor.wait_for_load_state("load")
        text = visitor.get_by_role("main").inner_text()
        said.append(
            " ".join(
                re.sub(
                    r"Print this page|You can enter up to 4,?000 characters|"
                    r"You have 4,?000 characters remaining",
                    "",
                    text,
                ).split()
            )
        )
    assert said[1] == said[0]


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_filters_search_sort_and_pages(no_js_page: BrowserPage, width: int):
    page = no_js_page
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/case-studies/")
    everything = heading(page)
    box = page.get_by_role("checkbox", name=re.compile("^Falls"))
    if not box.is_visible():
        page.locator("summary", has_text=re.compile("^Filters")).click()
    box.check()
    follow(page.get_by_role("button", name="Apply filters"))
    assert heading(page).endswith("about falls")
    follow(page.get_by_role("link", name=re.compile("Remove filter")))
    assert heading(page) == everything

    page.get_by_label("Sort by").select_option("title")
    follow(page.get_by_role("button", name="Sort"))
    follow(page.get_by_role("link", name=re.compile("^Next")))
    assert "sort=title" in page.url
    assert "page=2" in page.url
    assert page.locator("main li article").count() == 20

    page.get_by_role("searchbox").fill("xylophone")
    follow(page.get_by_role("button", name="Search"))
    assert heading(page) == "0 case studies for “xylophone”"


def test_organisations_are_found(no_js_page: BrowserPage):
    """Abbreviations and former names find an organisation too."""
    no_js_page.goto("/organisations/")
    everything = no_js_page.locator("main a[href^='/organisations/']").count()
    no_js_page.get_by_role("searchbox").fill("AHSN")
    follow(no_js_page.get_by_role("main").get_by_role("button").first)
    assert "q=AHSN" in no_js_page.url
    assert 0 < no_js_page.locator("main a[href^='/organisations/']").count() < everything


def test_asking(no_js_page: BrowserPage):
    page = no_js_page
    page.goto("/case-studies/made-with-everything/")
    follow(page.get_by_role("link", name="Ask about this project").first)
    page.get_by_label("Your name").fill("Sam")
    page.get_by_label("Your question").fill("Does it work without scripts?")
    follow(page.get_by_role("button", name="Send your question"))
    summary = page.get_by_role("alert")
    assert summary.get_by_role("link").all_inner_texts() == ["Enter your email address"]
    assert page.get_by_label("Your question").input_value() == "Does it work without scripts?"
    summary.get_by_role("link").click()
    assert page.url.endswith("#id_email")
    page.get_by_label("Your email address").fill("sam@home.example")
    follow(page.get_by_role("button", name="Send your question"))
    expect(page.get_by_role("main")).to_contain_text(re.compile(r"[B-Z2-9]{4}-[B-Z2-9]{4}"))


def test_no_button_is_there_that_does_nothing(no_js_page: BrowserPage):
    no_js_page.goto("/case-studies/made-with-everything/")
    outside_of_forms = no_js_page.locator("button:not(form button)")
    assert [button.inner_text() for button in outside_of_forms.all() if button.is_visible()] == []
