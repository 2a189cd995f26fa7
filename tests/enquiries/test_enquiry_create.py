"""Asking about a case study: what the form takes, what it says, and that nothing typed is lost."""

import threading
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from django.db import connections, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from casestudies.models import CaseStudy
from enquiries.actions import MOST_PER_DAY, MOST_PER_HOUR, receive_enquiry
from enquiries.models import Enquiry
from enquiries.tasks import deliver_enquiry
from tests.factories import CaseStudyFactory, ContactFactory, EnquiryFactory, OrganisationFactory
from tests.pages import soup, text

pytestmark = pytest.mark.django_db

TYPED = {
    "name": "Ann O'Hara",
    "email": "ann@ward.example",
    "organisation": "Ward 7",
    "message": "How did you start?",
    "topic": "",
}
ADDRESS = "secret-team@trust.example"


@pytest.fixture
def case_study():
    trust = OrganisationFactory(name="North Trust")
    contact = ContactFactory(organisation=trust, email=ADDRESS, phone="01632 960001", name="Jo Somebody")
    return CaseStudyFactory(published=True, slug="fewer-falls", title="Fewer falls", contacts=[contact])


def address(slug="fewer-falls"):
    return reverse("enquiries:enquiry_create", args=[slug])


def shown(response) -> dict[str, str]:
    """Give what a form shows in its fields."""
    page = soup(response)
    values = {str(field["name"]): str(field.get("value", "")) for field in page.select("form[method=post] input")}
    return values | {str(field["name"]): field.get_text() for field in page.select("textarea")}


def errors(response) -> list[str]:
    """Give the errors of a page, after checking that each is in the summary, linked to a field, and at it."""
    page = soup(response)
    links = page.select(".nhsuk-error-summary__list a")
    for link in links:
        target = str(link["href"])
        (field,) = page.select(target)
        if field.get("aria-invalid"):
            (message,) = page.select(f"{target}-error")
            assert f"{target[1:]}-error" in str(field["aria-describedby"]).split()
            assert " ".join(message.get_text().split()) == f"Error: {' '.join(link.get_text().split())}"
    return [" ".join(link.get_text().split()) for link in links]


def test_the_page_says_who_is_asked_and_what_becomes_of_it(client, case_study):
    response = client.get(address())
    page = soup(response)
    assert text(page, "h1") == "Fewer falls Ask about this project"
    assert text(page, "main p strong") == "Project lead, North Trust"
    assert page.select_one('main a[href="/privacy/"]') is not None
    assert ADDRESS not in response.text
    assert "Somebody" not in response.text
    assert "960001" not in response.text


def test_a_contact_who_asked_for_it_is_shown(client):
    CaseStudyFactory(published=True, slug="fewer-falls", contacts=[ContactFactory(email=ADDRESS, show_email=True)])
    assert soup(client.get(address())).select_one(f'a[href="mailto:{ADDRESS}"]') is not None


def test_without_a_contact_the_page_says_so(client):
    CaseStudyFactory(published=True, slug="fewer-falls", contacts=[ContactFactory(left_on="2026-01-01")])
    assert "We have no contact for this project at the moment." in client.get(address()).text


def test_browsers_can_fill_in_what_they_know(client, case_study):
    """WCAG 1.3.5."""
    page = soup(client.get(address()))
    fields = {field["name"]: field.get("autocomplete") for field in page.select("form input")}
    assert fields == {"name": "name", "email": "email", "organisation": "organization", "topic": "off"}


def test_the_page_is_the_same_for_everyone(client, case_study):
    responses = [client.get(address(), headers={"user-agent": agent}) for agent in ("one", "two")]
    assert responses[0].content == responses[1].content
    assert [dict(response.cookies) for response in responses] == [{}, {}]
    assert "Cookie" not in responses[0].get("Vary", "")


def test_a_question_is_kept_with_its_task_and_leads_to_its_page(client, case_study):
    response = client.post(address(), TYPED)
    enquiry = Enquiry.objects.get()
    assert (response.status_code, response["Location"]) == (303, f"/enquiries/{enquiry.token}/")
    assert dict(response.cookies) == {}
    assert {name: getattr(enquiry, name) for name in TYPED if name != "topic"} == {
        name: value for name, value in TYPED.items() if name != "topic"
    }
    assert (enquiry.case_study, enquiry.delivery, enquiry.answer) == (case_study, "waiting", "open")
    assert [(task.task_path, task.args_kwargs["args"]) for task in DBTaskResult.objects.all()] == [
        (deliver_enquiry.module_path, [enquiry.pk])
    ]


def test_neither_enquiry_nor_task_is_kept_without_the_other(case_study):
    with transaction.atomic():
        receive_enquiry(Enquiry(name="Ann", email="a@ward.example", message="How?"), case_study=case_study)
        transaction.set_rollback(True)
    assert (Enquiry.objects.count(), DBTaskResult.objects.count()) == (0, 0)


