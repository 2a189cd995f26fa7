"""Reports: the list with covers, a report's page, its PDF and cover, and what is kept from visitors."""

import io
import json

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse
from PIL import Image
from pypdf import PdfReader

from casestudies.models import Report
from casestudies.pdf import RichText, showable
from tests.factories import (
    CaseStudyFactory,
    ContactFactory,
    ImpactFigureFactory,
    OrganisationFactory,
    ReportEntryFactory,
    ReportFactory,
    ReportSectionFactory,
    SourceFactory,
)
from tests.pages import soup, text, texts

pytestmark = pytest.mark.django_db


def get(client, report):
    return client.get(reverse("casestudies:report_detail", args=[report.slug]))


def pdf_address(report, name=None):
    return reverse("casestudies:report_pdf", args=[report.slug, name or report.slug])


def words_of(response):
    """Read a PDF's words, with line ends as spaces."""
    reader = PdfReader(io.BytesIO(response.content))
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def an_image(kind="WEBP"):
    out = io.BytesIO()
    Image.new("RGB", (210, 297), "teal").save(out, kind)
    return ContentFile(out.getvalue(), name="cover.webp")


@pytest.fixture
def report():
    """Make a report with two sections, and one case study in it that visitors must not see."""
    report = ReportFactory(
        published=True,
        title="Safer homes",
        publisher=OrganisationFactory(name="The Network"),
        foreword="<p>Care homes <strong>matter</strong>.</p><ul><li>One</li><li>Two</li></ul>",
        foreword_by="A Director",
        note="Not the text of the publication.",
    )
    first = ReportSectionFactory(report=report, title="Falls", introduction="About falling.", order=1)
    second = ReportSectionFactory(report=report, title="Medicines", order=2)
    huddles = CaseStudyFactory(
        published=True,
        title="Huddles",
        summary="Wards met every day. Falls became rarer.",
        lead_organisation=OrganisationFactory(name="North Trust"),
        contacts=[ContactFactory(email="lead@trust.example", show_email=True)],
    )
    ImpactFigureFactory(
        case_study=huddles,
        source=SourceFactory(case_study=huddles, title="The trial", publisher="Age and Ageing"),
        value=43,
        label="falls on wards",
    )
    ReportEntryFactory(report=report, section=first, order=2, case_study=huddles)
    ReportEntryFactory(
        report=report, section=first, order=1, case_study=CaseStudyFactory(published=True, title="Alarms")
    )
    ReportEntryFactory(report=report, section=second, case_study=CaseStudyFactory(published=True, title="Reviews"))
    ReportEntryFactory(report=report, section=first, case_study=CaseStudyFactory(title="Secret draft"))
    hidden = ReportSectionFactory(report=report, title="Hidden section", order=3)
    ReportEntryFactory(
        report=report, section=hidden, case_study=CaseStudyFactory(withdrawn=True, title="Withdrawn one")
    )
    return report


# --- The list ------------------------------------------------------------------------------------------------


def test_the_list_shows_published_reports_newest_first_with_typeset_covers(client, report):
    ReportFactory(title="Still a draft")
    ReportFactory(withdrawn=True, title="Withdrawn report")
    ReportFactory(scheduled=True, title="Next year's report")
    ReportFactory(published=True, title="Newer", issued_on="2024-01-01")
    page = soup(client.get(reverse("casestudies:report_list")))
    assert texts(page, "main h2") == ["Newer", "Safer homes"]
    assert texts(page, ".app-cover") == ["2024 Newer " + Report.objects.get(title="Newer").publisher.name,
                                         "2019 Safer homes The Network"]  # fmt: skip
    assert texts(page, ".app-report-row__text .app-meta") == ["0 case studies", "3 case studies"]


def test_a_cover_is_an_image_where_there_is_one(client, report):
    report.cover.save("cover.webp", an_image(), save=False)
    report.cover_alt = "Two hands"
    report.save()
    address = reverse("casestudies:report_cover", args=[report.slug])
    (in_list,) = soup(client.get(reverse("casestudies:report_list"))).select(".app-cover")
    # Beside its title the cover is decoration.
    assert (in_list["src"], in_list["alt"]) == (address, "")
    (on_page,) = soup(get(client, report)).select(".app-cover")
    assert (on_page["src"], on_page["alt"]) == (address, "Two hands")
    response = client.get(address)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "image/webp")
    assert b"".join(response.streaming_content)[8:12] == b"WEBP"


