"""Bulk loading ends as the triggers would have had it, and keeps every rule of the models."""

from collections import Counter

import pytest
from django.db import connection

from benchmarks import generator
from benchmarks.load import NotEmpty, load
from casestudies.models import (
    CaseStudy,
    CaseStudyContact,
    ImpactFigure,
    Resource,
    SearchWord,
    Setting,
    Source,
    Status,
    Theme,
)
from partners.models import Contact, Organisation, OrganisationName
from tests.factories import CaseStudyFactory

pytestmark = pytest.mark.django_db
NUMBER = 250


@pytest.fixture
def loaded() -> list[generator.CaseStudyRecord]:
    """Load case studies; give what they were made of."""
    load(NUMBER, progress=False)
    return list(generator.case_studies(NUMBER))


def run(statement: str) -> list[tuple]:
    """Run a statement; give its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_everything_is_loaded(loaded):
    assert CaseStudy.objects.count() == NUMBER
    assert Theme.objects.count() == len(generator.themes())
    assert Setting.objects.count() == len(generator.settings())
    assert Organisation.objects.count() == generator.ORGANISATIONS
    assert OrganisationName.objects.count() == sum(len(each.names) for each in generator.organisations())
    assert Contact.objects.count() == sum(len(each.contacts) for each in generator.organisations())
    assert CaseStudyContact.objects.count() == sum(len(record.contacts) for record in loaded)
    assert Source.objects.count() == sum(len(record.sources) for record in loaded)
    assert ImpactFigure.objects.count() == sum(len(record.figures) for record in loaded)
    assert Resource.objects.count() == sum(len(record.resources) for record in loaded)


def test_a_case_study_has_what_it_was_made_of(loaded):
    record = next(each for each in loaded if each.partners and each.figures and each.is_public)
    case_study = CaseStudy.objects.get(slug=record.slug)
    assert case_study.approach == record.sections[1]
    assert case_study.lead_organisation.name == generator.organisations()[record.lead].name
    assert {theme.slug for theme in case_study.themes.all()} == set(record.themes)
    assert {setting.slug for setting in case_study.settings.all()} == set(record.settings)
    assert {partner.name for partner in case_study.partner_organisations.all()} == {
        generator.organisations()[place].name for place in record.partners
    }
    contact = case_study.case_study_contacts.all()[0].contact
    assert (contact.organisation, contact.is_primary) == (case_study.lead_organisation, True)
    assert [figure.value for figure in case_study.impact_figures.all()] == [each.value for each in record.figures]
    assert case_study.published_at == record.published_at


def test_visitors_see_what_is_published_and_due(loaded):
    public = {record.slug for record in loaded if record.is_public}
    assert set(CaseStudy.objects.published().values_list("slug", flat=True)) == public
    statuses = Counter(record.status for record in loaded)
    assert statuses[Status.DRAFT] >= 1
    assert statuses[Status.WITHDRAWN] >= 1
    assert len(public) < statuses[Status.PUBLISHED] < NUMBER


def test_the_rules_of_the_models_hold(loaded):
    for model in (Theme, Setting, Organisation, OrganisationName, Contact):
        for instance in model.objects.order_by("pk")[:40]:
            instance.full_clean()
    for case_study in CaseStudy.objects.order_by("pk")[:40]:
        sections = [getattr(case_study, name) for name in generator.SECTIONS]
        case_study.full_clean()
        assert [getattr(case_study, name) for name in generator.SECTIONS] == sections  # nothing to sanitise
        for parts in ("sources", "impact_figures", "resources", "case_study_contacts"):
            for part in getattr(case_study, parts).all():
                part.full_clean()


def test_search_columns_are_those_of_the_triggers(loaded):
    columns = "SELECT id, search_names, search_partners, head_vector, search_vector FROM casestudies_casestudy"
    before = run(f"{columns} ORDER BY id")
    assert all(names and partners for _, names, partners, *_ in before[:3])
    run("UPDATE casestudies_casestudy SET search_names = ''")
    assert run(f"{columns} ORDER BY id") == before


def test_search_words_are_those_of_the_triggers(loaded):
    before = set(SearchWord.objects.values_list("word", flat=True))
    SearchWord.objects.all().delete()
    run("UPDATE casestudies_casestudy SET title = title")
    assert set(SearchWord.objects.values_list("word", flat=True)) == before
    assert len(before) > 2_000


def test_triggers_and_indexes_are_back(loaded):
    assert run("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'O'") == []
    case_study = CaseStudy.objects.order_by("pk")[0]
    case_study.themes.all()[0].case_studies.remove(case_study)
    case_study.partner_organisations.add(Organisation.objects.create(name="Zeta", slug="zeta", kind="trust"))
    case_study.refresh_from_db()
    assert "Zeta" in case_study.search_partners
    indexes = {name for (name,) in run("SELECT indexname FROM pg_indexes WHERE tablename = 'casestudies_casestudy'")}
    assert {index.name for index in CaseStudy._meta.indexes} <= indexes


def test_what_staff_add_next_gets_a_key_of_its_own(loaded):
    assert CaseStudyFactory().pk > NUMBER
    assert Theme.objects.create(name="Zeta", slug="zeta").pk > len(generator.themes())


def test_a_database_with_content_is_left_alone():
    CaseStudyFactory()
    with pytest.raises(NotEmpty, match="holds case studies already"):
        load(10, progress=False)
    assert CaseStudy.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_load_that_fails_leaves_nothing(monkeypatch):
    def broken(number: int) -> generator.CaseStudyRecord:
        raise ValueError(number)

    monkeypatch.setattr(generator, "case_study", broken)
    with pytest.raises(ValueError, match="1"):
        load(10, progress=False)
    assert not Organisation.objects.exists()
    assert run("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'O'") == []
