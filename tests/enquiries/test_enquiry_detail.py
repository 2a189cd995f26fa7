"""The receipt of a question: what it says, and to whom."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from casestudies.models import CaseStudy
from tests.factories import CaseStudyFactory, ContactFactory, EnquiryFactory, OrganisationFactory
from tests.pages import soup, text, texts

pytestmark = pytest.mark.django_db

SENT_AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


def facts(response) -> dict[str, str]:
    page = soup(response)
    return dict(zip(texts(page, "dt"), texts(page, "dd"), strict=True))


def test_it_gives_the_reference_and_says_what_happens_next(client):
    trust = OrganisationFactory(name="North Trust")
    contact = ContactFactory(organisation=trust, email="secret-team@trust.example", name="Jo Somebody")
    enquiry = EnquiryFactory(
        case_study=CaseStudyFactory(published=True, title="Fewer falls", contacts=[contact]),
        reference="KX4T-9QRD",
        name="Ann Visitor",
        email="ann@ward.example",
        message="A private question",
        sent_to=["secret-team@trust.example"],
        last_error="The mail server said 451",
    )
    response = client.get(enquiry.get_absolute_url())
    assert text(soup(response), ".nhsuk-panel") == "We have your question Your reference is KX4T-9QRD"
    assert text(soup(response), "main p strong") == "Project lead, North Trust"
    assert facts(response)["About"] == "Fewer falls"
    hidden = ["secret-team@", "Somebody", "Ann", "ann@ward", "A private question", "mail server said"]
    assert [part for part in hidden if part in response.text] == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "It is about to be sent"),
        ({"attempts": 2}, "It is waiting for a mail server. We keep trying for a day"),
        ({"delivery": "sending", "attempted_at": SENT_AT}, "It is being sent"),
        ({"delivery": "sent", "sent_at": SENT_AT}, "Sent on 23 November 2026"),
        (
            {"delivery": "failed", "last_error": "550"},
            "We could not deliver it. Our editors see that, and look for another way",
        ),
    ],
)
def test_it_says_how_delivery_stands(client, values, words):
    assert facts(client.get(EnquiryFactory(**values).get_absolute_url()))["Delivery"] == words


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("open", "Not yet, as far as we know: answers go straight to you"),
        ("answered", "Answered"),
        ("closed", "Closed without an answer"),
    ],
)
def test_it_says_whether_it_was_answered(client, answer, words):
    assert facts(client.get(EnquiryFactory(answer=answer).get_absolute_url()))["Answer"] == words


def test_its_address_stays_between_us_and_the_visitor(client):
    response = client.get(EnquiryFactory().get_absolute_url())
    assert response["Cache-Control"] == "private, no-store"
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["X-Robots-Tag"] == "noindex"
    assert soup(response).select_one('meta[name="robots"][content="noindex"]') is not None
    assert dict(response.cookies) == {}


@pytest.mark.parametrize("status", ["draft", "withdrawn"])
def test_it_names_no_case_study_that_is_no_longer_public(client, status):
    enquiry = EnquiryFactory(case_study__title="Fewer falls", case_study__slug="fewer-falls")
    assert "Fewer falls" in client.get(enquiry.get_absolute_url()).text
    reason = {"withdrawn_at": timezone.now(), "withdrawal_reason": "Wrong."} if status == "withdrawn" else {}
    CaseStudy.objects.update(status=status, **reason)
    response = client.get(enquiry.get_absolute_url())
    assert response.status_code == 200
    assert "Fewer falls" not in response.text
    assert "fewer-falls" not in response.text


@pytest.mark.parametrize("token", ["x", "x" * 32, "%00" * 32, "é" * 32, "x" * 500, "..%2f" * 8, "%ff"])
def test_no_other_address_leads_anywhere(visitor, token):
    EnquiryFactory()
    assert visitor.get(f"/enquiries/{token}/").status_code == 404


def test_other_methods_are_not_allowed(client):
    assert client.post(EnquiryFactory().get_absolute_url()).status_code == 405
