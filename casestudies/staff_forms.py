"""The forms that staff work with in the admin."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import models
from django.db.models.utils import get_blank_choice_label
from django.forms.models import BaseInlineFormSet
from django.utils import timezone
from js_asset import InlineStyle, Media

from casestudies.models import (
    CaseStudy,
    ImpactFigure,
    InterventionType,
    Report,
    ReportEntry,
    ReportSection,
    Resource,
    Source,
)
from casestudies.uploads import (
    reencode_image,
    reencode_resource_file,
    validate_image,
    validate_resource_file,
)

# The editor would write these rules into the page itself, without a nonce, and the policy would refuse them. It does
# not when it finds an element with this attribute; the rules are tiptap's own, as far as our extensions need them.
EDITOR_STYLE = InlineStyle(
    """
.ProseMirror { position: relative; overflow-wrap: break-word; white-space: break-spaces;
  font-variant-ligatures: none; }
.ProseMirror [contenteditable="false"] { white-space: normal; }
.ProseMirror-gapcursor { display: none; pointer-events: none; position: absolute; margin: 0; }
.ProseMirror-focused .ProseMirror-gapcursor { display: block; }
.ProseMirror-hideselection * { caret-color: transparent; }
.ProseMirror-hideselection *::selection { background: transparent; }
""",
    **{"data-tiptap-style": True},
)
EDITOR_MEDIA = Media(css={"all": [EDITOR_STYLE]})


class CaseStudyForm(forms.ModelForm[CaseStudy]):
    """A case study without its parts."""

    intervention_types = forms.MultipleChoiceField(
        choices=InterventionType.choices,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="What was introduced",
    )

    class Meta:
        model = CaseStudy
        fields = "__all__"  # noqa: DJ007  # the admin's fieldsets choose


class ResourceForm(forms.ModelForm[Resource]):
    """A resource. A new image is written anew, so that it carries nothing but its pixels."""

    class Meta:
        model = Resource
        fields = "__all__"  # noqa: DJ007  # the admin's inline chooses

    def clean_file(self) -> Any:
        """Check the file by its content, and write an image anew. Raises ValidationError."""
        file = self.cleaned_data["file"]
        if not isinstance(file, UploadedFile):  # unchanged, or to be cleared
            return file
        validate_resource_file(file)
        return reencode_resource_file(file)


class ReportForm(forms.ModelForm[Report]):
    """A report without its parts. A new cover is stored anew as WebP, never as it was uploaded."""

    class Meta:
        model = Report
        fields = "__all__"  # noqa: DJ007  # the admin's fieldsets choose

    def clean_cover(self) -> Any:
        """Check the image by its content, and write it anew. Raises ValidationError."""
        cover = self.cleaned_data["cover"]
        if not isinstance(cover, UploadedFile):  # unchanged, or to be cleared
            return cover
        validate_image(cover)
        return reencode_image(cover)

    def clean(self) -> dict[str, Any]:
        """Put the message beside the field; `report_cover_has_alternative` says the same for every other way in."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("cover") and not cleaned.get("cover_alt"):
            self.add_error("cover_alt", "Say in words what the cover shows.")
        return cleaned


# --- Parts that name another part of the same screen --------------------------------------------------------------
#
# A figure names its source, and a report's entry its section. Both are rows of another inline of the same screen,
# and the row may have been typed a moment ago. A key of the database would not do, so the form names the row by
# what tells it from its neighbours and is unique in the database too: a source's address, a section's title. It
# never goes by position, which shifts when a row is taken away, and would then name another source silently.
# static/staff/rows.js keeps the choices in step while somebody types.


@dataclass(frozen=True)
class Pick:
    """Which row a part names: the foreign key, the other inline's prefix and model, and the fields of its rows."""

    foreign_key: str
    prefix: str
    model: type[models.Model]
    key: str
    label: str


class RowSelect(forms.Select):
    """A choice among the rows of another inline of the same screen."""

    class Media:
        js = ["staff/rows.js"]

    def __init__(self, pick: Pick) -> None:
        super().__init__(attrs={"data-rows": pick.prefix, "data-row-key": pick.key, "data-row-label": pick.label})


