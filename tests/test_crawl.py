"""
A crawl of the whole site on its real content: what every page has, and what none has.

Staff have left traps in that content: drafts, what is scheduled, what was withdrawn, contacts. Each carries words
that appear nowhere else, and the test first makes sure that they could.
"""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode, urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag
from django.conf import settings
from django.core.files.base import ContentFile
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse
from pypdf import PdfReader

from casestudies.models import CaseStudy, Report, Setting, Theme
from partners.models import Contact, Organisation
from tests.addresses import NOT_PAGES, PAGES, PUBLIC_ROUTES, a_pdf, make_rare_content
from tests.factories import (
    CaseStudyFactory,
    ContactFactory,
    ImpactFigureFactory,
    ReportEntryFactory,
    ReportFactory,
    ResourceFactory,
    SourceFactory,
)
from tests.serving import database_of_its_own, load_sample_content

pytestmark = pytest.mark.django_db

# Words that only unpublished content has, each in every place where it may leak.
SECRETS = {
    "draft": "Zanzibarine",
    "scheduled": "Quokkaville",
    "withdrawn": "Ploverbank",
    "draft without a theme": "Umbrellabird",
    "draft report": "Thimblewick",
    "scheduled report": "Gossamerton",
    "note for staff": "Fennelbrook",
}
SHOWN_CONTACT = "improvement@shown.example"
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")

POLICY = (
    "default-src 'none'; "
    "script-src 'self' 'sha256-tDOvXJi1PXbg0CWjLCCYSNHRXtps26K4JXkE3M6u/c0='; "
    "style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
PERMISSIONS = (
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
    "microphone=(), midi=(), payment=(), usb=()"
)


@dataclass
class Answer:
    """What the site answered at an address."""

    address: str
    status: int
    headers: dict[str, str]
    body: bytes
    cookies: list[str]
    leads_to: str = ""
    links: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.headers.get("Content-Type", "").split(";")[0]

    @cached_property
    def text(self) -> str:
        """All that the answer says, that of a PDF included."""
        if self.kind == "application/pdf":
            return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(self.body)).pages)
        return self.body.decode("utf-8", "replace")


class Crawl:
    """Follows every link of the site to its end, as a search engine does."""

    def __init__(self, media: Path) -> None:
        self.media = media
        self.client = Client()
        self.answers: dict[str, Answer] = {}
        self.soups: dict[str, BeautifulSoup] = {}

    def follow(self, *addresses: str) -> None:
        """Fetch what is not known yet, and all that it leads to."""
        waiting = [self.internal(address) for address in addresses]
        while waiting:
            address = waiting.pop()
            if address is None or address in self.answers or address.startswith("/static/"):
                continue
            answer = self.fetch(address)
            self.answers[address] = answer
            waiting += [self.internal(link, address) for link in [*answer.links, answer.leads_to] if link]

    def internal(self, link: str, base: str = "/") -> str | None:
        """Give the path and query of a link; None where it leaves the site."""
        whole = urljoin(f"{settings.SITE_URL}{base}", link)
        parts = urlsplit(whole)
        if f"{parts.scheme}://{parts.netloc}" != settings.SITE_URL:
            return None
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def fetch(self, address: str) -> Answer:
        response: Any = self.client.get(address)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        answer = Answer(
            address, response.status_code, dict(response.headers), body, sorted(response.cookies),
            response.headers.get("Location", ""),
        )  # fmt: skip
        if answer.kind == "text/html":
            self.soups[address] = soup = BeautifulSoup(body, "html.parser")
            answer.links = [str(tag[name]) for name in ("href", "src") for tag in soup.find_all(attrs={name: True})]
            answer.links += [str(form["action"]) for form in soup.find_all("form", action=True)]
        elif answer.kind.endswith("xml"):
            answer.links = re.findall(r"<loc>\s*([^<]+?)\s*</loc>", answer.text)
        return answer

    @property
    def pages(self) -> dict[str, BeautifulSoup]:
        """The pages that a visitor reads, by address."""
        return {address: soup for address, soup in self.soups.items() if self.answers[address].status == 200}


