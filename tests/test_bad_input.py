"""
What nobody means to send: every address gets nonsense, and answers it in plain words, never with an error of ours.

Routes are found in the URL configuration, so a new page is covered without a line here.
"""

import os
import socket
from collections.abc import Iterator
from functools import cache
from itertools import batched
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from bs4 import BeautifulSoup
from django.contrib import admin
from django.test import Client
from django.test.client import ClientHandler
from django.test.utils import override_settings
from django.urls import reverse
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from casestudies.models import CaseStudy, Report, Resource
from enquiries.models import Enquiry
from tests.addresses import NOT_PAGES, PUBLIC_ROUTES, ROUTES, Route, make_rare_content, make_superuser
from tests.factories import OrganisationFactory, ReportEntryFactory, ReportFactory, ThemeFactory
from tests.serving import database_of_its_own, served

pytestmark = pytest.mark.django_db

FORM = "/case-studies/made-with-everything/contact/"

# Shrinking and the example database are worth their time where a person waits for the answer.
IN_CI = os.environ.get("CI") == "true"
thrown = hypothesis_settings(
    max_examples=100,
    deadline=None,
    derandomize=IN_CI,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
thrown_at_each = hypothesis_settings(thrown, max_examples=25)

# Text as it stands in an address, percent-encoded, some of it wrongly.
NONSENSE = [
    *("", "0", "-1", "1", "999999", "9" * 400, "9" * 5_000, "-" + "9" * 30, "1e400", "NaN", "%D9%A3", "%C2%B2"),
    *("1.5", "0x10"),
    *("%00", "a%00b", "%C3", "%FF", "%E2%82", "%ED%A0%80", "%F5%80%80%80", "%", "%G1", "%u0041", "%0A", "%7F"),
    *("%0D%0ASet-Cookie:%20a=b", "%1B%5B2J", "%E2%80%AE", "%EF%BF%BE", "%F3%A0%80%81", "..", ".", "%2F", "%5C"),
    *("%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%27%20OR%201=1--", "%22%3E%3Cscript%3Ealert(1)%3C/script%3E"),
    *("%7B%7B7*7%7D%7D", "%25s", "*", ":*", "%26%7C!(", "%22unclosed", "-", "--", "a%20-", "or", "None", "null"),
    *("CARE-HOMES", "Care-Homes", "care-homes%20", "MADE-WITH-EVERYTHING", "made-withdrawn", "made-draft", "true"),
    *("made-with-everything", "[]", "newest", "relevance", "title", "1948", "2100", "99999999999999999999"),
    *("a" * 101, "%F0%9F%98%80" * 30, "x" * 10_000, "%C3%A9" * 3_000),
]
HOSTILE = st.sampled_from(NONSENSE)
ANY_TEXT = st.text(max_size=40).map(lambda text: quote(text.encode("utf-8", "surrogatepass"), safe=""))
VALUES = HOSTILE | ANY_TEXT
PARAMETERS = [
    *("q", "theme", "setting", "intervention", "stage", "result", "region", "organisation", "from", "to", "sort"),
    *("page", "kind", "p", "theme[]", "theme%5B%5D", "a%5Bb%5D", "q%5B%5D", "page%5B0%5D", "page.0", "", "%00"),
    *("%FF", "theme__slug", "status", "id", "_", "next", "utm_source", "format", "o", "all", "e"),
]
NAMES = st.sampled_from(PARAMETERS)
QUERIES = st.lists(st.tuples(NAMES, VALUES), max_size=6).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
)
METHODS = st.sampled_from(["get"] * 6 + ["head", "post", "put", "patch", "delete", "options", "trace"])


def values_for(route: Route) -> st.SearchStrategy[dict[str, str]]:
    """Give values for a route's parameters: of records that are there, of some that are not, and nonsense."""
    return st.fixed_dictionaries(
        {name: HOSTILE | st.sampled_from(["1", "made-with-everything"]) for name in route.parameters}
    )


