"""
Publishing, scheduling and withdrawing: the only ways that a case study or report becomes public or stops being so.

Each is one transaction that first locks the row, so that two people at work at once act one after the other, and
each leaves a version in the record's history with who did it and why. None asks for permission: callers do.
"""

from datetime import datetime
from typing import Any

import reversion
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.dateformat import format as format_date

from casestudies.history import PUBLISHING_FIELDS, keep_first_version
from casestudies.models import CaseStudy, Report, Result, Status
from partners.models import Contact


def reachable_contacts(case_study: CaseStudy | OuterRef) -> QuerySet[Contact]:
    """
    Find who could get an enquiry: the case study's contacts who have not left, and who takes over from them, the
    first contact of the lead organisation. `enquiries.recipients` chooses among these.

    Takes an `OuterRef` too, so that lists ask the same question in one query.
    """
    takes_over = Q(is_primary=True, organisation__led_case_studies=case_study)
    return Contact.objects.reachable().filter(Q(case_study_contacts__case_study=case_study) | takes_over)


def gaps(record: CaseStudy | Report) -> list[str]:
    """List what a visitor would miss, one sentence for each gap; empty when the record can be published."""
    return _case_study_gaps(record) if isinstance(record, CaseStudy) else _report_gaps(record)


def _case_study_gaps(case_study: CaseStudy) -> list[str]:
    found = {
        "Write the summary.": case_study.summary.strip(),
        "Write the challenge: what was wrong, and for whom.": case_study.challenge,
        "Write the approach: what was done, by whom and how.": case_study.approach,
        # What was never measured has no findings to tell.
        "Write the outcome: what was found.": case_study.outcome or case_study.result == Result.NOT_MEASURED,
        "Choose at least one theme.": case_study.themes.exists(),
        "Choose at least one care setting.": case_study.settings.exists(),
        "Give at least one source: where the facts were published.": case_study.sources.exists(),
        "Give a contact who can be reached: nobody would get an enquiry.": reachable_contacts(case_study).exists(),
    }
    return [sentence for sentence, is_there in found.items() if not is_there]


def _report_gaps(report: Report) -> list[str]:
    time = report.published_at or timezone.now()
    shown = report.case_studies.filter(status=Status.PUBLISHED, published_at__lte=max(time, timezone.now()))
    found = {
        "Write the summary.": report.summary.strip(),
        "Add at least one case study that visitors can see by then.": shown.exists(),
    }
    return [sentence for sentence, is_there in found.items() if not is_there]


@transaction.atomic
def publish(
    record: CaseStudy | Report, *, at: datetime | None = None, by: AbstractBaseUser | None
) -> CaseStudy | Report:
    """
    Let visitors see a record: now, or from the time `at`; one with a time to come is scheduled.

    Publishing what is withdrawn clears the withdrawal and keeps the time it was first visible. Publishing what is
    public changes nothing. Raises ValidationError, with one sentence for each gap, when the record is not complete
    enough for visitors, or when `at` would hide what they already see.
    """
    _lock(record)
    now = timezone.now()
    is_public = record.status == Status.PUBLISHED and record.published_at is not None and record.published_at <= now
    if is_public:
        if at is not None and at > now:
            raise ValidationError("Visitors already see it. Withdraw it if they should not.", code="already_public")
        return record
    if record.status == Status.PUBLISHED and at is not None and at == record.published_at:
        return record
    keep_first_version(record)
    seen_before = record.status == Status.WITHDRAWN and record.published_at and record.published_at <= now
    record.published_at = at or (record.published_at if seen_before else now)
    record.status = Status.PUBLISHED
    _clear_withdrawal(record)
    comment = "Published."
    if record.published_at and record.published_at > now:
        local = timezone.localtime(record.published_at)
        comment = f"Scheduled for {format_date(local, 'j F Y')} at {format_date(local, 'H:i')}."
    _save(record, by=by, comment=comment, missing=gaps(record))
    return record


@transaction.atomic
def cancel_schedule(record: CaseStudy | Report, *, by: AbstractBaseUser | None) -> CaseStudy | Report:
    """
    Make a draft again of what is scheduled. A draft stays as it is.

    Raises ValidationError when visitors have already seen it: its address must go on answering.
    """
    _lock(record)
    if record.status == Status.DRAFT:
        return record
    if record.status == Status.WITHDRAWN or not record.published_at or record.published_at <= timezone.now():
        raise ValidationError("Visitors have already seen it. Withdraw it instead.", code="already_public")
    record.status, record.published_at = Status.DRAFT, None
    _save(record, by=by, comment="Schedule cancelled.")
    return record