def make_secrets() -> None:
    """Add what visitors must not see, tied in every way to what they do see."""
    theme, setting = Theme.objects.first(), Setting.objects.first()
    lead = Organisation.objects.filter(led_case_studies__isnull=False).first()
    public_report = Report.objects.published().first()
    assert theme
    assert setting
    assert lead
    assert public_report
    states: dict[str, dict[str, Any]] = {
        "draft": {},
        "scheduled": {"scheduled": True},
        "withdrawn": {"withdrawn": True},
        "draft without a theme": {"themes": [], "settings": []},
    }
    for state, options in states.items():
        word = SECRETS[state]
        texts = dict.fromkeys(
            ("challenge", "approach", "outcome", "lessons", "getting_started", "keeping_it_going"), f"<p>{word}</p>"
        )
        case_study = CaseStudyFactory(
            **{"title": f"{word} falls", "slug": word.lower(), "summary": word, "funding": word, **texts}
            | {"themes": [theme], "settings": [setting], "lead_organisation": lead, "intervention_types": ["tool"]}
            | options
        )
        source = SourceFactory(case_study=case_study, title=word, publisher=word)
        ImpactFigureFactory(case_study=case_study, source=source, label=word)
        resource = ResourceFactory.build(case_study=case_study, title=word, url="")
        resource.file.save(f"{word}.pdf", ContentFile(a_pdf()))
        section = public_report.sections.first()
        ReportEntryFactory(report=public_report, section=section, case_study=case_study, order=0)
    seen = CaseStudy.objects.published().filter(lead_organisation=lead).first()
    for state, report in (
        ("draft report", ReportFactory(title=SECRETS["draft report"], summary=SECRETS["draft report"])),
        ("scheduled report", ReportFactory(title=SECRETS["scheduled report"], publisher=lead, scheduled=True)),
    ):
        ReportEntryFactory(report=report, section__report=report, section__title=SECRETS[state], case_study=seen)
    CaseStudy.objects.update(editor_note=SECRETS["note for staff"])


def make_contacts() -> None:
    """Give every contact a telephone number; one of them wants to be written to directly."""
    for number, contact in enumerate(Contact.objects.order_by("pk")):
        contact.phone = f"020 7946 {number:04}"
        contact.save()
    ContactFactory(
        organisation=CaseStudy.objects.published().first().lead_organisation,
        name="Somebody who left",
        email="left@moved-on.example",
        phone="020 7946 9999",
        left_on="2026-01-01",
    )


@pytest.fixture(scope="module")
def crawl(django_db_setup: None, django_db_blocker, tmp_path_factory) -> Iterator[Crawl]:
    """Everything that can be reached, fetched once."""
    folder = tmp_path_factory.mktemp("crawl")
    with (
        django_db_blocker.unblock(),
        database_of_its_own("crawl"),
        override_settings(MEDIA_ROOT=folder, SECURITY_CONTACT="https://safety.example/report"),
    ):
        load_sample_content()
        make_rare_content()
        make_secrets()
        make_contacts()
        crawl = Crawl(folder)
        crawl.follow("/", "/robots.txt", "/sitemap.xml", "/.well-known/security.txt")
        # No link leads there: the script of the search box asks.
        words = [*SECRETS.values(), "falls", "care", "health", "Somebody who left", "ward@hidden.example"]
        crawl.follow(*(f"/suggestions/?{urlencode({'q': word})}" for word in words))
        yield crawl


@pytest.fixture(params=sorted(SECRETS))
def secret(request: pytest.FixtureRequest) -> str:
    return SECRETS[request.param]


def test_every_route_has_a_page_or_is_for_machines():
    """A new route needs an example in tests/addresses.py, so that every test of all pages covers it."""
    assert {route.name for route in PUBLIC_ROUTES} == {page.route for page in PAGES if page.route} | NOT_PAGES


def test_the_crawl_reaches_everything_published(crawl: Crawl):
    expected = {
        record.get_absolute_url()
        for records in (CaseStudy.objects.published(), Report.objects.published(), Theme.objects, Organisation.objects)
        for record in records.all()
    }
    expected |= {reverse("enquiries:enquiry_create", args=[cs.slug]) for cs in CaseStudy.objects.published()}
    expected |= {reverse("casestudies:report_pdf", args=[r.slug, r.slug]) for r in Report.objects.published()}
    assert expected - set(crawl.answers) == set()


