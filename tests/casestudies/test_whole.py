"""A case study read in one query is the one that the ORM reads in many."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Model
from django.utils import timezone

from casestudies.actions import withdraw
from casestudies.models import CaseStudy, CaseStudyContact, Report
from casestudies.whole import LEFT_OUT, PARTS, any_case_study, published_case_study, published_for_cards
from tests.factories import (
    CaseStudyFactory,
    ContactFactory,
    ImpactFigureFactory,
    OrganisationFactory,
    ReportEntryFactory,
    ReportFactory,
    ResourceFactory,
    SettingFactory,
    SourceFactory,
    ThemeFactory,
)

pytestmark = pytest.mark.django_db
ODD = "“Naïve” <b>& 水</b> \\ \ue000 {} %s"


def columns(record: Model) -> dict[str, Any]:
    """Give all that a table has of a record."""
    return {
        field.attname: getattr(record, field.attname)
        for field in record._meta.concrete_fields
        if field.attname not in record.get_deferred_fields()
    }


@pytest.fixture
def full() -> CaseStudy:
    """Give a case study with several of everything, made in another order than they are shown in."""
    case_study = CaseStudyFactory(
        published=True,
        title=f"Title {ODD}",
        summary=ODD,
        challenge="<p>Why?</p>",
        start_year=2016,
        reviewed_on=date(2026, 2, 3),
        intervention_types=["tool", "training"],
        lead_organisation=OrganisationFactory(name=f"Lead {ODD}", region="london"),
        themes=[ThemeFactory(order=number, name=f"Theme {number} {ODD}") for number in (3, 1, 2)],
        settings=[SettingFactory(order=number) for number in (2, 3, 1)],
        partner_organisations=[OrganisationFactory(name=name) for name in ("Wessex", "Avon", "Mersey")],
    )
    for number in (3, 1, 2):
        source = SourceFactory(case_study=case_study, title=f"Source {number}", order=number)
        ImpactFigureFactory(case_study=case_study, source=source, value=Decimal("12.50"), order=number)
        ResourceFactory(case_study=case_study, order=number, file="resources/tool.pdf", url="")
        contact = ContactFactory(confirmed_on=date(2026, 1, number))
        CaseStudyContact.objects.create(case_study=case_study, contact=contact, role="Lead", order=number)
    # What belongs to others.
    CaseStudyFactory(published=True, themes=[*case_study.themes.all()], settings=[SettingFactory()])
    ImpactFigureFactory()
    return case_study


def test_everything_is_as_the_orm_reads_it(full: CaseStudy, django_assert_num_queries: Any):
    with django_assert_num_queries(1):
        whole = published_case_study(full.slug)
    assert whole is not None
    stored = CaseStudy.objects.get(pk=full.pk)
    assert columns(whole) == {name: value for name, value in columns(stored).items() if name not in LEFT_OUT}
    expected = {name: [columns(part) for part in getattr(stored, name).all()] for name in PARTS}
    assert {name: len(parts) for name, parts in expected.items()} == dict.fromkeys(PARTS, 3)
    links = [(link.contact, link.contact.organisation) for link in stored.case_study_contacts.all()]
    with django_assert_num_queries(0):
        assert {name: [columns(part) for part in getattr(whole, name).all()] for name in PARTS} == expected
        assert columns(whole.lead_organisation) == columns(full.lead_organisation)
        assert [columns(figure.source) for figure in whole.impact_figures.all()] == expected["sources"]
        assert [
            (columns(link.contact), columns(link.contact.organisation)) for link in whole.case_study_contacts.all()
        ] == [(columns(contact), columns(organisation)) for contact, organisation in links]
        owners = [part.case_study for name in ("sources", "resources") for part in getattr(whole, name).all()]
        assert all(owner is whole for owner in owners)
        assert [str(figure.value) for figure in whole.impact_figures.all()] == ["12.500"] * 3  # as it is stored
        assert [resource.file.name for resource in whole.resources.all()] == ["resources/tool.pdf"] * 3


def test_what_a_card_shows_is_as_the_orm_reads_it(full: CaseStudy, django_assert_num_queries: Any):
    hidden = [CaseStudyFactory(), CaseStudyFactory(withdrawn=True), CaseStudyFactory(scheduled=True)]
    with django_assert_num_queries(1):
        found = published_for_cards([full.pk, *(case_study.pk for case_study in hidden)])
    assert [case_study.pk for case_study in found] == [full.pk]
    of_card, stored = found[0], CaseStudy.objects.for_cards().get(pk=full.pk)
    assert columns(of_card) == columns(stored)
    assert columns(of_card.lead_organisation) == columns(stored.lead_organisation)
    assert (
        vars(of_card)["setting_names"]
        == vars(stored)["setting_names"]
        == [setting.name for setting in full.settings.all()]
    )
    figures, expected = vars(of_card)["figures_of_card"], vars(stored)["figures_of_card"]
    assert [columns(figure) for figure in figures] == [columns(figure) for figure in expected]
    assert [str(figure.value) for figure in figures] == ["12.500"] * 3
    # No more than a card shows.
    assert of_card.get_deferred_fields() == stored.get_deferred_fields() > {"challenge", "search_vector"}


def test_every_relation_is_read():
    """A new part of a case study belongs into the query, or into the list of what its page does not show."""
    relations = {
        field.get_accessor_name() if field.auto_created else field.name
        for field in CaseStudy._meta.get_fields()
        if field.is_relation and (field.many_to_many or field.one_to_many)
    }
    not_shown = {"contacts", "former_slugs", "predecessors", "report_entries", "reports", "enquiries"}
    assert relations == set(PARTS) | not_shown


@pytest.mark.parametrize("count", [1, 3])
def test_a_page_costs_the_same_with_more_parts(client: Any, django_assert_num_queries: Any, count: int):
    case_study = CaseStudyFactory(published=True)
    for _ in range(count):
        source = SourceFactory(case_study=case_study)
        ImpactFigureFactory(case_study=case_study, source=source)
        ResourceFactory(case_study=case_study)
        CaseStudyContact.objects.create(case_study=case_study, contact=ContactFactory())
        ReportEntryFactory(case_study=case_study, report=ReportFactory(published=True))
        case_study.themes.add(ThemeFactory())
    with django_assert_num_queries(8):  # it, its words, and six for a catalogue of this transaction's own
        assert client.get(case_study.get_absolute_url()).status_code == 200


def test_only_what_visitors_may_see_is_published(full: CaseStudy):
    later = CaseStudyFactory(published=True)
    CaseStudy.objects.filter(pk=later.pk).update(published_at=timezone.now() + timedelta(days=1))
    draft = CaseStudyFactory()
    assert [published_case_study(slug) for slug in (draft.slug, later.slug, "unknown")] == [None] * 3
    assert any_case_study(draft.pk) == draft
    assert any_case_study(later.pk) == later
    assert any_case_study(0) is None
    withdraw(full, reason="A reason.", by=None)
    assert published_case_study(full.slug) is None


def test_only_reports_that_visitors_may_see_are_named():
    case_study = CaseStudyFactory(published=True)
    titles = {"old": date(2020, 1, 1), "new": date(2024, 1, 1)}
    for title, issued_on in titles.items():
        ReportEntryFactory(
            case_study=case_study, report=ReportFactory(published=True, title=title, issued_on=issued_on)
        )
    ReportEntryFactory(case_study=case_study, report=ReportFactory(title="draft"))
    scheduled = ReportFactory(published=True, title="scheduled")
    ReportEntryFactory(case_study=case_study, report=scheduled)
    Report.objects.filter(pk=scheduled.pk).update(published_at=timezone.now() + timedelta(days=1))
    whole = published_case_study(case_study.slug)
    assert whole is not None
    assert [report.title for report in whole.published_reports] == ["new", "old"]
    assert whole.published_reports[0].get_absolute_url() == Report.objects.get(title="new").get_absolute_url()
