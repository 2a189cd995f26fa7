"""Delivery of enquiries to a real mail server: each is sent once, whatever goes wrong."""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from enquiries.actions import receive_enquiry, send_again
from enquiries.models import Enquiry
from enquiries.tasks import MOST_ATTEMPTS, NOBODY, RETRY_AFTER, deliver_enquiry
from tests.factories import CaseStudyFactory, ContactFactory, EnquiryFactory, OrganisationFactory

pytestmark = pytest.mark.django_db


def ask(**values) -> Enquiry:
    """Store an enquiry with its task, as the page does."""
    contacts = values.pop("contacts", None)
    if contacts is None:
        contacts = [ContactFactory(email="team@trust.example", name="Falls team")]
    case_study = CaseStudyFactory(published=True, contacts=contacts, **values.pop("case_study", {}))
    enquiry = EnquiryFactory.build(case_study=None, **values)
    return receive_enquiry(enquiry, case_study=case_study)


def state(enquiry: Enquiry) -> tuple[str, int, list[str], str]:
    """Give what staff see of a delivery."""
    enquiry.refresh_from_db()
    return enquiry.delivery, enquiry.attempts, enquiry.sent_to, enquiry.last_error


def due_now() -> None:
    """Let the time pass until every task may run."""
    DBTaskResult.objects.filter(status="READY").update(run_after=timezone.now())


def test_the_contact_gets_the_question_and_can_simply_reply(mail_server, work):
    enquiry = ask(
        name="Ann O'Hara, RN",
        email="ann@ward.example",
        organisation="Ward 7",
        message="How did you start?\n\nAnd is 5 < 6 & fine?",
        case_study={"title": "Fewer falls", "slug": "fewer-falls"},
    )
    work()
    assert state(enquiry) == ("sent", 1, ["team@trust.example"], "")
    assert enquiry.sent_at is not None
    (message,) = mail_server.messages
    assert mail_server.envelopes == [("no-reply@127.0.0.1", ["team@trust.example"])]
    contact = enquiry.case_study.contacts.get()
    assert {
        name: str(message[name]) for name in ("From", "To", "Reply-To", "Subject", "Message-ID", "Auto-Submitted")
    } == {
        "From": "no-reply@127.0.0.1",
        "To": "Falls team <team@trust.example>",
        "Reply-To": '"Ann O\'Hara, RN" <ann@ward.example>',
        "Subject": f"Question about Fewer falls [{enquiry.reference}]",
        "Message-ID": f"<{enquiry.reference}.{contact.pk}@127.0.0.1>",
        "Auto-Submitted": "auto-generated",
    }
    body = message.get_content().replace("\r\n", "\n")
    assert "Ann O'Hara, RN (Ward 7) has a question" in body
    assert "> How did you start?\n>\n> And is 5 < 6 & fine?\n" in body
    assert f"{django_settings.SITE_URL}/case-studies/fewer-falls/" in body
    assert "reply to this message" in body


def test_every_contact_gets_one_message_of_their_own(mail_server, work):
    contacts = [ContactFactory(email=f"team-{n}@trust.example") for n in range(3)]
    contacts.append(ContactFactory(email="TEAM-0@trust.example"))
    contacts.append(ContactFactory(email="gone@trust.example", left_on="2026-01-01"))
    enquiry = ask(contacts=contacts)
    work()
    assert [to for _, to in mail_server.envelopes] == [[f"team-{n}@trust.example"] for n in range(3)]
    assert state(enquiry)[2] == [f"team-{n}@trust.example" for n in range(3)]
    assert "team-1@trust.example" not in mail_server.messages[0].get_content()


def test_the_first_contact_of_the_lead_organisation_takes_over(mail_server, work):
    lead = OrganisationFactory()
    ContactFactory(organisation=lead, email="first@trust.example", is_primary=True)
    enquiry = ask(contacts=[ContactFactory(left_on="2026-01-01")], case_study={"lead_organisation": lead})
    work()
    assert state(enquiry)[:3] == ("sent", 1, ["first@trust.example"])


def test_without_anybody_to_ask_staff_see_why(mail_server, work):
    enquiry = ask(contacts=[ContactFactory(left_on="2026-01-01")])
    work()
    assert state(enquiry) == ("failed", 1, [], NOBODY)
    assert mail_server.messages == []


def test_a_task_that_runs_twice_sends_once(mail_server, work):
    enquiry = ask()
    deliver_enquiry.enqueue(enquiry.pk)
    work()
    deliver_enquiry.call(enquiry.pk)
    assert len(mail_server.messages) == 1


def test_a_deleted_enquiry_is_not_sent(mail_server, work):
    ask().delete()
    work()
    assert mail_server.messages == []
    assert [task.status for task in DBTaskResult.objects.all()] == ["SUCCESSFUL"]


