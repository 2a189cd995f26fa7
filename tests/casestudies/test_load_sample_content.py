"""The content pack: all of it is loaded, or nothing and every reason named."""

import json
import shutil
from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import models, transaction
from django.db.models import Count
from django.test import TestCase
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from casestudies.models import (
    CaseStudy,
    CaseStudyContact,
    ImpactFigure,
    Report,
    ReportEntry,
    ReportSection,
    Setting,
    Source,
    Status,
    Theme,
)
from casestudies.sample_content import BrokenContentError, Problem, load, paragraphs, read_pack
from partners.models import Contact, Organisation, OrganisationName
from tests.factories import CaseStudyFactory, ContactFactory, OrganisationFactory

PACK = settings.BASE_DIR / "sample_content"
MODELS: list[type[models.Model]] = [
    Theme,
    Setting,
    Organisation,
    CaseStudy,
    ImpactFigure,
    Source,
    Report,
    ReportEntry,
    Contact,
]

SMALL: dict[str, Any] = {
    "themes": [{"slug": "falls", "name": "Falls", "introduction": "Why people fall.", "order": 1}],
    "settings": [{"slug": "care-home", "name": "Care home", "order": 1}],
    "organisations": [
        {
            "slug": "a-network",
            "name": "A Network",
            "short_names": ["AN"],
            "former_names": ["An Older Network"],
            "kind": "ahsn",
            "nhs_region": "North West",
            "area": "Cumbria",
            "website": "https://network.example/",
            "psc_name": "A Collaborative",
            "source_url": "https://network.example/about",
        },
        {
            "slug": "a-trust",
            "name": "A Trust",
            "short_names": [],
            "former_names": [],
            "kind": "trust",
            "nhs_region": "",
            "area": "",
            "website": "",
            "psc_name": "",
            "source_url": "",
        },
    ],
    "case-studies": [
        {
            "slug": "fewer-falls",
            "title": "Fewer falls",
            "summary": "A checklist that cut falls.",
            "challenge": "People fell.\n\nOften < daily & at night.",
            "approach": "A checklist.",
            "outcome": "Fewer falls.",
            "lessons": "",
            "result": "worked",
            "stage": "local",
            "start_year": 2016,
            "end_year": None,
            "themes": ["falls"],
            "settings": ["care-home"],
            "intervention_types": ["checklist"],
            "lead_organisation": "a-network",
            "partner_organisations": ["a-trust"],
            "impact": [
                {
                    "kind": "change",
                    "direction": "lower",
                    "qualifier": "",
                    "value": 9.5,
                    "value_high": None,
                    "unit": "%",
                    "label": "falls",
                    "baseline_value": 18,
                    "baseline": "18%",
                    "period": "one year",
                    "source_url": "https://network.example/falls",
                }
            ],
            "sources": [
                {"title": "Falls", "publisher": "A Network", "url": "https://network.example/falls"},
                {"title": "More", "publisher": "", "url": "https://network.example/more"},
            ],
            "editor_note": "The year is a guess.",
        }
    ],
    "reports": [
        {
            "slug": "a-report",
            "title": "A report",
            "published": "2019-09-04",
            "publisher": "a-network",
            "summary": "What it gathers.",
            "foreword": "Welcome.",
            "foreword_by": "The editors",
            "note": "",
            "sections": [{"title": "Falls", "case_studies": ["fewer-falls"]}],
            "sources": [],
        }
    ],
}


def small_pack() -> dict[str, Any]:
    """Give a pack of one of each that a test may break."""
    return deepcopy(SMALL)


def write(pack: dict, folder: Path) -> Path:
    """Write a pack as the files of a folder."""
    folder.mkdir(exist_ok=True)
    for name, records in pack.items():
        (folder / f"{name}.json").write_text(json.dumps(records), encoding="utf-8")
    return folder


def run(folder: Path = PACK, **options) -> str:
    """Run the command and give what it printed."""
    out = StringIO()
    call_command("load_sample_content", folder=folder, stdout=out, **options)
    return out.getvalue()


def refusal(pack: dict, folder: Path) -> list[str]:
    """Load a broken pack; give the lines of the refusal, after checking that nothing was loaded."""
    with pytest.raises(CommandError) as refused:
        run(write(pack, folder))
    assert {model.__name__: model._default_manager.count() for model in MODELS} == dict.fromkeys(
        (model.__name__ for model in MODELS), 0
    )
    first, *lines = str(refused.value).splitlines()
    problems = "problem" if len(lines) == 1 else "problems"
    assert first == f"Nothing was loaded: {len(lines)} {problems}."
    return lines


