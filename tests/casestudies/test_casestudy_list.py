"""The list: what it shows, what it counts, what it says, and how it takes what it does not understand."""

import pytest
from django.http import QueryDict
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casestudies.filters import CaseStudyFilter
from casestudies.models import CaseStudy, InterventionType, Result, Stage
from partners.models import Organisation
from tests.factories import (
    CaseStudyFactory,
    ContactFactory,
    ImpactFigureFactory,
    OrganisationFactory,
    OrganisationNameFactory,
    SettingFactory,
    ThemeFactory,
)
from tests.pages import soup, text, texts

pytestmark = pytest.mark.django_db
LIST = reverse("casestudies:casestudy_list")


def shown(response):
    return texts(soup(response), ".app-result__heading")


def counts(response, name):
    page = soup(response)
    return {
        box["value"]: int(page.select_one(f"label[for='{box['id']}'] .app-option__count").contents[0])
        for box in page.select(f"input[name='{name}']")
    }


def make(title, **kwargs):
    return CaseStudyFactory(title=title, published=True, **kwargs)


def test_only_what_is_published_shows(client):
    make("Published")
    CaseStudyFactory(title="Draft")
    CaseStudyFactory(title="Withdrawn", withdrawn=True)
    CaseStudyFactory(title="Scheduled", scheduled=True)
    assert shown(client.get(LIST)) == ["Published"]


@pytest.mark.parametrize("count", [1, 3])
def test_list_costs_the_same_at_any_length(client, django_assert_num_queries, count):
    theme = ThemeFactory()
    for _ in range(count):
        case_study = make(
            "Falls", themes=[theme, ThemeFactory()], settings=[SettingFactory()],
            partner_organisations=[OrganisationFactory()], contacts=[ContactFactory()],
        )  # fmt: skip
        ImpactFigureFactory(case_study=case_study)
    client.get(LIST, {"q": "falls"})  # the stems of synonyms are made once for each process
    with django_assert_num_queries(16):
        response = client.get(LIST, {"q": "falls", "theme": theme.slug})
    assert len(shown(response)) == count


def test_filters_widen_within_and_narrow_between(client):
    falls, frailty = ThemeFactory(slug="falls"), ThemeFactory(slug="frailty")
    home, ward = SettingFactory(slug="care-home"), SettingFactory(slug="ward")
    make("Falls at home", themes=[falls], settings=[home])
    make("Frailty at home", themes=[frailty], settings=[home])
    make("Falls on a ward", themes=[falls], settings=[ward])
    response = client.get(LIST, {"theme": ["falls", "frailty"], "setting": "care-home", "sort": "title"})
    assert shown(response) == ["Falls at home", "Frailty at home"]


def test_counts_are_those_of_all_other_filters(client):
    falls, frailty = ThemeFactory(slug="falls"), ThemeFactory(slug="frailty")
    home, ward = SettingFactory(slug="care-home"), SettingFactory(slug="ward")
    make("One", themes=[falls, frailty], settings=[home, ward])
    make("Two", themes=[frailty], settings=[ward])
    response = client.get(LIST, {"theme": "falls"})
    assert counts(response, "theme") == {"falls": 1, "frailty": 2}
    assert counts(response, "setting") == {"care-home": 1, "ward": 1}


def test_an_organisation_counts_once_whether_it_led_or_took_part(client):
    organisation = OrganisationFactory(slug="trust")
    make("Led", lead_organisation=organisation)
    make("Both", lead_organisation=organisation, partner_organisations=[organisation])
    make("Took part", partner_organisations=[organisation])
    response = client.get(LIST, {"organisation": "trust", "sort": "title"})
    assert shown(response) == ["Both", "Led", "Took part"]
    assert counts(response, "organisation")["trust"] == 3


def test_years_keep_what_ran_in_them(client):
    make("2014 to 2016", start_year=2014, end_year=2016)
    make("Since 2015", start_year=2015)
    make("To 2018", end_year=2018)
    make("Undated")
    assert shown(client.get(LIST, {"from": "2017", "sort": "title"})) == ["To 2018"]
    assert shown(client.get(LIST, {"to": "2015", "sort": "title"})) == ["2014 to 2016", "Since 2015"]


