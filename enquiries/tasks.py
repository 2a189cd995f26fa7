"""
Delivers enquiries to the contacts, in the background.

waiting -> sending -> sent, or failed; back to waiting when the mail server asks to be tried later. `sending` is
committed before the mail server is asked. Whatever happens after that, the message is sent at most once: a process
that dies, or a connection that breaks while the text is on its way, leaves `sending`, and staff decide.

E-mail addresses are never logged: logs are read by more people, and kept longer, than enquiries.
"""

import logging
import re
import smtplib
import traceback
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from enum import Enum, auto
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, mailers
from django.db import transaction
from django.tasks import task
from django.template.loader import render_to_string
from django.utils import timezone

from enquiries.models import Enquiry
from enquiries.recipients import Recipient, recipients

logger = logging.getLogger(__name__)

# How long to wait after each attempt that failed for now; the last attempt comes after about 23 hours, so that a
# mail server that is down from one evening to the next morning costs no message.
RETRY_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720))
MOST_ATTEMPTS = len(RETRY_AFTER) + 1
ERROR_LENGTH = 500  # characters; Enquiry.last_error

NOBODY = "No contact of the case study or of its lead organisation can be reached."
UNUSABLE = "An e-mail address cannot be used."
BAD_ADDRESS = (ValueError, IndexError, MessageError)  # what the email package raises, depending on the defect
IN_DOUBT = "The connection broke while the message was being handed over, so it may have arrived."


class Outcome(Enum):
    """What became of a message to one contact."""

    SENT = auto()
    LATER = auto()
    REFUSED = auto()
    IN_DOUBT = auto()


@dataclass(frozen=True)
class Claim:
    """An enquiry that this process, and no other, is sending."""

    enquiry: Enquiry
    since: datetime
    messages: list[tuple[str, EmailMessage]]  # address, message
    refused: list[tuple[Outcome, str]]  # of messages that cannot be written


@task
def deliver_enquiry(enquiry_id: int) -> str:
    """Send an enquiry that is waiting to its contacts; says what became of it, or that there was nothing to do."""
    claim = _claim(enquiry_id)
    if claim is None:
        return "nothing to do"
    outcomes = _send(claim)
    delivery = _record(claim, outcomes)
    logger.info("Enquiry %s: %s after attempt %d", claim.enquiry.reference, delivery, claim.enquiry.attempts)
    return delivery


def _claim(enquiry_id: int) -> Claim | None:
    """Take a waiting enquiry; None when it is gone, sent, failed or in another worker's hands."""
    with transaction.atomic(durable=True):
        enquiry = (
            Enquiry.objects.select_for_update(of=["self"])
            .select_related("case_study__lead_organisation")
            .filter(pk=enquiry_id, delivery=Enquiry.Delivery.WAITING)
            .first()
        )
        if enquiry is None:
            return None
        enquiry.attempts += 1
        enquiry.attempted_at = timezone.now()
        to = [
            recipient for recipient in recipients(enquiry.case_study) if recipient.contact.email not in enquiry.sent_to
        ]
        messages, refused = _compose_all(enquiry, to)
        if to or enquiry.sent_to:
            enquiry.delivery = Enquiry.Delivery.SENDING
        else:
            enquiry.delivery, enquiry.last_error = Enquiry.Delivery.FAILED, NOBODY
        enquiry.save(update_fields=["attempts", "attempted_at", "delivery", "last_error"])
    if enquiry.delivery == Enquiry.Delivery.FAILED:
        logger.warning("Enquiry %s: %s", enquiry.reference, NOBODY)
        return None
    return Claim(enquiry, enquiry.attempted_at, messages, refused)


def _compose_all(
    enquiry: Enquiry, to: list[Recipient]
) -> tuple[list[tuple[str, EmailMessage]], list[tuple[Outcome, str]]]:
    """Write the messages before any is sent; an address that no header can hold is refused at once."""
    messages, refused = [], []
    for recipient in to:
        try:
            messages.append((recipient.contact.email, compose(enquiry, recipient)))
        except BAD_ADDRESS:
            refused.append((Outcome.REFUSED, UNUSABLE))
    return messages, refused


def compose(enquiry: Enquiry, recipient: Recipient) -> EmailMessage:
    """
    Write the message to one contact.

    The answer goes to the visitor (Reply-To); the Message-ID is the same however often the message is handed over,
    so that a mail system that gets it twice can tell; Auto-Submitted keeps out-of-office replies away (RFC 3834).
    """
    contact = recipient.contact
    others = [other for other in recipients(enquiry.case_study) if other.contact.pk != contact.pk]
    return EmailMessage(
        subject=f"Question about {one_line(enquiry.case_study.title)} [{enquiry.reference}]",
        body=render_to_string(
            "enquiries/enquiry_email.txt.jinja",
            {"enquiry": enquiry, "case_study": enquiry.case_study, "recipient": recipient, "others": others},
        ),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[mailbox(contact.name, contact.email)],
        reply_to=[mailbox(enquiry.name, enquiry.email)],
        headers={
            "Message-ID": f"<{enquiry.reference}.{contact.pk}@{urlsplit(settings.SITE_URL).hostname}>",
            "Auto-Submitted": "auto-generated",
        },
    )


