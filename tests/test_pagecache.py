"""
The pages that are kept whole, before real web processes: never older than what is committed, and the right ones.

Two processes serve one database, with a cache in each and with a Redis that they share. What the tests store is
committed, so each test makes content of its own.
"""

import gzip
import hashlib
import itertools
import json
import pickle
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from wsgiref.util import setup_testing_defaults

import pytest
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import TransactionTestCase
from django.test.utils import override_settings
from django.urls import reverse
from redis import Redis

from casestudies.actions import publish, withdraw
from casestudies.content_version import read_state
from casestudies.models import CaseStudy, Report, Resource, SynonymGroup
from enquiries.models import Enquiry
from safetyhub.middleware import CACHE_CONTROL
from safetyhub.pagecache import LARGEST, PageCache
from tests.addresses import PAGES, PUBLIC_ROUTES, ROUTES, make_rare_content, make_superuser
from tests.factories import (
    CaseStudyFactory,
    OrganisationFactory,
    ReportEntryFactory,
    ReportFactory,
    ThemeFactory,
    complete,
)
from tests.serving import RedisServer, database_of_its_own, load_sample_content, redis_server, served

# Nothing is rolled back.
pytestmark = pytest.mark.django_db(transaction=True)

# Pages name this address, not the one they are asked at: two processes with one address make the same pages.
SITE_URL = "http://safety.example"
TIMEOUT = 30  # seconds

# --- Two processes, and asking them -----------------------------------------------------------------------------

type Start = Callable[[str], tuple[str, ...]]


