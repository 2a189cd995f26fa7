"""
Loads the content pack in `sample_content/`; its README says what a record is.

A pack is checked as a whole before anything is stored, and stored in one transaction: either all of it is
loaded or nothing, and then every problem is named with its file, record and field.

What is already there, under this slug or having had it once, belongs to the staff: it is kept as it is,
unless `update` asks for the pack's words again. Even then publication, addresses and contacts stay as staff
left them, so that a load never puts a withdrawn page back.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any

import reversion
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connection, models, transaction
from django.utils import timezone

from casestudies import history
from casestudies.models import (
    CaseStudy,
    CaseStudyContact,
    ImpactFigure,
    Report,
    ReportEntry,
    ReportSection,
    ReportSource,
    Setting,
    Source,
    Status,
    Theme,
)
from partners.models import Contact, Organisation, OrganisationName

type Record = dict[str, Any]
type Reasons = Iterator[tuple[str, str]]
type Check = Callable[[Any, str], Reasons]

# The texts were written for this project on that day, from the sources as they were: that is their review.
WRITTEN_ON = date(2026, 11, 22)
REVIEW_DUE_ON = date(2027, 11, 22)
PUBLISHED_AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
# Publishing it is the first thing that a new editor can try.
DRAFT_REPORTS = {"safer-care-homes-since-2020"}
LOCK = 7_031_948  # any number that nothing else in this database locks

CONTACT_NAME = "Patient safety team"
CONTACT_ROLE = "Project team"
HOST_LABEL = 63  # octets; RFC 1035, section 2.3.4

SECTIONS = ("challenge", "approach", "outcome", "lessons")
FIGURE_FIELDS = (
    "kind", "direction", "qualifier", "value", "value_high", "unit", "label", "baseline_value", "baseline",
    "period",
)  # fmt: skip
SOURCE_FIELDS = ("title", "publisher", "url")

# PostgreSQL refuses NUL; the rest of these has no place in a sentence either.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

# How the pack's care settings read in the sentence that heads the list; the pack itself names them only.
SETTING_PHRASES = {
    "care-home": "in care homes",
    "acute-hospital": "in acute hospitals",
    "general-practice": "in general practice",
    "community": "in community services",
    "community-pharmacy": "in community pharmacies",
    "maternity-unit": "in maternity units",
    "mental-health": "in mental health services",
    "ambulance": "in ambulance services",
    "domiciliary-care": "in care at home",
}


@dataclass(frozen=True)
class Problem:
    """What is wrong with the pack, and where."""

    file: str
    record: str
    field: str
    reason: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.record, self.field, self.reason) if part)


class BrokenContentError(Exception):
    """The pack cannot be loaded; `problems` says why, all of it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass
class Pack:
    """The records of a content pack, by file."""

    themes: list[Record]
    settings: list[Record]
    organisations: list[Record]
    case_studies: list[Record]
    reports: list[Record]

    def __len__(self) -> int:
        return sum(len(records) for records in vars(self).values())


@dataclass
class Tally:
    """How many of a model were created, updated and kept as they are."""

    created: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)


# --- What a record looks like -------------------------------------------------------------------------------
# A check yields what is wrong with a value: the path to it inside the record, and the reason.


def text(value: Any, path: str) -> Reasons:
    """Check that the value is text that can be stored."""
    if not isinstance(value, str):
        yield path, "must be text"
    elif CONTROL_CHARACTERS.search(value):
        yield path, "contains a control character"
    elif any("\ud800" <= character <= "\udfff" for character in value):
        yield path, "contains half a character"


def number(value: Any, path: str) -> Reasons:
    """Check that the value is a number, which true and false are not."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        yield path, "must be a number"


def whole(value: Any, path: str) -> Reasons:
    """Check that the value is a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        yield path, "must be a whole number"


def day(value: Any, path: str) -> Reasons:
    """Check that the value is a day such as 2019-09-04."""
    try:
        date.fromisoformat(value)
    except (TypeError, ValueError):
        yield path, "must be a date such as 2019-09-04"


def maybe(check: Check) -> Check:
    """Make a check that lets null pass too."""

    def checked(value: Any, path: str) -> Reasons:
        if value is not None:
            yield from check(value, path)

    return checked


def each(check: Check) -> Check:
    """Make a check of every item of a list."""

    def checked(value: Any, path: str) -> Reasons:
        if not isinstance(value, list):
            yield path, "must be a list"
            return
        for index, item in enumerate(value):
            yield from check(item, f"{path}[{index}]")

    return checked