def test_the_sentence_is_heading_and_title(client):
    theme = ThemeFactory(slug="medicines-safety", name="Medicines safety")
    setting = SettingFactory(slug="care-home", name="Care home", phrase="in care homes")
    lead = OrganisationFactory(region=Organisation.Region.NORTH_WEST)
    make("One", themes=[theme], settings=[setting], lead_organisation=lead)
    page = soup(client.get(LIST, {"theme": "medicines-safety", "setting": "care-home", "region": "north-west"}))
    sentence = "1 case study about medicines safety in care homes, led from the North West"
    assert text(page, "h1") == sentence
    assert text(page, "title").startswith(f"{sentence} – ")


def test_the_same_choice_in_another_order_is_the_same_page(client):
    ThemeFactory(slug="falls")
    ThemeFactory(slug="frailty")
    canonical = {
        soup(client.get(f"{LIST}?{query}")).select_one("link[rel=canonical]")["href"]
        for query in (
            "theme=falls&theme=frailty&stage=pilot",
            "stage=pilot&theme=frailty&theme=falls&theme=falls&page=1&sort=newest",
        )
    }
    assert canonical == {f"http://127.0.0.1:8000{LIST}?theme=falls&theme=frailty&stage=pilot"}


def test_each_filter_that_is_on_can_be_removed(client):
    ThemeFactory(slug="falls", name="Falls")
    page = soup(client.get(LIST, {"theme": "falls", "stage": "pilot", "q": "bed"}))
    links = {" ".join(link.get_text().split()): link["href"] for link in page.select(".app-chip")}
    assert links == {
        "Remove filter: Search “bed”×": f"{LIST}?theme=falls&stage=pilot",
        "Remove filter: Theme Falls×": f"{LIST}?q=bed&stage=pilot",
        "Remove filter: Stage Pilot×": f"{LIST}?q=bed&theme=falls",
    }


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"theme": "nonsense", "stage": "soon"}, "Theme: nonsense; Stage: soon"),
        ({"theme": "x" * 101}, f"Theme: {'x' * 59}…"),
        ({"theme": "a\0b"}, "Theme: a\ufffdb"),
        ({"theme": "a" + "\u0301" * 2_000}, f"Theme: a{'\u0301' * 58}…"),
        (
            {"stage": list("abcdefghijkl")},
            "; ".join([*(f"Stage: {value}" for value in "abcdefghij"), "Stage: 2 more"]),
        ),
    ],
)
def test_what_is_unknown_is_left_out_and_named(client, parameters, named):
    make("One")
    response = client.get(LIST, parameters)
    assert shown(response) == ["One"]
    assert texts(soup(response), ".app-note p") == [f"We do not know these filters, so they are left out: {named}."]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("theme", "about any of 6 themes"),
        ("setting", "in any of 6 care settings"),
        ("organisation", "with any of 6 organisations"),
        ("intervention", "that introduced any of 6 things"),
        ("region", "led from any of 6 regions"),
    ],
)
def test_of_many_options_the_sentence_says_how_many(client, name, said):
    values = {
        "theme": [theme.slug for theme in ThemeFactory.create_batch(6)],
        "setting": [setting.slug for setting in SettingFactory.create_batch(6)],
        "organisation": [organisation.slug for organisation in OrganisationFactory.create_batch(6)],
        "intervention": InterventionType.values[:6],
        "region": Organisation.Region.values[:6],
    }[name]
    page = soup(client.get(LIST, {name: values}))
    assert text(page, "h1") == f"0 case studies {said}"
    assert len(page.select(".app-chip")) == 6
    assert "any of" not in text(soup(client.get(LIST, {name: values[:5]})), "h1")