def test_every_link_leads_somewhere(crawl: Crawl):
    """Each answers 200, or redirects for good to what does."""
    broken = {}
    for address, answer in crawl.answers.items():
        ends_at = answer
        if answer.status == 301:
            ends_at = crawl.answers[crawl.internal(answer.leads_to, address) or ""]
        if ends_at.status != 200:
            broken[address] = answer.status
    linked_from = {
        address: [page for page, other in crawl.answers.items() if address in map(crawl.internal, other.links)][:2]
        for address in broken
    }
    assert (broken, linked_from) == ({}, {})


def test_links_within_a_page_lead_somewhere(crawl: Crawl):
    """An anchor that nothing has leaves a reader where they were."""
    broken = []
    for address, soup in crawl.pages.items():
        for link in soup.find_all("a", href=True):
            path, _, fragment = str(link["href"]).partition("#")
            if not fragment or (target := crawl.internal(path, address) if path else address) is None:
                continue
            if crawl.soups[target].find(id=fragment) is None:
                broken.append((address, link["href"]))
    assert broken == []


def test_nobody_gets_a_cookie(crawl: Crawl):
    assert [(address, answer.cookies) for address, answer in crawl.answers.items() if answer.cookies] == []
    assert [address for address, answer in crawl.answers.items() if "cookie" in answer.headers.get("Vary", "")] == []
    assert [address for address, answer in crawl.answers.items() if "Cookie" in answer.headers.get("Vary", "")] == []


def test_pages_fetch_nothing_from_elsewhere(crawl: Crawl):
    """Links may lead away; what a browser fetches by itself may not."""
    foreign = []
    for address, soup in crawl.soups.items():
        fetched = [tag["src"] for tag in soup.find_all(src=True)] + [
            tag["srcset"] for tag in soup.find_all(srcset=True)
        ]
        fetched += [tag["href"] for tag in soup.find_all("link", href=True) if "canonical" not in tag.get("rel", [])]
        fetched += [tag["action"] for tag in soup.find_all("form", action=True)]
        fetched += [tag["data"] for tag in soup.find_all("object", data=True)]
        foreign += [(address, one) for one in fetched if not str(one).startswith("/") or str(one).startswith("//")]
        foreign += [(address, tag["style"]) for tag in soup.find_all(style=True)]
        foreign += [(address, tag.name) for tag in soup.find_all(["iframe", "style", "embed"])]
    assert foreign == []


def test_style_sheets_fetch_nothing_from_elsewhere(crawl: Crawl):
    style_sheets = {str(tag["href"]) for soup in crawl.soups.values() for tag in soup.select("link[rel=stylesheet]")}
    assert style_sheets != set()
    for address in style_sheets:
        text = (settings.STATIC_ROOT / address.removeprefix(settings.STATIC_URL)).read_text(encoding="utf-8")
        assert re.findall(r"(?:url\(\s*['\"]?|@import\s+['\"]?)(?:https?:)?//[^'\")]+", text) == []


def test_no_contact_is_in_any_answer_but_the_one_who_wants_to_be(crawl: Crawl):
    hidden = Contact.objects.exclude(email=SHOWN_CONTACT)
    emails = set(hidden.values_list("email", flat=True))
    numbers = {re.sub(r"\D", "", phone) for phone in Contact.objects.values_list("phone", flat=True)}
    assert len(emails) > 40
    leaks, found = [], set()
    for address, answer in crawl.answers.items():
        text = answer.text
        found |= set(EMAIL.findall(text))
        digits = re.sub(r"[^\dA-Za-z<>]+", "", text)
        leaks += [(address, one) for one in emails if one in text]
        leaks += [(address, one) for one in re.findall(r"0207946\d{4}", digits) if one in numbers]
        leaks += [(address, "a person's name") for one in ("Somebody who left",) if one in text]
    assert leaks == []
    allowed = {SHOWN_CONTACT, "name@example.com"}
    assert found - allowed == set()
    assert SHOWN_CONTACT in crawl.answers["/case-studies/made-with-everything/"].text


