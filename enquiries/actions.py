"""What changes an enquiry, each in one transaction."""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from casestudies.models import CaseStudy
from enquiries.models import Enquiry
from enquiries.tasks import deliver_enquiry

# More than a busy team asks in a day; less than somebody needs who wants to fill other people's mailboxes.
MOST_PER_DAY = 20
# More than a well-read case study gets; less than fills the mailbox behind it when somebody makes up addresses.
MOST_PER_HOUR = 30


@transaction.atomic
def receive_enquiry(enquiry: Enquiry, *, case_study: CaseStudy) -> Enquiry:
    """
    Keep an enquiry and have it delivered: the task is stored with it, so neither exists without the other.

    The same question from the same address (a double click, a reload) is the same enquiry, and is returned. Raises
    ValidationError when the address has asked too much today, or the case study has been asked too much this hour.
    """
    same = Enquiry.objects.filter(case_study=case_study, email=enquiry.email, message=enquiry.message)
    if existing := same.first():
        return existing
    today = Enquiry.objects.filter(email__iexact=enquiry.email, created_at__gt=timezone.now() - timedelta(days=1))
    if today.count() >= MOST_PER_DAY:
        raise ValidationError(
            f"You have sent {MOST_PER_DAY} questions in the last 24 hours, which is the most we can pass on. "
            "Try again tomorrow",
            code="too_many",
        )
    lately = case_study.enquiries.filter(created_at__gt=timezone.now() - timedelta(hours=1))
    if lately.count() >= MOST_PER_HOUR:
        raise ValidationError(
            "This project has had so many questions in the last hour that we pass on no more. Try again in an hour",
            code="too_many",
        )
    enquiry.case_study = case_study
    # The database knows best whether the same question arrived in this very moment; see below.
    enquiry.full_clean(validate_constraints=False)
    try:
        with transaction.atomic():
            enquiry.save()
    except IntegrityError:
        if existing := same.first():
            return existing
        raise
    deliver_enquiry.enqueue(enquiry.pk)
    return enquiry


@transaction.atomic
def send_again(enquiry: Enquiry) -> bool:
    """
    Have an enquiry that failed, or hangs, delivered anew to those contacts who do not have it yet.

    Says whether it was: one that is waiting or sent, or in a worker's hands at this moment, is left alone.
    """
    locked = Enquiry.objects.select_for_update().get(pk=enquiry.pk)
    if not locked.can_be_sent_again:
        return False
    locked.delivery = Enquiry.Delivery.WAITING
    locked.attempts = 0
    locked.save(update_fields=["delivery", "attempts"])
    deliver_enquiry.enqueue(locked.pk)
    return True


def set_answer(enquiry: Enquiry, answer: Enquiry.Answer) -> bool:
    """Note whether an enquiry was answered; says whether that is news."""
    return bool(Enquiry.objects.filter(pk=enquiry.pk).exclude(answer=answer).update(answer=answer))
