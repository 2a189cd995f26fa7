"""Publishing, scheduling and withdrawing."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from reversion.models import Revision, Version

from casestudies.actions import cancel_schedule, gaps, publish, withdraw
from casestudies.admin import is_complete
from casestudies.models import CaseStudy, Report, Status
from enquiries.recipients import recipients
from tests.factories import (
    PUBLISHED_AT,
    CaseStudyFactory,
    ContactFactory,
    ReportEntryFactory,
    ReportFactory,
    UserFactory,
    complete,
)

pytestmark = pytest.mark.django_db

LATER = datetime(2199, 1, 1, 9, 30, tzinfo=UTC)
REASON = "The figures were wrong."


def stored(record):
    return type(record).objects.get(pk=record.pk)


def comments():
    return list(Revision.objects.order_by("pk").values_list("comment", flat=True))


# --- Publishing -----------------------------------------------------------------------------------------------


def test_publishing_makes_a_draft_visible_at_once():
    draft, by = complete(), UserFactory()
    before = timezone.now()
    publish(draft, by=by)
    published = stored(draft)
    assert published.status == Status.PUBLISHED
    assert before <= published.published_at <= timezone.now()
    assert set(CaseStudy.objects.published()) == {draft}
    last = Version.objects.get_for_object(draft)[0].revision
    assert (last.user, last.comment) == (by, "Published.")


def test_publishing_later_keeps_it_hidden_until_then():
    draft = complete()
    publish(draft, at=LATER, by=None)
    assert (stored(draft).status, stored(draft).published_at) == (Status.PUBLISHED, LATER)
    assert set(CaseStudy.objects.published()) == set()
    assert comments() == ["As it was before its first change here.", "Scheduled for 1 January 2199 at 09:30."]


def test_the_time_of_a_schedule_is_given_as_clocks_show_it():
    draft = complete()
    publish(draft, at=datetime(2199, 7, 1, 9, tzinfo=UTC), by=None)
    assert comments()[-1] == "Scheduled for 1 July 2199 at 10:00."


def test_publishing_what_is_scheduled_shows_it_now():
    scheduled = complete(scheduled=True)
    publish(scheduled, by=None)
    assert set(CaseStudy.objects.published()) == {scheduled}


def test_publishing_what_is_public_changes_nothing():
    public = complete(published=True)
    changed = stored(public).updated_at
    publish(public, by=None)
    assert (stored(public).published_at, stored(public).updated_at) == (PUBLISHED_AT, changed)
    assert comments() == []


def test_what_is_public_cannot_be_hidden_by_a_schedule():
    public = complete(published=True)
    with pytest.raises(ValidationError) as refusal:
        publish(public, at=LATER, by=None)
    assert refusal.value.messages == ["Visitors already see it. Withdraw it if they should not."]
    assert stored(public).published_at == PUBLISHED_AT


def test_scheduling_for_the_same_time_again_changes_nothing():
    draft = complete()
    publish(draft, at=LATER, by=None)
    publish(draft, at=LATER, by=None)
    assert len(comments()) == 2


def test_publishing_what_was_withdrawn_clears_the_withdrawal():
    successor = complete(published=True)
    withdrawn = complete(withdrawn=True, successor=successor)
    publish(withdrawn, by=None)
    again = stored(withdrawn)
    assert (again.status, again.withdrawn_at, again.withdrawal_reason, again.successor) == (
        Status.PUBLISHED,
        None,
        "",
        None,
    )
    assert again.published_at == PUBLISHED_AT


def test_publishing_stores_the_publishing_state_only():
    draft = complete(title="As stored")
    draft.title = "Typed, never saved"
    publish(draft, by=None)
    assert stored(draft).title == "As stored"


# --- What is missing ------------------------------------------------------------------------------------------


def test_every_gap_is_named():
    empty = CaseStudyFactory(summary="", challenge="", approach="", outcome="")
    with pytest.raises(ValidationError) as refusal:
        publish(empty, by=None)
    assert refusal.value.messages == [
        "Write the summary.",
        "Write the challenge: what was wrong, and for whom.",
        "Write the approach: what was done, by whom and how.",
        "Write the outcome: what was found.",
        "Choose at least one theme.",
        "Choose at least one care setting.",
        "Give at least one source: where the facts were published.",
        "Give a contact who can be reached: nobody would get an enquiry.",
    ]
    assert stored(empty).status == Status.DRAFT


def test_a_field_that_is_wrong_is_named():
    draft = complete()
    CaseStudy.objects.filter(pk=draft.pk).update(title="")
    with pytest.raises(ValidationError) as refusal:
        publish(draft, by=None)
    assert refusal.value.messages == ["Title: This field cannot be blank."]


def test_what_was_not_measured_needs_no_outcome():
    assert gaps(complete(outcome="", result="not-measured")) == []


NOBODY = ["Give a contact who can be reached: nobody would get an enquiry."]


def left(**fields):
    return ContactFactory(left_on="2026-01-01", **fields)


def with_contacts(*contacts, primary=False):
    made = complete(contacts=contacts)
    if primary:
        ContactFactory(organisation=made.lead_organisation, is_primary=True)
    return made


@pytest.mark.parametrize(
    ("make", "missing"),
    [
        (lambda: with_contacts(ContactFactory()), []),
        (with_contacts, NOBODY),
        (lambda: with_contacts(left()), NOBODY),
        (lambda: with_contacts(left(), primary=True), []),
        (lambda: with_contacts(primary=True), []),
        # The first contact of another organisation does not take over.
        (lambda: with_contacts(left(organisation=ContactFactory(is_primary=True).organisation)), NOBODY),
    ],
)
def test_a_contact_is_reachable_when_an_enquiry_would_be_sent(make, missing):
    made = make()
    assert gaps(made) == missing
    assert bool(recipients(made)) is not bool(missing)


@pytest.mark.parametrize(
    "make",
    [
        complete,
        lambda: complete(summary=""),
        lambda: complete(challenge=""),
        lambda: complete(approach=""),
        lambda: complete(outcome=""),
        lambda: complete(outcome="", result="not-measured"),
        lambda: complete(themes=[]),
        lambda: complete(settings=[]),
        lambda: complete(contacts=[]),
        lambda: complete(contacts=[left()]),
        lambda: with_contacts(left(), primary=True),
        CaseStudyFactory,
    ],
)
def test_lists_ask_the_same_as_the_action(make):
    made = make()
    assert CaseStudy.objects.filter(is_complete(), pk=made.pk).exists() is not bool(gaps(made))


def test_a_report_needs_a_case_study_that_visitors_can_see():
    entry = ReportEntryFactory()
    with pytest.raises(ValidationError) as refusal:
        publish(entry.report, by=None)
    assert refusal.value.messages == ["Add at least one case study that visitors can see by then."]
    CaseStudy.objects.filter(pk=entry.case_study.pk).update(status=Status.PUBLISHED, published_at=PUBLISHED_AT)
    publish(entry.report, by=None)
    assert set(Report.objects.published()) == {entry.report}


def test_a_report_can_be_scheduled_with_its_case_studies():
    entry = ReportEntryFactory(case_study=complete(scheduled=True))
    publish(entry.report, at=entry.case_study.published_at, by=None)
    assert stored(entry.report).published_at == entry.case_study.published_at
    sooner = ReportEntryFactory(case_study=entry.case_study)
    with pytest.raises(ValidationError):
        publish(sooner.report, at=entry.case_study.published_at - timedelta(days=1), by=None)


# --- Cancelling a schedule ------------------------------------------------------------------------------------


def test_a_cancelled_schedule_is_a_draft_again():
    scheduled = complete(scheduled=True)
    cancel_schedule(scheduled, by=None)
    assert (stored(scheduled).status, stored(scheduled).published_at) == (Status.DRAFT, None)
    assert comments() == ["Schedule cancelled."]
    cancel_schedule(scheduled, by=None)
    assert comments() == ["Schedule cancelled."]


@pytest.mark.parametrize("state", ["published", "withdrawn"])
def test_what_visitors_have_seen_never_becomes_a_draft(state):
    seen = complete(**{state: True})
    with pytest.raises(ValidationError) as refusal:
        cancel_schedule(seen, by=None)
    assert refusal.value.messages == ["Visitors have already seen it. Withdraw it instead."]


# --- Withdrawing ----------------------------------------------------------------------------------------------


def test_withdrawing_takes_it_away_with_reason_and_successor():
    public, successor, by = complete(published=True), complete(published=True), UserFactory()
    before = timezone.now()
    withdraw(public, reason=f"  {REASON} ", successor=successor, by=by)
    gone = stored(public)
    assert (gone.status, gone.withdrawal_reason, gone.successor) == (Status.WITHDRAWN, REASON, successor)
    assert before <= gone.withdrawn_at <= timezone.now()
    assert gone.published_at == PUBLISHED_AT
    assert set(CaseStudy.objects.published()) == {successor}
    last = Version.objects.get_for_object(public)[0].revision
    assert (last.user, last.comment) == (by, f"Withdrawn: {REASON}")


def test_withdrawing_again_corrects_the_reason_and_keeps_the_date():
    withdrawn = complete(withdrawn=True)
    date = withdrawn.withdrawn_at
    withdraw(withdrawn, reason="Better words.", by=None)
    assert (stored(withdrawn).withdrawal_reason, stored(withdrawn).withdrawn_at) == ("Better words.", date)
    number = len(comments())
    withdraw(withdrawn, reason="Better words.", by=None)
    assert len(comments()) == number


def test_a_report_is_withdrawn_too():
    report = ReportFactory(published=True)
    withdraw(report, reason=REASON, by=None)
    assert stored(report).status == Status.WITHDRAWN


@pytest.mark.parametrize("reason", ["", "  \n "])
def test_a_withdrawal_needs_a_reason(reason):
    public = complete(published=True)
    with pytest.raises(ValidationError) as refusal:
        withdraw(public, reason=reason, by=None)
    assert refusal.value.messages == ["Say why it is withdrawn. Visitors read the reason."]
    assert stored(public).status == Status.PUBLISHED


@pytest.mark.parametrize("state", [{}, {"scheduled": True}])
def test_what_visitors_never_saw_is_not_withdrawn(state):
    with pytest.raises(ValidationError) as refusal:
        withdraw(complete(**state), reason=REASON, by=None)
    assert refusal.value.messages == ["Visitors never saw it, so there is nothing to withdraw."]


@pytest.mark.parametrize("state", [{}, {"scheduled": True}, {"withdrawn": True}])
def test_a_successor_is_one_that_visitors_can_see(state):
    public = complete(published=True)
    with pytest.raises(ValidationError) as refusal:
        withdraw(public, reason=REASON, successor=complete(**state), by=None)
    assert refusal.value.messages == ["Choose a successor that visitors can see."]


def test_a_case_study_does_not_succeed_itself():
    public = complete(published=True)
    with pytest.raises(ValidationError) as refusal:
        withdraw(public, reason=REASON, successor=stored(public), by=None)
    assert refusal.value.messages == ["A case study cannot be its own successor."]


def test_successors_lead_in_no_circle():
    first = complete(published=True)
    middle = complete(withdrawn=True, successor=first)
    last = complete(published=True, title="The last one", successor=middle)
    with pytest.raises(ValidationError) as refusal:
        withdraw(first, reason=REASON, successor=last, by=None)
    assert refusal.value.messages == ["“The last one” leads back to this case study."]


def test_a_circle_elsewhere_is_not_followed_for_ever():
    public, one, other = (complete(published=True) for _ in range(3))
    CaseStudy.objects.filter(pk=one.pk).update(successor=other)
    CaseStudy.objects.filter(pk=other.pk).update(successor=one)
    withdraw(public, reason=REASON, successor=one, by=None)
    assert stored(public).successor == one


def test_a_report_has_no_successor():
    with pytest.raises(ValueError, match="Only a case study has a successor"):
        withdraw(ReportFactory(published=True), reason=REASON, successor=complete(published=True), by=None)


def test_the_error_of_one_step_leaves_no_version():
    with pytest.raises(ValidationError):
        publish(CaseStudyFactory(), by=None)
    assert comments() == []


# --- Two people at once ---------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_steps_for_one_case_study_wait_for_each_other():
    public = complete(published=True)
    with psycopg.connect(**connection.get_connection_params() | {"autocommit": False}) as other:
        other.execute("SELECT 1 FROM casestudies_casestudy WHERE id = %s FOR UPDATE", [public.pk])
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '100ms'")
            with pytest.raises(OperationalError, match="lock timeout"):
                publish(public, by=None)  # which would change nothing, and still waits to know
            transaction.set_rollback(True)
    withdraw(public, reason=REASON, by=None)
    assert stored(public).status == Status.WITHDRAWN