def test_the_list_says_when_there_is_none(client):
    page = soup(client.get(reverse("casestudies:report_list")))
    assert text(page, ".app-empty p:first-child") == "No report has been published yet."


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_costs_the_same_at_any_length(client, django_assert_num_queries, count):
    for report in ReportFactory.create_batch(count, published=True):
        ReportEntryFactory.create_batch(count, report=report, case_study__published=True)
    with django_assert_num_queries(1):
        client.get(reverse("casestudies:report_list"))


# --- A report's page -----------------------------------------------------------------------------------------


def test_the_page_shows_sections_and_case_studies_in_order_and_nothing_unpublished(client, report):
    page = soup(get(client, report))
    assert text(page, "h1") == "Safer homes"
    assert texts(page, "main h2") == ["Foreword", "3 case studies in 2 sections", "Falls", "Medicines"]
    assert texts(page, ".app-entry h3") == ["Alarms", "Huddles", "Reviews"]
    assert texts(page, ".app-toc li") == ["Falls 2 case studies", "Medicines 1 case study"]
    assert texts(page, ".app-foreword p") == ["Care homes matter.", "A Director"]
    assert text(page, ".app-report__imprint") == "The Network, 4 September 2019"
    for secret in ("Secret draft", "Withdrawn one", "Hidden section", "lead@trust.example"):
        assert secret not in page.get_text()


def test_an_entry_has_one_line_its_lead_and_a_measured_effect_with_its_source(client, report):
    page = soup(get(client, report))
    huddles = page.select(".app-entry")[1]
    assert texts(huddles, ".app-entry__body p") == ["Wards met every day.", "North Trust"]
    assert texts(huddles, ".app-entry__figure p") == [
        "43% lower",
        "falls on wards",
        "Source: Age and Ageing, The trial",
    ]


def test_a_reach_does_not_stand_as_an_effect(client, report):
    alarms = report.case_studies.get(title="Alarms")
    ImpactFigureFactory(case_study=alarms, kind="reach", direction="", value=46, unit="homes", label="homes")
    page = soup(get(client, report))
    assert texts(page, ".app-entry__value") == ["43% lower"]


def test_a_report_without_a_visible_case_study_says_so(client):
    report = ReportFactory(published=True)
    ReportEntryFactory(report=report, case_study=CaseStudyFactory(title="Secret draft"))
    page = soup(get(client, report))
    assert text(page, ".app-empty") == "None of this report’s case studies is published at the moment."


@pytest.mark.parametrize("count", [1, 3])
def test_a_page_costs_the_same_at_any_length(client, django_assert_num_queries, count):
    report = ReportFactory(published=True)
    for _ in range(count):
        section = ReportSectionFactory(report=report)
        for case_study in CaseStudyFactory.create_batch(count, published=True):
            ReportEntryFactory(report=report, section=section, case_study=case_study)
            ImpactFigureFactory.create_batch(count, case_study=case_study)
    with django_assert_num_queries(9):
        get(client, report)


def test_the_page_describes_itself_to_machines_without_breaking_out(client, report):
    Report.objects.update(title="</script><b>Safer & homes")
    response = get(client, report)
    (block,) = soup(response).select('script[type="application/ld+json"]')
    data = json.loads(block.string)
    assert (data["@type"], data["name"]) == ("Report", "</script><b>Safer & homes")
    assert data["publisher"]["name"] == "The Network"
    assert [part["name"] for part in data["hasPart"]] == ["Alarms", "Huddles", "Reviews"]
    assert b"</script><b>" not in response.content


# --- Addresses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [{}, {"scheduled": True}])
def test_what_is_not_public_is_not_found(client, state):
    report = ReportFactory(**state, cover=an_image(), cover_alt="A cover")
    for address in (report.get_absolute_url(), pdf_address(report),
                    reverse("casestudies:report_cover", args=[report.slug])):  # fmt: skip
        response = client.get(address)
        assert response.status_code == 404
        assert report.title not in response.content.decode()


