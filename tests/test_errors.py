"""Error pages: in the site's own look, without the database, with ways on."""

import pytest
from django.test import Client, RequestFactory

from safetyhub import views
from safetyhub.middleware import LONGEST_PATH, LONGEST_QUERY
from tests.factories import CaseStudyFactory, ReportFactory
from tests.pages import soup, text, texts

WAYS_ON = ["Browse the themes", "See all case studies", "Find an organisation", "Read a report"]


def is_a_page_with_ways_on(response, heading):
    page = soup(response)
    assert text(page, "h1") == heading
    assert page.select_one("meta[name=robots]")["content"] == "noindex"
    assert page.select_one("main form[action='/case-studies/'] input[name=q]")
    assert texts(page, ".app-error__links li") == WAYS_ON
    assert page.select_one(".nhsuk-header") is not None
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("address", ["/nowhere/", "/nowhere", "/a%00b/", "/%ff%fe/", "/reports/%00/", "/é/"])
def test_not_found(visitor, address):
    response = visitor.get(address, follow=True)
    assert response.status_code == 404
    is_a_page_with_ways_on(response, "Page not found")


def test_a_request_that_cannot_be_understood(visitor):
    for response in (
        visitor.get("/about/", headers={"host": "other.example"}),
        visitor.get("/case-studies/?" + "&".join(f"a{n}=1" for n in range(1_000)) * 2, headers={"host": "a b"}),
    ):
        assert response.status_code == 400
        is_a_page_with_ways_on(response, "This request cannot be understood")


@pytest.mark.parametrize(
    "address", [f"/about/?q={'x' * LONGEST_QUERY}", f"/{'x' * LONGEST_PATH}/", f"/{'é' * (LONGEST_PATH // 2)}/"]
)
def test_an_address_beyond_reason(visitor, address):
    response = visitor.get(address)
    assert response.status_code == 414
    is_a_page_with_ways_on(response, "This address is too long")


def test_an_address_within_reason_is_answered(visitor):
    assert visitor.get(f"/about/?q={'x' * (LONGEST_QUERY - 2)}").status_code == 200
    assert visitor.get(f"/{'x' * (LONGEST_PATH - 2)}/").status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "trace"])
@pytest.mark.parametrize("address", ["/about/", "/organisations/", "/reports/", "/robots.txt"])
def test_a_method_that_the_page_does_not_know(address, method):
    # As on the real site: a method without the token of a form is refused before any view.
    visitor = Client(enforce_csrf_checks=True, raise_request_exception=False)
    response = getattr(visitor, method)(address)
    assert response.status_code == 405
    assert {"GET", "HEAD"} <= set(response.headers["Allow"].split(", "))
    is_a_page_with_ways_on(response, "This page cannot be used that way")


def test_health_checks_answer_in_plain_words(visitor):
    assert visitor.get("/healthz").content == b"ok\n"
    response = visitor.post("/healthz")
    assert (response.status_code, response.content) == (405, b"")


def test_a_staff_form_that_was_open_too_long():
    visitor = Client(enforce_csrf_checks=True, raise_request_exception=False)
    response = visitor.post("/admin/login/")
    assert response.status_code == 403
    assert text(soup(response), "h1") == "This form could not be sent"


@pytest.mark.parametrize(
    ("view", "status", "heading"),
    [
        (views.bad_request, 400, "This request cannot be understood"),
        (views.permission_denied, 403, "You cannot see this page"),
        (views.page_not_found, 404, "Page not found"),
        (views.server_error, 500, "Sorry, there is a problem with the site"),
    ],
)
def test_error_pages_ask_no_database_and_read_no_parameter(view, status, heading, monkeypatch):
    # Without the database mark a query fails the test.
    request = RequestFactory().get("/")
    monkeypatch.setattr(type(request), "GET", property(lambda self: pytest.fail("The page read a parameter.")))
    response = view(request)
    assert (response.status_code, text(soup(response), "h1")) == (status, heading)


@pytest.mark.django_db
class TestWithdrawn:
    def test_says_what_why_and_since_when(self, client):
        case_study = CaseStudyFactory(withdrawn=True, title="Huddles <1>")
        response = client.get(case_study.get_absolute_url())
        page = soup(response)
        assert response.status_code == 410
        assert text(page, ".nhsuk-inset-text p") == "The figures were wrong."
        assert text(page, "main .app-meta") == "Withdrawn on 2 March 2026"
        assert "Read this instead" not in page.get_text()
        is_a_page_with_ways_on(response, "Huddles <1>")

    def test_names_a_successor_that_visitors_may_see(self, client):
        successor = CaseStudyFactory(published=True, title="Better huddles")
        case_study = CaseStudyFactory(withdrawn=True, successor=successor)
        page = soup(client.get(case_study.get_absolute_url()))
        assert page.select_one("main h2 + p a")["href"] == successor.get_absolute_url()

    def test_keeps_a_successor_that_visitors_may_not_see(self, client):
        case_study = CaseStudyFactory(withdrawn=True, successor=CaseStudyFactory(title="Secret draft"))
        assert "Secret draft" not in soup(client.get(case_study.get_absolute_url())).get_text()

    def test_is_the_same_for_a_report(self, client):
        report = ReportFactory(withdrawn=True, title="Safer homes")
        is_a_page_with_ways_on(client.get(report.get_absolute_url()), "Safer homes")
