"""Related case studies: which, in what order, and that every part of the reason is true of both."""

import re
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casestudies import related, related_words
from casestudies.catalogue import read_catalogue
from casestudies.models import CaseStudy
from casestudies.related import Related, related_to
from casestudies.whole import any_case_study
from tests.factories import PUBLISHED_AT, CaseStudyFactory, OrganisationFactory, SettingFactory, ThemeFactory

pytestmark = pytest.mark.django_db


def published(title, summary="What was done.", **facts):
    return CaseStudyFactory(**{"published": True, "title": title, "summary": summary, **facts})


def reasons(case_study):
    return {item.case_study.title: item.reason for item in related_to(case_study)}


def titles(case_study):
    return [item.case_study.title for item in related_to(case_study)]


@pytest.fixture
def falls():
    return ThemeFactory(name="Falls", order=1)


def test_theme_place_and_words_make_the_reason(falls):
    frailty, home = ThemeFactory(name="Frailty", order=2), SettingFactory(name="Care home", phrase="in care homes")
    facts = {"themes": [falls, frailty], "settings": [home]}
    one = published("Daily huddles and fluids", **facts)
    published("Offering drinks", "Short Huddles kept an eye on fluids.", **facts)
    assert reasons(one) == {
        "Offering drinks": "Also about falls and frailty, in care homes; both mention “huddles” and “fluids”"
    }


def test_words_relate_without_a_theme():
    one = published("Safer bowel surgery", themes=[ThemeFactory()])
    published("Wound care", "Infections after bowel surgery were halved.", themes=[ThemeFactory()])
    published("Knee surgery", themes=[ThemeFactory()])
    assert reasons(one) == {"Wound care": "Both mention “bowel” and “surgery”"}


def test_the_same_place_lead_and_kind_of_tool_are_not_enough():
    facts = {
        "settings": [SettingFactory()],
        "lead_organisation": OrganisationFactory(),
        "intervention_types": ["tool"],
    }
    one = published("Bowel surgery", **facts)
    published("Red bags", **facts)
    assert reasons(one) == {}


@pytest.mark.parametrize(
    ("mine", "theirs", "words"),
    [
        ("Huddles", "A huddle each morning.", ()),  # another form
        ("Huddles", "HUDDLES each morning.", ("HUDDLES",)),
        ("RESTORE2", "Homes took up RESTORE2.", ("RESTORE2",)),
        ("The people with patients", "The people with patients.", ()),  # small talk
        ("Fifteen years, 2016", "Fifteen years, 2016.", ()),  # numbers
        ("In Liverpool", "All over Liverpool.", ()),  # a name
        ("Fewer falls", "Falling and falls.", ()),  # the theme says it
        ("North trust nurses", "North trust nurses.", ("nurses",)),  # the lead says it
        ("Nurse pharmacists", "A pharmacist and pharmacists, a nurse.", ("nurse", "pharmacists")),
        ("Bowel surgery wounds", "Wounds, bowel, surgery.", ("bowel", "surgery")),  # two at most
        ("Red", "Red.", ()),  # with a capital only
        ("About the day", "Huddles in summaries only.", ()),
    ],
)
def test_only_telling_words_that_stand_in_both_are_quoted(falls, mine, theirs, words):
    lead = OrganisationFactory(name="North Trust")
    one = published(mine, "Huddles in summaries.", themes=[falls], lead_organisation=lead)
    published("Other", theirs, themes=[falls], lead_organisation=lead)
    (item,) = related_to(one)
    assert item.words == words


def test_a_word_tells_what_a_case_study_is_about_only_where_it_stands_in_a_title(falls):
    one = published("One", "Here nurses and pharmacists met.", themes=[falls])
    published("Two", "There nurses and pharmacists wrote.", themes=[falls])
    published("Nurses and pharmacists", "They wrote.", themes=[ThemeFactory()])
    assert reasons(one) == {
        "Nurses and pharmacists": "Both mention “nurses” and “pharmacists”",
        "Two": "Also about falls",
    }