class TheRealPackTests(TestCase):
    """What the pack in the repository holds, loaded once."""

    printed: str

    @classmethod
    def setUpTestData(cls):
        cls.printed = run()

    def test_all_of_the_pack_is_loaded(self):
        assert {model.__name__: model._default_manager.count() for model in MODELS} == {
            "Theme": 16,
            "Setting": 9,
            "Organisation": 170,
            "CaseStudy": 86,
            "ImpactFigure": 211,
            "Source": 268,
            "Report": 3,
            "ReportEntry": 77,
            "Contact": 58,
        }
        assert self.printed.splitlines()[0] == "Sample content: created 957, updated 0, kept 0 as they are."

    def test_figures_are_of_four_kinds(self):
        kinds = ImpactFigure.objects.order_by().values_list("kind").annotate(Count("pk"))
        assert dict(kinds) == {"reach": 111, "change": 64, "saving": 20, "level": 16}

    def test_every_case_study_can_be_read_asked_about_and_has_its_sources(self):
        assert CaseStudy.objects.published().count() == 86
        assert set(CaseStudy.objects.filter(sources__isnull=True)) == set()
        assert set(CaseStudy.objects.exclude(contacts__in=Contact.objects.reachable())) == set()
        assert ReportSection.objects.count() == 13

    def test_one_report_is_left_to_be_published(self):
        assert dict(Report.objects.values_list("slug", "status")) == {
            "improving-safety-in-care-homes": "published",
            "patient-safety-in-partnership-2019-2025": "published",
            "safer-care-homes-since-2020": "draft",
        }

    def test_newest_work_comes_first_in_a_stable_order(self):
        newest = CaseStudy.objects.published()
        assert len(set(newest.values_list("published_at", flat=True))) == 86
        last_years = [study.end_year or study.start_year or 0 for study in newest]
        assert last_years == sorted(last_years, reverse=True)

    def test_no_address_belongs_to_anybody(self):
        addresses: list[str] = []
        for model in apps.get_models():
            for field in model._meta.get_fields():
                if isinstance(field, models.EmailField):
                    addresses += model._default_manager.values_list(field.name, flat=True)
        assert len(addresses) == 58
        assert [address for address in addresses if not str(address).endswith(".example")] == []
        assert Contact.objects.filter(is_demonstration=False).count() == 0
        labels = [address.partition("@")[2].removesuffix(".example") for address in addresses]
        assert max(len(label) for label in labels) <= 63  # RFC 1035


@pytest.mark.django_db
def test_a_record_is_stored_as_the_pack_has_it(tmp_path):
    run(write(small_pack(), tmp_path / "pack"))
    study = CaseStudy.objects.get()
    assert study.challenge == "<p>People fell.</p><p>Often &lt; daily &amp; at night.</p>"
    assert study.lessons == ""
    assert (study.years, study.editor_note) == ("since 2016", "The year is a guess.")
    assert [theme.slug for theme in study.themes.all()] == ["falls"]
    assert [partner.slug for partner in study.partner_organisations.all()] == ["a-trust"]
    figure = study.impact_figures.get()
    assert (figure.value_text, figure.baseline_value, figure.source.title) == ("9.5%", Decimal(18), "Falls")
    organisation = study.lead_organisation
    assert (organisation.region, organisation.psc_name) == ("north-west", "A Collaborative")
    assert (organisation.short_names, organisation.former_names) == (["AN"], ["An Older Network"])
    contact = CaseStudyContact.objects.get()
    assert (contact.role, contact.contact.name) == ("Project team", "Patient safety team")
    assert contact.contact.email == "patient-safety@a-network.example"
    report = Report.objects.get()
    assert (report.foreword, str(report.issued_on)) == ("<p>Welcome.</p>", "2019-09-04")
    assert [str(entry.case_study) for entry in report.entries.all()] == ["Fewer falls"]


@pytest.mark.django_db
def test_a_second_load_changes_nothing_and_says_so(tmp_path):
    folder = write(small_pack(), tmp_path / "pack")
    run(folder)
    before = {model: list(model._default_manager.order_by("pk").values()) for model in MODELS}
    assert run(folder).splitlines()[0] == "Sample content: nothing to do, kept 14 as they are."
    assert {model: list(model._default_manager.order_by("pk").values()) for model in MODELS} == before


@pytest.mark.django_db
def test_a_second_load_keeps_what_staff_changed(tmp_path):
    folder = write(small_pack(), tmp_path / "pack")
    run(folder)
    CaseStudy.objects.update(title="Staff know better", slug="new-address")
    Source.objects.filter(title="More").delete()
    assert run(folder).splitlines()[0] == "Sample content: nothing to do, kept 13 as they are."
    assert [study.title for study in CaseStudy.objects.all()] == ["Staff know better"]
    assert Source.objects.count() == 1