@pytest.fixture(scope="module")
def records(django_db_setup: None, django_db_blocker, tmp_path_factory) -> Iterator[Path]:
    """One of everything, public and not; the folder of its files."""
    folder = tmp_path_factory.mktemp("records")
    with (
        django_db_blocker.unblock(),
        database_of_its_own("bad_input"),
        override_settings(MEDIA_ROOT=folder),
    ):
        ThemeFactory(slug="care-homes", name="Care homes")
        make_rare_content()
        make_superuser()
        shown = CaseStudy.objects.get(slug="made-with-everything")
        report = ReportFactory(published=True, slug="made-with-everything", publisher=shown.lead_organisation)
        ReportEntryFactory(report=report, section__report=report, case_study=shown)
        OrganisationFactory(slug="made-with-everything")
        yield folder


@pytest.fixture(autouse=True)
def _files_of_the_records(_media_in_a_folder_of_its_own, settings, records: Path) -> None:
    settings.MEDIA_ROOT = records


@cache
def handler(*, checks_tokens: bool = False) -> ClientHandler:
    """Give a site that is set up once: reading the list of static files for each request would take the most time."""
    return ClientHandler(enforce_csrf_checks=checks_tokens)


def stranger(*, checks_tokens: bool = False) -> Client:
    """Give a client that was never here before."""
    client = Client()
    client.handler = handler(checks_tokens=checks_tokens)
    return client


def send(client: Client, method: str, address: str, **options):
    """Send a request; an exception that a view lets through fails the test with its own traceback."""
    # Percent signs, NUL and all: the client decodes the path as a server does and leaves the query alone.
    path, _, query = address.partition("?")
    return client.generic(method.upper(), path, QUERY_STRING=query.encode().decode("latin-1"), **options)


def assert_answered(response, address: str, *, is_page: bool) -> None:
    """Hold an answer against what a visitor may expect, whatever was asked."""
    assert response.status_code < 500, address
    assert sorted(response.cookies) == []
    if response.status_code in {301, 302, 303}:
        location = response["Location"]
        assert location.startswith("/"), address
        assert not location.startswith("//"), address
        assert "\r" not in location + str(response.headers)
        return
    if response.status_code >= 400 and is_page and response.wsgi_request.method != "HEAD":
        assert response["Content-Type"] == "text/html; charset=utf-8"
        soup = BeautifulSoup(response.content, "html.parser")
        assert len(soup.select("header.nhsuk-header")) == 1
        assert len(soup.find_all("h1")) == 1
        assert soup.find("main") is not None
    if response["Content-Type"].startswith("text/html"):
        assert b"<script>alert(1)" not in response.content.lower()
        assert b"49" not in response.content or b"{{7*7}}" not in address.encode()


@pytest.mark.parametrize("route", PUBLIC_ROUTES, ids=lambda route: route.name)
@given(data=st.data())
@thrown_at_each
def test_every_public_address_answers_nonsense_clearly(records: Path, route: Route, data: st.DataObject):
    path = route.filled(data.draw(values_for(route)))
    address = f"{path}?{data.draw(QUERIES)}"
    response = send(stranger(), data.draw(METHODS), address)
    assert_answered(response, address, is_page=route.name not in NOT_PAGES)


@given(route=st.sampled_from([route for route in ROUTES if route.is_for_staff]), data=st.data())
@thrown
def test_every_address_for_staff_answers_nonsense(records: Path, staff: Client, route: Route, data: st.DataObject):
    """Staff mistype too. They have cookies, and Django's own pages for what is not there."""
    path = route.filled(data.draw(values_for(route)))
    response = send(
        staff, data.draw(st.sampled_from(["get", "get", "head", "options"])), f"{path}?{data.draw(QUERIES)}"
    )
    assert response.status_code < 500


def test_every_form_for_staff_takes_nonsense_from_its_address(records: Path, staff: Client):
    """Django fills a new record's form with what its address has."""
    forms = 0
    for model in admin.site._registry:
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
        fields = [field.name for field in (*model._meta.fields, *model._meta.many_to_many)]
        for value in ("or", "1,or", "-1", "9" * 400, "%00", "1"):
            response = send(staff, "get", f"{address}?{'&'.join(f'{field}={value}' for field in fields)}")
            assert response.status_code < 500, f"{address}?…={value}"
            forms += response.status_code == 200
    assert forms > 6 * 5


@given(route=st.sampled_from([route for route in ROUTES if route.is_for_staff]), data=st.data())
@thrown
def test_addresses_for_staff_tell_strangers_nothing(records: Path, route: Route, data: st.DataObject):
    path = route.filled(data.draw(values_for(route)))
    response = send(stranger(), data.draw(METHODS), f"{path}?{data.draw(QUERIES)}")
    assert response.status_code < 500
    if response.status_code == 200 and response.content:
        assert "admin/js/" in response.text or "id_username" in response.text or "jsi18n" in path