def test_a_withdrawn_report_says_why_and_since_when(client):
    report = ReportFactory(withdrawn=True, cover=an_image(), cover_alt="A cover")
    for address in (report.get_absolute_url(), pdf_address(report),
                    reverse("casestudies:report_cover", args=[report.slug])):  # fmt: skip
        response = client.get(address)
        assert response.status_code == 410
        page = soup(response)
        assert text(page, ".nhsuk-inset-text p") == "The figures were wrong."
        assert text(page, "main .app-meta") == "Withdrawn on 2 March 2026"


def test_an_old_address_of_a_withdrawn_report_says_the_same(client):
    report = ReportFactory(withdrawn=True, slug="first-name")
    report.slug = "second-name"
    report.save()
    assert client.get("/reports/first-name/").status_code == 410


def test_withdrawing_takes_effect_on_the_next_request(client, report):
    assert client.get(pdf_address(report)).status_code == 200
    report.case_studies.get(title="Alarms").report_entries.update(case_study=CaseStudyFactory(title="Secret draft 2"))
    assert texts(soup(get(client, report)), ".app-entry h3") == ["Huddles", "Reviews"]
    assert "Alarms" not in words_of(client.get(pdf_address(report)))


def test_old_and_wrong_addresses_redirect(client, report):
    page, pdf = report.get_absolute_url(), pdf_address(report)
    report.slug = "renamed"
    report.save()
    new_pdf, new_cover = pdf_address(report), reverse("casestudies:report_cover", args=["renamed"])
    for old, new in [
        (page, report.get_absolute_url()),
        ("/reports/RENAMED/", report.get_absolute_url()),
        (pdf, new_pdf),
        (pdf_address(report, "anything"), new_pdf),
        (pdf_address(report, "Renamed"), new_pdf),
        (f"{page}cover.webp", new_cover),
    ]:
        response = client.get(old)
        assert (response.status_code, response.headers["Location"]) == (301, new)


def test_a_cover_that_is_missing_is_not_found(client, report):
    address = reverse("casestudies:report_cover", args=[report.slug])
    assert client.get(address).status_code == 404
    Report.objects.update(cover="covers/lost.webp", cover_alt="Lost")
    assert client.get(address).status_code == 404
    # The rest of the report is still there, with the title set as its cover.
    assert client.get(pdf_address(report)).status_code == 200


# --- The PDF -------------------------------------------------------------------------------------------------


def test_the_pdf_is_tagged_for_screen_readers(client, report):
    response = client.get(pdf_address(report))
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["Content-Disposition"] == f'inline; filename="{report.slug}.pdf"'
    reader = PdfReader(io.BytesIO(response.content))
    root = reader.trailer["/Root"]
    assert root["/Lang"] == "en-GB"
    assert root["/MarkInfo"]["/Marked"]
    assert root["/StructTreeRoot"]["/Type"] == "/StructTreeRoot"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert reader.metadata.title == "Safer homes"
    assert b"pdfuaid:part>1<" in root["/Metadata"].get_data()
    assert [outline.title for outline in reader.outline if not isinstance(outline, list)] == [
        "Foreword", "Falls", "Medicines",
    ]  # fmt: skip
    assert {round(float(page.mediabox.width)) for page in reader.pages} == {595}  # points: A4


def test_the_pdf_has_the_report_and_nothing_else(client, report):
    words = words_of(client.get(pdf_address(report)))
    for shown in (
        "Safer homes", "The Network", "4 September 2019", "Not the text of the publication.", "Care homes matter.",
        "A Director", "About falling.", "Huddles", "North Trust", "43% lower", "falls on wards",
        "Source: Age and Ageing", "The trial", "Alarms", "Reviews",
    ):  # fmt: skip
        assert shown in words
    for secret in ("Secret draft", "Withdrawn one", "Hidden section", "lead@trust.example"):
        assert secret not in words