def test_a_server_that_is_down_is_tried_again_later(mail_server, work):
    enquiry = ask()
    mail_server.stop()
    work()
    assert state(enquiry) == (
        "waiting",
        1,
        [],
        "The mail server cannot be reached (ConnectionRefusedError).",
    )
    again = DBTaskResult.objects.get(status="READY")
    assert abs(again.run_after - timezone.now() - RETRY_AFTER[0]) < timedelta(seconds=30)


def test_it_is_tried_for_a_day_and_then_left_to_staff(mail_server, work):
    enquiry = ask()
    mail_server.stop()
    for attempt in range(1, MOST_ATTEMPTS):
        work()
        assert state(enquiry)[:2] == ("waiting", attempt)
        due_now()
    work()
    assert state(enquiry)[:2] == ("failed", MOST_ATTEMPTS)
    assert DBTaskResult.objects.filter(status="READY").count() == 0
    assert timedelta(hours=22) < sum(RETRY_AFTER, timedelta()) < timedelta(hours=24)


def test_a_refusal_for_now_is_tried_again_and_then_sent_once(mail_server, work):
    enquiry = ask()
    mail_server.reply = "451 4.3.0 Busy, says <team@trust.example>"
    work()
    assert state(enquiry) == ("waiting", 1, [], "The mail server said 451: 4.3.0 Busy, says [address]")
    mail_server.reply = "250 OK"
    due_now()
    work()
    assert state(enquiry) == ("sent", 2, ["team@trust.example"], "")
    assert len(mail_server.messages) == 1


def test_a_refusal_for_good_is_not_tried_again(mail_server, work):
    enquiry = ask()
    mail_server.refuse = {"team@trust.example": "550 5.1.1 <team@trust.example>: no such mailbox"}
    work()
    assert state(enquiry) == ("failed", 1, [], "The mail server said 550: 5.1.1 [address] no such mailbox")
    assert DBTaskResult.objects.filter(status="READY").count() == 0


def test_one_contact_refused_for_good_does_not_keep_the_others_from_it(mail_server, work):
    enquiry = ask(contacts=[ContactFactory(email=f"team-{n}@trust.example") for n in range(3)])
    mail_server.refuse = {"team-0@trust.example": "550 5.1.1 no such mailbox"}
    work()
    assert state(enquiry) == (
        "sent",
        1,
        ["team-1@trust.example", "team-2@trust.example"],
        "The mail server said 550: 5.1.1 no such mailbox",
    )


def test_one_contact_refused_for_now_gets_it_later_and_the_others_only_once(mail_server, work):
    enquiry = ask(contacts=[ContactFactory(email=f"team-{n}@trust.example") for n in range(3)])
    mail_server.refuse = {"team-1@trust.example": "450 4.2.1 greylisted"}
    work()
    assert state(enquiry)[:3] == ("waiting", 1, ["team-0@trust.example", "team-2@trust.example"])
    mail_server.refuse = {}
    due_now()
    work()
    assert state(enquiry)[0] == "sent"
    assert sorted(to for _, to in mail_server.envelopes) == [[f"team-{n}@trust.example"] for n in range(3)]


def test_a_connection_that_breaks_before_the_text_is_tried_again(mail_server, work):
    enquiry = ask()
    mail_server.break_at = "MAIL"
    work()
    assert state(enquiry)[:2] == ("waiting", 1)
    mail_server.break_at = ""
    due_now()
    work()
    assert state(enquiry)[0] == "sent"
    assert len(mail_server.messages) == 1


def test_a_connection_that_breaks_while_the_text_is_on_its_way_is_left_to_staff(mail_server, work):
    enquiry = ask()
    mail_server.break_at = "DATA"
    work()
    delivery, attempts, sent_to, error = state(enquiry)
    assert (delivery, attempts, sent_to) == ("sending", 1, [])
    assert error.startswith("The connection broke while the message was being handed over, so it may have arrived.")
    call_command("retry_enquiries", "--failed")
    due_now()
    work()
    assert state(enquiry)[0] == "sending"
    assert len(mail_server.messages) == 1


def test_an_address_that_no_header_can_hold_is_refused(mail_server, work):
    enquiry = ask(contacts=[ContactFactory(email="tëam@trust.example")])
    work()
    assert state(enquiry) == ("failed", 1, [], "An e-mail address cannot be used.")


