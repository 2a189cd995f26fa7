"""Theme pages introduce the theme and lead to its case studies."""

import pytest
from django.urls import reverse

from casestudies.models import Theme
from tests.factories import CaseStudyFactory, ImpactFigureFactory, SettingFactory, ThemeFactory
from tests.pages import soup, text, texts

pytestmark = pytest.mark.django_db


def test_the_list_introduces_each_theme_and_counts_what_is_published(client):
    theme = ThemeFactory(name="Falls", introduction="Preventing falls.")
    CaseStudyFactory(published=True, themes=[theme])
    CaseStudyFactory(themes=[theme])
    page = soup(client.get(reverse("casestudies:theme_list")))
    assert texts(page, ".app-card") == ["Falls Preventing falls. 1 case study"]


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_costs_the_same_at_any_length(client, django_assert_num_queries, count):
    ThemeFactory.create_batch(count)
    with django_assert_num_queries(7):
        assert client.get(reverse("casestudies:theme_list")).status_code == 200


def test_a_theme_shows_its_published_case_studies(client):
    theme = ThemeFactory(name="Falls", introduction="Preventing falls.")
    CaseStudyFactory(published=True, title="Out", themes=[theme])
    CaseStudyFactory(published=True, title="Of another theme", themes=[ThemeFactory()])
    CaseStudyFactory(title="Draft", themes=[theme])
    CaseStudyFactory(withdrawn=True, title="Withdrawn", themes=[theme])
    page = soup(client.get(theme.get_absolute_url()))
    assert text(page, "h1") == "Falls"
    assert texts(page, ".app-result__heading") == ["Out"]


def test_neighbours_are_themes_of_the_same_published_case_studies(client):
    falls, frailty, sepsis = ThemeFactory(name="Falls"), ThemeFactory(name="Frailty"), ThemeFactory(name="Sepsis")
    CaseStudyFactory(published=True, themes=[falls, frailty])
    CaseStudyFactory(themes=[falls, sepsis])
    page = soup(client.get(falls.get_absolute_url()))
    assert texts(page, "aside li") == ["Frailty (1 case study in common)"]


@pytest.mark.parametrize("count", [1, 3])
def test_a_theme_costs_the_same_at_any_length(client, django_assert_num_queries, count):
    theme = ThemeFactory()
    for case_study in CaseStudyFactory.create_batch(
        count, published=True, themes=[theme, ThemeFactory()], settings=[SettingFactory()]
    ):
        ImpactFigureFactory(case_study=case_study)
    with django_assert_num_queries(9):
        assert client.get(theme.get_absolute_url()).status_code == 200


def test_a_theme_without_case_studies_says_so(client):
    page = soup(client.get(ThemeFactory().get_absolute_url()))
    assert "No case study about this theme is published yet." in text(page, ".app-empty")


def test_an_old_address_of_a_theme_redirects(client):
    theme = ThemeFactory(slug="old")
    Theme.objects.filter(pk=theme.pk).update(slug="new")
    response = client.get("/themes/old/?from=letter")
    assert (response.status_code, response.headers["Location"]) == (301, "/themes/new/?from=letter")
