"""The version of the content: what changes it, what does not, and in which order."""

import threading
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now

from casestudies.content_version import read_state
from casestudies.models import CaseStudy, ContentChange, ContentNote, ContentVersion, SearchWord, SynonymGroup
from partners.models import OrganisationEditor
from tests.factories import (
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
from tests.locks import wait_until_blocked

# Nothing of theirs is shown: who may edit what, and what the database keeps for search and for the version itself.
NOT_SHOWN = {OrganisationEditor, SearchWord, ContentVersion, ContentChange, ContentNote}


@pytest.mark.django_db
def test_every_table_of_content_has_its_trigger():
    tables = {
        model._meta.db_table
        for label in ("partners", "casestudies")
        for model in apps.get_app_config(label).get_models(include_auto_created=True)
        if model not in NOT_SHOWN
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE tgname IN ('content_changed', 'case_study_changed', 'case_study_part_changed',"
            " 'report_changed', 'report_part_changed') AND tginitdeferred AND tgenabled = 'O'"
        )
        assert {table for (table,) in cursor.fetchall()} == tables


def public():
    return CaseStudyFactory(published=True)


def public_report():
    return ReportFactory(published=True)


SHOWN = {
    "a case study": public,
    "a withdrawn case study": lambda: CaseStudyFactory(withdrawn=True),
    "a scheduled case study": lambda: CaseStudyFactory(scheduled=True),
    "its figure": lambda: ImpactFigureFactory(case_study=public()),
    "its source": lambda: SourceFactory(case_study=public()),
    "its resource": lambda: ResourceFactory(case_study=public()),
    "its contact": lambda: CaseStudyFactory(published=True, contacts=[ContactFactory()]).case_study_contacts.get(),
    "a report": public_report,
    "its section": lambda: ReportSectionFactory(report=public_report()),
    "its entry": lambda: ReportEntryFactory(report=public_report()),
    "an organisation": OrganisationFactory,
    "its other name": OrganisationNameFactory,
    "a contact": ContactFactory,
    "a theme": ThemeFactory,
    "a setting": SettingFactory,
    "synonyms": lambda: SynonymGroup.objects.create(terms=["one", "two"]),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", SHOWN)
def test_what_visitors_see_changes_the_version(name):
    record = SHOWN[name]()
    made = read_state().version
    record.save()
    changed = read_state().version
    record.delete()
    assert made < changed < read_state().version


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("link", ["themes", "settings", "partner_organisations"])
def test_a_link_changes_the_version(link):
    record, case_study = (
        {"themes": ThemeFactory, "settings": SettingFactory}.get(link, OrganisationFactory)(),
        public(),
    )
    before = read_state().version
    getattr(case_study, link).add(record)
    assert before < read_state().version


@pytest.mark.django_db(transaction=True)
def test_a_draft_and_its_parts_change_nothing():
    draft, theme = CaseStudyFactory(), ThemeFactory()
    report = ReportFactory()
    before = read_state()
    draft.save()
    draft.themes.add(theme)
    ImpactFigureFactory(case_study=draft)
    ReportEntryFactory(report=report, case_study=draft).delete()
    draft.delete()
    assert read_state().version == before.version


@pytest.mark.django_db(transaction=True)
def test_what_is_undone_changes_nothing():
    case_study = public()
    before = read_state().version
    with transaction.atomic():
        case_study.save()
        connection.check_constraints()  # what a commit does first
        transaction.set_rollback(True)
    assert read_state().version == before


@pytest.mark.django_db(transaction=True)
def test_a_transaction_takes_one_version_however_much_it_changes():
    studies = [public(), public()]
    with transaction.atomic():
        for case_study in studies:
            case_study.themes.add(ThemeFactory())
            case_study.save()
    assert set(ContentChange.objects.values_list("version", flat=True)) == {read_state().version}


@pytest.mark.django_db(transaction=True)
def test_who_has_written_cannot_know_what_others_see():
    theme = ThemeFactory()
    with transaction.atomic():
        theme.save()
        assert read_state().version is None
    assert read_state().version is not None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("factory", [CaseStudyFactory, ReportFactory])
def test_the_clock_changes_the_state_where_something_is_scheduled(factory):
    record = factory(published=True)
    type(record).objects.update(published_at=Now() + timedelta(seconds=3))
    record.refresh_from_db()
    before = read_state()
    assert before.now < record.published_at
    while (after := read_state()).now < record.published_at:
        assert after.last_appeared == before.last_appeared
    assert (before.version, before.origin) == (after.version, after.origin)
    assert before.last_appeared != after.last_appeared


@pytest.mark.django_db(transaction=True)
def test_versions_follow_the_order_of_commits():
    """A second transaction waits for the first with its version, and nobody waits for it with anything else."""
    case_study, theme = public(), ThemeFactory()
    versions = []

    def write():
        try:
            theme.save()
            versions.append(read_state().version)
        finally:
            connection.close()

    other = threading.Thread(target=write)
    with transaction.atomic():
        case_study.save()
        connection.check_constraints()  # takes the version, as a commit does
        (taken,) = ContentVersion.objects.values_list("version", flat=True)
        other.start()
        wait_until_blocked(1, other.is_alive)
        assert versions == []
    other.join(10)
    assert versions == [read_state().version]
    assert versions[0] > taken


@pytest.mark.django_db(transaction=True)
def test_case_studies_in_an_organisation_s_region_change_with_it():
    case_study = public()
    ContentChange.objects.all().delete()
    type(case_study.lead_organisation).objects.update(region="london")
    assert list(ContentChange.objects.values_list("case_study_id", flat=True)) == [case_study.pk]
    assert CaseStudy.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_whoever_has_the_version_waits_for_nobody():
    """A foreign key that is checked at the end of a transaction waits for whoever changes what it refers to."""
    case_study, organisation = public(), OrganisationFactory()
    changed, failures = threading.Event(), []
    commit = threading.Event()

    def rename():
        try:
            with transaction.atomic():
                type(organisation).objects.filter(pk=organisation.pk).update(slug="renamed")
                changed.set()
                commit.wait(10)
        except OperationalError as error:
            failures.append(error)
        finally:
            connection.close()

    def link():
        try:
            with transaction.atomic():
                case_study.save()
                case_study.partner_organisations.add(organisation)
        except OperationalError as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=target) for target in (rename, link)]
    threads[0].start()
    assert changed.wait(10)
    threads[1].start()
    wait_until_blocked(1, threads[1].is_alive)
    commit.set()
    for thread in threads:
        thread.join(10)
    assert failures == []
    assert list(case_study.partner_organisations.all()) == [organisation]
    assert ContentNote.objects.count() == 0
