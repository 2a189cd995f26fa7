"""Suggestions while typing: with the keyboard alone, on a phone, where they fail, and where no script runs."""

import re
from collections.abc import Iterator
from urllib.parse import quote_plus

import pytest
from playwright.sync_api import Browser, Locator, Route, expect
from playwright.sync_api import Page as BrowserPage

from tests.addresses import MARKUP
from tests.browser.conftest import DESK, PATIENCE, PHONE, OpenContext
from tests.browser.test_accessibility import findings, wider_than_the_screen
from tests.browser.test_keyboard import focused, tab_to

HOME, LIST, NOWHERE = "/", "/case-studies/", "/nowhere/at/all"


def box(page: BrowserPage) -> Locator:
    """Find the search box as somebody does who hears the page: by its label."""
    return page.get_by_label("Search case studies")


def options(page: BrowserPage) -> Locator:
    return page.get_by_role("listbox", name="Suggestions").get_by_role("option")


def turn_to(page: BrowserPage) -> Locator:
    """Reach the search box with Tab, and wait until it suggests."""
    tab_to(page, page.locator("#q"))
    expect(box(page)).to_have_role("combobox")
    return box(page)


def suggest(page: BrowserPage, typed: str) -> Locator:
    """Type, and wait for what is suggested for just that."""
    found = turn_to(page)
    with page.expect_response(lambda response: response.url.endswith(f"?q={quote_plus(typed)}")):
        page.keyboard.type(typed)
    expect(options(page).first).to_be_visible()
    return found


@pytest.mark.parametrize("address", [HOME, LIST, NOWHERE])
def test_a_suggestion_is_chosen_with_the_keyboard(page: BrowserPage, address: str):
    page.goto(address)
    found = suggest(page, "action fal")
    assert found.get_attribute("aria-expanded") == "true"
    assert found.get_attribute("aria-activedescendant") is None
    page.keyboard.press("ArrowDown")
    first = options(page).first
    expect(first).to_have_attribute("aria-selected", "true")
    assert found.get_attribute("aria-activedescendant") == first.get_attribute("id")
    expect(first).to_have_accessible_name("Action Falls: a checklist that cut falls by 43% in a trial , Case study")
    assert focused(page, "element.id") == "q"
    page.keyboard.press("Enter")
    page.wait_for_url("**/case-studies/action-falls-care-homes/")