def test_links_to_mail_are_only_for_the_contact_who_wants_them(crawl: Crawl):
    links = {
        str(link["href"]).lower()
        for soup in crawl.soups.values()
        for link in soup.find_all("a", href=re.compile("^(mailto|tel|sms):", re.IGNORECASE))
    }
    assert links == {f"mailto:{SHOWN_CONTACT}"}


def test_nothing_unpublished_is_in_any_answer(crawl: Crawl, secret: str):
    assert [address for address, answer in crawl.answers.items() if secret.lower() in answer.text.lower()] == []


def test_what_is_published_is_found_by_the_same_words(crawl: Crawl, settings):
    """Guards the test above: each secret would show once its state allows it."""
    settings.MEDIA_ROOT = crawl.media
    client = Client()
    draft = CaseStudy.objects.get(slug=SECRETS["draft"].lower())
    assert client.get(draft.get_absolute_url()).status_code == 404
    CaseStudy.objects.filter(pk=draft.pk).update(status="published", published_at=draft.created_at)
    word = SECRETS["draft"]
    theme, organisation = draft.themes.first(), draft.lead_organisation
    report = draft.reports.published().first()
    assert theme
    assert report
    places = [
        draft.get_absolute_url(), f"/case-studies/?q={word}", theme.get_absolute_url(),
        organisation.get_absolute_url(), report.get_absolute_url(), "/sitemap-case-studies.xml",
        f"/suggestions/?q={word}",
    ]  # fmt: skip
    assert [place for place in places if word.lower() not in client.get(place).content.decode().lower()] == []


def test_nothing_unpublished_is_suggested(crawl: Crawl, secret: str):
    assert json.loads(crawl.answers[f"/suggestions/?q={quote_plus(secret)}"].text) == {"suggestions": []}


def test_search_finds_and_counts_nothing_unpublished(crawl: Crawl, secret: str):
    soup = BeautifulSoup(Client().get("/case-studies/", {"q": f'"{secret}"'}).content, "html.parser")
    assert soup.h1
    assert soup.h1.get_text(strip=True).startswith("0 case studies")
    assert soup.select("main article") == []
    counts = {tag.get_text(strip=True) for tag in soup.select(".app-option__count")}
    assert counts <= {"0 results", "0results"}


def test_unpublished_addresses_do_not_answer(crawl: Crawl):
    client = Client()
    answers = {}
    for state, word in SECRETS.items():
        case_study = CaseStudy.objects.filter(slug=word.lower()).first()
        if case_study is None:
            continue
        resource = case_study.resources.get()
        addresses = [
            case_study.get_absolute_url(),
            reverse("enquiries:enquiry_create", args=[case_study.slug]),
            reverse("casestudies:resource_file", args=[case_study.slug, resource.pk]),
        ]
        answers[state] = [client.get(address).status_code for address in addresses]
    assert answers == {
        "draft": [404, 404, 404],
        "scheduled": [404, 404, 404],
        "withdrawn": [410, 410, 410],
        "draft without a theme": [404, 404, 404],
    }
    for word in (SECRETS["draft report"], SECRETS["scheduled report"]):
        report = Report.objects.get(title=word)
        addresses = [
            report.get_absolute_url(),
            reverse("casestudies:report_pdf", args=[report.slug, report.slug]),
            reverse("casestudies:report_cover", args=[report.slug]),
        ]
        assert [client.get(address).status_code for address in addresses] == [404, 404, 404]


def text_of(tag: Tag | None) -> str:
    return " ".join(tag.get_text(" ", strip=True).split()) if tag else ""


def test_every_page_says_what_it_is(crawl: Crawl):
    problems = []
    for address, soup in crawl.pages.items():
        language = soup.html.get("lang") if soup.html else None
        description = soup.select("meta[name=description]")
        if language != "en":
            problems.append((address, f"lang is {language}"))
        if [text_of(h1) for h1 in soup.find_all("h1")] in ([], [""]) or len(soup.find_all("h1")) != 1:
            problems.append((address, "has not one h1"))
        if len(description) != 1 or not str(description[0]["content"]).strip():
            problems.append((address, "has not one description"))
        if len(soup.find_all("title")) != 1 + len(soup.select("svg title")):
            problems.append((address, "has not one title"))
        if len(soup.find_all("main")) != 1:
            problems.append((address, "has not one main"))
    assert problems == []