@pytest.fixture(scope="module")
def content(django_db_setup: None, django_db_blocker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A database of its own with the sample content, in which everything is committed; gives the folder of files."""
    media = tmp_path_factory.mktemp("media")
    with (
        django_db_blocker.unblock(),
        database_of_its_own("pagecache"),
        override_settings(MEDIA_ROOT=media),
        pytest.MonkeyPatch.context() as patch,
    ):
        # After each test Django would empty the database.
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda self: None)
        load_sample_content()
        make_rare_content()
        make_superuser()
        report = the_report()
        report.cover_alt = "A cover."
        report.cover.save("cover.webp", ContentFile(b"RIFF"))
        yield media


def the_report() -> Report:
    """Give a report of the sample content."""
    return Report.objects.published().exclude(slug__startswith="made-").earliest("pk")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def start(content: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start web processes by the name of what is special about them, once; gives their addresses."""
    started: dict[str, tuple[str, ...]] = {}
    with ExitStack() as stack:

        def start(name: str) -> tuple[str, ...]:
            number, special = {
                "memory": (2, {}),
                "redis": (2, {"CACHE_URL": request.getfixturevalue("redis").url} if name == "redis" else {}),
                "none": (1, {"CACHE_URL": "none://"}),
                "https": (1, {"HTTPS": "true"}),
                "proxy": (1, {"HTTPS": "true", "TRUST_PROXY": "true"}),
            }[name]
            usual = {
                "CACHE_URL": "memory://", "SITE_URL": SITE_URL, "MEDIA_ROOT": str(content),
                "SECURITY_CONTACT": "security@safety.example",
            }  # fmt: skip
            if name not in started:
                folder = tmp_path_factory.mktemp(name)
                started[name] = tuple(
                    stack.enter_context(served(log=folder / f"{place}.log", **usual | special))
                    for place in range(number)
                )
            return started[name]

        yield start


@pytest.fixture(params=["memory", "redis"])
def two(request: pytest.FixtureRequest, start: Start) -> tuple[str, ...]:
    """Two web processes that keep pages in their memory, or in one Redis."""
    return start(request.param)


@pytest.fixture(params=["memory", "none"])
def one(request: pytest.FixtureRequest, start: Start) -> str:
    """A web process that keeps pages, or none."""
    return start(request.param)[0]


@dataclass
class Answer:
    """What a web process answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def read(cls, response: HTTPResponse) -> "Answer":
        headers = {name.title(): value for name, value in response.getheaders()}
        assert len(headers) == len(response.getheaders()), "a header is there twice"
        return cls(response.status, headers, response.read())

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def is_hit(self) -> bool:
        return self.headers.get("Cache-Status") == "site; hit"


def ask(site: str, path: str, method: str = "GET", headers: dict[str, str] | None = None, body: str = "") -> Answer:
    """Ask over a connection of its own; no redirect is followed."""
    asking = HTTPConnection(urlsplit(site).netloc, timeout=TIMEOUT)
    try:
        asking.request(method, path, headers=headers or {}, body=body or None)
        return Answer.read(asking.getresponse())
    finally:
        asking.close()


def kept(site: str, path: str, headers: dict[str, str] | None = None) -> Answer:
    """Ask until the page comes from the cache: the second time."""
    ask(site, path, headers=headers)
    answer = ask(site, path, headers=headers)
    assert answer.is_hit, path
    return answer


numbers = itertools.count()


def new_word() -> str:
    """Give a word that nothing else has, nor one that is spelt nearly the same."""
    digits = hashlib.sha256(str(next(numbers)).encode()).hexdigest()[:12]
    return digits.translate(str.maketrans("0123456789abcdef", "bcdfghjklmnpqrtv")).title()


# --- What is committed is true on the next request --------------------------------------------------------------


@dataclass
class Watched:
    """A case study, and all that shows it: for each address how to see whether it does."""

    case_study: CaseStudy
    only: int | None = None  # these many of the addresses
    places: dict[str, Callable[[Answer], bool]] = field(init=False)

    def __post_init__(self) -> None:
        case_study, word = self.case_study, self.case_study.title.split()[0]
        theme = case_study.themes.get()
        other = complete(title="What it is related to", themes=[theme])
        publish(other, by=None)
        report = ReportFactory(published=True)
        ReportEntryFactory(report=report, section__report=report, case_study=case_study)
        others = CaseStudy.objects.published().exclude(pk=case_study.pk).count()

        def has_title(answer: Answer) -> bool:
            return answer.status == 200 and case_study.title in answer.text

        def is_there(answer: Answer) -> bool:
            return answer.status == 200

        def counts(pattern: str, without: int) -> Callable[[Answer], bool]:
            def is_counted(answer: Answer) -> bool:
                found = re.search(pattern, answer.text)
                assert found, pattern
                return {without: False, without + 1: True}[int(found[1].replace(",", ""))]

            return is_counted

        self.places = {
            case_study.get_absolute_url(): is_there,
            "/case-studies/": has_title,
            theme.get_absolute_url(): has_title,
            other.get_absolute_url(): has_title,  # as related
            reverse("enquiries:enquiry_create", args=[case_study.slug]): is_there,
            "/case-studies/?sort=newest": counts(r"<h1[^>]*>\s*([\d,]+) case stud", others),
            f"/case-studies/?theme={theme.slug}": has_title,
            f"/case-studies/?q={word}": has_title,
            "/": counts(r"See all ([\d,]+) case stud", others),
            f"{theme.get_absolute_url()}?": counts(r"<h2[^>]*>\s*([\d,]+) case stud", 1),
            case_study.lead_organisation.get_absolute_url(): has_title,
            report.get_absolute_url(): has_title,
            "/sitemap-case-studies.xml": lambda answer: f"/{case_study.slug}/<" in answer.text,
        }
        if "casestudies:suggestions" in {route.name for route in ROUTES}:
            self.places[f"{reverse('casestudies:suggestions')}?q={word[:7]}"] = has_title
        self.places = dict(itertools.islice(self.places.items(), self.only))

    def shown(self, sites: tuple[str, ...]) -> dict[str, bool]:
        """Say where it shows: one request to each web process for each address."""
        return {f"{site}{path}": shows(ask(site, path)) for path, shows in self.places.items() for site in sites}

    def are_kept(self, sites: tuple[str, ...]) -> bool:
        """Say whether all that can be kept is: what answers 404 is not."""
        answers = [ask(site, path) for path in self.places for site in sites]
        return all(answer.is_hit for answer in answers if answer.status != 404)


def everywhere(shown: dict[str, bool]) -> bool | dict[str, bool]:
    """Give whether it shows, where all addresses agree; all of them where they do not, for the message."""
    answers = set(shown.values())
    return answers.pop() if len(answers) == 1 else shown


def test_a_withdrawal_is_true_on_the_next_request(two: tuple[str, ...]):
    case_study = complete(title=f"{new_word()} rounds")
    publish(case_study, by=None)
    watched = Watched(case_study)
    assert everywhere(watched.shown(two)) is True
    assert watched.are_kept(two)
    withdraw(case_study, reason="The figures were wrong.", by=None)
    assert everywhere(watched.shown(two)) is False
    assert ask(two[0], case_study.get_absolute_url()).status == 410
    assert watched.are_kept(two)
    publish(case_study, by=None)
    assert everywhere(watched.shown(two)) is True


def test_a_publication_is_true_on_the_next_request(two: tuple[str, ...]):
    case_study = complete(title=f"{new_word()} rounds")
    watched = Watched(case_study)
    assert everywhere(watched.shown(two)) is False
    assert watched.are_kept(two)
    publish(case_study, by=None)
    assert everywhere(watched.shown(two)) is True


def test_what_is_deleted_is_gone_on_the_next_request(two: tuple[str, ...]):
    case_study = complete(title=f"{new_word()} rounds")
    publish(case_study, by=None)
    watched = Watched(case_study)
    assert everywhere(watched.shown(two)) is True
    assert watched.are_kept(two)
    case_study.report_entries.all().delete()
    case_study.delete()
    assert everywhere(watched.shown(two)) is False


def test_what_is_scheduled_shows_when_its_time_has_come(two: tuple[str, ...]):
    """Nobody writes anything then."""
    case_study = complete(title=f"{new_word()} rounds")
    watched = Watched(case_study, only=4)
    for seconds in (1, 10, 100):  # the first that this machine can read all pages twice in
        at = read_state().now + timedelta(seconds=seconds)
        case_study.refresh_from_db()
        case_study.status, case_study.published_at = "draft", None
        case_study.save()
        publish(case_study, at=at, by=None)
        before, are_kept = watched.shown(two), watched.are_kept(two)
        if read_state().now < at:
            break
    assert everywhere(before) is False
    assert are_kept
    version = read_state().version
    while read_state().now < at:
        pass
    assert everywhere(watched.shown(two)) is True
    assert read_state().version == version


def test_names_are_true_on_the_next_request(two: tuple[str, ...]):
    case_study = complete(title="Rounds", summary="Their effect on perambulation.")
    publish(case_study, by=None)
    organisation, theme, word = case_study.lead_organisation, case_study.themes.get(), new_word()
    synonym = f"/case-studies/?q={word}"

    def shown(path: str, text: str) -> list[bool]:
        return [text in ask(site, path).text for site in two]

    for record, places in (
        (organisation, [case_study.get_absolute_url(), organisation.get_absolute_url(), "/organisations/"]),
        (theme, [case_study.get_absolute_url(), theme.get_absolute_url(), "/themes/", "/"]),
    ):
        for path in places:
            for site in two:
                kept(site, path)
        record.name = f"Renamed {new_word()}"
        record.save()
        assert [shown(path, record.name) for path in places] == [[True, True]] * len(places)
    for site in two:
        assert case_study.get_absolute_url() not in kept(site, synonym).text
    group = SynonymGroup.objects.create(terms=[word.lower(), "perambulation"])
    assert shown(synonym, case_study.get_absolute_url()) == [True, True]
    group.delete()
    assert shown(synonym, case_study.get_absolute_url()) == [False, False]


def test_what_is_undone_changes_nothing_and_costs_no_page(two: tuple[str, ...]):
    case_study = complete(title=f"{new_word()} rounds")
    publish(case_study, by=None)
    watched = Watched(case_study)
    assert everywhere(watched.shown(two)) is True
    with transaction.atomic():
        withdraw(case_study, reason="A mistake.", by=None)
        connection.check_constraints()  # takes the version, as a commit does
        assert watched.are_kept(two)
        transaction.set_rollback(True)
    assert watched.are_kept(two)
    assert everywhere(watched.shown(two)) is True


def test_a_draft_costs_no_page(two: tuple[str, ...]):
    organisation = OrganisationFactory()
    for site in two:
        kept(site, "/case-studies/")
    draft = CaseStudyFactory(lead_organisation=organisation)
    draft.save()
    assert [ask(site, "/case-studies/").is_hit for site in two] == [True, True]


def test_processes_with_one_redis_share_their_pages(start: Start):
    first, second = start("redis")
    theme = ThemeFactory()
    assert not ask(first, theme.get_absolute_url()).is_hit
    assert ask(second, theme.get_absolute_url()).is_hit


# --- While staff publish and withdraw ---------------------------------------------------------------------------

CYCLES = 20  # of publishing and withdrawing


@dataclass(frozen=True)
class Seen:
    """What a reader saw: which state, or only whether the case study was there, and when it was asked for."""

    path: str
    sent: float
    received: float
    status: int
    number: int | None


class Reader(threading.Thread):
    """A visitor who asks again and again over one connection."""

    def __init__(self, site: str, paths: list[str], turn: threading.Condition) -> None:
        super().__init__(daemon=True)
        self.site, self.paths, self.turn = site, paths, turn
        self.seen: list[Seen] = []
        self.hits = 0
        self.failure: BaseException | None = None
        self.has_to_stop = False

    def run(self) -> None:
        try:
            self.read()
        except BaseException as error:  # raised by the test
            self.failure = error
        finally:
            with self.turn:
                self.turn.notify_all()

    def read(self) -> None:
        asking = HTTPConnection(urlsplit(self.site).netloc, timeout=TIMEOUT)
        for path in itertools.cycle(self.paths):
            if self.has_to_stop:
                break
            sent = time.monotonic()
            asking.request("GET", path)
            answer = Answer.read(asking.getresponse())
            found = re.search(r"State (\d+)\.", answer.text)
            self.hits += answer.is_hit
            with self.turn:
                self.seen.append(Seen(path, sent, time.monotonic(), answer.status, int(found[1]) if found else None))
                self.turn.notify_all()
        asking.close()

    def has_asked_since(self, moment: float) -> bool:
        """Say whether every page was asked for since then."""
        return {seen.path for seen in self.seen if seen.sent > moment} == set(self.paths) or self.failure is not None


@dataclass
class State:
    """A state of the case study, and the time just before and just after it was committed."""

    number: int
    is_public: bool
    began: float
    committed: float


def test_no_page_is_older_than_what_was_committed_before_it_was_asked_for(two: tuple[str, ...]):
    """
    Each state has a number, which every page with the case study shows: in its summary, or as why it was withdrawn.

    What was asked for after a commit shows that state or a later one, and nothing that was not even begun.
    """
    case_study = complete(title=f"{new_word()} rounds", summary="State 0.")
    began = time.monotonic()
    publish(case_study, by=None)
    states = [State(0, True, began, time.monotonic())]
    page, listed = case_study.get_absolute_url(), f"/case-studies/?theme={case_study.themes.get().slug}"
    turn = threading.Condition()
    readers = [Reader(site, paths, turn) for site in two for paths in ([page], [listed, page])]
    for reader in readers:
        reader.start()
    for number in range(1, 2 * CYCLES + 1):
        began = time.monotonic()
        if number % 2:
            withdraw(case_study, reason=f"State {number}.", by=None)
        else:
            with transaction.atomic():
                publish(case_study, by=None)
                CaseStudy.objects.filter(pk=case_study.pk).update(summary=f"State {number}.")
        committed = time.monotonic()
        states.append(State(number, number % 2 == 0, began, committed))
        if number % 4 == 0:  # the next states come while the pages of this one are made
            continue
        with turn:  # each of the others is read by everyone
            assert turn.wait_for(lambda: all(reader.has_asked_since(committed) for reader in readers), TIMEOUT)  # noqa: B023
    for reader in readers:
        reader.has_to_stop = True
        reader.join(TIMEOUT)
    assert [reader.failure for reader in readers if reader.failure] == []
    wrong = [(seen, states) for reader in readers for seen in reader.seen if not is_right(seen, states, page)]
    assert wrong[:3] == []
    assert all(reader.hits for reader in readers)


def is_right(seen: Seen, states: list[State], page: str) -> bool:
    """Say whether an answer shows one of the states that were there between the request and the answer."""
    last = max(state.number for state in states if state.committed < seen.sent)
    possible = [state for state in states if state.number >= last and state.began < seen.received]
    if seen.path == page:
        return (seen.status, seen.number) in {(200 if state.is_public else 410, state.number) for state in possible}
    if seen.number is None:
        return seen.status == 200 and any(not state.is_public for state in possible)
    return any(state.is_public and state.number == seen.number for state in possible)


# --- Pages that the visitor has already ---------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_repeat_visit_gets_no_page(one: str, encoding: str):
    theme = ThemeFactory()
    accept = {"Accept-Encoding": encoding}
    first = ask(one, theme.get_absolute_url(), headers=accept)
    etag = first.headers["Etag"]
    assert first.status == 200
    # Of these very bytes: what is compressed or not is told apart.
    other = ask(
        one, theme.get_absolute_url(), headers={"Accept-Encoding": "identity" if encoding == "gzip" else "gzip"}
    )
    assert (etag.startswith("W/"), other.headers["Etag"] == etag) == (False, False)
    plain = etag
    theme.introduction = f"About {new_word()}."
    theme.save()
    changed = ask(one, theme.get_absolute_url(), headers=accept | {"If-None-Match": etag})
    assert (changed.status, changed.headers["Etag"] != etag) == (200, True)
    assert changed.headers["Content-Length"] == str(len(changed.body))
    theme.introduction = ""
    theme.save()  # a new version of the content with the old page: the first request makes it, the others find it
    for asked in (etag, plain, f"W/{plain}", f'"other", {etag}, "more"', "*"):
        answer = ask(one, theme.get_absolute_url(), headers=accept | {"If-None-Match": asked})
        assert (answer.status, answer.body) == (304, b""), asked
        assert answer.headers["Etag"] == etag
        assert answer.headers["Cache-Control"] == CACHE_CONTROL
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert not {"Content-Type", "Content-Length", "Content-Encoding", "Cache-Status"} & set(answer.headers)
    for asked in ('"other"', 'W/"other"', "", "nonsense", plain.strip('"')):
        answer = ask(one, theme.get_absolute_url(), headers=accept | {"If-None-Match": asked})
        assert (answer.status, answer.body) == (200, first.body) if encoding == "identity" else (200, answer.body)


def test_a_page_that_is_withdrawn_stays_withdrawn_for_those_who_saw_that_already(one: str):
    """Only a page that is there can be unchanged (RFC 9110, 13.2.1)."""
    path = "/case-studies/made-withdrawn/"
    first = ask(one, path)
    assert first.status == 410
    for asked in (first.headers.get("Etag", "*"), "*"):
        assert ask(one, path, headers={"If-None-Match": asked}).status == 410


@pytest.mark.parametrize("first", ["GET", "HEAD"])
def test_head_tells_what_get_would_without_the_page(one: str, first: str):
    path = ThemeFactory().get_absolute_url()
    told: dict[str, dict[str, str]] = {}
    for method in (first, "GET", "HEAD", "HEAD"):
        answer = ask(one, path, method)
        sent = answer.headers | {"Date": "", "Cache-Status": ""}
        assert told.setdefault("headers", sent) == sent, method
        assert answer.headers["Etag"]
        with socket.create_connection((urlsplit(one).hostname, urlsplit(one).port), timeout=TIMEOUT) as raw:
            raw.sendall(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            received = b"".join(iter(lambda: raw.recv(65536), b""))
        body = received.partition(b"\r\n\r\n")[2]
        assert bool(body) == (method == "GET")
    etag = told["headers"]["Etag"]
    answer = ask(one, path, "HEAD", headers={"If-None-Match": etag})
    assert (answer.status, answer.headers["Etag"]) == (304, etag)


def test_packed_and_plain_pages_are_kept_apart(one: str):
    path = ThemeFactory().get_absolute_url()
    for _ in range(2):
        for accepted in ("gzip", "identity", "br, gzip;q=0.5", "br", ""):
            answer = ask(one, path, headers={"Accept-Encoding": accepted})
            assert answer.headers["Vary"] == "Accept-Encoding"
            is_packed = "gzip" in accepted
            assert answer.headers.get("Content-Encoding") == ("gzip" if is_packed else None)
            assert answer.headers["Content-Length"] == str(len(answer.body))
            page = gzip.decompress(answer.body) if is_packed else answer.body
            assert page == ask(one, path).body


# --- What may be kept, and by whom --------------------------------------------------------------------------------


def every_address() -> dict[str, list[tuple[str, str]]]:
    """Give for each public route the addresses of its pages, by name."""
    addresses: dict[str, list[tuple[str, str]]] = {}
    for page in PAGES:
        addresses.setdefault(page.route, []).append((page.name, page.address()))
    report = the_report()
    resource = Resource.objects.get(case_study__slug="made-with-everything", title="Leaflet")
    for name, path in {
        "casestudies:report_cover": reverse("casestudies:report_cover", args=[report.slug]),
        "casestudies:report_pdf": reverse("casestudies:report_pdf", args=[report.slug, report.slug]),
        "casestudies:resource_file": resource.get_absolute_url(),
        "sitemap_part": reverse("sitemap_part", args=["pages"]),
    }.items():
        addresses[name] = [(name, path)]
    for route in PUBLIC_ROUTES:
        if route.name not in addresses and not route.parameters:
            addresses[route.name] = [(route.name, route.path)]
    return addresses


OF_ONE_ALONE = {"enquiries:enquiry_detail": "private, no-store"}
OF_MACHINES = {"healthz", "readyz"}
# What the site sends as it is; a file may be large.
FILES = {"casestudies:report_cover", "casestudies:report_pdf", "casestudies:resource_file"}


def test_every_public_page_says_how_long_it_may_be_kept(start: Start):
    site = start("memory")[0]
    addresses = every_address()
    assert {route.name for route in PUBLIC_ROUTES} <= set(addresses)
    problems = []
    for route, pages in addresses.items():
        for name, path in pages:
            first, again = ask(site, path), ask(site, path)
            policy = first.headers.get("Cache-Control", "")
            if route in OF_ONE_ALONE:
                is_right = policy == OF_ONE_ALONE[route] and not again.is_hit
            elif route in OF_MACHINES:
                is_right = "no-store" in policy and not again.is_hit
            elif first.status == 414:
                is_right = "Cache-Control" not in first.headers and not again.is_hit
            elif route in FILES:
                is_right = policy == CACHE_CONTROL and again.status == 200
            else:
                # So small a text is not packed for anybody.
                varies = first.headers.get("Vary") == "Accept-Encoding" or len(first.body) < 200
                is_right = (
                    policy == CACHE_CONTROL
                    and varies
                    and again.is_hit == (first.status in {200, 410} and len(first.body) < LARGEST)
                )
            is_right = is_right and first.body == again.body and "Set-Cookie" not in first.headers
            if not is_right or first.status >= 500:
                problems.append(f"{name}: {first.status}, {policy}, {again.headers.get('Cache-Status')}, {path}")
    assert problems == []


PUBLIC = ("Cache-Control", CACHE_CONTROL)


@pytest.mark.parametrize(
    ("status", "headers", "is_kept"),
    [
        ("200 OK", [PUBLIC], True),
        ("200 OK", [PUBLIC, ("Vary", "Accept-Encoding")], True),
        ("410 Gone", [PUBLIC], True),
        ("200 OK", [PUBLIC, ("Set-Cookie", "a=b")], False),
        ("200 OK", [PUBLIC, ("Vary", "Accept-Encoding, Cookie")], False),
        ("200 OK", [PUBLIC, ("Vary", "*")], False),
        ("200 OK", [("Cache-Control", "private, max-age=30")], False),
        ("200 OK", [], False),
        ("206 Partial Content", [PUBLIC], False),
        ("302 Found", [PUBLIC, ("Location", "/")], False),
        ("404 Not Found", [PUBLIC], False),
        ("503 Service Unavailable", [PUBLIC], False),
    ],
)
def test_only_whole_pages_that_are_the_same_for_everyone_are_kept(
    content: Path, settings, status: str, headers: list[tuple[str, str]], is_kept: bool
):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": new_word()}}
    made = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> HttpResponse:
        made.append(environ["PATH_INFO"])
        start_response(status, headers)
        return HttpResponse("A page.")

    pages = PageCache(application)
    for _ in range(3):
        environ: dict[str, Any] = {"HTTP_HOST": "127.0.0.1"}
        setup_testing_defaults(environ)
        told: list[str] = []
        assert b"".join(pages(environ, lambda status, headers: told.append(status))) == b"A page."  # noqa: B023
        assert told == [status]
    assert len(made) == (1 if is_kept else 3)
    pages.states.close()


def test_what_leads_elsewhere_may_be_kept_by_others_but_is_not_kept_here(start: Start):
    site = start("memory")[0]
    for path in ("/case-studies/?page=999999", "/case-studies", "/case-studies/MADE-withdrawn/", "/about"):
        first, again = ask(site, path), ask(site, path)
        assert first.status in {301, 302, 410}
        assert first.headers["Cache-Control"] == CACHE_CONTROL
        assert again.is_hit == (first.status == 410)


def test_pages_of_staff_are_kept_nowhere(start: Start):
    site = start("memory")[0]
    for path in ("/admin/", "/admin/login/", "/admin/casestudies/casestudy/"):
        for _ in range(2):
            answer = ask(site, path)
            assert "Cache-Status" not in answer.headers
            assert "no-store" in answer.headers["Cache-Control"]
            assert "public" not in answer.headers["Cache-Control"]


def test_a_form_is_never_answered_from_the_cache(start: Start):
    site = start("memory")[0]
    path = reverse("enquiries:enquiry_create", args=["made-with-everything"])
    page = kept(site, path)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    wrong = ask(site, path, "POST", form, body="name=Kept+Nowhere&email=nonsense")
    assert (wrong.status, "Kept Nowhere" in wrong.text) == (200, True)
    assert "Cache-Status" not in wrong.headers
    assert "public" not in wrong.headers.get("Cache-Control", "")
    assert ask(site, path).body == page.body
    before = Enquiry.objects.count()
    sent = "name=Kept+Nowhere&email=kept%40home.example&message=How+did+you+start%3F"
    right = [ask(site, path, "POST", form, body=sent) for _ in range(2)]
    assert [answer.status for answer in right] == [303, 303]
    assert Enquiry.objects.count() > before
    assert ask(site, "/about/", "POST", form, body="a=b").status == 405
    assert kept(site, "/about/").status == 200
    assert ask(site, "/about/", "POST", form, body="a=b").status == 405


def test_a_page_is_not_for_any_host(start: Start):
    site = start("memory")[0]
    assert kept(site, "/about/").status == 200
    for host in ("elsewhere.example", "127.0.0.1.elsewhere.example", "a/b", "[nonsense"):
        assert ask(site, "/about/", headers={"Host": host}).status == 400
    assert ask(site, "/about/", headers={"Host": "localhost:99"}).is_hit


def test_parameters_make_other_pages(start: Start):
    site = start("memory")[0]
    word = new_word()
    CaseStudyFactory(published=True, title=f"{word} rounds")
    found = kept(site, f"/case-studies/?q={word}")
    assert f"{word} rounds" in found.text
    for path in ("/case-studies/", "/case-studies/?q=", f"/case-studies/%0Aq={word}", f"/case-studies/%3Fq={word}"):
        assert ask(site, path).body != found.body


def test_without_tls_a_visitor_is_led_to_it_though_the_page_is_kept(start: Start):
    (site,) = start("proxy")
    tls = {"X-Forwarded-Proto": "https"}
    assert kept(site, "/about/", tls).status == 200
    for headers in ({}, {"X-Forwarded-Proto": "http"}, {"X-Forwarded-Proto": "http, https"}):
        answer = ask(site, "/about/", headers=headers)
        assert (answer.status, answer.headers["Location"]) == (301, f"https://{urlsplit(site).netloc}/about/")
        assert "Cache-Status" not in answer.headers
    assert ask(site, "/about/", headers=tls).is_hit


def test_where_no_proxy_is_trusted_nobody_can_claim_tls(start: Start):
    (site,) = start("https")
    for _ in range(2):
        answer = ask(site, "/about/", headers={"X-Forwarded-Proto": "https"})
        assert (answer.status, answer.headers.get("Cache-Status")) == (301, None)


# --- When the cache or the database is not what it should be ----------------------------------------------------


class Bomb:
    """An object that makes a file when it is brought back."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_what_others_put_into_redis_is_no_page(start: Start, redis: RedisServer, tmp_path: Path):
    """Neither nonsense, nor objects, nor pages that are not the site's, nor those of another address."""
    site = start("redis")[0]
    path, other = ThemeFactory().get_absolute_url(), ThemeFactory().get_absolute_url()
    own = Redis(unix_socket_path=redis.socket)
    own.flushall()
    ask(site, other)
    (foreign,) = [own.get(key) for key in own.scan_iter()]
    page = kept(site, path)
    (key,) = [key for key in own.scan_iter() if own.get(key) != foreign]
    stored: Any = own.get(key)
    # Text as the code writes it, not what Python makes objects of.
    signature, head, content = stored.split(b"\n", 2)
    assert re.fullmatch(rb"[0-9a-f]{64}", signature)
    status, headers = json.loads(head)
    assert (status, content) == ("200 OK", page.body)
    assert dict(headers)["Cache-Control"] == CACHE_CONTROL
    assert 0 < own.ttl(key) <= 60 * 60
    forged = stored.replace(b"<h1", b"<h1 onclick", 1)
    made = tmp_path / "made"
    for nonsense in (
        b"", b"nonsense", b"\n\n", b"\x80\xff" * 9, stored[:-1], stored[65:], forged, foreign, b"1",
        signature + b'\n["200 OK"]\n', pickle.dumps(Bomb(made)), pickle.dumps(stored),
    ):  # fmt: skip
        own.set(key, nonsense)
        answer = ask(site, path)
        assert (answer.status, answer.body, answer.is_hit) == (200, page.body, False), nonsense
        assert ask(site, path).is_hit
    assert not made.exists()
    own.close()


def store_lists(redis: RedisServer) -> None:
    """Put something under every key that is no text, so that Redis answers with an error."""
    own = Redis(unix_socket_path=redis.socket)
    for key in list(own.scan_iter()):
        own.delete(key)
        own.lpush(key, "a list")
    own.close()


@pytest.mark.parametrize("fail", [RedisServer.kill, store_lists])
def test_without_redis_pages_are_made(content: Path, tmp_path: Path, fail: Callable[[RedisServer], None]):
    with (
        redis_server() as redis,
        served(log=tmp_path / "gunicorn.log", CACHE_URL=redis.url, MEDIA_ROOT=str(content)) as site,
    ):
        page = kept(site, "/themes/")
        fail(redis)
        for path in ("/themes/", "/themes/", "/", "/case-studies/?q=falls"):
            answer = ask(site, path)
            assert (answer.status, answer.is_hit) == (200, False)
        assert ask(site, "/themes/").body == page.body
    assert "The cache does not answer" in (tmp_path / "gunicorn.log").read_text(encoding="utf-8")


def break_connections() -> int:
    """End all connections to the database, as a restart of PostgreSQL does, and wait until they are; says how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def test_after_a_restart_of_the_database_every_page_is_there(two: tuple[str, ...]):
    for site in two:
        kept(site, "/themes/")
    assert break_connections() >= 2
    for site in two:
        answer = ask(site, "/themes/")
        assert (answer.status, answer.is_hit) == (200, True)
    assert break_connections() >= 2
    for site in two:
        assert ask(site, "/case-studies/?q=falls&sort=title").status == 200


def test_without_the_database_pages_that_need_none_are_made(content: Path, tmp_path: Path):
    name = connection.settings_dict["NAME"]
    with (
        served(log=tmp_path / "gunicorn.log", CACHE_URL="memory://", MEDIA_ROOT=str(content)) as site,
        connection._nodb_cursor() as cursor,
    ):
        page = kept(site, "/about/")
        connection.ensure_connection()  # while that can be done
        cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            break_connections()
            for _ in range(2):
                answer = ask(site, "/about/")
                assert (answer.status, answer.body, answer.headers.get("Cache-Status")) == (200, page.body, None)
        finally:
            cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        assert ask(site, "/about/").status == 200
    assert "The database does not answer" in (tmp_path / "gunicorn.log").read_text(encoding="utf-8")
