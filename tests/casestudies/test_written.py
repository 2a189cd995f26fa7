"""What is written once for many pages is the page's own words again, whatever stands in it and whatever changes."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from casestudies import catalogue, related, related_words, search, search_extracts, search_matches, views, written
from casestudies.catalogue import Catalogue, read_catalogue
from casestudies.models import CaseStudy
from casestudies.whole import published_case_study
from tests.factories import CaseStudyFactory, ImpactFigureFactory, OrganisationFactory, SettingFactory, ThemeFactory
from tests.pages import soup, text, texts

# Committed for real: what a transaction has written only itself is shown from a catalogue of its own.
pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/case-studies/"


@pytest.fixture(autouse=True)
def _a_process_that_just_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_shared", catalogue._Shared())


def list_page(query: str = "") -> Any:
    return soup(Client().get(f"{LIST}{query}"))


def queries_of(path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert Client().get(path).status_code == 200
    return len(queries)


@pytest.mark.parametrize("path", [LIST, "/themes/falls/"])
def test_a_card_shows_every_change_at_once(path: str):
    falls = ThemeFactory(name="Falls", slug="falls")
    lead, setting = OrganisationFactory(name="One trust"), SettingFactory(name="Hospices")
    case_study = CaseStudyFactory(
        published=True, title="Fewer falls", themes=[falls], settings=[setting], lead_organisation=lead
    )
    figure = ImpactFigureFactory(case_study=case_study, label="falls in a year")

    def card() -> str:
        return text(soup(Client().get(path)), ".app-result")

    assert {"Fewer falls", "One trust", "Hospices", "falls in a year"} == {
        words for words in ("Fewer falls", "One trust", "Hospices", "falls in a year") if words in card()
    }
    changes: list[tuple[Model, str, str]] = [
        (case_study, "title", "Fewer slips"),
        (case_study, "summary", "Told anew."),
        (lead, "name", "Another trust"),
        (setting, "name", "Wards"),
        (figure, "label", "falls in a month"),
    ]
    for changed, field, value in changes:
        setattr(changed, field, value)
        changed.save()
        assert value in card(), field
    figure.delete()
    assert "falls in a month" not in card()


def test_a_card_is_read_once_for_each_state_of_the_content():
    CaseStudyFactory(published=True, themes=[ThemeFactory(slug="falls")])
    assert queries_of(f"{LIST}?theme=falls") > 0  # the catalogue, and the card
    assert queries_of(LIST) == 0
    CaseStudyFactory(published=True)
    assert queries_of(LIST) > 0


def test_a_process_keeps_no_more_cards_than_it_may(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(written, "MOST_CARDS", 2)
    for title in ("First", "Second", "Third"):
        CaseStudyFactory(published=True, title=title)
    for word in ("first", "second", "third", "first"):
        assert [heading.lower() for heading in texts(list_page(f"?q={word}"), ".app-result__heading")] == [word]
        assert len(read_catalogue()[0].remembered["cards", 2]) <= 2
    assert sorted(texts(list_page(), ".app-result__heading")) == ["First", "Second", "Third"]


def test_the_passages_of_a_search_stand_in_a_card_that_was_written_before():
    CaseStudyFactory(published=True, title="A project", summary="Everyone drank more water.")
    assert text(list_page(), ".app-result__text") == "Everyone drank more water."
    assert str(list_page("?q=water").select_one(".app-result__text mark")) == "<mark>water</mark>"
    assert text(list_page(), ".app-result__text") == "Everyone drank more water."
    assert not list_page().select("mark")


def test_what_words_find_is_remembered_until_the_content_changes(monkeypatch: pytest.MonkeyPatch):
    falls = CaseStudyFactory(published=True, title="Falls at night", result="worked")
    CaseStudyFactory(published=True, title="Falls by day", result="mixed")
    asked = queries_of(f"{LIST}?q=falls")
    assert queries_of(f"{LIST}?q=falls&result=worked") < asked
    found = texts(list_page("?q=falls&result=worked"), ".app-result__heading")
    assert found == ["Falls at night"]
    falls.title = "Rounds at night"
    falls.save()
    assert texts(list_page("?q=rounds"), ".app-result__heading") == ["Rounds at night"]
    CaseStudyFactory(published=True, title="Falls at noon", result="worked")
    assert texts(list_page("?q=falls+-night&sort=title"), ".app-result__heading") == ["Falls at noon", "Falls by day"]
    monkeypatch.setattr(search_matches, "MOST_KNOWN", 2)
    monkeypatch.setattr(search, "MOST_SEARCHES", 1)
    for word in ("noon", "night", "day", "noon"):
        assert len(texts(list_page(f"?q={word}"), ".app-result__heading")) == 1
        remembered = read_catalogue()[0].remembered
        assert (len(remembered["matches"]) <= 2, len(remembered["searches"])) == (True, 1)


def extracts_shown(query: str) -> list[str]:
    return ["".join(map(str, extract.contents)) for extract in list_page(query).select(".app-result__text")]


def test_what_was_marked_is_remembered_with_the_search(monkeypatch: pytest.MonkeyPatch):
    one, *_ = (
        CaseStudyFactory(published=True, title=f"Rounds {n}", summary=f"Ward {n} had falls and beds.", result=result)
        for n, result in enumerate(["worked", "mixed", "worked"])
    )
    marked = [f"Ward {n} had <mark>falls</mark> and beds." for n in range(3)]
    assert sorted(extracts_shown("?q=falls")) == marked
    with CaptureQueriesContext(connection) as queries:
        assert sorted(extracts_shown("?q=falls&result=worked")) == [marked[0], marked[2]]
        assert sorted(extracts_shown("?q=beds")) == [f"Ward {n} had falls and <mark>beds</mark>." for n in range(3)]
    assert ["ts_headline" in query["sql"] for query in queries].count(True) == 1  # of the other words
    CaseStudy.objects.filter(pk=one.pk).update(summary="Beds without falls.")
    assert sorted(extracts_shown("?q=falls")) == ["Beds without <mark>falls</mark>.", *marked[1:]]
    one.save()
    monkeypatch.setattr(search_extracts, "MOST_REMEMBERED", 2)
    for query in ("?q=falls&result=mixed", "?q=falls&result=worked"):
        assert len(extracts_shown(query)) == len(list_page(query).select(".app-result__text mark"))
        (remembered,) = read_catalogue()[0].remembered["searches"].values()
        assert len(remembered.extracts) == len(extracts_shown(query))


def test_a_search_finds_what_was_scheduled_once_its_time_has_come():
    CaseStudyFactory(published=True, title="Falls at night")
    late = CaseStudyFactory(published=True, title="Falls by day")
    CaseStudy.objects.filter(pk=late.pk).update(published_at=timezone.now() + timedelta(days=1))
    kept, now = read_catalogue()
    for days, expected in ((0, 1), (2, 2), (0, 1)):
        visible = kept.visible(now + timedelta(days=days))
        found = search.understand("falls", kept, visible)
        assert len(found.found) == len(found.best_first(kept, found.found, 0, 20)) == expected


def test_the_pages_of_a_search_follow_one_order(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search, "MOST_RANKINGS", 1)
    for number in range(25):
        CaseStudyFactory(
            published=True,
            title=f"Falls {number}",
            summary="Falls. " * (number % 5),
            result=["worked", "mixed"][number % 2],
        )
    kept, now = read_catalogue()
    found = search.understand("falls", kept, kept.visible(now))
    whole = found.best_first(kept, found.found, 0, 25)
    some = kept.having["result", "mixed"] & found.found
    assert found.best_first(kept, some, 0, 25) == [key for key in whole if key in some]
    assert [key for start in (0, 10, 20) for key in found.best_first(kept, found.found, start, 10)] == whole
    assert len(found.ranked) == 1


def related_shown(case_study: CaseStudy) -> list[str]:
    return texts(soup(Client().get(case_study.get_absolute_url())), ".app-related li")


def test_related_case_studies_are_remembered_until_the_content_changes(monkeypatch: pytest.MonkeyPatch):
    theme = ThemeFactory(name="Falls")
    one = CaseStudyFactory(published=True, title="One", themes=[theme])
    other = CaseStudyFactory(published=True, title="Other", themes=[theme])
    assert related_shown(one) == ["Other Also about falls"]
    assert queries_of(one.get_absolute_url()) == 1  # the case study itself
    other.title = "Renamed"
    other.save()
    assert related_shown(one) == ["Renamed Also about falls"]
    other.themes.clear()
    assert related_shown(one) == []
    other.themes.add(theme)
    monkeypatch.setattr(related, "MOST_REMEMBERED", 1)
    assert related_shown(one) + related_shown(other) == ["Renamed Also about falls", "One Also about falls"]
    assert len(read_catalogue()[0].remembered["related"]) == 1


def test_words_that_are_known_are_not_asked_for_again(monkeypatch: pytest.MonkeyPatch):
    theme = ThemeFactory()
    studies = [CaseStudyFactory(published=True, title=f"Bowel surgery {n}", themes=[theme]) for n in range(3)]
    read_catalogue()
    # The case study, its words, and those that are read to be related.
    assert [queries_of(study.get_absolute_url()) for study in studies] == [3, 2, 2]
    studies[2].save()
    monkeypatch.setattr(related_words, "MOST_KNOWN", 0)
    read_catalogue()
    assert [queries_of(study.get_absolute_url()) for study in studies] == [3, 3, 3]


def test_what_changes_while_a_page_is_made_is_not_remembered_as_it_was(monkeypatch: pytest.MonkeyPatch):
    theme = ThemeFactory(name="Falls")
    one, _ = (CaseStudyFactory(published=True, title=title, themes=[theme]) for title in ("One", "Other"))

    def read_just_before_a_change(slug: str) -> CaseStudy | None:
        found = published_case_study(slug)
        one.themes.clear()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(views, "published_case_study", read_just_before_a_change)
        assert related_shown(one) == ["Other Also about falls"]
    assert related_shown(one) == []


@pytest.mark.parametrize(
    ("typed", "stands"), [("dosing", "dosing"), ("timing", "timing"), ("dying", "dying"), ("therapy", "therapies")]
)
def test_a_passage_is_found_in_whatever_form_its_word_stands(typed: str, stands: str):
    CaseStudyFactory(
        published=True,
        challenge="<p>A diet, a timeline, a dosage.</p>",
        approach="<p>Nothing to see here.</p>",
        outcome=f"<p>At last, {stands} was safer.</p>",
    )
    assert texts(list_page(f"?q={typed}"), ".app-result__text mark") == [stands]


def test_a_long_search_is_not_remembered():
    CaseStudyFactory(published=True, summary="one alpha beta gamma delta epsilon zeta eta theta iota kappa")
    for query in ("alpha", "alpha+beta+gamma+delta+epsilon+zeta+eta+theta+iota+kappa"):
        assert len(texts(list_page(f"?q={query}"), ".app-result")) == 1
    assert [typed for typed, _ in read_catalogue()[0].remembered["searches"]] == ["alpha"]


@pytest.mark.parametrize("words", ["<place>", "<first> & <other>", "&lt;place&gt;", "{0} %s \\1", "\ue000"])
def test_no_text_is_taken_for_a_place_to_be_filled(words: str):
    theme = ThemeFactory(name=f"Theme {words}", slug="odd")
    organisation = OrganisationFactory(name=f"Trust {words}", slug="trust")
    for number in range(21):
        CaseStudyFactory(
            published=True,
            title=f"{number} {words}",
            summary=f"Summary {words} of water.",
            themes=[theme],
            lead_organisation=organisation,
        )
    for query in ("", "?theme=odd&organisation=trust", f"?q=water+{words.replace('&', '%26')}"):
        page = list_page(query)
        assert texts(page, ".app-result__heading")[0].endswith(f" {words}")
        assert all(f"Trust {words}" in facts for facts in texts(page, ".app-result__facts"))
        assert texts(page, 'label[for="theme-odd"]') == [f"Theme {words} 21 results"]
        assert texts(page, 'label[for="organisation-trust"]') == [f"Trust {words} 21 results"]
        (following,) = page.select('a[rel="next"]')
        assert re.fullmatch(r"/case-studies/\?(\S+&)?page=2", following["href"])
        if "q=" not in query:
            assert texts(page, ".app-result__text")[0] == f"Summary {words} of water."


@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_option_says_how_many_results_it_gives(number: int):
    theme, _ = ThemeFactory(name="Falls", slug="falls"), CaseStudyFactory(published=True)
    for _ in range(number):
        CaseStudyFactory(published=True, themes=[theme])
    for query in ("", "?theme=falls"):
        page = list_page(query)
        assert texts(page, 'label[for="theme-falls"]') == [f"Falls {number} result{'s' * (number != 1)}"]
        assert page.select_one("#theme-falls").has_attr("checked") == bool(query)
        assert bool(page.select(".app-option--none #theme-falls")) == (number == 0)


@pytest.mark.parametrize("number", [3, 4])
def test_the_links_to_pages_keep_what_was_chosen(number: int):
    CaseStudyFactory.create_batch(61, published=True, result="worked")
    page = list_page(f"?result=worked&q=case&page={number}")
    before = [link["href"] for link in page.select('a[rel="prev"]')]
    assert before == [f"/case-studies/?q=case&result=worked&page={number - 1}"]
    assert [link["href"] for link in page.select('a[rel="next"]')] == (
        ["/case-studies/?q=case&result=worked&page=4"] if number == 3 else []
    )
    assert page.select('.nhsuk-pagination__item a[aria-label="Page 1"]')[0]["href"] == (
        "/case-studies/?q=case&result=worked"
    )
    (current,) = page.select('[aria-current="page"].nhsuk-pagination__link')
    assert " ".join(current.get_text().split()) == str(number)


@given(st.lists(st.integers(-5, 5), max_size=8), st.integers(-6, 6))
def test_what_is_scheduled_is_visible_from_its_time_on(hours: list[int], asked: int):
    start = timezone.now()
    scheduled = {pk: start + timedelta(hours=hour) for pk, hour in enumerate(hours)}
    kept = Catalogue(published=BitMap([*scheduled, 100]), scheduled=scheduled)
    for hour in (asked, asked - 3, asked):
        now = start + timedelta(hours=hour)
        assert set(kept.visible(now)) == {100, *(pk for pk, time in scheduled.items() if time <= now)}


def test_a_scheduled_case_study_appears_without_a_change():
    organisation = OrganisationFactory(name="Late trust")
    CaseStudyFactory(published=True)
    late = CaseStudyFactory(published=True, lead_organisation=organisation)
    CaseStudy.objects.filter(pk=late.pk).update(published_at=timezone.now() + timedelta(days=1))
    kept, now = read_catalogue()
    assert [term.name for term in kept.in_use("organisation", kept.visible(now))].count("Late trust") == 0
    then = kept.visible(now + timedelta(days=2))
    assert [term.name for term in kept.in_use("organisation", then)].count("Late trust") == 1
    assert [term.name for term in kept.in_use("organisation", kept.visible(now))].count("Late trust") == 0