@pytest.mark.django_db
def test_a_second_load_brings_only_what_is_missing(tmp_path):
    pack = small_pack()
    pack["case-studies"].append(pack["case-studies"][0] | {"slug": "another", "title": "Another"})
    folder = write(small_pack(), tmp_path / "pack")
    run(folder)
    printed = run(write(pack, folder))
    assert printed.splitlines()[0] == "Sample content: created 4, updated 0, kept 14 as they are."
    assert Contact.objects.count() == 1


@pytest.mark.django_db
def test_an_update_brings_the_words_of_the_pack_back(tmp_path):
    folder = write(small_pack(), tmp_path / "pack")
    run(folder)
    CaseStudy.objects.update(title="Staff know better", slug="new-address")
    Source.objects.filter(title="More").delete()
    OrganisationName.objects.filter(name="AN").update(name="Wrong")
    ReportSection.objects.update(title="Wrong")
    Theme.objects.update(introduction="Wrong")

    assert "updated" in run(folder, update=True)

    study = CaseStudy.objects.get()
    assert (study.title, study.slug) == ("Fewer falls", "new-address")
    assert [source.title for source in study.sources.all()] == ["Falls", "More"]
    assert [figure.source.title for figure in study.impact_figures.all()] == ["Falls"]
    assert study.lead_organisation.short_names == ["AN"]
    assert [section.title for section in ReportSection.objects.all()] == ["Falls"]
    assert Theme.objects.get().introduction == "Why people fall."
    assert run(folder, update=True).splitlines()[0] == "Sample content: nothing to do, kept 14 as they are."


@pytest.mark.django_db
def test_an_update_never_puts_a_withdrawn_page_back(tmp_path):
    folder = write(small_pack(), tmp_path / "pack")
    run(folder)
    withdrawn_at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    CaseStudy.objects.update(
        title="Wrong", status=Status.WITHDRAWN, withdrawn_at=withdrawn_at, withdrawal_reason="It was wrong."
    )
    run(folder, update=True)
    study = CaseStudy.objects.get()
    assert (study.title, study.status, study.withdrawn_at) == ("Fewer falls", "withdrawn", withdrawn_at)


@pytest.mark.django_db
def test_contacts_that_staff_gave_an_organisation_are_used(tmp_path):
    ContactFactory(organisation=OrganisationFactory(slug="a-network"), is_primary=True)
    run(write(small_pack(), tmp_path / "pack"))
    assert CaseStudy.objects.get().contacts.get() == Contact.objects.get()


@pytest.mark.django_db
def test_a_slug_that_staff_gave_away_finds_its_record(tmp_path):
    CaseStudyFactory(slug="fewer-falls")
    CaseStudy.objects.update(slug="much-fewer-falls")
    run(write(small_pack(), tmp_path / "pack"))
    assert [study.slug for study in CaseStudy.objects.all()] == ["much-fewer-falls"]


@pytest.mark.django_db
def test_quiet_says_nothing(tmp_path):
    assert run(write(small_pack(), tmp_path / "pack"), verbosity=0) == ""


def test_paragraphs_are_separated_by_blank_lines_and_escaped():
    assert paragraphs("One\nline.\n \n\nTwo <b> & three.\n") == "<p>One line.</p><p>Two &lt;b&gt; &amp; three.</p>"
    assert paragraphs(" \n ") == ""


# --- Broken records ----------------------------------------------------------------------------------------------