def test_addresses_are_never_logged(mail_server, work, caplog):
    caplog.set_level("DEBUG")
    ask(email="ann@ward.example")
    mail_server.refuse = {"team@trust.example": "550 5.1.1 <team@trust.example> unknown"}
    work()
    ask(email="bob@ward.example", contacts=[ContactFactory(email="other@trust.example")])
    work()
    # The mail server of the tests logs too, in this same process.
    logged = [record.getMessage() for record in caplog.records if record.name != "mail.log"]
    assert [line for line in logged if line.startswith("Enquiry ")]
    assert [line for line in logged if "@" in line] == []
    assert [task.traceback for task in DBTaskResult.objects.all()] == ["", ""]


def test_staff_can_send_again_what_failed(mail_server, work):
    enquiry = ask()
    mail_server.refuse = {"team@trust.example": "550 no"}
    work()
    mail_server.refuse = {}
    assert send_again(enquiry) is True
    work()
    assert state(enquiry)[:3] == ("sent", 1, ["team@trust.example"])
    assert send_again(enquiry) is False


def test_what_a_worker_may_be_sending_now_is_not_sent_again():
    enquiry = EnquiryFactory(delivery="sending", attempted_at=timezone.now() - timedelta(minutes=14))
    assert send_again(enquiry) is False
    Enquiry.objects.update(attempted_at=timezone.now() - timedelta(minutes=16))
    assert send_again(enquiry) is True


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_hung_does_not_overwrite_what_staff_decided(mail_server, work):
    enquiry = ask()

    def staff_decide():
        Enquiry.objects.update(delivery="failed", last_error="Staff rang the team instead.")
        connections.close_all()

    def while_the_worker_waits():
        thread = threading.Thread(target=staff_decide)  # the server's own thread may not ask the database
        thread.start()
        thread.join()

    mail_server.on_data = while_the_worker_waits
    work()
    assert state(enquiry)[0] == "failed"
    assert enquiry.last_error == "Staff rang the team instead."


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_once(mail_server, work):
    enquiry = ask()
    for _ in range(7):
        deliver_enquiry.enqueue(enquiry.pk)
    start = threading.Barrier(3)

    def worker():
        start.wait()
        try:
            work()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state(enquiry)[:2] == ("sent", 1)
    assert len(mail_server.messages) == 1
    assert set(DBTaskResult.objects.values_list("status", flat=True)) == {"SUCCESSFUL"}


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_while_sending_leaves_it_to_staff(mail_server, work, capsys):
    enquiry = ask()
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    worker = subprocess.Popen(
        [sys.executable, "-m", "django", "db_worker", "--batch", "--no-startup-delay", "--verbosity", "0"],
        cwd=django_settings.BASE_DIR,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "safetyhub.settings",
            "DATABASE_URL": database,
            "EMAIL_URL": f"smtp://127.0.0.1:{mail_server.port}",
        },
    )
    mail_server.on_data = lambda: os.kill(worker.pid, signal.SIGKILL)
    assert worker.wait(timeout=60) == -signal.SIGKILL
    mail_server.on_data = lambda: None
    assert state(enquiry)[:2] == ("sending", 1)

    call_command("retry_enquiries", "--failed")
    work()
    assert state(enquiry)[:2] == ("sending", 1)
    assert len(mail_server.messages) == 1
    Enquiry.objects.update(attempted_at=timezone.now() - timedelta(hours=1))
    call_command("retry_enquiries")
    assert capsys.readouterr().out == (
        "Queued again: none.\nQueued again: none.\n"
        f"May have arrived, decide in the admin whether to send again: {enquiry.reference}.\n"
    )


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_before_it_sends_loses_nothing(mail_server, work, capsys):
    enquiry = ask()
    # What a killed worker leaves: a task that says it is running.
    DBTaskResult.objects.update(status="RUNNING", started_at=timezone.now())
    work()
    assert mail_server.messages == []
    call_command("retry_enquiries")
    call_command("retry_enquiries")
    work()
    assert state(enquiry)[:2] == ("sent", 1)
    assert len(mail_server.messages) == 1
    assert capsys.readouterr().out == f"Queued again: {enquiry.reference}.\nQueued again: none.\n"


def test_retrying_leaves_alone_what_is_queued_and_brings_back_what_failed(mail_server, work, capsys):
    queued = ask()
    failed = EnquiryFactory(
        case_study=CaseStudyFactory(published=True, contacts=[ContactFactory()]),
        delivery="failed",
        attempts=8,
        last_error="The mail server said 550: no",
    )
    call_command("retry_enquiries")
    assert capsys.readouterr().out == "Queued again: none.\n"
    call_command("retry_enquiries", "--failed")
    assert capsys.readouterr().out == f"Queued again: {failed.reference}.\n"
    call_command("retry_enquiries", "--failed", verbosity=0)
    assert capsys.readouterr().out == ""
    work()
    assert [state(enquiry)[:2] for enquiry in (queued, failed)] == [("sent", 1), ("sent", 1)]