def test_the_arrows_go_round_by_way_of_the_box(page: BrowserPage):
    page.goto(HOME)
    found = suggest(page, "falls")
    page.keyboard.press("ArrowUp")
    expect(options(page).last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    assert found.get_attribute("aria-activedescendant") is None
    assert found.input_value() == "falls"
    page.keyboard.press("ArrowDown")
    expect(options(page).first).to_have_attribute("aria-selected", "true")
    page.keyboard.type(" in")
    assert found.get_attribute("aria-activedescendant") is None


def test_enter_searches_for_what_was_typed(page: BrowserPage):
    page.goto(HOME)
    suggest(page, "fal")
    page.keyboard.press("Enter")
    page.wait_for_url("**/case-studies/?q=fal")


def test_escape_closes_and_keeps_what_was_typed(page: BrowserPage):
    page.goto(HOME)
    found = suggest(page, "fal")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(options(page)).to_have_count(0)
    assert found.get_attribute("aria-expanded") == "false"
    assert (found.input_value(), focused(page, "element.id")) == ("fal", "q")
    page.keyboard.press("ArrowDown")
    expect(options(page).first).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.wait_for_url("**/case-studies/?q=fal")


def test_tab_leaves_and_closes(page: BrowserPage):
    page.goto(HOME)
    suggest(page, "fal")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert focused(page, "element.textContent") == "Search"
    expect(options(page)).to_have_count(0)


def test_a_suggestion_is_chosen_by_touch(open_context: OpenContext):
    phone = open_context(width=PHONE, height=640, has_touch=True).new_page()
    phone.goto(HOME)
    box(phone).tap()
    expect(box(phone)).to_have_role("combobox")
    box(phone).press_sequentially("action fal")
    options(phone).first.tap()
    phone.wait_for_url("**/case-studies/action-falls-care-homes/")


def test_what_is_suggested_is_a_link_that_opens_in_another_tab(page: BrowserPage):
    page.goto(HOME)
    suggest(page, "action fal")
    with page.context.expect_page() as other:
        options(page).first.click(modifiers=["ControlOrMeta"])
    other.value.wait_for_url("**/case-studies/action-falls-care-homes/")
    assert box(page).input_value() == "action fal"


def test_the_number_is_announced_and_how_to_move_the_first_time(page: BrowserPage):
    page.goto(HOME)
    suggest(page, "action fal")
    said = page.locator(".app-search").get_by_role("status")
    expect(said).to_have_text("1 suggestion. Use the up and down arrow keys.")
    for _ in "action ":
        page.keyboard.press("Home")
        page.keyboard.press("Delete")
    expect(said).to_have_text(re.compile(r"^\d suggestions\.$"))
    assert said.inner_text() == f"{options(page).count()} suggestions."


@pytest.mark.parametrize("address", [HOME, LIST])
@pytest.mark.parametrize(("width", "height"), [(PHONE, 640), (DESK, 900), (320, 256)])
def test_the_open_list_can_be_used_by_everybody(page: BrowserPage, address: str, width: int, height: int):
    """320 by 256 is what is left of a desk's screen at 400 %."""
    page.set_viewport_size({"width": width, "height": height})
    page.goto(address)
    # Long names with other names below.
    suggest(page, "ahsn")
    assert findings(page) == []
    for number in range(options(page).count()):
        page.keyboard.press("ArrowDown")
        expect(options(page).nth(number)).to_have_attribute("aria-selected", "true")
        expect(options(page).nth(number)).to_be_in_viewport(ratio=0.9)
    assert findings(page) == []
    assert wider_than_the_screen(page) == []
    sizes = [option.bounding_box() for option in options(page).all()]
    assert [size for size in sizes if size is None or size["height"] < 44 or size["width"] < 250] == []


def test_the_open_list_fits_with_letters_twice_as_large(large_text_phone: BrowserPage):
    large_text_phone.goto(HOME)
    suggest(large_text_phone, "ahsn")
    assert wider_than_the_screen(large_text_phone) == []


def test_the_marks_show_where_colours_are_the_readers_own(open_context: OpenContext):
    page = open_context(forced_colors="active").new_page()
    page.goto(HOME)
    suggest(page, "falls")
    page.keyboard.press("ArrowDown")
    outlines = [option.evaluate("element => getComputedStyle(element).outlineStyle") for option in options(page).all()]
    assert outlines == ["solid", *["none"] * (len(outlines) - 1)]


def test_the_label_and_the_hint_stay(page: BrowserPage):
    page.goto(HOME)
    found = suggest(page, "falls")
    expect(found).to_have_accessible_description("For example: falls in care homes, or medicines after discharge")
    assert found.get_attribute("name") == "q"


def test_the_error_stays(page: BrowserPage):
    page.goto(f"{LIST}?q={'falls+' * 100}")
    found = turn_to(page)
    expect(found).to_have_accessible_description("Error: Search with 500 characters or fewer.")
    assert found.get_attribute("aria-invalid") == "true"


def test_content_never_becomes_markup(page: BrowserPage):
    page.goto(HOME)
    suggest(page, "wombat")
    assert options(page).first.locator(".app-suggestion__text").inner_text() == f"{MARKUP}\n,"
    assert options(page).locator("img").count() == 0
    assert [bold.inner_text() for bold in options(page).locator("b").all()] == ["Wombat"]


def test_an_organisation_says_by_which_name_it_was_found(page: BrowserPage):
    page.goto(HOME)
    suggest(page, "west of england ahsn")
    expect(options(page)).to_have_count(1)
    expect(options(page)).to_have_accessible_name(
        "Health Innovation West of England , also known as West of England AHSN , Organisation"
    )


# --- Where it goes wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        lambda route: route.fulfill(status=200, content_type="text/html", body="<p>A hotel asks for a login"),
        lambda route: route.fulfill(status=200, content_type="application/json", body='{"other": 1}'),
    ],
    ids=["no JSON", "other JSON"],
)
def test_an_answer_of_another_kind_leaves_the_search_working(page: BrowserPage, answer):
    page.route("**/suggestions/**", answer)
    page.goto(HOME)
    turn_to(page)
    with page.expect_response("**/suggestions/**"):
        page.keyboard.type("fal")
    expect(options(page)).to_have_count(0)
    assert page.locator(".app-search").get_by_role("status").inner_text() == ""
    page.keyboard.press("Enter")
    page.wait_for_url("**/case-studies/?q=fal")