STUDY = "case-studies.json: fewer-falls"
NETWORK = "organisations.json: a-network"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("file", "change", "line"),
    [
        ("case-studies", {"title": 7}, f"{STUDY}: title: must be text"),
        ("case-studies", {"titel": "x"}, f"{STUDY}: titel: is not a known key"),
        ("case-studies", {"title": ""}, f"{STUDY}: title: This field cannot be blank."),
        ("case-studies", {"title": "a\0b"}, f"{STUDY}: title: contains a control character"),
        ("case-studies", {"title": "\ud83d"}, f"{STUDY}: title: contains half a character"),
        (
            "case-studies",
            {"title": "x" * 151},
            f"{STUDY}: title: Ensure this value has at most 150 characters (it has 151).",
        ),
        ("case-studies", {"result": "great"}, f"{STUDY}: result: Value 'great' is not a valid choice."),
        ("case-studies", {"start_year": "2016"}, f"{STUDY}: start_year: must be a whole number"),
        ("case-studies", {"start_year": True}, f"{STUDY}: start_year: must be a whole number"),
        (
            "case-studies",
            {"start_year": 10**30},
            f"{STUDY}: start_year: Ensure this value is less than or equal to 2100.",
        ),
        ("case-studies", {"end_year": 2015}, f"{STUDY}: The work cannot end before it starts."),
        ("case-studies", {"themes": "falls"}, f"{STUDY}: themes: must be a list"),
        ("case-studies", {"themes": ["fals"]}, f"{STUDY}: themes: the pack has no 'fals'"),
        ("case-studies", {"themes": ["falls", "falls"]}, f"{STUDY}: themes: 'falls' is there 2 times"),
        ("case-studies", {"settings": [3]}, f"{STUDY}: settings[0]: must be text"),
        (
            "case-studies",
            {"intervention_types": ["magic"]},
            f"{STUDY}: intervention_types: Item 1 in the array did not validate: Value 'magic' is not a valid choice.",
        ),
        (
            "case-studies",
            {"lead_organisation": "nobody"},
            f"{STUDY}: lead_organisation: the pack has no 'nobody'",
        ),
        (
            "case-studies",
            {"partner_organisations": ["a-network"]},
            f"{STUDY}: partner_organisations: 'a-network' is the lead organisation",
        ),
        (
            "settings",
            {"slug": "Not A Slug"},
            (
                "settings.json: Not A Slug: slug: Enter a valid “slug” consisting of letters, numbers, "
                "underscores or hyphens."
            ),
        ),
        (
            "organisations",
            {"nhs_region": "Narnia"},
            (
                f"{NETWORK}: nhs_region: must be empty or one of East of England, London, Midlands, North East "
                "and Yorkshire, North West, South East, South West"
            ),
        ),
        (
            "organisations",
            {"kind": "guild", "psc_name": ""},
            f"{NETWORK}: kind: Value 'guild' is not a valid choice.",
        ),
        (
            "organisations",
            {"kind": "trust"},
            f"{NETWORK}: Only a health innovation network hosts a Patient Safety Collaborative.",
        ),
        ("organisations", {"website": "javascript:1"}, f"{NETWORK}: website: Enter a valid URL."),
        (
            "organisations",
            {"name": "A Trust"},
            "organisations.json: a-trust: name: Another organisation already has this name.",
        ),
        (
            "organisations",
            {"short_names": ["AN", "AN"]},
            f"{NETWORK}: short_names, former_names: 'AN' is there 2 times",
        ),
        (
            "reports",
            {"published": "4 September 2019"},
            "reports.json: a-report: published: must be a date such as 2019-09-04",
        ),
        (
            "reports",
            {"sections": [{"title": "x", "case_studies": ["nothing"]}]},
            "reports.json: a-report: sections[0].case_studies: the pack has no 'nothing'",
        ),
        (
            "reports",
            {"sections": [{"title": "", "case_studies": []}]},
            "reports.json: a-report: sections[0].title: This field cannot be blank.",
        ),
        ("themes", {"order": -1}, "themes.json: falls: order: Ensure this value is greater than or equal to 0."),
    ],
)
def test_a_broken_record_is_named_and_nothing_is_loaded(tmp_path, file, change, line):
    pack = small_pack()
    pack[file][0] |= change
    if file == "settings":
        pack["case-studies"][0]["settings"] = []
    assert refusal(pack, tmp_path / "pack") == [line]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"kind": "guess"}, f"{STUDY}: impact[0].kind: Value 'guess' is not a valid choice."),
        ({"direction": ""}, f"{STUDY}: impact[0]: Say whether a change is lower or higher."),
        ({"value": "9"}, f"{STUDY}: impact[0].value: must be a number"),
        (
            {"value": -1},
            f"{STUDY}: impact[0]: Give the size of the figure without a minus; the direction says which way.",
        ),
        (
            {"value": 0.12345},
            f"{STUDY}: impact[0].value: Ensure that there are no more than 3 decimal places.",
        ),
        ({"value_high": 2}, f"{STUDY}: impact[0]: The upper end of a range is above its lower end."),
        ({"unit": ""}, f"{STUDY}: impact[0].unit: This field cannot be blank."),
        (
            {"source_url": "https://elsewhere.example/"},
            f"{STUDY}: impact[0].source_url: is not one of the record's sources",
        ),
        ({"colour": "red"}, f"{STUDY}: impact[0].colour: is not a known key"),
    ],
)
def test_a_broken_figure_is_named(tmp_path, change, line):
    pack = small_pack()
    pack["case-studies"][0]["impact"][0] |= change
    assert refusal(pack, tmp_path / "pack") == [line]