def test_the_same_question_again_is_the_same_enquiry(client, case_study):
    first, second = (client.post(address(), TYPED)["Location"] for _ in range(2))
    assert first == second
    assert (Enquiry.objects.count(), DBTaskResult.objects.count()) == (1, 1)
    client.post(address(), TYPED | {"message": "And how did you go on?"})
    assert Enquiry.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_double_click_is_one_enquiry(case_study):
    start, locations = threading.Barrier(3), []

    def click():
        start.wait()
        locations.append(Client().post(address(), TYPED)["Location"])
        connections.close_all()

    threads = [threading.Thread(target=click) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(locations) == 3
    assert len(set(locations)) == 1
    assert (Enquiry.objects.count(), DBTaskResult.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("typed", "problems"),
    [
        (
            {"name": "", "email": " ", "message": "\r\n"},
            ["Enter your name", "Enter your email address", "Enter your question"],
        ),
        ({"email": "ann"}, ["Enter an email address in the correct format, like name@example.com"]),
        (
            {"email": "ann@ward.example, bob@ward.example"},
            ["Enter an email address in the correct format, like name@example.com"],
        ),
        ({"name": "x" * 101}, ["Your name must be 100 characters or fewer"]),
        ({"email": "x" * 250 + "@ward.example"}, ["Your email address must be 254 characters or fewer"]),
        ({"organisation": "x" * 201}, ["Where you work must be 200 characters or fewer"]),
        ({"message": "x" * 4_001}, ["Your question must be 4,000 characters or fewer"]),
        ({"topic": "cheap pills"}, ["Delete what is in the field “Leave this field empty”"]),
    ],
)
def test_errors_say_what_to_do_and_nothing_typed_is_lost(client, case_study, typed, problems):
    response = client.post(address(), TYPED | typed)
    assert response.status_code == 200
    assert errors(response) == problems
    assert text(soup(response), "title").startswith("Error: Ask about this project: Fewer falls")
    assert {name: value.strip() for name, value in shown(response).items()} == {
        name: value.strip() for name, value in (TYPED | typed).items()
    }
    assert (Enquiry.objects.count(), DBTaskResult.objects.count()) == (0, 0)


def test_the_longest_question_fits_though_browsers_write_two_characters_for_a_line_end(client, case_study):
    client.post(address(), TYPED | {"message": "x\r\n" * 1_999 + "xx"})
    assert len(Enquiry.objects.get().message) == 4_000


def test_the_field_for_programs_is_seen_only_where_it_is_in_the_way(client, case_study):
    def is_hidden(response):
        return bool(soup(response).select("[hidden] #id_topic"))

    assert is_hidden(client.get(address()))
    assert is_hidden(client.post(address(), TYPED | {"name": ""}))
    assert not is_hidden(client.post(address(), TYPED | {"topic": "filled in by a browser"}))


@pytest.mark.parametrize("character", ["\0", "\x08", "\x1b", "\x7f", "\x85"])
@pytest.mark.parametrize("name", ["name", "email", "organisation", "message"])
def test_characters_that_cannot_be_sent_are_taken_out_and_the_person_asked(client, case_study, name, character):
    response = client.post(address(), TYPED | {name: f"a{character}b@ward.example"})
    assert [problem.partition(" contained ")[2] for problem in errors(response)] == [
        "a character that we cannot send. Check it and try again"
    ]
    assert shown(response)[name] == "ab@ward.example"
    assert client.post(address(), shown(response)).status_code == 303


@pytest.mark.parametrize("name", ["name", "email", "organisation"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\u2029", "\x0b", "\x1c"])
def test_no_header_can_be_added(client, case_study, name, end):
    response = client.post(address(), TYPED | {name: f"ann@ward.example{end}Bcc: all@ward.example"})
    assert response.status_code == 200
    assert Enquiry.objects.count() == 0


def test_made_up_addresses_do_not_fill_a_project_s_mailbox(client, case_study):
    EnquiryFactory.create_batch(MOST_PER_HOUR, case_study=case_study)
    response = client.post(address(), TYPED)
    assert errors(response) == [
        "This project has had so many questions in the last hour that we pass on no more. Try again in an hour"
    ]
    assert shown(response) == TYPED
    Enquiry.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    assert client.post(address(), TYPED).status_code == 303


def test_too_many_questions_in_a_day_get_a_plain_answer(client, case_study):
    for number in range(MOST_PER_DAY):
        EnquiryFactory(email="Ann@ward.example", case_study=case_study, message=f"Question {number}")
    response = client.post(address(), TYPED)
    assert errors(response) == [
        "You have sent 20 questions in the last 24 hours, which is the most we can pass on. Try again tomorrow"
    ]
    assert shown(response) == TYPED
    assert client.post(address(), TYPED | {"email": "bob@ward.example"}).status_code == 303
    Enquiry.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert client.post(address(), TYPED).status_code == 303


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("trait", [{}, {"scheduled": True}])
def test_what_is_not_public_cannot_be_asked_about(client, method, trait):
    CaseStudyFactory(slug="fewer-falls", **trait)
    assert getattr(client, method)(address(), TYPED).status_code == 404
    assert Enquiry.objects.count() == 0


@pytest.mark.parametrize("method", ["get", "post"])
def test_what_was_withdrawn_is_gone(client, method):
    CaseStudyFactory(slug="fewer-falls", withdrawn=True)
    for slug in ("fewer-falls", "much-fewer-falls"):
        CaseStudy.objects.update(slug=slug)
        response = getattr(client, method)(address(), TYPED)
        assert response.status_code == 410
        assert "The figures were wrong." in response.text
    assert Enquiry.objects.count() == 0


def test_an_old_address_leads_to_the_new_one(client, case_study):
    CaseStudy.objects.update(slug="much-fewer-falls")
    response = client.get(address())
    assert (response.status_code, response["Location"]) == (301, address("much-fewer-falls"))
    odd_case = client.get(address("Much-Fewer-FALLS"))
    assert (odd_case.status_code, odd_case["Location"]) == (301, address("much-fewer-falls"))


def test_a_question_is_not_lost_when_the_address_changes_while_it_is_written(client, case_study):
    CaseStudy.objects.update(slug="much-fewer-falls")
    assert client.post(address(), TYPED).status_code == 303
    assert Enquiry.objects.get().case_study == case_study


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ],
)
def test_another_site_cannot_send_the_form(client, case_study, headers):
    response = client.post(address(), TYPED, headers=headers)
    assert response.status_code == 403
    assert dict(response.cookies) == {}
    assert Enquiry.objects.count() == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://testserver"},
        {},
    ],
)
def test_the_form_itself_can(client, case_study, headers):
    assert client.post(address(), TYPED, headers=headers).status_code == 303