def keys(**checks: Check) -> Check:
    """Make a check of an object that has exactly these keys."""

    def checked(value: Any, path: str) -> Reasons:
        if not isinstance(value, dict):
            yield path, "must be an object"
            return
        prefix = f"{path}." if path else ""
        for key, check in checks.items():
            if key in value:
                yield from check(value[key], prefix + key)
            else:
                yield prefix + key, "is missing"
        for key in value:
            if key not in checks:
                yield prefix + key.encode("ascii", "backslashreplace").decode()[:60], "is not a known key"

    return checked


SOURCE = keys(title=text, publisher=text, url=text)
FILES: dict[str, Check] = {
    "themes.json": keys(slug=text, name=text, introduction=text, order=whole),
    "settings.json": keys(slug=text, name=text, order=whole),
    "organisations.json": keys(
        slug=text, name=text, short_names=each(text), former_names=each(text), kind=text, nhs_region=text,
        area=text, website=text, psc_name=text, source_url=text,
    ),
    "case-studies.json": keys(
        slug=text, title=text, summary=text, challenge=text, approach=text, outcome=text, lessons=text,
        result=text, stage=text, start_year=maybe(whole), end_year=maybe(whole), themes=each(text),
        settings=each(text), intervention_types=each(text), lead_organisation=text,
        partner_organisations=each(text),
        impact=each(
            keys(
                kind=text, direction=text, qualifier=text, value=number, value_high=maybe(number), unit=text,
                label=text, baseline_value=maybe(number), baseline=text, period=text, source_url=text,
            )
        ),
        sources=each(SOURCE), editor_note=text,
    ),
    "reports.json": keys(
        slug=text, title=text, published=day, publisher=text, summary=text, foreword=text, foreword_by=text,
        note=text, sections=each(keys(title=text, case_studies=each(text))), sources=each(SOURCE),
    ),
}  # fmt: skip


def read_pack(folder: Path) -> Pack:
    """
    Read and check a pack.

    Raises BrokenContentError with every problem that shows without the database: files that are missing or
    not JSON, keys missing or unknown, values of the wrong type, references to what the pack does not have,
    repetitions.
    """
    problems: list[Problem] = []
    files: dict[str, list[Record]] = {}
    for name, check in FILES.items():
        records = _read(folder / name, problems)
        files[name] = []
        for index, record in enumerate(records):
            reasons = list(check(record, ""))
            problems += [Problem(name, _record_name(record, index), path, reason) for path, reason in reasons]
            if not reasons:
                files[name].append(record)
    pack = Pack(*files.values())
    if not problems:
        # References are worth checking only where all that they may lead to could be read.
        problems += _check_references(pack)
    if problems:
        raise BrokenContentError(problems)
    return pack


def _read(path: Path, problems: list[Problem]) -> list[Any]:
    """Read the records of a file; what stops that is added to the problems."""

    def no_constant(name: str) -> None:
        raise ValueError(f"{name} is not a number in JSON")

    def no_repeated_key(pairs: list[tuple[str, Any]]) -> Record:
        record = dict(pairs)
        if len(record) < len(pairs):
            repeated = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
            raise ValueError(f"the key {repeated!a} is given twice in {_record_name(record, None)}")
        return record

    try:
        content = json.loads(
            path.read_text(encoding="utf-8"),
            parse_float=Decimal,
            parse_constant=no_constant,
            object_pairs_hook=no_repeated_key,
        )
    except OSError as error:
        problems.append(Problem(path.name, "", "", f"cannot be read: {error.strerror}"))
        return []
    except (ValueError, ArithmeticError) as error:
        problems.append(Problem(path.name, "", "", f"is not JSON: {error}"))
        return []
    except RecursionError:
        problems.append(Problem(path.name, "", "", "is not JSON that can be read: it is nested too deeply"))
        return []
    if not isinstance(content, list):
        problems.append(Problem(path.name, "", "", "must be a list of records"))
        return []
    return content


def _record_name(record: Any, index: int | None) -> str:
    """Name a record by its slug, or by its place in the file, counted from 1."""
    slug = record.get("slug") if isinstance(record, dict) else None
    if isinstance(slug, str) and slug:
        return slug.encode("ascii", "backslashreplace").decode()[:100]
    return "a record" if index is None else f"record {index + 1}"