@pytest.mark.django_db
def test_a_source_that_is_there_twice_is_named(tmp_path):
    pack = small_pack()
    pack["case-studies"][0]["sources"] *= 2
    assert refusal(pack, tmp_path / "pack") == [
        f"{STUDY}: sources: 'https://network.example/falls' is there 2 times",
        f"{STUDY}: sources: 'https://network.example/more' is there 2 times",
    ]


@pytest.mark.django_db
def test_a_slug_that_is_there_twice_is_named(tmp_path):
    pack = small_pack()
    pack["themes"] *= 2
    assert refusal(pack, tmp_path / "pack") == ["themes.json: falls: slug: is used by 2 records"]


@pytest.mark.django_db
def test_a_key_that_is_missing_is_named(tmp_path):
    pack = small_pack()
    del pack["case-studies"][0]["result"]
    del pack["organisations"][1]["slug"]
    assert refusal(pack, tmp_path / "pack") == [
        "organisations.json: record 2: slug: is missing",
        f"{STUDY}: result: is missing",
    ]


@pytest.mark.django_db
def test_every_problem_is_named_at_once(tmp_path):
    pack = small_pack()
    pack["case-studies"][0] |= {"stage": "abroad", "result": "great"}
    pack["case-studies"].append(
        small_pack()["case-studies"][0] | {"slug": "another", "end_year": 1066, "start_year": None}
    )
    pack["themes"].append({"slug": "stairs", "name": "Falls", "introduction": "", "order": 2})
    assert refusal(pack, tmp_path / "pack") == [
        "themes.json: stairs: name: Theme with this Name already exists.",
        f"{STUDY}: result: Value 'great' is not a valid choice.",
        f"{STUDY}: stage: Value 'abroad' is not a valid choice.",
        "case-studies.json: another: end_year: Ensure this value is greater than or equal to 1948.",
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[", "is not JSON: Expecting value: line 1 column 2 (char 1)"),
        (b"{}", "must be a list of records"),
        (b"[NaN]", "is not JSON: NaN is not a number in JSON"),
        (b"[7]", "record 1: must be an object"),
        (b'[{"slug": "a", "slug": "a"}]', "is not JSON: the key 'slug' is given twice in a"),
        (
            b"\xff",
            "is not JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
        (b"[" * 200_000, "is not JSON that can be read: it is nested too deeply"),
    ],
)
def test_a_file_that_is_not_a_pack_is_named(tmp_path, content, reason):
    folder = write(small_pack(), tmp_path / "pack")
    (folder / "themes.json").write_bytes(content)
    with pytest.raises(CommandError) as refused:
        run(folder)
    assert str(refused.value).splitlines() == ["Nothing was loaded: 1 problem.", f"themes.json: {reason}"]


@pytest.mark.django_db
def test_a_folder_without_a_pack_is_named(tmp_path):
    with pytest.raises(CommandError) as refused:
        run(tmp_path)
    assert str(refused.value).splitlines()[1] == "themes.json: cannot be read: No such file or directory"


@pytest.mark.django_db
def test_a_rule_that_a_record_breaks_with_what_staff_made_is_named(tmp_path):
    OrganisationFactory(name="A Trust")
    with pytest.raises(CommandError) as refused:
        run(write(small_pack(), tmp_path / "pack"))
    assert str(refused.value).splitlines()[1:] == [
        "organisations.json: a-trust: name: Another organisation already has this name."
    ]
    assert Theme.objects.count() == 0


def _places(value, path=()):
    """List where in a pack something can be broken."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from _places(child, (*path, key))


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["", "\0", "\ud800", "falls", "a-network", "x" * 1_000, "https://network.example/falls"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.django_db
@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from([place for place in _places(SMALL) if len(place) > 1]), value=ANYTHING)
def test_a_pack_broken_anywhere_is_loaded_whole_or_not_at_all(tmp_path, place, value):
    pack = small_pack()
    *way, last = place
    parent = pack
    for step in way:
        parent = parent[step]
    parent[last] = value
    folder = write(pack, tmp_path / "broken")
    with transaction.atomic():
        problems: Sequence[Problem] = []
        try:
            load(read_pack(folder))
        except BrokenContentError as error:
            problems = error.problems
        assert all(problem.file and problem.reason for problem in problems)
        loaded = CaseStudy.objects.count() + Theme.objects.count() + Organisation.objects.count()
        assert (loaded == 0) == bool(problems)
        transaction.set_rollback(True)
    shutil.rmtree(folder)
