"""
The system's Chromium before the real site: gunicorn, built static files, the whole sample content.

Every page that a test opens is watched: an error in the console, a refusal by the content security policy, a
request to another host or a cookie fails the test at its end.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import override_settings
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.addresses import STAFF_PASSWORD, make_rare_content, make_superuser
from tests.serving import database_of_its_own, load_sample_content, missing, served

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
PHONE, DESK = 320, 1280
PATIENCE = 30_000  # milliseconds; a busy machine takes many times as long as an idle one
expect.set_options(timeout=PATIENCE)
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db)


@pytest.fixture(scope="package")
def program() -> str:
    """The system's Chromium; CHROMIUM names another one."""
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if program is None or shutil.which(program) is None:
        missing(f"No browser: install Chromium, or name one in CHROMIUM (looked for {', '.join(NAMES)}).")
        raise AssertionError("missing() does not return")
    return program


@pytest.fixture(scope="package")
def site(
    program: str, django_db_setup: None, django_db_blocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of the running site, with the sample content and one of everything rare; the ORM sees the same."""
    if not (settings.STATIC_ROOT / "staticfiles.json").exists():
        missing("The style sheets are not built: make build.")
    folder = tmp_path_factory.mktemp("site")
    with django_db_blocker.unblock(), database_of_its_own("browser"):
        with override_settings(MEDIA_ROOT=folder / "media"):
            load_sample_content()
            make_rare_content()
            make_superuser()
        with served(log=folder / "gunicorn.log", MEDIA_ROOT=str(folder / "media")) as address:
            yield address


@pytest.fixture(scope="package")
def browser(program: str, site: str) -> Iterator[Browser]:
    """
    Chromium, started once.

    Playwright keeps an event loop in this thread: Django takes what the tests do for asynchronous code, and gives
    them another database connection than before. So the site comes first, and the connection ends with the loop.
    """
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        chromium = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield chromium
        chromium.close()
        connection.close()


@pytest.fixture(scope="package")
def large_text_browser(program: str, browser: Browser) -> Iterator[Browser]:
    """Chromium with the text size of its settings doubled: 32 pixels where a page asks for what the reader likes."""
    large = browser.browser_type.launch(
        executable_path=program, args=[*ARGUMENTS, "--blink-settings=defaultFontSize=32"]
    )
    yield large
    large.close()


class Watch:
    """What a visitor's browser must never have to say."""

    def __init__(self, context: BrowserContext, site: str) -> None:
        self.context, self.site = context, site
        self.findings: list[str] = []
        self.opened: set[str] = set()
        context.on("request", self._request)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.findings.append(f"script error: {error.error}"))
        context.add_init_script(
            "addEventListener('securitypolicyviolation', event =>"
            " console.error('refused by policy:', event.violatedDirective, event.blockedURI))"
        )

    def _request(self, request: Request) -> None:
        if request.is_navigation_request():
            self.opened.add(request.url)
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and f"{parts.scheme}://{parts.netloc}" != self.site:
            self.findings.append(f"request to another host: {request.url}")

    def _console(self, message: ConsoleMessage) -> None:
        # Chromium reports a page answered with 404 as a failure; which status a page has is for its test to say.
        of_page = message.text.startswith("Failed to load resource") and message.location["url"] in self.opened
        if message.type in {"error", "warning"} and not of_page:
            self.findings.append(f"console: {message.text} ({message.location['url']})")

    def finish(self) -> list[str]:
        return [*self.findings, *(f"cookie: {cookie['name']}" for cookie in self.context.cookies())]


type OpenContext = Callable[..., BrowserContext]


@pytest.fixture
def open_context(browser: Browser, site: str) -> Iterator[OpenContext]:
    """Make browsers of visitors who were never here before; what they had to say fails the test."""
    watches: list[Watch] = []

    def make(program: Browser = browser, width: int = DESK, height: int = 900, **options) -> BrowserContext:
        context = program.new_context(
            base_url=site, viewport={"width": width, "height": height}, reduced_motion="reduce", **options
        )
        context.set_default_timeout(PATIENCE)
        watches.append(Watch(context, site))
        return context

    yield make
    findings = [finding for watch in watches for finding in watch.finish()]
    for watch in watches:
        watch.context.close()
    assert findings == []


@pytest.fixture
def page(open_context: OpenContext) -> Page:
    """A visitor's page at the width of a desk."""
    return open_context().new_page()


@pytest.fixture
def phone(open_context: OpenContext) -> Page:
    """A visitor's page at the width of a small phone."""
    return open_context(width=PHONE, height=640).new_page()


@pytest.fixture
def large_text_phone(large_text_browser: Browser, open_context: OpenContext) -> Page:
    """The same for a visitor who needs letters twice as large."""
    return open_context(large_text_browser, width=PHONE, height=640).new_page()


@pytest.fixture
def no_js_page(open_context: OpenContext) -> Page:
    """A visitor's page where no script runs."""
    return open_context(java_script_enabled=False).new_page()


@pytest.fixture(scope="package")
def staff_state(browser: Browser, site: str):
    """The cookies of a member of staff who signed in through the form."""
    context = browser.new_context(base_url=site)
    page = context.new_page()
    page.goto("/admin/login/?next=/admin/")
    page.get_by_label("Username").fill("made-admin")
    page.get_by_label("Password").fill(STAFF_PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def staff_page(browser: Browser, site: str, staff_state) -> Iterator[Page]:
    """A page of a member of staff, who has cookies and is watched for the rest."""
    context = browser.new_context(
        base_url=site, viewport={"width": DESK, "height": 900}, reduced_motion="reduce", storage_state=staff_state
    )
    context.set_default_timeout(PATIENCE)
    watch = Watch(context, site)
    yield context.new_page()
    context.close()
    assert watch.findings == []