def _check_references(pack: Pack) -> Iterator[Problem]:
    """Check what a record says of other records, and that nothing is there twice."""
    slugs = {}
    for name, records in zip(FILES, vars(pack).values(), strict=True):
        times = Counter(record["slug"] for record in records)
        slugs[name] = set(times)
        for slug in (slug for slug, count in times.items() if count > 1):
            yield Problem(name, slug, "slug", f"is used by {times[slug]} records")
    for record in pack.organisations:
        for path, reason in _organisation_reasons(record):
            yield Problem("organisations.json", record["slug"], path, reason)
    for record in pack.case_studies:
        for path, reason in _case_study_reasons(record, slugs):
            yield Problem("case-studies.json", record["slug"], path, reason)
    for record in pack.reports:
        for path, reason in _report_reasons(record, slugs):
            yield Problem("reports.json", record["slug"], path, reason)


def _organisation_reasons(record: Record) -> Reasons:
    regions = Organisation.Region.labels
    if record["nhs_region"] and record["nhs_region"] not in regions:
        yield "nhs_region", f"must be empty or one of {', '.join(map(str, regions))}"
    yield from _repeated(record["short_names"] + record["former_names"], "short_names, former_names")


def _case_study_reasons(record: Record, slugs: dict[str, set[str]]) -> Reasons:
    yield from _known([record["lead_organisation"]], slugs["organisations.json"], "lead_organisation")
    for key, name in (
        ("partner_organisations", "organisations.json"),
        ("themes", "themes.json"),
        ("settings", "settings.json"),
    ):
        yield from _known(record[key], slugs[name], key)
        yield from _repeated(record[key], key)
    yield from _repeated(record["intervention_types"], "intervention_types")
    if record["lead_organisation"] in record["partner_organisations"]:
        yield "partner_organisations", f"{record['lead_organisation']!a} is the lead organisation"
    addresses = [source["url"] for source in record["sources"]]
    yield from _repeated(addresses, "sources")
    for index, figure in enumerate(record["impact"]):
        if figure["source_url"] not in addresses:
            yield f"impact[{index}].source_url", "is not one of the record's sources"


def _report_reasons(record: Record, slugs: dict[str, set[str]]) -> Reasons:
    yield from _known([record["publisher"]], slugs["organisations.json"], "publisher")
    for index, section in enumerate(record["sections"]):
        yield from _known(section["case_studies"], slugs["case-studies.json"], f"sections[{index}].case_studies")
    yield from _repeated([slug for section in record["sections"] for slug in section["case_studies"]], "sections")
    yield from _repeated([section["title"] for section in record["sections"]], "sections")
    yield from _repeated([source["url"] for source in record["sources"]], "sources")


def _known(values: list[str], known: set[str], path: str) -> Reasons:
    for value in values:
        if value not in known:
            yield path, f"the pack has no {value!a}"


def _repeated(values: list[str], path: str) -> Reasons:
    for value, times in Counter(values).items():
        if times > 1:
            yield path, f"{value!a} is there {times} times"


# --- Storing it ---------------------------------------------------------------------------------------------


