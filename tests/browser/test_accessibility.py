"""WCAG 2.2 AA on every page in every state: axe, reflow, zoomed text."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import reverse
from playwright.sync_api import Browser
from playwright.sync_api import Page as BrowserPage

from casestudies.models import CaseStudy, Report
from enquiries.models import Enquiry
from partners.models import Organisation
from safetyhub import views
from safetyhub.middleware import method_not_allowed
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
        # The menu puts away what does not fit a moment after the window has changed.
        page.wait_for_function(
            "() => [...document.querySelectorAll('header nav a')]"
            ".every(link => link.getBoundingClientRect().right <= innerWidth)"
        )
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


def wrong_method(request: HttpRequest) -> HttpResponse:
    return method_not_allowed(request, "GET, HEAD")


def form_expired(request: HttpRequest) -> HttpResponse:
    request.path_info = reverse("admin:index")
    return views.csrf_failure(request)


@pytest.mark.parametrize(
    "answer",
    [views.bad_request, views.permission_denied, form_expired, views.page_not_found, wrong_method, views.server_error],
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


# --- Asking -----------------------------------------------------------------------------------------------------

TYPED = {
    "nothing": {},
    "a wrong address": {"Your name": "Kim", "Your email address": "kim at home", "Your question": "How?"},
    "too much": {"Your name": "K" * 150, "Your email address": "k" * 300, "Your question": "How long? " * 500},
    "markup": {"Your name": "<b>Kim</b>", "Where you work": '"><script>', "Your question": "&amp;"},
}


@pytest.mark.parametrize("typed", TYPED)
def test_the_form_with_errors_can_be_used_by_everybody(page: BrowserPage, typed: str):
    page.goto("/case-studies/made-with-everything/contact/")
    for label, text in TYPED[typed].items():
        page.get_by_label(label).fill(text)
    with page.expect_navigation():
        page.get_by_role("button", name="Send your question").click()
    assert page.get_by_role("alert").get_by_role("link").count() >= 1
    check(page)


def test_the_form_can_be_used_by_everybody_while_too_much_is_typed(page: BrowserPage):
    """The counter of characters speaks, and turns into an error, as one types."""
    page.goto("/case-studies/made-with-everything/contact/")
    page.get_by_label("Your question").fill("x" * 4001)
    page.get_by_text("You have 1 character too many").first.wait_for()
    check(page)


# --- For staff --------------------------------------------------------------------------------------------------

STAFF_PAGES: dict[str, Callable[[], str]] = {
    "index": lambda: reverse("admin:index"),
    "case studies": lambda: reverse("admin:casestudies_casestudy_changelist"),
    "case studies, search": lambda: reverse("admin:casestudies_casestudy_changelist") + "?q=xylophone",
    "add a case study": lambda: reverse("admin:casestudies_casestudy_add"),
    "case study": lambda: of_case_study("change", "made-with-everything"),
    "draft": lambda: of_case_study("change", "made-draft"),
    "withdrawn": lambda: of_case_study("change", "made-withdrawn"),
    "history": lambda: of_case_study("history", "made-with-everything"),
    "delete": lambda: of_case_study("delete", "made-draft"),
    "preview": lambda: of_case_study("preview", "made-draft"),
    "publish": lambda: step("publish", "made-draft"),
    "withdraw": lambda: step("withdraw", "made-with-everything"),
    "reports": lambda: reverse("admin:casestudies_report_changelist"),
    "report": lambda: reverse("admin:casestudies_report_change", args=[Report.objects.published().first().pk]),
    "organisations": lambda: reverse("admin:partners_organisation_changelist"),
    "organisation": lambda: reverse("admin:partners_organisation_change", args=[Organisation.objects.first().pk]),
    "contacts": lambda: reverse("admin:partners_contact_changelist"),
    "enquiries": lambda: reverse("admin:enquiries_enquiry_changelist"),
    "enquiry": lambda: reverse("admin:enquiries_enquiry_change", args=[Enquiry.objects.first().pk]),
}


# What Django's own admin has, and who it is no barrier to; nothing else is let through.
STOCK = {
    'empty-table-header: <th class="original"': "a column that only holds hidden fields has no heading",
    "page-has-heading-one: <html": "the login names the site in its header, and has no heading of its own",
}


def own(found: list[str]) -> list[str]:
    """Leave out what Django's admin brings along."""
    return [line for line in found if not line.startswith(tuple(STOCK))]


def of_case_study(page: str, slug: str) -> str:
    return reverse(f"admin:casestudies_casestudy_{page}", args=[CaseStudy.objects.get(slug=slug).pk])


def step(name: str, slug: str) -> str:
    return f"{reverse('admin:casestudies_casestudy_step', args=[name])}?ids={CaseStudy.objects.get(slug=slug).pk}"


@pytest.mark.parametrize("name", STAFF_PAGES)
def test_a_page_for_staff_can_be_used_by_everybody(staff_page: BrowserPage, name: str):
    response = staff_page.goto(STAFF_PAGES[name]())
    assert response is not None
    assert response.status == 200
    assert own(findings(staff_page)) == []


def test_the_login_can_be_used_by_everybody(browser: Browser, site: str):
    context = browser.new_context(base_url=site)
    page = context.new_page()
    page.goto("/admin/login/")
    found = findings(page)
    page.get_by_label("Username").fill("nobody")
    page.get_by_label("Password").fill("nothing")
    page.get_by_role("button", name="Log in").click()
    page.get_by_text("Please enter the correct username").wait_for()
    found += findings(page)
    context.close()
    assert own(found) == []


# --- The checks themselves --------------------------------------------------------------------------------------


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
