"""What search makes of the words people type, and what the page says it did."""

import pytest
from django.db import connection
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casestudies import search
from casestudies.catalogue import read_catalogue
from casestudies.models import SynonymGroup
from tests.factories import CaseStudyFactory, OrganisationFactory, ThemeFactory
from tests.pages import soup, text, texts

pytestmark = pytest.mark.django_db
LIST = reverse("casestudies:casestudy_list")


@pytest.fixture(autouse=True)
def _no_synonyms_but_a_test_s_own():
    SynonymGroup.objects.all().delete()


def make(title, **kwargs):
    return CaseStudyFactory(title=title, published=True, **kwargs)


def find(client, words, **filters):
    return soup(client.get(LIST, {"q": words} | filters))


def titles(page):
    return texts(page, ".app-result__heading")


def notes(page):
    return texts(page, ".app-search-note")


def test_a_synonym_finds_what_is_written_with_another_word(client):
    SynonymGroup.objects.create(terms=["UTI", "urinary tract infection"])
    make("Fewer urinary tract infections")
    page = find(client, "UTIs")
    assert titles(page) == ["Fewer urinary tract infections"]
    assert notes(page) == ["Also searched for “urinary tract infection”."]


def test_a_phrase_is_a_synonym_whose_words_stand_apart_in_the_search(client):
    SynonymGroup.objects.create(terms=["care home", "nursing home"])
    make("Falls in nursing homes")
    assert titles(find(client, "falls care home")) == ["Falls in nursing homes"]


def test_a_narrower_word_leads_one_way_only(client):
    SynonymGroup.objects.create(terms=["fall"], leads_here=["trip"])
    make("Fewer falls")
    make("A trip to hospital")
    assert titles(find(client, "trip")) == ["A trip to hospital", "Fewer falls"]
    assert titles(find(client, "fall")) == ["Fewer falls"]


def test_a_group_out_of_use_is_not_used(client):
    SynonymGroup.objects.create(terms=["UTI", "urinary tract infection"], is_active=False)
    make("Fewer urinary tract infections")
    assert titles(find(client, "UTI")) == []


def test_synonyms_hold_behind_a_minus_and_are_not_announced(client):
    SynonymGroup.objects.create(terms=["fall", "slip"])
    make("Dementia and slips")
    make("Dementia alone")
    page = find(client, "dementia -falls")
    assert (titles(page), notes(page)) == (["Dementia alone"], [])


def test_a_minus_takes_away_no_synonym_of_what_is_asked_for(client):
    SynonymGroup.objects.create(terms=["fall", "tumble"], leads_here=["slip"])
    SynonymGroup.objects.create(terms=["medicine", "drug", "meds"])
    make("Fewer falls")
    make("Slips and falls")
    make("A medicine")
    make("A drug")
    assert titles(find(client, "falls -slips")) == ["Fewer falls"]
    page = find(client, "medicine -drug")
    assert (titles(page), notes(page)) == (["A medicine"], ["Also searched for “meds”."])


def test_a_phrase_that_its_stems_do_not_tell_needs_to_be_typed(client):
    SynonymGroup.objects.create(terms=["no effect", "did not work"])
    make("Staff at work")
    make("It had no effect")
    assert notes(find(client, "staff work")) == []
    page = find(client, "it did not work")
    assert notes(page) == ["Also searched for “no effect”."]


def test_the_words_of_a_term_call_its_group_in_their_order(client):
    SynonymGroup.objects.create(terms=["care home", "nursing home"])
    for number in range(4):
        make(f"Home visits after care {number}")
    make("In a nursing home, visits")
    page = find(client, "home visits after care")
    assert (len(titles(page)), notes(page)) == (4, [])


def test_a_phrase_in_quotes_is_meant_as_it_stands(client):
    SynonymGroup.objects.create(terms=["care home", "nursing home"])
    make("A care home")
    make("A nursing home")
    page = find(client, '"care home"')
    assert (titles(page), notes(page)) == (["A care home"], [])


def test_a_refused_phrase_is_refused_whole(client):
    make("Medicines at home")
    make("Medicines in a care home")
    page = find(client, 'medicines -"care home"')
    assert titles(page) == ["Medicines at home"]
    assert [mark.get_text() for mark in page.select(".app-result mark")] == []


def test_what_was_typed_is_not_announced_as_searched_for_too(client):
    SynonymGroup.objects.create(terms=["fall", "slip", "trip"])
    make("Falls")
    assert notes(find(client, "falls slips")) == ["Also searched for “trip”."]