def load(pack: Pack, *, update: bool = False, progress: Callable[[], None] = lambda: None) -> Tally:
    """
    Store a pack in one transaction and say what became of it; `progress` is called after each record.

    With `update` what is there gets the pack's words again. Raises BrokenContentError, with nothing stored,
    when a record breaks a rule of its model or of the database.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Two machines that start at once load one after the other, and the second finds everything there.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        loader = _Loader(update=update)
        steps = (
            (pack.themes, "themes.json", loader.put_theme),
            (pack.settings, "settings.json", loader.put_setting),
            (pack.organisations, "organisations.json", loader.put_organisation),
            (_in_order_of_publication(pack.case_studies), "case-studies.json", loader.put_case_study),
            (pack.reports, "reports.json", loader.put_report),
        )
        for records, file, put in steps:
            for record in records:
                loader.store(file, record, put)
                progress()
        if loader.problems:
            raise BrokenContentError(loader.problems)
        return loader.finished()


def _in_order_of_publication(case_studies: list[Record]) -> list[Record]:
    """
    Sort by the last year that a source gives, newest work first.

    The portal publishes them all on one day, a minute apart in this order: "newest first" is then stable, and
    says nothing that no source says.
    """
    return sorted(
        case_studies, key=lambda record: (-(record["end_year"] or record["start_year"] or 0), record["slug"])
    )


def paragraphs(plain: str) -> str:
    """Turn plain text, where blank lines separate paragraphs, into HTML."""
    blocks = (" ".join(block.split()) for block in re.split(r"\n\s*\n", plain))
    return "".join(f"<p>{escape(block, quote=False)}</p>" for block in blocks if block)


class _Refused(Exception):  # noqa: N818  # raised and caught in this class: it ends the record, not the load
    """A record breaks a rule; the problems are noted."""


class _Loader:
    """Stores records in the order in which they refer to each other."""

    def __init__(self, *, update: bool) -> None:
        self.update = update
        self.explain = False
        self.problems: list[Problem] = []
        self.tally = Tally()
        self.file = self.slug = ""
        self.themes: dict[str, Theme] = {}
        self.settings: dict[str, Setting] = {}
        self.organisations: dict[str, Organisation] = {}
        self.case_studies: dict[str, CaseStudy] = {}
        # Their parts are counted at the end.
        self.kept: dict[type[models.Model], list[int]] = {Organisation: [], CaseStudy: [], Report: []}
        self.new_contacts: list[int] = []
        # Not the future on a machine whose clock is behind: nobody would see anything.
        self.publish_at = min(PUBLISHED_AT, timezone.now())
        self.published = 0

    def store(self, file: str, record: Record, put: Callable[[Record], None]) -> None:
        """Store one record; note what is wrong with it."""
        self.file, self.slug = file, record["slug"]
        # The database holds every record against the rules, which costs nothing. Asking Django about each
        # rule of each object doubles the time of a load, so that is left to the record that breaks one.
        for self.explain in (False, True):
            try:
                with transaction.atomic():
                    put(record)
            except _Refused:
                return
            except (IntegrityError, DataError) as error:
                if self.explain:
                    reason = f"the database refuses it: {str(error).splitlines()[0]}"
                    self.problems.append(Problem(file, self.slug, "", reason))
            else:
                return

    def finished(self) -> Tally:
        """Count the parts of what was kept, and give the tally."""
        for model, parent, field_name in (
            (OrganisationName, Organisation, "organisation"),
            (Contact, Organisation, "organisation"),
            (Source, CaseStudy, "case_study"),
            (ImpactFigure, CaseStudy, "case_study"),
            (ReportSection, Report, "report"),
            (ReportEntry, Report, "report"),
            (ReportSource, Report, "report"),
        ):
            parts = model._default_manager.filter(**{f"{field_name}__in": self.kept[parent]})
            if model is Contact:
                parts = parts.exclude(pk__in=self.new_contacts)  # a kept organisation may have been given one
            if count := parts.count():
                self.tally.kept[_plural(model)] = count
        return self.tally

    # --- One record of each kind ---

    def put_theme(self, record: Record) -> None:
        self.themes[self.slug], _ = self._put(
            Theme, {name: record[name] for name in ("name", "introduction", "order")}
        )

    def put_setting(self, record: Record) -> None:
        values = {name: record[name] for name in ("name", "order")} | {"phrase": SETTING_PHRASES.get(self.slug, "")}
        self.settings[self.slug], _ = self._put(Setting, values)

    def put_organisation(self, record: Record) -> None:
        regions = {str(label): value for value, label in Organisation.Region.choices}
        values = {name: record[name] for name in ("name", "kind", "area", "website", "psc_name", "source_url")}
        names = [(OrganisationName.Kind.SHORT.value, name) for name in record["short_names"]]
        names += [(OrganisationName.Kind.FORMER.value, name) for name in record["former_names"]]

        def parts(organisation: Organisation) -> bool:
            if set(organisation.names.values_list("kind", "name")) == set(names):
                return False
            organisation.names.all().delete()
            for kind, name in names:
                key = "short_names" if kind == OrganisationName.Kind.SHORT else "former_names"
                self._add(OrganisationName(organisation=organisation, kind=kind, name=name), f"{key}: {name!a}")
            return True

        self.organisations[self.slug], _ = self._put(
            Organisation,
            values | {"region": regions.get(record["nhs_region"], "")},
            parts=parts,
            pack_keys={"region": "nhs_region"},
        )

    def put_case_study(self, record: Record) -> None:
        self.published += 1
        values: Record = {
            name: record[name]
            for name in (
                "title", "summary", "result", "stage", "start_year", "end_year", "intervention_types",
                "editor_note",
            )
        }  # fmt: skip
        values |= {name: paragraphs(record[name]) for name in SECTIONS}
        values |= {
            "lead_organisation": self._stored(self.organisations, record["lead_organisation"]),
            "reviewed_on": WRITTEN_ON,
            "review_due_on": REVIEW_DUE_ON,
        }
        links: dict[str, list[Any]] = {
            "themes": [self._stored(self.themes, slug) for slug in record["themes"]],
            "settings": [self._stored(self.settings, slug) for slug in record["settings"]],
            "partner_organisations": [
                self._stored(self.organisations, slug) for slug in record["partner_organisations"]
            ],
        }

        def parts(case_study: CaseStudy) -> bool:
            changed = self._replace_evidence(case_study, record)
            for name, targets in links.items():
                manager = getattr(case_study, name)
                if set(manager.values_list("pk", flat=True)) != {target.pk for target in targets}:
                    manager.set(targets)
                    changed = True
            return changed

        case_study, is_new = self._put(
            CaseStudy,
            values,
            only_at_first={
                "status": Status.PUBLISHED,
                "published_at": self.publish_at - timedelta(minutes=self.published),
            },
            parts=parts,
        )
        if is_new:
            contact = self._contact(case_study.lead_organisation)
            CaseStudyContact.objects.create(case_study=case_study, contact=contact, role=CONTACT_ROLE)
        self.case_studies[self.slug] = case_study

    def put_report(self, record: Record) -> None:
        values: Record = {name: record[name] for name in ("title", "summary", "foreword_by", "note")}
        values |= {
            "foreword": paragraphs(record["foreword"]),
            "issued_on": date.fromisoformat(record["published"]),
            "publisher": self._stored(self.organisations, record["publisher"]),
        }
        sections = [
            (section["title"], [self._stored(self.case_studies, slug) for slug in section["case_studies"]])
            for section in record["sections"]
        ]

        def parts(report: Report) -> bool:
            return self._replace_sections(report, sections) | self._replace_sources(report, record)

        self._put(
            Report,
            values,
            only_at_first={}
            if self.slug in DRAFT_REPORTS
            else {"status": Status.PUBLISHED, "published_at": self.publish_at},
            parts=parts,
            pack_keys={"issued_on": "published"},
        )

    # --- Parts ---

    def _replace_evidence(self, case_study: CaseStudy, record: Record) -> bool:
        """Give a case study the pack's sources and figures; say whether it had not just these before."""
        sources = [tuple(source[name] for name in SOURCE_FIELDS) for source in record["sources"]]
        figures = [(*(figure[name] for name in FIGURE_FIELDS), figure["source_url"]) for figure in record["impact"]]
        if (
            list(case_study.sources.values_list(*SOURCE_FIELDS)) == sources
            and list(case_study.impact_figures.values_list(*FIGURE_FIELDS, "source__url")) == figures
        ):
            return False
        case_study.impact_figures.all().delete()
        case_study.sources.all().delete()
        stored = {}
        for order, source in enumerate(record["sources"]):
            stored[source["url"]] = self._add(
                Source(case_study=case_study, order=order, **source), f"sources[{order}]"
            )
        for order, figure in enumerate(record["impact"]):
            values = {name: figure[name] for name in FIGURE_FIELDS}
            self._add(
                ImpactFigure(case_study=case_study, source=stored[figure["source_url"]], order=order, **values),
                f"impact[{order}]",
            )
        return True

    def _replace_sections(self, report: Report, sections: list[tuple[str, list[CaseStudy]]]) -> bool:
        """Give a report the pack's sections; say whether it had not just these before."""
        before = [
            (section.title, [entry.case_study_id for entry in section.entries.all()])
            for section in report.sections.prefetch_related("entries")
        ]
        if before == [(title, [case_study.pk for case_study in chosen]) for title, chosen in sections]:
            return False
        report.sections.all().delete()
        for place, (title, chosen) in enumerate(sections):
            path = f"sections[{place}]"
            section = self._add(ReportSection(report=report, title=title, order=place), path)
            for order, case_study in enumerate(chosen):
                self._add(
                    ReportEntry(report=report, section=section, case_study=case_study, order=order),
                    f"{path}.case_studies[{order}]",
                )
        return True

    def _replace_sources(self, report: Report, record: Record) -> bool:
        """Give a report the pack's sources; say whether it had not just these before."""
        sources = [tuple(source[name] for name in SOURCE_FIELDS) for source in record["sources"]]
        if list(report.sources.values_list(*SOURCE_FIELDS)) == sources:
            return False
        report.sources.all().delete()
        for order, source in enumerate(record["sources"]):
            self._add(ReportSource(report=report, order=order, **source), f"sources[{order}]")
        return True

    def _contact(self, organisation: Organisation) -> Contact:
        """
        Give the first contact of an organisation, or make up a team mailbox for the demonstration.

        The pack names no person. The domain is reserved (RFC 2606): no mail to it reaches anybody.
        """
        contact = organisation.contacts.filter(is_primary=True).first()
        if contact:
            return contact
        label = organisation.slug[:HOST_LABEL].rstrip("-")
        email = f"patient-safety@{label}.example"
        contact = organisation.contacts.filter(email=email).first()
        if contact:
            return contact
        contact = Contact(
            organisation=organisation,
            name=CONTACT_NAME,
            email=email,
            is_team=True,
            is_primary=True,
            is_demonstration=True,
        )
        self._check(contact, "lead_organisation")
        contact.save()
        self.new_contacts.append(contact.pk)
        self.tally.created[_plural(Contact)] += 1
        return contact

    # --- Storing ---

    def _put[Model: models.Model](
        self,
        model: type[Model],
        values: Record,
        *,
        only_at_first: Record | None = None,
        parts: Callable[[Model], bool] = lambda instance: False,
        pack_keys: dict[str, str] | None = None,
    ) -> tuple[Model, bool]:
        """
        Keep, update or make the record; say whether it is new.

        `parts` stores what belongs to it and says whether that changed anything; `pack_keys` tells what the
        pack calls a field that the model calls otherwise.
        """
        existing = self._find(model)
        if existing is None:
            instance = model(slug=self.slug, **(only_at_first or {}))
            self._write(instance, values, pack_keys)
            parts(instance)
            self.tally.created[_plural(model)] += 1
            return instance, True
        if not self.update:
            self._count_as_kept(existing)
            return existing, False
        if model in history.PARTS:
            history.keep_first_version(existing)
        made = Counter(self.tally.created)
        with reversion.create_revision():
            reversion.set_comment("Brought back to the content pack.")
            changed = self._write(existing, values, pack_keys) | parts(existing)
            if changed and model in history.PARTS:
                reversion.add_to_revision(existing)  # even where only a part of it changed
        # Parts that were replaced are not new to the reader of the closing table.
        self.tally.updated += self.tally.created - made
        self.tally.created = made
        if changed:
            self.tally.updated[_plural(model)] += 1
        else:
            self._count_as_kept(existing)
        return existing, False

    def _write(self, instance: models.Model, values: Record, pack_keys: dict[str, str] | None) -> bool:
        """Give an object its values and store it; say whether that changed anything."""
        before = {name: getattr(instance, name) for name in values} if instance.pk else None
        for name, value in values.items():
            setattr(instance, name, value)
        self._check(instance, pack_keys=pack_keys)
        # Cleaning may change a value (rich text is sanitised), so it is compared after that.
        if before is not None and all(getattr(instance, name) == value for name, value in before.items()):
            return False
        instance.save()
        return True

    def _find[Model: models.Model](self, model: type[Model]) -> Model | None:
        """Find the record that has this slug, or had it once."""
        found = model._default_manager.filter(slug=self.slug).first()
        if found is None and hasattr(model, "former_slug_model"):
            found = model._default_manager.filter(former_slugs__slug=self.slug).first()
        return found

    def _stored[Model: models.Model](self, records: dict[str, Model], slug: str) -> Model:
        """Give what a record refers to; where that is broken, only its own problem is worth a line."""
        if slug not in records:
            raise _Refused
        return records[slug]

    def _add[Model: models.Model](self, part: Model, path: str) -> Model:
        """Store a part of a record; raises _Refused when it breaks a rule."""
        self._check(part, path)
        part.save()
        self.tally.created[_plural(type(part))] += 1
        return part

    def _check(self, instance: models.Model, path: str = "", *, pack_keys: dict[str, str] | None = None) -> None:
        """Hold an object against the rules of its model; raises _Refused and notes each that it breaks."""
        relations = {field.name for field in instance._meta.fields if field.is_relation}
        try:
            instance.full_clean(
                # What they lead to was stored in this transaction.
                exclude=() if self.explain else relations,
                validate_unique=self.explain,
                validate_constraints=self.explain,
            )
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                key = "" if name == "__all__" else (pack_keys or {}).get(name, name)
                where = ".".join(part for part in (path, key) if part)
                self.problems += [Problem(self.file, self.slug, where, message) for message in messages]
            raise _Refused from error

    def _count_as_kept(self, instance: models.Model) -> None:
        self.tally.kept[_plural(type(instance))] += 1
        if type(instance) in self.kept:
            self.kept[type(instance)].append(instance.pk)


def _plural(model: type[models.Model]) -> str:
    return str(model._meta.verbose_name_plural)