def test_more_choices_than_can_be_on_are_left_out_and_the_page_says_so(client):
    themes = [ThemeFactory(name=f"Theme {n:02}", slug=f"theme-{n:02}", order=n) for n in range(51)]
    make("In time", themes=themes[49:50])
    make("Late", themes=themes[50:])
    # What names nothing takes nobody's place.
    response = client.get(LIST, {"theme": ["a", *(theme.slug for theme in themes)]})
    assert shown(response) == ["In time"]
    assert texts(soup(response), ".app-note p") == [
        "We do not know these filters, so they are left out: Theme: a.",
        "Up to 50 choices of one filter can be on at once, so the rest are left out: Theme.",
    ]
    assert len(soup(response).select(".app-chip")) == 50


def test_years_the_wrong_way_round_are_told(client):
    make("One", start_year=2015)
    response = client.get(LIST, {"from": "2019", "to": "2015"})
    assert shown(response) == ["One"]
    assert texts(soup(response), ".nhsuk-error-message") == ["Error: The last year must not be before the first."]
    assert texts(soup(response), ".nhsuk-error-summary a[href='#to']") == [
        "The last year must not be before the first."
    ]
    assert soup(response).select_one("#from")["value"] == "2019"


def test_a_search_that_is_too_long_keeps_what_was_typed(client):
    typed = "falls " * 200
    page = soup(client.get(LIST, {"q": typed}))
    assert texts(page, "#q-error") == ["Error: Search with 500 characters or fewer."]
    assert page.select_one("#q")["value"] == typed


def test_only_common_words_are_answered_with_help(client):
    make("One")
    page = soup(client.get(LIST, {"q": "the of"}))
    assert text(page, "h1") == "0 case studies for “the of”"
    assert "has only common words" in text(page, ".app-note")


def test_a_page_past_the_end_leads_to_the_last(client):
    for number in range(21):
        make(f"Number {number}")
    assert client.get(LIST, {"page": "9"}).headers["Location"] == f"{LIST}?page=2"
    assert client.get(LIST, {"page": "2"}).status_code == 200
    assert client.get(LIST, {"page": "99999999999999999999"}).status_code == 200


def test_an_address_with_a_former_name_leads_to_the_new_one(client):
    theme, organisation = ThemeFactory(slug="falls"), OrganisationFactory(slug="trust")
    make("One", themes=[theme], lead_organisation=organisation)
    theme.slug, organisation.slug = "falls-prevention", "new-trust"
    theme.save()
    organisation.save()
    response = client.get(LIST, {"theme": "falls", "organisation": "trust", "stage": "local"})
    assert response.status_code == 301
    assert response.headers["Location"] == f"{LIST}?theme=falls-prevention&stage=local&organisation=new-trust"
    assert shown(client.get(response.headers["Location"])) == ["One"]


def test_a_page_past_the_end_hides_no_error(client):
    make("One")
    response = client.get(LIST, {"from": "abc", "page": "9"})
    assert response.status_code == 200
    assert soup(response).select_one("#from")["value"] == "abc"
    assert len(soup(response).select(".nhsuk-error-summary a[href='#from']")) == 1


def test_nothing_found_says_what_to_leave_out(client):
    ThemeFactory(slug="falls", name="Falls")
    page = soup(client.get(LIST, {"theme": "falls"}))
    assert texts(page, ".app-empty li") == ["Leave out the theme Falls (0 case studies)", "Browse by theme instead"]


def test_search_knows_every_name_of_an_organisation(client):
    network = OrganisationFactory(name="Health Innovation Wessex", kind="ahsn", psc_name="Wessex Collaborative")
    OrganisationNameFactory(organisation=network, name="Wessex AHSN", kind="former")
    make("Led there", lead_organisation=network)
    make("Elsewhere")
    assert shown(client.get(LIST, {"q": "Wessex AHSN"})) == ["Led there"]


def test_title_comes_before_summary_before_sections(client):
    make("In a section", approach="<p>About sepsis.</p>")
    make("Sepsis in the title")
    make("In the summary", summary="About sepsis.")
    assert shown(client.get(LIST, {"q": "sepsis"})) == ["Sepsis in the title", "In the summary", "In a section"]