def test_the_pdf_says_its_size_on_the_page(client, report):
    size = len(client.get(pdf_address(report)).content)
    assert f"{size / 1024:.1f}" in text(soup(get(client, report)), ".app-report__download")


def test_the_same_report_is_the_same_file(client, report):
    assert client.get(pdf_address(report)).content == client.get(pdf_address(report)).content


def test_the_pdf_sets_a_cover_image_with_its_words(client, report):
    report.cover.save("cover.webp", an_image(), save=False)
    report.cover_alt = "Two hands holding"
    report.save()
    response = client.get(pdf_address(report))
    reader = PdfReader(io.BytesIO(response.content))
    assert len(reader.pages[0].images) == 1
    alternatives = {entry["/Alt"] for entry in (thing.get_object() for thing in _structure(reader)) if "/Alt" in entry}
    assert "Two hands holding" in alternatives


def _structure(reader):
    """Walk through the tags of a PDF."""
    waiting = [reader.trailer["/Root"]["/StructTreeRoot"]]
    while waiting:
        thing = waiting.pop().get_object()
        if isinstance(thing, dict):
            yield thing
            kids = thing.get("/K", [])
            waiting += kids if isinstance(kids, list) else [kids]
            waiting = [kid for kid in waiting if hasattr(kid, "get_object")]


def test_a_broken_cover_does_not_cost_the_reader_the_report(client, report):
    report.cover.save("cover.webp", ContentFile(b"RIFF, but no image"), save=False)
    report.cover_alt = "Broken"
    report.save()
    assert "Safer homes" in words_of(client.get(pdf_address(report)))


@pytest.mark.parametrize(
    "hostile",
    [
        '#read("/etc/passwd")',
        "= Heading *bold* _em_ $x$ `raw` <label> @ref // no comment",
        '"); #panic("out',
        "\\u{41} \\n ] [ } {",
        '#image("x")',
    ],
)
def test_content_is_never_read_as_markup(client, report, hostile):
    Report.objects.update(title=hostile, note=hostile, foreword_by=hostile, foreword=f"<p>{hostile}</p>")
    response = client.get(pdf_address(report))
    assert response.status_code == 200
    assert PdfReader(io.BytesIO(response.content)).metadata.title == hostile


def test_characters_that_no_font_has_do_not_cost_the_reader_the_report(client, report):
    Report.objects.update(title="Safer 😀 homes 安全 \x01 \u0378", note="École, Œuvre, ≥ 5 µg → ½, “ŵ”")
    response = client.get(pdf_address(report))
    assert response.status_code == 200
    assert "École, Œuvre, ≥ 5 µg → ½, “ŵ”" in words_of(response)


def test_every_character_called_showable_is_shown(client, report):
    plane = [chr(number) for number in range(0x20, 0x10000) if not 0xD800 <= number < 0xE000]
    shown = [character for character in plane if showable(character) == character]
    assert len(shown) > 2000
    Report.objects.update(note=" ".join(shown))
    assert client.get(pdf_address(report)).status_code == 200


def test_rich_text_becomes_blocks():
    html = (
        "<h3>Why</h3><p>One <em>two</em> <strong>three</strong><br>four</p>"
        '<ol><li><p>First</p></li><li>Second<ul><li>Inner</li></ul></li></ol><p><a href="https://a.example">A</a></p>'
    )

    def run(words, *, bold=False, italic=False, href=""):
        return {"text": words, "bold": bold, "italic": italic, "href": href}

    assert RichText(html).blocks == [
        {"kind": "heading", "runs": [run("Why")]},
        {
            "kind": "paragraph",
            "runs": [
                run("One "), run("two", italic=True), run(" "), run("three", bold=True), run(" "), run("four"),
            ],
        },
        {"kind": "ol", "items": [[run("First")], [run("Second")], [run("Inner")]]},
        {"kind": "paragraph", "runs": [run("A", href="https://a.example")]},
    ]  # fmt: skip


def test_visitors_get_no_cookie(client, report):
    for address in (reverse("casestudies:report_list"), report.get_absolute_url(), pdf_address(report)):
        assert "Set-Cookie" not in client.get(address).headers