def test_no_token_is_asked_for(case_study):
    assert Client(enforce_csrf_checks=True).post(address(), TYPED).status_code == 303


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_not_allowed(client, case_study, method):
    assert getattr(client, method)(address()).status_code == 405


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_costs_the_same_for_any_number_of_contacts(client, django_assert_num_queries, count):
    CaseStudyFactory(published=True, slug="fewer-falls", contacts=ContactFactory.create_batch(count))
    with django_assert_num_queries(2):
        response = client.get(address())
    assert response.text.count("Project lead, Organisation") == count


ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(
    ["", "a@b.example", "\r\nBcc: x@y.example", "</textarea><script>", "{{ 7 * 7 }}", "x" * 5_000, '"a\\"b"@c.example']
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=st.fixed_dictionaries({}, optional=dict.fromkeys([*TYPED, "unknown"], ANY_TEXT)))
@example(typed=TYPED)
@example(typed=TYPED | {"name": '=?utf-8?q?=0D=0ABcc=3A?= "x@y.example",', "email": '"a\\"b,@c"@d.example'})
@example(typed=TYPED | {"name": "Zoë ✓ مريم", "email": "ann@bücher.example", "organisation": "x" * 200})
def test_whatever_is_typed_is_kept_or_shown_again(mailoutbox, case_study, typed):
    mailoutbox.clear()
    response = Client(raise_request_exception=True).post(address(), typed)
    assert response.status_code in {200, 303}
    assert dict(response.cookies) == {}
    assert ADDRESS not in response.content.decode()
    if response.status_code == 200:
        _assert_all_is_shown_again(response, typed)
    else:
        _assert_all_is_sent(mailoutbox)
        Enquiry.objects.all().delete()


def _assert_all_is_sent(mailoutbox):
    enquiry = Enquiry.objects.get()
    deliver_enquiry.call(enquiry.pk)
    (message,) = mailoutbox
    sent = message_from_bytes(message.message(policy=policy.SMTP).as_bytes(), policy=policy.default)
    assert sent.keys() == [
        "Content-Type", "Content-Transfer-Encoding", "MIME-Version", "Subject", "From", "To", "Reply-To", "Date",
        "Message-ID", "Auto-Submitted",
    ]  # fmt: skip
    (reply_to,) = sent["Reply-To"].addresses
    domain = enquiry.email.rpartition("@")[2].encode("idna").decode()
    assert reply_to.domain.lower() == domain.lower()
    assert reply_to.display_name == " ".join(enquiry.name.split()).replace("=?", "= ?")


def _assert_all_is_shown_again(response, typed):
    fields = shown(response)
    for name in TYPED:
        wanted = "".join(
            character for character in typed.get(name, "").replace("\r\n", "\n") if character.isprintable()
        )
        found = "".join(character for character in fields[name] if character.isprintable())
        assert found == wanted
    assert soup(response).select("main script") == []
