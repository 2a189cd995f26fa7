"""On paper: the text, the figures and where they came from, and nothing that is only for a screen."""

import io
import re

import pytest
from playwright.sync_api import Page as BrowserPage
from pypdf import PdfReader

from casestudies.models import CaseStudy, Report
from tests.addresses import PAGES

CASE_STUDIES = [page for page in PAGES if page.route == "casestudies:casestudy_detail" and page.status == 200]
REPORTS = [page for page in PAGES if page.route == "casestudies:report_detail" and page.status == 200]

# On screen only: what leads elsewhere on the site, and what is pressed.
SCREEN_ONLY = ["header nav", "footer", ".nhsuk-skip-link", ".nhsuk-breadcrumb", "main nav", "button", ".nhsuk-button"]


def printed_text(page: BrowserPage) -> tuple[int, str]:
    """Print to A4; give the number of sheets and their text without line breaks."""
    pages = PdfReader(io.BytesIO(page.pdf(format="A4"))).pages
    return len(pages), " ".join(" ".join(sheet.extract_text() for sheet in pages).split())


def without_spaces(text: str) -> str:
    """Take out white space: a PDF breaks long addresses, and may set a space between letters."""
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("state", [*CASE_STUDIES, *REPORTS], ids=str)
def test_only_what_is_read_is_printed(page: BrowserPage, state):
    page.goto(state.address())
    page.emulate_media(media="print")
    shown = {
        selector: [element.inner_text()[:60] for element in page.locator(selector).all() if element.is_visible()]
        for selector in SCREEN_ONLY
    }
    assert shown == {selector: [] for selector in SCREEN_ONLY}
    assert page.get_by_role("heading", level=1).is_visible()


@pytest.mark.parametrize("state", CASE_STUDIES, ids=str)
def test_a_case_study_is_printed_whole_with_the_addresses_of_its_sources(page: BrowserPage, state):
    page.goto(state.address())
    case_study = CaseStudy.objects.get(slug=state.address().split("/")[2])
    sheets, text = printed_text(page)
    assert 1 <= sheets <= 6
    flat = without_spaces(text)
    expected = [case_study.title, case_study.summary, case_study.lead_organisation.name]
    expected += [source.url for source in case_study.sources.all()]
    expected += [figure.label for figure in case_study.impact_figures.all()]
    assert [line for line in expected if without_spaces(line) not in flat] == []
    assert "Skip to main content" not in text
    assert "Ask about this project" not in text


@pytest.mark.parametrize("state", REPORTS, ids=str)
def test_a_report_is_printed_whole_with_the_addresses_of_its_sources(page: BrowserPage, state):
    page.goto(state.address())
    report = Report.objects.get(slug=state.address().split("/")[2])
    sheets, text = printed_text(page)
    assert 1 <= sheets <= 20
    flat = without_spaces(text)
    expected = [report.title, report.summary, *report.sections.values_list("title", flat=True)]
    expected += report.case_studies.values_list("title", flat=True)
    expected += [source.url for source in report.sources.all()]
    assert [line for line in expected if without_spaces(line) not in flat] == []
