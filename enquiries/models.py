"""Visitors' messages to the contacts of a case study, with their delivery and their answer."""

import secrets

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from casestudies.models import CaseStudy

# No vowels, and nothing that is mistaken for something else when read out on the telephone.
REFERENCE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ23456789"


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
                condition=~Q(delivery="failed") | ~Q(last_error=""),
                name="enquiry_failed_has_error",
                violation_error_message="Say why the enquiry could not be sent.",
            ),
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(email="") & ~Q(message=""),
                name="enquiry_is_complete",
                violation_error_message="An enquiry needs a name, an e-mail address and a question.",
            ),
            # The same question sent again (a double click, a reload) is the same enquiry.
            models.UniqueConstraint(
                "case_study",
                "email",
                models.functions.MD5("message"),
                name="enquiry_once",
                violation_error_message="This question has already been received.",
            ),
        ]
        indexes = [
            models.Index(
                F("created_at").desc(), name="enquiry_undelivered", condition=~Q(delivery="sent")
            )
        ]

    def __str__(self) -> str:
        return self.reference

    def get_absolute_url(self) -> str:
        return reverse("enquiries:enquiry_detail", args=[self.token])