@transaction.atomic
def withdraw(
    record: CaseStudy | Report, *, reason: str, successor: CaseStudy | None = None, by: AbstractBaseUser | None
) -> CaseStudy | Report:
    """
    Take a record away from visitors; its address then answers with the reason, the date and the successor.

    Of what is already withdrawn it corrects the reason and the successor, and keeps the date. Raises
    ValidationError without a reason, for what visitors never saw, and for a successor that they cannot see or
    that leads back here.
    """
    _lock(record, successor)
    reason = reason.strip()
    if not reason:
        raise ValidationError("Say why it is withdrawn. Visitors read the reason.", code="no_reason")
    now = timezone.now()
    if record.status == Status.DRAFT or not record.published_at or record.published_at > now:
        raise ValidationError("Visitors never saw it, so there is nothing to withdraw.", code="never_public")
    if successor is not None:
        _check_successor(record, successor)
    before = (record.status, record.withdrawal_reason, getattr(record, "successor", None))
    if before == (Status.WITHDRAWN, reason, successor):
        return record
    keep_first_version(record)
    record.withdrawn_at = record.withdrawn_at or now
    record.status, record.withdrawal_reason = Status.WITHDRAWN, reason
    if isinstance(record, CaseStudy):
        record.successor = successor
    _save(record, by=by, comment=f"Withdrawn: {reason}")
    return record


def _lock(*records: CaseStudy | Report | None) -> None:
    """
    Lock the rows until the transaction ends, and read them again: what is published is what is stored.

    In the order of their keys: two withdrawals that name each other would otherwise wait for each other for ever.
    """
    present = {record.pk: record for record in records if record is not None}
    for pk in sorted(present):
        model: Any = type(present[pk])
        present[pk].refresh_from_db(from_queryset=model._base_manager.select_for_update(of=("self",)))


def _check_successor(record: CaseStudy | Report, successor: CaseStudy) -> None:
    if not isinstance(record, CaseStudy):
        raise ValueError("Only a case study has a successor.")
    if successor.pk == record.pk:
        raise ValidationError("A case study cannot be its own successor.", code="circle")
    if not successor.is_public():
        raise ValidationError("Choose a successor that visitors can see.", code="successor_not_public")
    seen = {successor.pk}
    following = successor.successor
    while following is not None and following.pk not in seen:
        if following.pk == record.pk:
            raise ValidationError(f"“{successor}” leads back to this case study.", code="circle")
        seen.add(following.pk)
        following = following.successor


def _clear_withdrawal(record: CaseStudy | Report) -> None:
    record.withdrawn_at, record.withdrawal_reason = None, ""
    if isinstance(record, CaseStudy):
        record.successor = None


def _save(
    record: CaseStudy | Report, *, by: AbstractBaseUser | None, comment: str, missing: list[str] | None = None
) -> None:
    """Check the whole record, then store its publishing state and a version. Raises ValidationError."""
    problems = list(missing or [])
    try:
        # An empty summary already has a sentence of its own in `gaps`.
        record.full_clean(exclude={"summary"} if problems else None)
    except ValidationError as error:
        problems += _sentences(record, error)
    if problems:
        raise ValidationError([ValidationError(problem, code="incomplete") for problem in problems])
    own = {field.name for field in record._meta.fields}
    fields = [*(name for name in PUBLISHING_FIELDS if name in own), "updated_at"]
    with reversion.create_revision():
        if by is not None:
            reversion.set_user(by)
        reversion.set_comment(comment)
        record.save(update_fields=fields)


def _sentences(record: CaseStudy | Report, error: ValidationError) -> list[str]:
    """Name the field in each message, as the page for publishing shows no fields beside them."""
    sentences = []
    for name, messages in error.message_dict.items():
        field = next((field for field in record._meta.fields if field.name == name), None)
        label = f"{str(field.verbose_name).capitalize()}: " if field else ""
        sentences += [f"{label}{message}" for message in messages]
    return sentences