@pytest.mark.parametrize("words", ["mattress", "bullying", "fever", "police", "sleep", "porter", "handling"])
def test_an_english_word_is_not_respelled(client, words):
    make("What matters: a building, fewer policies, seeping, posters and handing over")
    page = find(client, words)
    assert (titles(page), notes(page)) == ([], [])


def test_a_spelling_that_only_a_draft_has_is_not_shown(client):
    make("Hydration")
    CaseStudyFactory(title="Hydratings")
    assert notes(find(client, "hydratinsg")) == []


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("the of", "only common words, which are on every page"),
        ("- -", "no words to search for"),
        ("🏥", "no words to search for"),
        ("<b>", "only common words, which are on every page"),
    ],
)
def test_a_search_without_words_says_why_it_finds_nothing(client, words, reason):
    make("One")
    page = find(client, words)
    assert text(page, "h1").startswith("0 case studies")
    assert f"has {reason}." in text(page, ".app-note")


def test_a_sign_in_a_summary_takes_nothing_away(client):
    make(
        "One",
        summary="Fell from <5 in most wards. Zebrafish helped.",
        challenge="",
        approach="<p>A giraffe &amp; more.</p>",
        outcome="",
    )
    extract = find(client, "zebrafish giraffe").select_one(".app-result__text")
    assert " ".join(extract.get_text().split()) == "Fell from <5 in most wards. Zebrafish helped. A giraffe & more."
    assert [mark.get_text() for mark in extract.select("mark")] == ["Zebrafish", "giraffe"]


def test_synonyms_of_a_word_hold_inside_a_longer_term(client):
    SynonymGroup.objects.create(terms=["medicine", "medication"])
    SynonymGroup.objects.create(terms=["medication review", "SMR"])
    make("A review of every medicine")
    assert titles(find(client, "medication review")) == ["A review of every medicine"]


def test_a_misspelling_is_put_right_where_nothing_has_it(client):
    make("Fewer antibiotics")
    page = find(client, "antibotics")
    assert titles(page) == ["Fewer antibiotics"]
    assert notes(page) == ["Nothing has “antibotics”, so these are the results for antibiotics."]
    assert text(page, "h1") == "1 case study for “antibiotics”"
    assert page.select_one("#q")["value"] == "antibotics"


@pytest.mark.parametrize("state", [{}, {"withdrawn": True}, {"scheduled": True}])
def test_spelling_is_never_taken_from_what_visitors_may_not_see(client, state):
    CaseStudyFactory(title="About thalidomide", **state)
    page = find(client, "thalidomid")
    assert (titles(page), notes(page)) == ([], [])


def test_an_abbreviation_is_not_respelled(client):
    make("A team briefing")
    assert notes(find(client, "TEAMZ")) == []


def test_did_you_mean_where_a_word_that_is_near_is_far_more_common(client):
    make("A misspelt word: casulty")
    for number in range(5):
        make(f"Casualty {number}")
    page = find(client, "causalty")
    assert text(page, "h1") == "5 case studies for “casualty”"
    page = find(client, "casulty")
    assert titles(page) == ["A misspelt word: casulty"]
    assert notes(page) == ["Did you mean casualty?"]
    assert page.select_one(".app-search-note a")["href"] == f"{LIST}?q=casualty"


def test_some_of_the_words_are_enough_where_hardly_anything_has_them_all(client):
    make("Hydration in care homes")
    make("Handover at night")
    make("Passing mention", approach="<p>Hydration came up.</p>")
    page = find(client, "hydration handover")
    assert sorted(titles(page)) == ["Handover at night", "Hydration in care homes"]
    assert notes(page) == ["Few case studies have all your words, if any. These have some of them, best match first."]


def test_what_has_all_the_words_comes_first(client):
    make("Hydration", summary="Hydration, hydration and hydration.")
    make("Hydration and handover")
    assert titles(find(client, "hydration handover"))[0] == "Hydration and handover"


def test_small_talk_does_not_count_as_words_to_find(client):
    make("Fewer falls")
    assert titles(find(client, "how can we stop my mum from falling")) == ["Fewer falls"]


def test_a_search_of_small_talk_alone_still_searches(client):
    make("Help at hand")
    assert titles(find(client, "help")) == ["Help at hand"]


def test_operators_are_those_of_any_search_engine(client):
    make("Red bag pathway")
    make("Bag of red things")
    make("Safety huddles")
    assert titles(find(client, '"red bag"')) == ["Red bag pathway"]
    assert sorted(titles(find(client, "huddles or pathway"))) == ["Red bag pathway", "Safety huddles"]
    assert titles(find(client, "bag -pathway")) == ["Bag of red things"]