FAILURES = {
    "no answer": ("requestfailed", lambda route: route.abort()),
    "an error": ("response", lambda route: route.fulfill(status=500, body="")),
}


@pytest.fixture
def unwatched_page(browser: Browser, site: str) -> Iterator[BrowserPage]:
    """A page that may say in its console that a request failed."""
    context = browser.new_context(base_url=site)
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("what", ["suggestions.*.js", "suggestions/?q=*"])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_request_that_fails_leaves_the_search_working(unwatched_page: BrowserPage, what: str, failure: str):
    page = unwatched_page
    event, answer = FAILURES[failure]
    page.route(f"**/{what}", answer)
    page.goto(HOME)
    asked = re.compile(r"\?q=" if "q=" in what else r"suggestions.*\.js")
    with page.expect_event(event, lambda happened: bool(asked.search(happened.url))):
        tab_to(page, page.locator("#q"))
        if "q=" in what:
            expect(box(page)).to_have_role("combobox")
        page.keyboard.type("fal")
    page.keyboard.type("ls")
    expect(options(page)).to_have_count(0)
    page.keyboard.press("Enter")
    page.wait_for_url("**/case-studies/?q=falls")


def test_only_the_last_question_is_answered(page: BrowserPage):
    """The first answer comes late; it must not replace the second."""
    waiting: list[Route] = []
    page.route(re.compile(r"/suggestions/\?q=fal$"), lambda route: waiting.append(route))
    page.goto(HOME)
    turn_to(page)
    with page.expect_request(re.compile(r"/suggestions/\?q=fal$")) as first:
        page.keyboard.type("fal")
    with page.expect_event("requestfailed", lambda request: request == first.value):
        page.keyboard.type("ls in york")
    assert "ERR_ABORTED" in str(first.value.failure)
    expect(options(page).first).to_be_visible()
    assert [option for option in options(page).all_inner_texts() if "York" not in option] == []
    assert len(waiting) == 1


def test_typing_fast_asks_once(page: BrowserPage):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/suggestions/?" in request.url else None)
    page.goto(HOME)
    turn_to(page)
    box(page).press_sequentially("falls in care homes", delay=5)
    expect(options(page).first).to_be_visible()
    assert [url.partition("?q=")[2] for url in asked] == ["falls+in+care+homes"]


def test_nothing_is_fetched_before_somebody_turns_to_the_box(page: BrowserPage):
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(HOME, wait_until="networkidle")
    assert [url for url in fetched if "suggestions" in url] == []
    turn_to(page)
    assert len([url for url in fetched if "suggestions" in url]) == 1


def test_what_is_typed_before_the_script_comes_is_kept_and_suggested_for(page: BrowserPage):
    waiting: list[Route] = []
    page.route("**/suggestions.*.js", lambda route: waiting.append(route))
    page.goto(HOME)
    with page.expect_request("**/suggestions.*.js"):
        tab_to(page, page.locator("#q"))
    page.keyboard.type("falls")
    page.keyboard.press("ArrowLeft")
    waiting[0].continue_()
    expect(options(page).first).to_be_visible()
    page.keyboard.type("x")
    assert box(page).input_value() == "fallxs"
    assert focused(page, "element.id") == "q"


@pytest.mark.parametrize("address", [HOME, LIST, NOWHERE])
def test_without_scripts_the_box_searches(no_js_page: BrowserPage, address: str):
    no_js_page.goto(address)
    found = no_js_page.get_by_role("searchbox", name="Search case studies")
    found.fill("falls")
    found.press("Enter")
    no_js_page.wait_for_url("**/case-studies/?q=falls**")