def canonical(soup: BeautifulSoup) -> str:
    links = [str(link["href"]) for link in soup.select("link[rel=canonical]")]
    assert len(links) <= 1
    return links[0] if links else ""


def test_every_page_has_a_title_of_its_own(crawl: Crawl):
    """Two addresses of one page, such as a list in another order, share their canonical address and may share it."""
    seen: dict[str, set[str]] = {}
    for address, soup in crawl.pages.items():
        assert soup.title
        seen.setdefault(text_of(soup.title), set()).add(canonical(soup) or address)
    assert {title: addresses for title, addresses in seen.items() if len(addresses) > 1} == {}
    assert [title for title in seen if not title.endswith(settings.SERVICE_NAME)] == []


def test_canonical_addresses_are_whole_and_lead_to_themselves(crawl: Crawl):
    problems = []
    for address, soup in crawl.pages.items():
        named = canonical(soup)
        path = crawl.internal(named) if named else None
        if path is None or not named.startswith(settings.SITE_URL):
            problems.append((address, named))
            continue
        crawl.follow(path)
        target = crawl.soups.get(path)
        if crawl.answers[path].status != 200 or target is None or canonical(target) != named:
            problems.append((address, named))
    assert problems == []


def test_what_the_sitemap_lists_is_canonical_and_for_search_engines(crawl: Crawl):
    listed = [
        link
        for address, answer in crawl.answers.items()
        if address.startswith("/sitemap-") and answer.status == 200
        for link in answer.links
    ]
    assert len(listed) == len(set(listed))
    assert [link for link in listed if canonical(crawl.soups[crawl.internal(link) or ""]) != link] == []
    assert [link for link in listed if crawl.soups[crawl.internal(link) or ""].select("meta[name=robots]")] == []


def test_ids_are_unique_and_referred_to(crawl: Crawl):
    problems = []
    for address, soup in crawl.soups.items():
        ids = [str(tag["id"]) for tag in soup.find_all(id=True)]
        problems += [(address, f"#{one} twice") for one in set(ids) if ids.count(one) > 1]
        for name in ("for", "aria-labelledby", "aria-describedby", "aria-controls"):
            for tag in soup.find_all(attrs={name: True}):
                value = tag[name]
                words = value.split() if isinstance(value, str) else value
                problems += [(address, f"{name}={word} names nothing") for word in words if word not in ids]
    assert problems == []


def test_every_link_says_where_it_leads(crawl: Crawl):
    empty = []
    for address, soup in crawl.soups.items():
        for link in soup.find_all("a"):
            name = (
                text_of(link) or link.get("aria-label") or "".join(str(i.get("alt", "")) for i in link.find_all("img"))
            )
            if not str(name).strip() or not link.get("href"):
                empty.append((address, str(link)[:100]))
    assert empty == []


def test_every_answer_has_its_headers(crawl: Crawl):
    expected = {
        "Content-Security-Policy": POLICY,
        "Permissions-Policy": PERMISSIONS,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    wrong = {}
    for address, answer in crawl.answers.items():
        found = {name: answer.headers.get(name) for name in expected}
        always = found["X-Content-Type-Options"] == "nosniff" and answer.headers.get("Content-Type")
        if not always or (answer.kind == "text/html" and found != expected):
            wrong[address] = found
    assert wrong == {}


def test_social_previews_and_structured_data_say_the_same_as_the_page(crawl: Crawl):
    problems = []
    for address, soup in crawl.pages.items():
        url = soup.select_one("meta[property='og:url']")
        if url is not None and url["content"] != canonical(soup):
            problems.append((address, "og:url"))
        images = [str(tag["content"]) for tag in soup.select("meta[property='og:image']")]
        problems += [(address, one) for one in images if not one.startswith(settings.SITE_URL)]
    assert problems == []


def test_errors_name_nothing_and_set_nothing():
    """A page that is not there is no page for search engines, and is found by nobody's cookie either."""
    response = Client().get("/case-studies/there-is-none/")
    assert response.status_code == 404
    assert sorted(response.cookies) == []
    soup = BeautifulSoup(response.content, "html.parser")
    assert soup.select("link[rel=canonical]") == []
    assert len(soup.find_all("h1")) == 1