@pytest.fixture(scope="module")
def staff(records: Path) -> Client:
    from django.contrib.auth import get_user_model  # noqa: PLC0415 - models are there only once Django is set up

    client = Client()
    client.force_login(get_user_model().objects.get(username="made-admin"))
    return client


@pytest.mark.parametrize("path", ["/case-studies/", "/organisations/", "/organisations/made-with-everything/"])
def test_every_parameter_takes_every_kind_of_nonsense(records: Path, path: str):
    """What chance would rarely bring together: each parameter gets each value once."""
    for value in NONSENSE:
        at_once = max(1, 16_000 // (len(value) + 20))
        for names in batched(PARAMETERS, at_once):
            address = f"{path}?{'&'.join(f'{name}={value}' for name in names)}"
            assert_answered(send(stranger(), "get", address), address, is_page=True)


@given(query=QUERIES)
@example(query="q=" + "x" * 10_000)
@example(query="q=%00")
@example(query="page=" + "9" * 400)
@example(query="from=99999999999999999999&to=-99999999999999999999")
@example(query="&".join(f"theme=theme-{number}" for number in range(700)))
@thrown
def test_the_list_always_shows_a_page(records: Path, query: str):
    """Whatever is asked of the list, a visitor gets the list: unknown values are left out, not refused."""
    response = send(stranger(), "get", f"/case-studies/?{query}")
    if response.status_code == 302:
        response = stranger().get(response["Location"])
    # An address beyond reason, or one that is no text, is no question about case studies.
    expected = {414} if len(query) > 16_000 else {200}
    assert response.status_code in expected
    assert BeautifulSoup(response.content, "html.parser").find("h1") is not None


PATHS = st.lists(VALUES, min_size=1, max_size=5).map(lambda parts: "/" + "/".join(parts))


@given(path=PATHS, query=QUERIES, method=METHODS)
@example(path="//elsewhere.example/%2e%2e", query="", method="get")
@example(path="/case-studies", query="q=a", method="post")
@example(path="/%2F%2Felsewhere.example", query="", method="get")
@example(path="/media/../.env", query="", method="get")
@example(path="/static/%00", query="", method="get")
@thrown
def test_every_other_path_is_not_found_in_the_look_of_the_site(records: Path, path: str, query: str, method: str):
    address = f"{path}?{query}"
    response = send(stranger(), method, address)
    known = path.split("/")[1] in {"static", "admin"}
    assert_answered(response, address, is_page=not known)


# What somebody may type, paste or have a program send.
TYPED = st.text(max_size=60) | st.sampled_from(
    [
        *("", " ", "\0", "a\0b", "\x1b[2J", "\ud800", "x" * 10_000, "a@b.example\r\nBcc: c@d.example"),
        *("\u202e", "<b>", "\u2028", "ﷺ" * 100, "e\u0301" * 60),
    ]
)


@given(
    fields=st.fixed_dictionaries(
        {"name": TYPED, "email": TYPED | st.just("a@home.example"), "message": TYPED},
        optional={"organisation": TYPED, "topic": TYPED, "case_study": TYPED, "delivery": st.just("sent")},
    ),
    repeated=st.booleans(),
)
@thrown
def test_the_form_takes_anything_and_loses_nothing(records: Path, fields: dict[str, str], repeated: bool):
    """It is stored as it was typed, or comes back with what to put right and what was typed."""
    Enquiry.objects.all().delete()  # a case study takes so many an hour, and this asks more
    before = Enquiry.objects.count()
    sent = {name: value.encode("utf-8", "surrogatepass") for name, value in fields.items()}
    response = send(
        stranger(),
        "post",
        FORM,
        data=urlencode(list(sent.items()) * (1 + repeated)).encode(),
        content_type="application/x-www-form-urlencoded",
    )
    assert_answered(response, FORM, is_page=True)
    # Half a character arrives as U+FFFD, and a line end as one character.
    received = {name: value.decode("utf-8", "replace") for name, value in sent.items()}
    if response.status_code == 303:
        message = received["message"].replace("\r\n", "\n").replace("\r", "\n").strip()
        kept = Enquiry.objects.get(token=response["Location"].split("/")[2])
        assert (kept.name, kept.message) == (received["name"].strip(), message)
        return
    assert response.status_code == 200
    assert Enquiry.objects.count() == before
    soup = BeautifulSoup(response.content, "html.parser")
    assert len(soup.select(".nhsuk-error-summary a")) >= 1
    name = soup.select_one("[name=name]")
    assert name is not None
    if received["name"].isprintable():
        assert name.get("value", "") == received["name"]


BODIES = [
    (b"", "application/x-www-form-urlencoded"),
    (b"name=%C3&email=%FF&message=%00", "application/x-www-form-urlencoded"),
    (b"\xff\xfe\x00", "application/x-www-form-urlencoded"),
    (b"&&&&=&=", "application/x-www-form-urlencoded"),
    (b"&".join(b"a%d=1" % number for number in range(6_000)), "application/x-www-form-urlencoded"),
    (b"message=" + b"x" * 3_000_000, "application/x-www-form-urlencoded"),
    (b"name=a", "application/x-www-form-urlencoded; charset=nonsense"),
    (b"name=a", "application/x-www-form-urlencoded; charset=utf-7"),
    (b'{"name": "a"', "application/json"),
    (b"no boundary", "multipart/form-data"),
    (b"--b\r\nnothing", "multipart/form-data; boundary=b"),
    (b'--b\r\nContent-Disposition: form-data; name="name"; filename="../../x"\r\n\r\nx\r\n--b--\r\n',
     "multipart/form-data; boundary=b"),
    (b"--\xff", "multipart/form-data; boundary=\xff"),
    (b"name=a", "\0"),
    (b"name=a", ""),
]  # fmt: skip


@pytest.mark.parametrize(("body", "kind"), BODIES, ids=range(len(BODIES)))
def test_bodies_that_no_form_sends_are_refused_clearly(records: Path, body: bytes, kind: str):
    before = Enquiry.objects.count()
    response = send(stranger(), "post", FORM, data=body, content_type=kind)
    assert_answered(response, FORM, is_page=True)
    assert response.status_code in {200, 400, 413}
    assert Enquiry.objects.count() == before


@pytest.mark.parametrize(
    "host", ["elsewhere.example", "", "127.0.0.1:port", "[::1", "a b", "é.example", "127.0.0.1\0"]
)
def test_a_host_that_is_not_ours_is_refused_in_the_look_of_the_site(host: str):
    response = stranger().get("/cookies/", headers={"host": host})
    assert response.status_code == 400
    assert_answered(response, "/cookies/", is_page=True)
    assert host.encode() not in response.content or not host


@pytest.mark.parametrize(
    ("asked", "leads_to"),
    [
        ("/Case-Studies/Made-With-Everything/", None),
        ("/case-studies/Made-With-Everything/", "/case-studies/made-with-everything/"),
        ("/case-studies/MADE-WITH-EVERYTHING/?q=1", "/case-studies/made-with-everything/?q=1"),
        ("/case-studies/made-with-everything", "/case-studies/made-with-everything/"),
        ("/case-studies/MADE-WITH-EVERYTHING/contact/", FORM),
        ("/themes/CARE-HOMES/", "/themes/care-homes/"),
        ("/organisations/MADE-with-everything/", "/organisations/made-with-everything/"),
        ("/reports/Made-With-Everything/", "/reports/made-with-everything/"),
        ("/reports/Made-With-Everything/x.pdf", "/reports/made-with-everything/made-with-everything.pdf"),
        ("/case-studies/made-Draft/", None),
        ("/case-studies/?page=0", "/case-studies/"),
        ("/case-studies/?page=900", "/case-studies/"),
    ],
)
def test_odd_spellings_lead_to_the_page(records: Path, asked: str, leads_to: str | None):
    response = stranger().get(asked)
    if leads_to is None:
        assert response.status_code == 404
    elif response.status_code != 200:
        assert response["Location"] == leads_to
        assert stranger().get(leads_to).status_code == 200
    else:
        assert asked.startswith(f"{leads_to}?")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("route", PUBLIC_ROUTES, ids=lambda route: route.name)
def test_methods_that_change_something_are_refused_everywhere_but_by_the_form(
    records: Path, route: Route, method: str
):
    address = route.filled(dict.fromkeys(route.parameters, "made-with-everything") | {"pk": "1", "section": "pages"})
    counts = [model.objects.count() for model in (CaseStudy, Report, Enquiry)]
    # As a browser has it, which checks the token of forms too.
    response = send(stranger(checks_tokens=True), method, address)
    takes_it = (route.name, method) == ("enquiries:enquiry_create", "post")
    assert response.status_code == (200 if takes_it else 405)
    assert [model.objects.count() for model in (CaseStudy, Report, Enquiry)] == counts
    assert_answered(response, address, is_page=route.name not in {"healthz", "readyz"})


def test_a_file_lost_from_the_storage_spoils_no_page(records: Path, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "empty"
    resource = Resource.objects.get(title="Leaflet")
    assert stranger().get(resource.case_study.get_absolute_url()).status_code == 200
    assert stranger().get(resource.get_absolute_url()).status_code == 404


# --- What the test client cannot send ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(records: Path, tmp_path_factory) -> Iterator[tuple[str, int]]:
    """A real gunicorn; at its end it must have nothing to say of an error."""
    with served(log=tmp_path_factory.mktemp("gunicorn") / "log") as url:
        host, _, port = url.removeprefix("http://").partition(":")
        yield host, int(port)


def exchange(address: tuple[str, int], request: bytes) -> tuple[int, bytes]:
    """Send bytes, and give the status and the body of the answer; 0 where the connection was closed without one."""
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head.startswith(b"HTTP/") else 0), body


def request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([line, b"Host: 127.0.0.1", b"Connection: close", *headers, b"", body])


RAW = {
    "a page": (request(b"GET /cookies/ HTTP/1.1"), 200),
    "a search of 10,000 characters": (request(b"GET /case-studies/?q=" + b"x" * 10_000 + b" HTTP/1.1"), 200),
    "an address of 20,000 characters": (request(b"GET /case-studies/?q=" + b"x" * 20_000 + b" HTTP/1.1"), 414),
    "a path of 10,000 characters": (request(b"GET /" + b"x" * 10_000 + b" HTTP/1.1"), 414),
    "half a letter in the path": (request(b"GET /case-studies/%C3/ HTTP/1.1"), 404),
    "half a letter in the query": (request(b"GET /case-studies/?q=%C3%28&theme=%FF HTTP/1.1"), 200),
    "a percent sign": (request(b"GET /case-studies/?q=100%&theme=%zz HTTP/1.1"), 200),
    "a coded NUL": (request(b"GET /case-studies/%00/?q=%00 HTTP/1.1"), 404),
    "a wrong method": (request(b"BREW /case-studies/ HTTP/1.1"), 405),
    "half a form": (request(b"POST " + FORM.encode() + b" HTTP/1.1", b"Content-Length: 100", body=b"name=a"), 200),
}


@pytest.mark.parametrize("name", RAW)
def test_gunicorn_passes_on_what_we_answer(address: tuple[str, int], name: str):
    sent, expected = RAW[name]
    status, body = exchange(address, sent)
    assert status == expected
    assert b"nhsuk-header" in body


# gunicorn refuses these itself, before Django: without our look, and without harm.
REFUSED = {
    "a NUL in the request line": request(b"GET /\0 HTTP/1.1"),
    "a NUL in a header": request(b"GET / HTTP/1.1", b"X-A: a\0b"),
    "bytes beyond ASCII": request(b"GET /case-studies/?q=caf\xc3\xa9&theme=\xff HTTP/1.1"),
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a line of 200,000 characters": request(b"GET /" + b"x" * 200_000 + b" HTTP/1.1"),
    "two lengths": request(b"POST / HTTP/1.1", b"Content-Length: 1", b"Content-Length: 2", body=b"ab"),
    "a length and chunks": request(
        b"POST / HTTP/1.1", b"Content-Length: 1", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"
    ),
    "a negative length": request(b"POST / HTTP/1.1", b"Content-Length: -1"),
    "200 headers": request(b"GET / HTTP/1.1", *(b"X-%d: a" % number for number in range(200))),
    "nothing": b"\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_request_does_no_harm(address: tuple[str, int], name: str):
    status, body = exchange(address, REFUSED[name])
    assert status == 0 or 400 <= status < 500
    assert b"Traceback" not in body
    assert exchange(address, request(b"GET /cookies/ HTTP/1.1"))[0] == 200