def test_a_telling_word_counts_more_than_a_common_one(client):
    for number in range(6):
        make(f"Care homes {number}", summary="Care homes.")
    make("Remote monitoring", summary="Catheters.")
    assert titles(find(client, "care catheters"))[0] == "Remote monitoring"


def test_the_lead_s_names_count_more_than_a_partner_s(client):
    network = OrganisationFactory(name="Wessex Network")
    make("Took part", partner_organisations=[network])
    make("Led", lead_organisation=network)
    assert titles(find(client, "Wessex")) == ["Led", "Took part"]


def test_an_empty_list_says_how_many_there_are_without_each_filter(client):
    falls = ThemeFactory(name="Falls", slug="falls")
    make("One", themes=[falls])
    make("Two about sepsis")
    page = find(client, "sepsis", theme="falls")
    assert texts(page, ".app-empty li") == [
        "Leave out the search “sepsis” (1 case study)",
        "Leave out the theme Falls (1 case study)",
        "Browse by theme instead",
    ]


def test_an_empty_list_leads_to_the_themes_of_what_the_search_finds(client):
    falls, frailty = ThemeFactory(name="Falls", slug="falls"), ThemeFactory(name="Frailty", slug="frailty")
    make("Sepsis and frailty", themes=[frailty])
    make("Sepsis and frailty too", themes=[frailty, falls])
    page = find(client, "sepsis", stage="pilot")
    assert {link.get_text(): link["href"] for link in page.select(".app-empty a")} == {
        "Leave out the stage Pilot": f"{LIST}?q=sepsis",
        "Leave out the search “sepsis”": f"{LIST}?stage=pilot",
        "See the theme Frailty": f"{LIST}?q=sepsis&theme=frailty",
        "See the theme Falls": f"{LIST}?q=sepsis&theme=falls",
        "Browse by theme instead": reverse("casestudies:theme_list"),
    }


def test_an_empty_list_leads_to_the_themes_of_what_the_filters_keep(client):
    make("Falls", themes=[ThemeFactory(name="Falls", slug="falls")], stage="pilot")
    page = find(client, "xylophone", stage="pilot")
    links = {" ".join(item.get_text().split()): item.a["href"] for item in page.select(".app-empty li")}
    assert links["See the theme Falls (1 case study)"] == f"{LIST}?theme=falls&stage=pilot"


def test_a_theme_that_fits_has_as_many_as_its_page(client):
    falls, frailty = ThemeFactory(name="Falls", slug="falls"), ThemeFactory(name="Frailty", slug="frailty")
    make("Both", themes=[falls, frailty])
    make("Frailty alone", themes=[frailty])
    page = find(client, "xylophone", theme="falls", stage="local")
    (link,) = [link for link in page.select(".app-empty a") if link.get_text() == "See the theme Frailty"]
    assert link["href"] == f"{LIST}?theme=frailty&stage=local"
    assert len(titles(soup(client.get(link["href"])))) == 2
    assert "See the theme Frailty (2 case studies)" in texts(page, ".app-empty li")


def test_as_many_words_as_fit_can_be_searched_for(client):
    make("Fewer falls")
    words = " ".join(f"{first}{second}" for first in "bcdfghjklm" for second in "bcdfghjklmnpqrst")
    page = find(client, f"falls {words}")
    assert titles(page) == ["Fewer falls"]
    assert notes(page)[0] == "A search reads the first 32 words."


def test_a_search_that_takes_too_long_is_stopped_and_says_so(client, monkeypatch):
    def slow(*args):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(60)")

    monkeypatch.setattr(search, "LONGEST", 50)
    monkeypatch.setattr(search, "understand", slow)
    response = client.get(LIST, {"q": '"falls"'})
    assert response.status_code == 503
    assert text(soup(response), "h1") == "The search took too long"
    assert soup(response).select_one("[name=q]")["value"] == '"falls"'


WORDS = st.text(alphabet=st.sampled_from("ab'\"&|!<>():*- orÄ🙂漢\\%_"), max_size=60)


@given(WORDS)
@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_words_break_a_search(db, words):
    SynonymGroup.objects.get_or_create(terms=["ab", "a'b & c", "o'r"])
    catalogue, now = read_catalogue()
    visible = catalogue.visible(now)
    found = search.understand(words, catalogue, visible)
    assert found.best_first(catalogue, found.found, 0, 20) == [] or found.has_meaning
