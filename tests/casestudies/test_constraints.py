"""Every rule that the database holds for case studies and reports, each broken on purpose."""

from datetime import UTC, date, datetime

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError

from casestudies.models import (
    CaseStudy,
    CaseStudyContact,
    CaseStudyFormerSlug,
    ContentVersion,
    ImpactFigure,
    Report,
    ReportEntry,
    ReportSource,
    Status,
    SynonymGroup,
    Theme,
)
from tests.factories import (
    PUBLISHED_AT,
    CaseStudyFactory,
    ContactFactory,
    ImpactFigureFactory,
    OrganisationFactory,
    OrganisationNameFactory,
    ReportEntryFactory,
    ReportFactory,
    ReportSectionFactory,
    ResourceFactory,
    SettingFactory,
    SourceFactory,
    ThemeFactory,
)

pytestmark = pytest.mark.django_db


def case_study(**fields):
    return CaseStudyFactory.build(lead_organisation=OrganisationFactory(), **fields)


def figure(**fields):
    source = SourceFactory()
    return ImpactFigureFactory.build(case_study=source.case_study, source=source, **fields)


def report(**fields):
    return ReportFactory.build(publisher=OrganisationFactory(), **fields)


def own_successor():
    broken = CaseStudyFactory()
    broken.successor = broken
    return broken


def same_contact_twice():
    contact = ContactFactory()
    return CaseStudyContact(case_study=CaseStudyFactory(contacts=[contact]), contact=contact)


def same_source_twice():
    source = SourceFactory()
    return SourceFactory.build(case_study=source.case_study, url=source.url)


def same_section_twice():
    section = ReportSectionFactory()
    return ReportSectionFactory.build(report=section.report, title=section.title)


def same_entry_twice():
    entry = ReportEntryFactory()
    return ReportEntry(report=entry.report, section=entry.section, case_study=entry.case_study)


def same_report_source_twice():
    source = ReportSource.objects.create(report=ReportFactory(), title="Plan", url="https://source.example/plan")
    return ReportSource(report=source.report, title="Plan", url=source.url)


HAS_TIME = "Give what is published the time it is visible from."
HAS_REASON = "Give what is withdrawn its reason and time, and nothing else."
YEARS = "Give years from 1948 to 2100."

# constraint: (what breaks it, what the person reads)
BREAKS = {
    "contentversion_is_one": (lambda: ContentVersion(id=2, version=1), "There is one version of the content."),
    "casestudy_published_has_time": (lambda: case_study(status=Status.PUBLISHED), HAS_TIME),
    "casestudy_withdrawn_has_reason": (
        lambda: case_study(status=Status.WITHDRAWN, published_at=PUBLISHED_AT, withdrawn_at=PUBLISHED_AT),
        HAS_REASON,
    ),
    "casestudy_ends_after_start": (
        lambda: case_study(start_year=2019, end_year=2018),
        "The work cannot end before it starts.",
    ),
    "casestudy_years_make_sense": (lambda: case_study(start_year=1947), YEARS),
    "casestudy_known_intervention_types": (
        lambda: case_study(intervention_types=["tool", "magic"]),
        "Choose what was introduced from the list.",
    ),
    "casestudy_known_result": (lambda: case_study(result="great"), "Choose a result from the list."),
    "casestudy_known_stage": (lambda: case_study(stage="galactic"), "Choose a stage from the list."),
    "casestudy_review_due_after_review": (
        lambda: case_study(reviewed_on=date(2026, 5, 1), review_due_on=date(2026, 5, 1)),
        "The next review comes after the last one.",
    ),
    "casestudy_succeeds_another": (own_successor, "A case study cannot be its own successor."),
    "casestudycontact_once": (same_contact_twice, "The case study already has this contact."),
    "source_once_per_case_study": (
        same_source_twice,
        "The case study already has a source with this address.",
    ),
    "impactfigure_change_has_direction": (
        lambda: figure(kind="change", direction=""),
        "Say whether a change is lower or higher.",
    ),
    "impactfigure_only_effects_have_direction": (
        lambda: figure(kind="reach", direction="higher"),
        "Only a change or a level is lower or higher; a reach or saving is neither.",
    ),
    "synonymgroup_has_two_terms": (
        lambda: SynonymGroup(terms=["alone"]),
        "Give at least two words that mean the same.",
    ),
    "synonymgroup_once": (
        lambda: SynonymGroup(terms=SynonymGroup.objects.create(terms=["one", "two"]).terms),
        "This group exists already.",
    ),
    "impactfigure_known_kind": (lambda: figure(kind="guess", direction=""), "Choose a kind from the list."),
    "impactfigure_value_not_negative": (
        lambda: figure(value=-43),
        "Give the size of the figure without a minus; the direction says which way.",
    ),
    "impactfigure_range_goes_up": (
        lambda: figure(value=12, value_high=10),
        "The upper end of a range is above its lower end.",
    ),
    "impactfigure_says_what_was_measured": (
        lambda: figure(label=""),
        "Say what was measured, and in which unit.",
    ),
    "resource_is_file_or_link": (
        lambda: ResourceFactory.build(case_study=CaseStudyFactory(), file="resources/1/a.pdf"),
        "Give either a file or a link.",
    ),
    "report_published_has_time": (lambda: report(status=Status.PUBLISHED), HAS_TIME),
    "report_withdrawn_has_reason": (lambda: report(withdrawal_reason="Not withdrawn at all."), HAS_REASON),
    "report_cover_has_alternative": (
        lambda: report(cover="covers/a.webp"),
        "Say in words what the cover shows.",
    ),
    "reportsection_title_once": (same_section_twice, "The report already has a section with this title."),
    "reportentry_case_study_once": (same_entry_twice, "The report already has this case study."),
    "reportsource_once_per_report": (
        same_report_source_twice,
        "The report already has a source with this address.",
    ),
}
# Both hold a primary key, so nothing can break them; composite foreign keys point at them (tested below).
TARGETS = {"source_of_case_study", "reportsection_of_report"}