def one_line(text: str) -> str:
    """
    Put text on one line, as a header needs it.

    Typed text that looks like an encoded word (RFC 2047) is broken up: the email package would decode it, line
    ends and all.
    """
    return " ".join(text.split()).replace("=?", "= ?")


def mailbox(name: str, address: str) -> str:
    """Write a name and an address as a header has them, quoted and encoded as needed (RFC 5322, section 3.4)."""
    return str(Address(display_name=one_line(name), addr_spec=address))


def _send(claim: Claim) -> list[tuple[Outcome, str]]:
    """Hand over one message to each contact; says what became of each, and why."""
    backend = mailers.default
    try:
        backend.open()
    except (OSError, smtplib.SMTPException) as error:
        # Whatever is wrong here is wrong with the server or with our settings, and somebody will put it right.
        return [(Outcome.LATER, describe(error))]
    outcomes = list(claim.refused)
    try:
        for address, message in claim.messages:
            outcome, reason = _hand_over(backend, message)
            outcomes.append((outcome, reason))
            if outcome is Outcome.SENT:
                claim.enquiry.sent_to.append(address)
                Enquiry.objects.filter(pk=claim.enquiry.pk).update(sent_to=claim.enquiry.sent_to)
            if outcome is Outcome.IN_DOUBT:
                break
    finally:
        # What was accepted stays accepted, however the farewell goes.
        with suppress(OSError, smtplib.SMTPException):
            backend.close()
    return outcomes


def _hand_over(backend: Any, message: EmailMessage) -> tuple[Outcome, str]:
    try:
        backend.send_messages([message])
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        return _outcome_of(code), describe(smtplib.SMTPResponseException(code, text))
    except smtplib.SMTPResponseException as error:
        return _outcome_of(error.smtp_code), describe(error)
    except (OSError, smtplib.SMTPException) as error:
        if _text_was_on_its_way(error):
            return Outcome.IN_DOUBT, f"{IN_DOUBT} {describe(error)}"
        return Outcome.LATER, describe(error)
    except BAD_ADDRESS:  # not logged: the error names the address
        return Outcome.REFUSED, UNUSABLE
    return Outcome.SENT, ""


def _outcome_of(code: int) -> Outcome:
    """Read a reply code: 5yz is for good, anything else may pass (RFC 5321, section 4.2.1)."""
    return Outcome.REFUSED if 500 <= code <= 599 else Outcome.LATER


def _text_was_on_its_way(error: BaseException) -> bool:
    """Say whether the connection broke after DATA: only then may the server have taken the message."""
    return any(frame.f_code is smtplib.SMTP.data.__code__ for frame, _ in traceback.walk_tb(error.__traceback__))


def describe(error: Exception) -> str:
    """Say in a line what went wrong. Replies of mail servers repeat addresses; those are left out."""
    if isinstance(error, smtplib.SMTPResponseException):
        reply = error.smtp_error
        text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
        said = f"The mail server said {error.smtp_code}: {text}"
    else:
        said = f"The mail server cannot be reached ({type(error).__name__})."
    said = re.sub(r"\S+@\S+", "[address]", said)
    said = "".join(character if character.isprintable() else " " for character in said)
    return one_line(said)[:ERROR_LENGTH]


def _record(claim: Claim, outcomes: list[tuple[Outcome, str]]) -> str:
    """Store what became of the attempt, and the next attempt with it."""
    enquiry, kinds = claim.enquiry, {outcome for outcome, _ in outcomes}
    reasons = " ".join(dict.fromkeys(reason for _, reason in outcomes if reason))[:ERROR_LENGTH]
    with transaction.atomic(durable=True):
        # Where staff have taken it out of a hanging worker's hands meanwhile, it is theirs.
        ours = Enquiry.objects.select_for_update().filter(
            pk=enquiry.pk, delivery=Enquiry.Delivery.SENDING, attempted_at=claim.since
        )
        if not ours.exists():
            return "taken over"
        if Outcome.IN_DOUBT in kinds:
            ours.update(last_error=reasons)
            return Enquiry.Delivery.SENDING
        if Outcome.LATER in kinds and enquiry.attempts < MOST_ATTEMPTS:
            ours.update(delivery=Enquiry.Delivery.WAITING, last_error=reasons)
            run_after = timezone.now() + RETRY_AFTER[enquiry.attempts - 1]
            deliver_enquiry.using(run_after=run_after).enqueue(enquiry.pk)
            return Enquiry.Delivery.WAITING
        if enquiry.sent_to:
            # One contact has the question; that another could not be reached is for staff to read.
            ours.update(delivery=Enquiry.Delivery.SENT, sent_at=timezone.now(), last_error=reasons)
            return Enquiry.Delivery.SENT
        ours.update(delivery=Enquiry.Delivery.FAILED, last_error=reasons)
        return Enquiry.Delivery.FAILED