class PickRowForm(forms.ModelForm[Any]):
    """A part that names a row of another inline, in the form field `row`."""

    pick: ClassVar[Pick]

    def __init__(self, *args: Any, rows: list[tuple[str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "row" not in self.fields:  # shown to read only
            return
        field = self.fields["row"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # for the type checker
        field.choices = [("", get_blank_choice_label()), *(rows or [])]
        if getattr(self.instance, f"{self.pick.foreign_key}_id"):
            self.initial["row"] = getattr(getattr(self.instance, self.pick.foreign_key), self.pick.key)

    def save(self, commit: bool = True) -> Any:
        """Save the part with the row it names; the other inline was saved before, as it comes first."""
        if self.cleaned_data.get("row"):
            key_field = self.pick.model._meta.get_field(self.pick.key)
            owner = next(f for f in self.pick.model._meta.fields if f.name in {"case_study", "report"}).name
            row = self.pick.model._default_manager.get(
                **{
                    owner: getattr(self.instance, owner),
                    # As the other form stored it: an address gets its scheme, a title loses outer blanks.
                    self.pick.key: key_field.formfield().clean(self.cleaned_data["row"]),  # type: ignore[union-attr]
                }
            )
            setattr(self.instance, self.pick.foreign_key, row)
        return super().save(commit)


class PickRowFormSet(BaseInlineFormSet[Any, Any, Any]):
    """Parts that name rows of another inline: gives each form the rows of the same submit."""

    form: type[PickRowForm]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rows = self._submitted_rows() if self.is_bound else None
        if self.rows is None:
            self.rows = self._stored_rows()

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        """Pass the rows on."""
        return {**super().get_form_kwargs(index), "rows": self.rows}

    def _stored_rows(self) -> list[tuple[str, str]]:
        if self.instance.pk is None:
            return []
        pick = self.form.pick
        return [
            (getattr(row, pick.key), getattr(row, pick.label)) for row in getattr(self.instance, pick.prefix).all()
        ]

    def _submitted_rows(self) -> list[tuple[str, str]] | None:
        """Read the other inline's rows, but those to be deleted; None where the submit has no such inline."""
        pick = self.form.pick
        total = str(self.data.get(f"{pick.prefix}-TOTAL_FORMS", ""))
        if not (total.isascii() and total.isdigit()):
            return None
        rows = []
        for index in range(min(int(total), self.absolute_max)):
            row = f"{pick.prefix}-{index}"
            key = str(self.data.get(f"{row}-{pick.key}", "")).strip()
            if key and not self.data.get(f"{row}-DELETE"):
                rows.append((key, str(self.data.get(f"{row}-{pick.label}", "")).strip() or key))
        return rows


def row_field(pick: Pick, name: str) -> forms.ChoiceField:
    """Make the form field in which a part names its row."""
    return forms.ChoiceField(
        label=name,
        widget=RowSelect(pick),
        error_messages={"invalid_choice": f"Choose one of the {pick.prefix} on this page."},
        help_text=f"One of the {pick.prefix} above. You can choose one that you have just typed.",
    )


class ImpactFigureForm(PickRowForm):
    """A figure; its source is one of the same screen."""

    pick = Pick("source", "sources", Source, key="url", label="title")
    row = row_field(pick, "Source")

    class Meta:
        model = ImpactFigure
        exclude = ["source"]  # noqa: DJ006  # the admin's inline chooses the rest

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("value", "value_high", "baseline_value"):
            number = self.initial.get(name)
            if isinstance(number, Decimal):  # 46, not 46.000
                self.initial[name] = Decimal(f"{number.normalize():f}")


class ReportEntryForm(PickRowForm):
    """A case study's place in a report; its section is one of the same screen."""

    pick = Pick("section", "sections", ReportSection, key="title", label="title")
    row = row_field(pick, "Section")

    class Meta:
        model = ReportEntry
        exclude = ["section"]  # noqa: DJ006  # the admin's inline chooses the rest


# --- Steps of publishing --------------------------------------------------------------------------------------------


class ConfirmForm(forms.Form):
    """Asks nothing more than to go ahead."""


class ScheduleForm(forms.Form):
    """Asks from when visitors see it."""

    at = forms.SplitDateTimeField(
        label="Visible from",
        help_text="Date and time in the United Kingdom.",
        widget=forms.SplitDateTimeWidget(
            date_attrs={"type": "date", "aria-label": "Visible from: date"},
            time_attrs={"type": "time", "aria-label": "Visible from: time"},
            date_format="%Y-%m-%d",
            time_format="%H:%M",
        ),
        input_date_formats=["%Y-%m-%d", "%d/%m/%Y"],
        input_time_formats=["%H:%M", "%H:%M:%S"],
    )

    def clean_at(self) -> datetime:
        """Refuse a time that is over: that would be publishing at once."""
        at: datetime = self.cleaned_data["at"]
        if at <= timezone.now():
            raise ValidationError("Give a time to come, or use “Publish”.")
        return at


class WithdrawForm(forms.Form):
    """Asks why, for visitors to read."""

    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 80}),
        label="Reason",
        help_text="Visitors read it at the old address, with today’s date.",
    )


class WithdrawCaseStudyForm(WithdrawForm):
    """Asks why, and what to read instead."""

    successor = forms.ModelChoiceField(
        queryset=CaseStudy.objects.none(),
        required=False,
        label="Read instead",
        help_text="A case study that visitors can see, if one takes its place.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["successor"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  # for the type checker
        field.queryset = CaseStudy.objects.published()
        field.widget = AutocompleteSelect(CaseStudy._meta.get_field("successor"), admin.site, choices=field.choices)