def test_each_constraint_has_a_test_that_breaks_it():
    constraints = {
        constraint.name
        for model in apps.get_app_config("casestudies").get_models()
        for constraint in model._meta.constraints
    }
    assert constraints == BREAKS.keys() | TARGETS


@pytest.mark.parametrize("name", BREAKS)
def test_the_database_refuses_it(name):
    broken = BREAKS[name][0]()
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        broken.save()
    assert refusal.value.__cause__.diag.constraint_name == name


@pytest.mark.parametrize("name", BREAKS)
def test_the_person_reads_why(name):
    make, message = BREAKS[name]
    broken = make()
    with pytest.raises(ValidationError) as refusal:
        broken.validate_constraints()
    assert refusal.value.messages == [message]
    with pytest.raises(ValidationError):
        broken.full_clean()


@pytest.mark.parametrize(
    "fields",
    [
        {"end_year": 2101},
        {"start_year": 2101, "end_year": 2102},
        {"withdrawn_at": PUBLISHED_AT},
        {"status": Status.WITHDRAWN, "published_at": PUBLISHED_AT, "withdrawal_reason": "No time."},
    ],
)
def test_the_database_refuses_each_half_of_a_rule(fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        case_study(**fields).save()


def test_bulk_changes_meet_the_same_rules():
    CaseStudyFactory(start_year=2018)
    with pytest.raises(IntegrityError), transaction.atomic():
        CaseStudy.objects.update(end_year=2017)


# --- Two columns that must agree ------------------------------------------------------------------------------


def test_a_figure_names_a_source_of_its_own_case_study_only():
    own, foreign = ImpactFigureFactory(), SourceFactory()
    ImpactFigure.objects.filter(pk=own.pk).update(source=foreign)
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        connection.check_constraints()
    ImpactFigure.objects.update(source=own.source)
    assert refusal.value.__cause__.diag.constraint_name == "impactfigure_source_of_same_case_study"
    own.source = foreign
    with pytest.raises(ValidationError) as message:
        own.full_clean()
    assert message.value.message_dict == {"source": ["Choose one of this case study's own sources."]}


def test_an_entry_names_a_section_of_its_own_report_only():
    own, foreign = ReportEntryFactory(), ReportSectionFactory()
    ReportEntry.objects.filter(pk=own.pk).update(section=foreign)
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        connection.check_constraints()
    ReportEntry.objects.update(section=own.section)
    assert refusal.value.__cause__.diag.constraint_name == "reportentry_section_of_same_report"
    own.section = foreign
    with pytest.raises(ValidationError) as message:
        own.full_clean()
    assert message.value.message_dict == {"section": ["Choose one of this report's own sections."]}


def test_a_case_study_goes_with_its_figures_but_not_from_under_a_report():
    figure_of_draft = ImpactFigureFactory()
    figure_of_draft.case_study.delete()
    assert ImpactFigure.objects.count() == 0
    with pytest.raises(ProtectedError):
        ReportEntryFactory().case_study.delete()


# --- Former slugs ---------------------------------------------------------------------------------------------


def former_slugs():
    return set(CaseStudyFormerSlug.objects.values_list("slug", "current__slug"))


def test_a_former_slug_is_kept_whichever_way_the_slug_changes():
    saved, updated, by_sql = (CaseStudyFactory(slug=slug) for slug in ("one", "two", "three"))
    saved.slug = "first"
    saved.save()
    CaseStudy.objects.filter(pk=updated.pk).update(slug="second")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE casestudies_casestudy SET slug = 'third' WHERE id = %s", [by_sql.pk])
    assert former_slugs() == {("one", "first"), ("two", "second"), ("three", "third")}


def test_a_slug_in_use_is_nobodys_past():
    moved = CaseStudyFactory(slug="falls")
    CaseStudy.objects.filter(pk=moved.pk).update(slug="fewer-falls")
    CaseStudyFactory(slug="falls")
    assert former_slugs() == set()


@pytest.mark.parametrize("factory", [CaseStudyFactory, ReportFactory, ThemeFactory, OrganisationFactory])
def test_only_its_own_former_slug_can_be_taken_again(factory):
    moved = factory(slug="falls")
    type(moved).objects.filter(pk=moved.pk).update(slug="fewer-falls")
    moved.refresh_from_db()
    moved.slug = "falls"
    moved.full_clean()
    other = factory()
    other.slug = "falls"
    with pytest.raises(ValidationError) as refusal:
        other.full_clean()
    assert refusal.value.message_dict == {
        "slug": ["Another page had this address name before, and links to it still lead there."]
    }


def test_going_back_to_a_slug_makes_the_other_one_former():
    moved = CaseStudyFactory(slug="falls")
    CaseStudy.objects.filter(pk=moved.pk).update(slug="fewer-falls")
    CaseStudy.objects.filter(pk=moved.pk).update(slug="falls")
    assert former_slugs() == {("fewer-falls", "falls")}


def test_themes_and_reports_keep_theirs_too():
    theme, of_report = ThemeFactory(slug="old-theme"), ReportFactory(slug="old-report")
    Theme.objects.update(slug="new-theme")
    Report.objects.update(slug="new-report")
    assert [former.slug for former in theme.former_slugs.all()] == ["old-theme"]
    assert [former.slug for former in of_report.former_slugs.all()] == ["old-report"]


# --- Names that search knows ----------------------------------------------------------------------------------


@pytest.fixture
def named():
    lead = OrganisationFactory(name="Lead Trust")
    return CaseStudyFactory(
        lead_organisation=lead,
        themes=[ThemeFactory(name="Falls")],
        settings=[SettingFactory(name="Care home")],
        partner_organisations=[OrganisationFactory(name="Partner Council")],
    )


def names(of):
    of.refresh_from_db(fields=["search_names", "search_partners"])
    return of.search_names, of.search_partners


def test_search_knows_every_name(named):
    assert names(named) == ("Care home; Falls; Lead Trust", "Partner Council")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("UPDATE casestudies_theme SET name = 'Slips'", ("Care home; Lead Trust; Slips", "Partner Council")),
        ("UPDATE casestudies_setting SET name = 'Hospital'", ("Falls; Hospital; Lead Trust", "Partner Council")),
        (
            "UPDATE partners_organisation SET name = 'New Trust' WHERE name = 'Lead Trust'",
            ("Care home; Falls; New Trust", "Partner Council"),
        ),
        (
            "UPDATE partners_organisation SET kind = 'ahsn', psc_name = 'A Collaborative' WHERE name = 'Lead Trust'",
            ("A Collaborative; Care home; Falls; Lead Trust", "Partner Council"),
        ),
        ("DELETE FROM casestudies_casestudy_themes", ("Care home; Lead Trust", "Partner Council")),
        ("DELETE FROM casestudies_casestudy_settings", ("Falls; Lead Trust", "Partner Council")),
        ("DELETE FROM casestudies_casestudy_partner_organisations", ("Care home; Falls; Lead Trust", "")),
        (
            "UPDATE casestudies_casestudy SET search_names = 'anything at all'",
            ("Care home; Falls; Lead Trust", "Partner Council"),
        ),
        (
            """
            UPDATE casestudies_casestudy SET lead_organisation_id =
                (SELECT id FROM partners_organisation WHERE name = 'Partner Council')
            """,
            ("Care home; Falls; Partner Council", "Partner Council"),
        ),
        (
            "UPDATE partners_organisation SET area = 'Cumbria'",
            ("Care home; Falls; Lead Trust", "Cumbria; Partner Council"),
        ),
        (
            "UPDATE partners_organisation SET region = 'north-west'",
            ("Care home; Falls; Lead Trust", "North West; Partner Council"),
        ),
    ],
)
def test_search_names_follow_plain_sql(named, change, expected):
    with connection.cursor() as cursor:
        cursor.execute(change)
    assert names(named) == expected


def test_search_names_follow_other_names_of_an_organisation(named):
    other = OrganisationNameFactory(organisation=named.lead_organisation, name="LT")
    assert names(named) == ("Care home; Falls; LT; Lead Trust", "Partner Council")
    type(other).objects.update(name="The Trust")
    assert names(named) == ("Care home; Falls; Lead Trust; The Trust", "Partner Council")
    other.delete()
    assert names(named) == ("Care home; Falls; Lead Trust", "Partner Council")


def test_what_is_scheduled_is_published_with_a_time_to_come():
    scheduled = CaseStudyFactory(scheduled=True)
    assert set(CaseStudy.objects.published()) == set()
    CaseStudy.objects.filter(pk=scheduled.pk).update(published_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert set(CaseStudy.objects.published()) == {scheduled}