@pytest.mark.parametrize("title", ["In Salford and Leeds", "Our ward group rounds"])
def test_names_of_places_and_of_the_lead_relate_nothing(title):
    lead = OrganisationFactory(name="Ward Group")
    one = published(title, lead_organisation=lead)
    published("Other", "In Salford and Leeds a ward group met.")
    assert reasons(one) == {}


def test_a_word_that_many_have_tells_nothing(falls, monkeypatch):
    monkeypatch.setattr(related_words, "TELLING_AT_LEAST", 2)
    one = published("Quiet rounds", themes=[falls])
    published("First", "With rounds.", themes=[falls])
    assert reasons(one) == {"First": "Also about falls; both mention “rounds”"}
    published("Second", "With rounds.", themes=[falls])
    assert set(reasons(one).values()) == {"Also about falls"}


@pytest.mark.parametrize("hidden", [{}, {"withdrawn": True}, {"scheduled": True}])
def test_what_is_not_published_neither_shows_nor_counts(falls, monkeypatch, hidden):
    monkeypatch.setattr(related_words, "TELLING_AT_LEAST", 2)
    rare = ThemeFactory(name="Sepsis", order=2)
    one = published("Quiet rounds", themes=[falls, rare])
    published("First", "With rounds.", themes=[falls])
    published("Second", themes=[rare])
    before = [(item.case_study, item.reason) for item in related_to(one)]
    for number in range(4):
        CaseStudyFactory(title=f"Hidden rounds {number}", themes=[falls, rare], **hidden)
    assert [(item.case_study, item.reason) for item in related_to(one)] == before
    assert [reason for _, reason in before] == ["Also about falls; both mention “rounds”", "Also about sepsis"]


def test_a_rare_theme_tells_more_than_a_common_one(falls):
    rare = ThemeFactory(name="Sepsis")
    one = published("One", themes=[falls, rare])
    published("Rare", themes=[rare], published_at=PUBLISHED_AT - timedelta(days=9))
    for number in range(4):
        published(f"Common {number}", themes=[falls])
    assert titles(one)[0] == "Rare"


def test_those_equally_near_are_shown_by_newest_then_first(falls):
    one = published("One", themes=[falls])
    for days, title in [(2, "Old"), (1, "Newer"), (0, "Newest"), (1, "Newer, second")]:
        published(title, themes=[falls], published_at=PUBLISHED_AT - timedelta(days=days))
    assert titles(one) == ["Newest", "Newer", "Newer, second"]


def test_what_few_have_is_found_behind_the_newest(falls, monkeypatch):
    monkeypatch.setattr(related, "NEWEST", 1)
    monkeypatch.setattr(related, "FEW", 2)
    monkeypatch.setattr(related_words, "FEW", 2)
    lead, rare, old = OrganisationFactory(), ThemeFactory(), PUBLISHED_AT - timedelta(days=9)
    one = published("Bowel surgery", themes=[falls, rare], lead_organisation=lead)
    published("By words", "Of bowel and surgery.", published_at=old)
    published("By theme", themes=[rare], published_at=old)
    published("By lead", themes=[falls], lead_organisation=lead, published_at=old)
    published("Too common", themes=[falls], published_at=old)
    published("Newest", themes=[falls])
    assert {item.case_study.title for item in related_to(one, limit=9)} == {
        "By words", "By theme", "By lead", "Newest",
    }  # fmt: skip


def test_care_homes_are_said_once():
    home = SettingFactory(name="Care home", phrase="in care homes")
    homes, dementia = ThemeFactory(name="Care homes", order=1), ThemeFactory(name="Dementia", order=2)
    one = published("One", themes=[homes, dementia], settings=[home])
    published("Both", themes=[homes, dementia], settings=[home])
    published("Homes", themes=[homes], settings=[home])
    assert reasons(one) == {"Both": "Also about dementia, in care homes", "Homes": "Also about care homes"}


