"""Visitors' messages to the contacts of a case study, with their delivery and their answer."""

import secrets
from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import MD5, Upper
from django.urls import reverse
from django.utils import timezone

from casestudies.models import CaseStudy

# No vowels, and nothing that is mistaken for something else when read out on the telephone.
REFERENCE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ23456789"


# A mail server that has said nothing for so long will not: by then every time limit of a delivery has passed.
STUCK_AFTER = timedelta(minutes=15)


def make_reference() -> str:
    """Make a reference that people can read out: 28 letters to the power of 8, such as `KX4T-9QRD`."""
    letters = "".join(secrets.choice(REFERENCE_LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def make_token() -> str:
    """Make the unguessable part of an enquiry's address: 192 random bits."""
    return secrets.token_urlsafe(24)


class Enquiry(models.Model):
    """
    A visitor's message, stored before anything is sent.

    Delivery goes waiting -> sending -> sent, or to failed. `sending` is committed before the mail server is asked,
    so a process that dies in between leaves a message that staff can see and decide on, never one sent twice.
    """

    class Delivery(models.TextChoices):
        WAITING = "waiting", "Waiting to be sent"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        FAILED = "failed", "Could not be sent"

    class Answer(models.TextChoices):
        OPEN = "open", "Waiting for an answer"
        ANSWERED = "answered", "Answered"
        CLOSED = "closed", "Closed without an answer"

    reference = models.CharField(max_length=20, unique=True, default=make_reference, editable=False)
    token = models.CharField(max_length=40, unique=True, default=make_token, editable=False)
    case_study = models.ForeignKey(CaseStudy, on_delete=models.PROTECT, related_name="enquiries")
    name = models.CharField("your name", max_length=100)
    email = models.EmailField("your e-mail address")
    organisation = models.CharField("where you work", max_length=200, blank=True)
    message = models.TextField("your question", max_length=4000)
    created_at = models.DateTimeField("received", auto_now_add=True)

    delivery = models.CharField(max_length=10, choices=Delivery, default=Delivery.WAITING, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    attempted_at = models.DateTimeField("last tried", null=True, blank=True, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    sent_to = ArrayField(
        models.EmailField(), default=list, blank=True, editable=False, help_text="For staff; never shown to visitors."
    )
    last_error = models.CharField(max_length=500, blank=True, editable=False)
    answer = models.CharField(max_length=10, choices=Answer, default=Answer.OPEN)

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "enquiries"
        constraints = [
            models.CheckConstraint(
                condition=Q(delivery="sent", sent_at__isnull=False) | (~Q(delivery="sent") & Q(sent_at__isnull=True)),
                name="enquiry_sent_has_time",
                violation_error_message="An enquiry has the time it was sent exactly when it was sent.",
            ),
            models.CheckConstraint(
                condition=~Q(delivery="sending") | Q(attempted_at__isnull=False),
                name="enquiry_sending_has_time",
                violation_error_message="An enquiry that is being sent has the time of that attempt.",
            ),
            models.CheckConstraint(
                condition=~Q(delivery="failed") | ~Q(last_error=""),
                name="enquiry_failed_has_error",
                violation_error_message="Say why the enquiry could not be sent.",
            ),
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(email="") & ~Q(message=""),
                name="enquiry_is_complete",
                violation_error_message="An enquiry needs a name, an e-mail address and a question.",
            ),
            models.CheckConstraint(
                condition=Q(delivery__in=["waiting", "sending", "sent", "failed"])
                & Q(answer__in=["open", "answered", "closed"]),
                name="enquiry_known_states",
                violation_error_message="Choose a state from the list.",
            ),
            # The same question sent again (a double click, a reload) is the same enquiry.
            models.UniqueConstraint(
                "case_study",
                "email",
                MD5("message"),
                name="enquiry_once",
                violation_error_message="This question has already been received.",
            ),
        ]
        indexes = [
            models.Index(F("created_at").desc(), name="enquiry_undelivered", condition=~Q(delivery="sent")),
            # How many questions an address has sent today.
            models.Index(Upper("email"), "created_at", name="enquiry_by_email"),
        ]

    def __str__(self) -> str:
        return self.reference

    def get_absolute_url(self) -> str:
        return reverse("enquiries:enquiry_detail", args=[self.token])

    @property
    def can_be_sent_again(self) -> bool:
        """
        Say whether staff may have it sent again.

        One that is being sent may be in the hands of a mail server at this moment; only when that is long ago does
        nobody wait for its answer any more.
        """
        if self.delivery == self.Delivery.FAILED:
            return True
        return (
            self.delivery == self.Delivery.SENDING
            and self.attempted_at is not None
            and self.attempted_at < timezone.now() - STUCK_AFTER
        )
