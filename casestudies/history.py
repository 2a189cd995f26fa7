"""
The history of case studies and reports: what a version holds, and what changed between two of them.

A version is the record with all its parts, whichever way it was saved. The comparison is our own and small: the
one made for django-reversion is under the GPL.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from html.parser import HTMLParser
from typing import Any, Literal

import reversion
from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from reversion.models import Version

from casestudies.fields import RichTextField
from casestudies.models import (
    SEARCH_COLUMNS,
    CaseStudy,
    CaseStudyContact,
    ImpactFigure,
    Report,
    ReportEntry,
    ReportSection,
    ReportSource,
    Resource,
    Source,
    Status,
)

PUBLISHING_FIELDS = ("status", "published_at", "withdrawn_at", "withdrawal_reason", "successor")
PARTS: dict[type[models.Model], dict[str, type[models.Model]]] = {
    CaseStudy: {
        "sources": Source,
        "impact_figures": ImpactFigure,
        "resources": Resource,
        "case_study_contacts": CaseStudyContact,
    },
    Report: {"sections": ReportSection, "entries": ReportEntry, "sources": ReportSource},
}
# What the database makes of the rest.
DERIVED = set(SEARCH_COLUMNS)
# Kept by the database or by saving; nobody decides on them.
NOT_COMPARED = {"id", "case_study", "report", "created_at", "updated_at", "contacts"} | DERIVED
# Comparing words takes time with the square of their number; longer texts are shown as replaced.
MOST_WORDS = 6_000

Kind = Literal["same", "added", "removed"]


def register() -> None:
    """
    Have every save of a case study or report, inside a revision, keep a version of it with its parts.

    Called by this app and, as Django discovers the admin before this app is ready, by the admin: the second call
    does nothing.
    """
    if reversion.is_registered(CaseStudy):
        return
    for model, parts in PARTS.items():
        for part in parts.values():
            reversion.register(part)
        # What the database derives is not stored: it derives it again after a revert.
        derived = DERIVED & {field.name for field in model._meta.get_fields()}
        reversion.register(model, follow=tuple(parts), exclude=tuple(derived))


def keep_first_version(record: models.Model) -> None:
    """Store the record as it is, once, so that the first change made here has something to compare with."""
    if Version.objects.get_for_object(record).exists():
        return
    with reversion.create_revision():
        reversion.set_comment("As it was before its first change here.")
        reversion.add_to_revision(record)


class CannotRestoreError(Exception):
    """A version cannot be brought back; the message says why, to end a sentence."""


def restore(version: Version) -> list[str]:
    """
    Make a record and its parts what they were in a version, all but whether visitors see it.

    Whether they see it stays as it is today; a record that was deleted comes back as a draft. Other records of
    the same revision are left alone. Returns what had to be left out because it names something since deleted.
    Raises CannotRestoreError when the record itself does, and IntegrityError when another record is in its way.
    Call it in a transaction.
    """
    model: Any = version._model
    names = [field.name for field in model._meta.fields if field.name in PUBLISHING_FIELDS]
    rows = model._base_manager.filter(pk=version.object_id)
    today = rows.select_for_update(of=("self",)).values(*names).first()
    nothing: dict[str, Any] = dict.fromkeys(names)
    draft = nothing | {"status": Status.DRAFT, "withdrawal_reason": ""}
    if gone := _missing(version):
        raise CannotRestoreError(f"{gone} is gone")
    # Figures before sources, entries before sections. All of them: two rows may have swapped an address since.
    for part in reversed(PARTS[model].values()):
        part._base_manager.filter(**{f"{_owner(model)}_id": version.object_id}).delete()
    left_out = _drop_missing_links(version)
    version.revert()
    rows.update(**(today or draft))
    for part in PARTS[model].values():
        for each in _parts_of(version, part).values():
            if _missing(each):
                left_out.append(each.object_repr)
            else:
                each.revert()
    return left_out


def _owner(model: type[models.Model]) -> str:
    return "report" if model is Report else "case_study"


def _missing(version: Version) -> str:
    """Name a record that a version points to and that is gone; empty when all are there."""
    for field in version._model._meta.fields:
        key = version.field_dict.get(field.attname)
        if not isinstance(field, models.ForeignKey) or key is None or field.name in PUBLISHING_FIELDS:
            continue
        if not field.related_model._base_manager.filter(pk=key).exists():
            return f"{field.verbose_name} {key}"
    return ""


def _drop_missing_links(version: Version) -> list[str]:
    """Take links to deleted records (a theme, a partner) out of a version about to be brought back."""
    links = version._object_version.m2m_data or {}
    left_out = []
    for name, keys in links.items():
        related: Any = version._model._meta.get_field(name).related_model
        present = set(related._base_manager.filter(pk__in=keys).values_list("pk", flat=True))
        left_out += [f"{related._meta.verbose_name} {key}" for key in keys if int(key) not in present]
        links[name] = [key for key in keys if int(key) in present]
    return left_out


@dataclass(frozen=True)
class Difference:
    """One field in two versions: pieces of text that stayed, came or went."""

    label: str
    pieces: list[tuple[Kind, str]]
    note: str = ""


@dataclass(frozen=True)
class Change:
    """The record, or one of its parts, in two versions."""

    title: str
    what: Literal["changed", "added", "removed"]
    differences: list[Difference]


def compare(old: Version, new: Version) -> list[Change]:
    """Give what changed from one version of a record to another: the record first, then its parts by kind."""
    model: type[models.Model] = old._model
    names = _Names()
    changes = []
    if own := _differences(model, _values(old), _values(new), names):
        changes.append(Change(str(model._meta.verbose_name).capitalize(), "changed", own))
    for part in PARTS[model].values():
        changes += _part_changes(part, _parts_of(old, part), _parts_of(new, part), names)
    return changes


def _parts_of(version: Version, part: type[models.Model]) -> dict[str, Version]:
    """Give the versions of one kind of part, by key, that belong to the record of `version`."""
    owner = _owner(version._model)
    found = Version.objects.get_for_model(part).filter(revision_id=version.revision_id)
    # A revision of a bulk change may hold parts of other records too.
    return {each.object_id: each for each in found if str(_values(each).get(f"{owner}_id")) == version.object_id}


def _part_changes(
    part: type[models.Model], old: dict[str, Version], new: dict[str, Version], names: "_Names"
) -> Iterable[Change]:
    label = str(part._meta.verbose_name).capitalize()
    for key in sorted(old.keys() | new.keys(), key=int):
        before, after = old.get(key), new.get(key)
        title = f"{label}: {(after or before).object_repr}"  # type: ignore[union-attr]  # one of them is there
        differences = _differences(part, _values(before), _values(after), names)
        if before is None:
            yield Change(title, "added", differences)
        elif after is None:
            yield Change(title, "removed", differences)
        elif differences:
            yield Change(title, "changed", differences)


def _values(version: Version | None) -> dict[str, Any]:
    values: dict[str, Any] = version.field_dict if version else {}
    return values


def _differences(
    model: type[models.Model], old: dict[str, Any], new: dict[str, Any], names: "_Names"
) -> list[Difference]:
    differences = []
    for field in [*model._meta.fields, *model._meta.many_to_many]:
        if field.name in NOT_COMPARED:
            continue
        before, after = old.get(field.attname), new.get(field.attname)
        if before == after:
            continue
        texts = names.text(field, before), names.text(field, after)
        label = str(field.verbose_name).capitalize()
        if texts[0] != texts[1]:
            differences.append(Difference(label, word_differences(*texts)))
        elif isinstance(field, RichTextField):
            differences.append(Difference(label, [], "The words are the same; their formatting changed."))
    return differences


class _Names:
    """Writes values as people read them. Names of other records are those of today, looked up once each."""

    def __init__(self) -> None:
        self._names: dict[tuple[type[models.Model], Any], str] = {}

    def text(self, field: Any, value: Any) -> str:
        """Write the value of a field in words."""
        if value is None or value == "" or value == []:
            return ""
        if isinstance(field, models.ManyToManyField):
            return "\n".join(sorted(self._name(field.related_model, key) for key in value))
        if isinstance(field, models.ForeignKey):
            return self._name(field.related_model, value)
        if isinstance(field, RichTextField):
            return plain_text(value)
        if isinstance(value, list):
            choices = dict(field.base_field.flatchoices)
            return "\n".join(str(choices.get(item, item)) for item in value)
        if field.flatchoices:
            return str(dict(field.flatchoices).get(value, value))
        if isinstance(field, models.DateTimeField):
            return date_format(timezone.localtime(value), "j F Y, H:i")
        if isinstance(field, models.DateField):
            return date_format(value, "j F Y")
        if isinstance(field, models.DecimalField):
            return f"{value.normalize():f}"
        return str(value)

    def _name(self, model: Any, key: Any) -> str:
        if (model, key) not in self._names:
            found = model._base_manager.filter(pk=key).first()
            self._names[model, key] = str(found) if found else f"{model._meta.verbose_name} {key}, since deleted"
        return self._names[model, key]


def word_differences(old: str, new: str) -> list[tuple[Kind, str]]:
    """Compare two texts word by word: pieces that stayed, went and came, in reading order."""
    before, after = re.findall(r"\S+|\s+", old), re.findall(r"\S+|\s+", new)
    if len(before) + len(after) > 2 * MOST_WORDS:
        return _pieces(("removed", old), ("added", new))
    pieces: list[tuple[Kind, str]] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces += _pieces(("same", "".join(before[i1:i2])))
        else:
            pieces += _pieces(("removed", "".join(before[i1:i2])), ("added", "".join(after[j1:j2])))
    return pieces


def _pieces(*pieces: tuple[Kind, str]) -> list[tuple[Kind, str]]:
    return [piece for piece in pieces if piece[1]]


class _PlainText(HTMLParser):
    """Collects the words of rich text, a line for each block; a link is followed by its address."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "li":
            self.parts.append("\n• ")
        elif tag in {"p", "h3", "br"} and not (self.parts and self.parts[-1] == "\n• "):
            self.parts.append("\n")
        elif tag == "a":
            self._links.append(dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._links:
            self.parts.append(f" ({self._links.pop()})")

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def plain_text(html: str) -> str:
    """Give the words of rich text without its tags, so that a comparison shows what a reader would read."""
    parser = _PlainText()
    parser.feed(html)
    parser.close()
    return "".join(parser.parts).strip()
