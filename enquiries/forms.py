"""The form with which visitors ask about a case study."""

import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from enquiries.models import Enquiry
from safetyhub.forms import PublicForm

# Line and paragraph separators: to parts of the email package they end a line, and so a header.
LINE_ENDS = {"Zl", "Zp"}


def is_unusable(character: str, *, lines: bool) -> bool:
    """
    Say whether a character can be neither stored nor sent: control characters, NUL among them, and half characters.

    In a single line that goes for whatever ends one, too; in a text of several lines not for what lays it out.
    """
    if lines and character in "\r\n\t":
        return False
    return unicodedata.category(character) in ({"Cc", "Cs"} if lines else {"Cc", "Cs", *LINE_ENDS})


class PlainTextField(forms.CharField):
    """
    Text whose errors say what to do, in the words of the NHS content guide.

    `subject` starts the sentence, such as "Your name"; `ask` is the whole sentence when nothing was typed, such as
    "Enter your name".
    """

    def __init__(self, *, subject: str, ask: str = "", lines: bool = False, **kwargs: Any) -> None:
        super().__init__(required=bool(ask), **kwargs)
        self.subject, self.lines = subject, lines
        self.error_messages["required"] = ask

    def to_python(self, value: Any) -> str:
        """Write line ends as one character: browsers send two (HTML), which the person did not type."""
        text = super().to_python(value) or ""
        return text.replace("\r\n", "\n").replace("\r", "\n") if self.lines else text

    def run_validators(self, value: str) -> None:
        """Name the first thing to put right; to hear of the length of unreadable text helps nobody."""
        if value in self.empty_values:
            return
        if any(is_unusable(character, lines=self.lines) for character in value):
            raise ValidationError(
                f"{self.subject} contained a character that we cannot send. Check it and try again", code="character"
            )
        if self.max_length is not None and len(value) > self.max_length:
            raise ValidationError(f"{self.subject} must be {self.max_length:,} characters or fewer", code="max_length")
        try:
            super().run_validators(value)
        except ValidationError as error:
            raise ValidationError(self.error_messages.get("invalid", error.messages[0]), code="invalid") from error

    def prepare_value(self, value: Any) -> Any:
        """Show again what was typed, without what nobody can see and so nobody could delete."""
        if not isinstance(value, str):
            return value
        return "".join(character for character in value if not is_unusable(character, lines=self.lines))


class EmailAddressField(PlainTextField, forms.EmailField):
    """An e-mail address, with the same kind of errors."""

    widget = forms.EmailInput


class TrapField(forms.CharField):
    """
    A field for programs that fill in whatever they find.

    People do not see it. Where a browser has filled it in for them it comes into sight with its error, so that
    nobody's question is lost.
    """

    marked_as_optional = False


class EnquiryForm(PublicForm, forms.ModelForm[Enquiry]):
    """
    A question to the people behind a case study.

    The `autocomplete` attributes let browsers fill in what they know of a person (WCAG 1.3.5).
    """

    name = PlainTextField(
        label="Your name",
        subject="Your name",
        ask="Enter your name",
        max_length=Enquiry.name.field.max_length,
        widget=forms.TextInput(attrs={"autocomplete": "name", "spellcheck": False}),
    )
    email = EmailAddressField(
        label="Your email address",
        help_text="The answer comes to this address.",
        subject="Your email address",
        ask="Enter your email address",
        max_length=Enquiry.email.field.max_length,
        error_messages={"invalid": "Enter an email address in the correct format, like name@example.com"},
        widget=forms.EmailInput(attrs={"autocomplete": "email", "spellcheck": False}),
    )
    organisation = PlainTextField(
        label="Where you work",
        help_text="For example the name of a care home, hospital or practice.",
        subject="Where you work",
        max_length=Enquiry.organisation.field.max_length,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    message = PlainTextField(
        label="Your question",
        help_text="Do not include anything about a patient or resident that could identify them.",
        subject="Your question",
        ask="Enter your question",
        lines=True,
        max_length=Enquiry.message.field.max_length,
        widget=forms.Textarea(attrs={"rows": 8}),
    )
    topic = TrapField(
        label="Leave this field empty", required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    class Meta:
        model = Enquiry
        fields = ["name", "email", "organisation", "message"]

    def clean_topic(self) -> str:
        """Refuse what only a program would fill in, in words that help a person too."""
        if self.cleaned_data.get("topic"):
            raise ValidationError("Delete what is in the field “Leave this field empty”", code="topic")
        return ""