def test_an_extract_marks_hits_and_carries_no_markup_out_of_content(client):
    make("One", summary="A <b>bold</b> claim & <script>alert(1)</script> about sepsis.")
    result = soup(client.get(LIST, {"q": "sepsis"})).select_one(".app-result__text")
    assert [mark.get_text() for mark in result.select("mark")] == ["sepsis"]
    assert {tag.name for tag in result.find_all()} == {"mark"}


def test_reach_is_told_as_reach(client):
    ImpactFigureFactory(case_study=make("One"), kind="reach", direction="", value=46, unit="homes", label="took part")
    page = soup(client.get(LIST))
    assert text(page, ".app-result__figure--reach") == "Reach 46 homes took part"


SLUGS = ("one", "two", "three")


@st.composite
def worlds(draw):
    """A few case studies with random taxonomies, and a random choice of filters."""
    studies = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "themes": st.sets(st.sampled_from(SLUGS)),
                    "settings": st.sets(st.sampled_from(SLUGS)),
                    "intervention_types": st.sets(st.sampled_from(InterventionType.values[:3])),
                    "stage": st.sampled_from(Stage.values[:2]),
                    "result": st.sampled_from(Result.values[:2]),
                    "lead": st.sampled_from(SLUGS),
                    "partners": st.sets(st.sampled_from(SLUGS)),
                }
            ),
            max_size=6,
        )
    )
    chosen = {
        "theme": draw(st.sets(st.sampled_from(SLUGS))),
        "setting": draw(st.sets(st.sampled_from(SLUGS))),
        "intervention": draw(st.sets(st.sampled_from(InterventionType.values[:3]))),
        "stage": draw(st.sets(st.sampled_from(Stage.values[:2]))),
        "result": draw(st.sets(st.sampled_from(Result.values[:2]))),
        "region": draw(st.sets(st.sampled_from(["london", "midlands"]))),
        "organisation": draw(st.sets(st.sampled_from(SLUGS))),
    }
    return studies, chosen


REGIONS = {"one": "london", "two": "midlands", "three": ""}


def has(study, name):
    return {
        "theme": study["themes"],
        "setting": study["settings"],
        "intervention": study["intervention_types"],
        "stage": {study["stage"]},
        "result": {study["result"]},
        "region": {REGIONS[study["lead"]]},
        "organisation": {study["lead"]} | study["partners"],
    }[name]


@given(worlds())
@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_counts_equal_counting_one_by_one(db, world):
    studies, chosen = world
    CaseStudy.objects.all().delete()
    themes = {slug: _get(ThemeFactory, slug) for slug in SLUGS}
    places = {slug: _get(SettingFactory, slug) for slug in SLUGS}
    organisations = {slug: _get(OrganisationFactory, slug, region=REGIONS[slug]) for slug in SLUGS}
    for study in studies:
        make(
            "Any",
            themes=[themes[slug] for slug in study["themes"]],
            settings=[places[slug] for slug in study["settings"]],
            intervention_types=sorted(study["intervention_types"]),
            stage=study["stage"],
            result=study["result"],
            lead_organisation=organisations[study["lead"]],
            partner_organisations=[organisations[slug] for slug in study["partners"]],
        )
    data = QueryDict(mutable=True)
    for name, values in chosen.items():
        data.setlist(name, sorted(values))
    filtered = CaseStudyFilter(data, queryset=CaseStudy.objects.published())
    filtered.count_options()
    for name, facet in filtered.facets.items():
        others = [other for other in chosen if other != name and chosen[other]]
        known = {other: {term.slug for term in filtered.facets[other].chosen} for other in others}
        others = [other for other in others if known[other]]
        expected = {
            term.slug: sum(
                term.slug in has(study, name) and all(has(study, other) & known[other] for other in others)
                for study in studies
            )
            for term in facet.terms
        }
        counted = zip(facet.terms, facet.counts, strict=True)
        assert {term.slug: count for term, count in counted} == expected, name


def _get(factory, slug, **kwargs):
    model = factory._meta.model
    found = model.objects.filter(slug=slug).first()
    return found or factory(slug=slug, **kwargs)