def test_a_reason_stays_short_and_says_what_tells_most(falls):
    themes = ThemeFactory.create_batch(3)
    places = [SettingFactory(name=name, phrase=f"in {name}") for name in ("homes", "wards", "clinics")]
    one = published("One", themes=[falls, *themes], settings=places, intervention_types=["tool", "device", "digital"])
    published("Common", themes=[falls])
    published(
        "Near", themes=[falls, *themes], settings=places, intervention_types=["tool", "device", "digital"],
        lead_organisation=one.lead_organisation,
    )  # fmt: skip
    item = related_to(one)[0]
    assert (len(item.themes), len(item.settings), item.introduced, falls in item.themes) == (2, 2, (), False)


@pytest.mark.parametrize("count", [1, 3])
def test_costs_the_same_however_many_there_are(falls, django_assert_num_queries, count):
    one = published("Bowel surgery", themes=[falls])
    for number in range(count):
        published(f"Bowel {number}", themes=[falls])
    whole = any_case_study(one.pk)
    assert whole is not None
    with django_assert_num_queries(8):  # six of them for a catalogue of this transaction's own
        found = related_to(whole)
        assert (
            len([(item.case_study.get_absolute_url(), item.case_study.title, item.reason) for item in found]) == count
        )


VOCABULARY = [
    "huddles", "Huddle", "HUDDLES", "fluids", "bowel", "surgery", "pre-mortem", "COVID-19", "RESTORE2", "Falls",
    "falling", "residents’", "Leeds", "café", "naïve", "25-year-olds", "fifteen", "the", "o'clock", "E\\'", "%s", "::",
]  # fmt: skip
WORDS = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=6).map(" ".join)
STUDY = st.fixed_dictionaries(
    {
        "title": WORDS,
        "summary": WORDS,
        "themes": st.sets(st.integers(0, 2)),
        "settings": st.sets(st.integers(0, 2)),
        "lead": st.integers(0, 1),
        "intervention_types": st.lists(st.sampled_from(["tool", "training", "digital"]), unique=True),
        "state": st.sampled_from([{"published": True}] * 4 + [{}, {"withdrawn": True}, {"scheduled": True}]),
    }
)


def words_of(case_study):
    return {word.casefold() for word in re.findall(r"[\w'’-]+", f"{case_study.title} {case_study.summary}")}


def is_true_of(case_study, item):
    return (
        set(item.themes) <= set(case_study.themes.all())
        and set(item.settings) <= set(case_study.settings.all())
        and item.organisation in {"", case_study.lead_organisation.name}
        and set(item.introduced) <= set(case_study.intervention_types)
        and {word.casefold() for word in item.words} <= words_of(case_study)
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(studies=st.lists(STUDY, min_size=2, max_size=5))
def test_every_part_of_every_reason_is_true_of_both(studies):
    CaseStudy.objects.all().delete()
    themes, places = ThemeFactory.create_batch(3), SettingFactory.create_batch(3)
    leads = OrganisationFactory.create_batch(2)
    made = [
        CaseStudyFactory(
            title=study["title"], summary=study["summary"], intervention_types=study["intervention_types"],
            themes=[themes[number] for number in study["themes"]],
            settings=[places[number] for number in study["settings"]],
            lead_organisation=leads[study["lead"]], **study["state"],
        )
        for study in studies
    ]  # fmt: skip
    content = read_catalogue()
    for one in made:
        found = related_to(one)
        # Whose words are known from those before, and whose are not, has the same.
        assert [vars(item) for item in related_to(one, content)] == [vars(item) for item in found]
        for item in found:
            assert item.case_study.is_public()
            assert item.case_study != one
            assert item.themes or len(item.words) == 2
            assert is_true_of(one, item), item.reason
            assert is_true_of(item.case_study, item), item.reason
            assert all(f"“{word}”" in item.reason for word in item.words)
            assert all(theme.name.lower() in item.reason.lower() for theme in item.themes)
            assert item.reason == Related(**vars(item)).reason
