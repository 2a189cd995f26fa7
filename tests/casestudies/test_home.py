"""The home page lets a hurried reader start in one click."""

import pytest
from django.urls import reverse

from tests.factories import (
    CaseStudyFactory,
    ImpactFigureFactory,
    OrganisationFactory,
    ReportFactory,
    ThemeFactory,
)
from tests.pages import soup, text, texts

pytestmark = pytest.mark.django_db
HOME = reverse("casestudies:home")


def test_themes_stand_in_their_order_with_counts_of_what_is_published(client):
    falls, frailty = ThemeFactory(name="Falls", order=2), ThemeFactory(name="Frailty", order=1)
    CaseStudyFactory(published=True, themes=[falls])
    CaseStudyFactory(themes=[falls, frailty])
    CaseStudyFactory(scheduled=True, themes=[falls])
    page = soup(client.get(HOME))
    assert texts(page, ".app-themes__link") == ["Frailty 0 case studies", "Falls 1 case study"]


def test_projects_and_organisations_are_counted_once_each(client):
    lead, partner = OrganisationFactory(), OrganisationFactory()
    CaseStudyFactory(published=True, lead_organisation=lead, partner_organisations=[partner])
    CaseStudyFactory(published=True, lead_organisation=partner, partner_organisations=[lead])
    CaseStudyFactory(lead_organisation=OrganisationFactory())
    words = text(soup(client.get(HOME)), ".app-hero__text")
    assert words.startswith("2 projects by 2 organisations in England")


def test_what_others_achieved_are_effects_in_per_cent_by_different_organisations(client):
    lead = OrganisationFactory()
    for title, kwargs, figure in (
        ("Fewer falls", {"lead_organisation": lead}, {}),
        ("Fewer again", {"lead_organisation": lead}, {}),
        ("Reach only", {}, {"kind": "reach", "direction": ""}),
        ("In days", {}, {"unit": "days"}),
        ("Mixed", {"result": "mixed"}, {}),
    ):
        ImpactFigureFactory(case_study=CaseStudyFactory(published=True, title=title, **kwargs), **figure)
    ImpactFigureFactory(case_study=CaseStudyFactory(title="Draft"))
    page = soup(client.get(HOME))
    assert texts(page, ".app-card--figure .app-card__heading") == ["Fewer falls"]
    assert texts(page, ".app-card__value") == ["43% lower"]


def test_only_published_reports_show(client):
    ReportFactory(published=True, title="Out")
    ReportFactory(title="Not out")
    page = soup(client.get(HOME)).select_one("section[aria-labelledby=reports-heading]")
    assert texts(page, ".app-card__heading") == ["Out"]


@pytest.mark.parametrize("count", [1, 3])
def test_home_costs_the_same_however_much_there_is(client, django_assert_num_queries, count):
    for case_study in CaseStudyFactory.create_batch(count, published=True, themes=[ThemeFactory()]):
        ImpactFigureFactory(case_study=case_study)
    ReportFactory.create_batch(count, published=True)
    with django_assert_num_queries(10):
        assert client.get(HOME).status_code == 200


def test_an_empty_portal_still_has_a_home(client):
    page = soup(client.get(HOME))
    assert text(page, "h1") == "Find out what has made care safer elsewhere"
