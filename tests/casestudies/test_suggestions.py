"""What is suggested while somebody types: published case studies, themes and organisations, and few of them."""

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from casestudies.models import CaseStudy
from casestudies.suggestions import MOST, NEWEST
from partners.models import Organisation, OrganisationName
from tests.factories import (
    CaseStudyFactory,
    ContactFactory,
    OrganisationFactory,
    OrganisationNameFactory,
    ThemeFactory,
)

pytestmark = pytest.mark.django_db
ADDRESS = reverse("casestudies:suggestions")


def suggested(client, typed):
    response = client.get(ADDRESS, {"q": typed})
    assert response.status_code == 200
    return response.json()["suggestions"]


def texts(client, typed):
    return [suggestion["text"] for suggestion in suggested(client, typed)]


def make(title, **kwargs):
    return CaseStudyFactory(title=title, published=True, **kwargs)


def test_a_suggestion_says_what_it_is_and_where_it_leads(client):
    theme = ThemeFactory(name="Falls")
    lead = OrganisationFactory(name="Falls Charity")
    case_study = make("Preventing falls", lead_organisation=lead)
    assert suggested(client, "fal") == [
        {"kind": "Theme", "text": "Falls", "address": theme.get_absolute_url(), "other_name": ""},
        {"kind": "Case study", "text": "Preventing falls", "address": case_study.get_absolute_url(), "other_name": ""},
        {"kind": "Organisation", "text": "Falls Charity", "address": lead.get_absolute_url(), "other_name": ""},
    ]


def test_only_what_is_published_is_suggested(client):
    """Nor an organisation that is known by what is not."""
    for title, state in (
        ("Falls, draft", {}),
        ("Falls, withdrawn", {"withdrawn": True}),
        ("Falls, scheduled", {"scheduled": True}),
    ):
        CaseStudyFactory(
            title=title,
            lead_organisation=OrganisationFactory(name=f"{title}: who led it"),
            partner_organisations=[OrganisationFactory(name=f"{title}: who took part")],
            **state,
        )
    OrganisationFactory(name="Falls, without a case study")
    assert texts(client, "falls") == []
    for case_study in CaseStudy.objects.all():
        CaseStudy.objects.filter(pk=case_study.pk).update(
            status="published", published_at=case_study.created_at, withdrawn_at=None, withdrawal_reason=""
        )
    assert texts(client, "falls") == [
        *("Falls, draft", "Falls, scheduled", "Falls, withdrawn"),
        *("Falls, draft: who led it", "Falls, draft: who took part", "Falls, scheduled: who led it"),
        *("Falls, scheduled: who took part", "Falls, withdrawn: who led it"),
    ]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("medicat", True),  # the stem of "medication" is shorter
        ("medications", True),
        ("REVIEW", True),
        ("rev", True),
        ("home med", True),
        ("homes medic", True),
        ("reviewing ca", True),
        ("medication home", True),
        ("in ca", True),
        ("st george's", True),
        ("St George’s med", True),
        ("george", True),
        ("covid-1", True),
        ("covid 19", True),
        ("follow-u", True),
        ("(medication)", True),
        ("medication falls", False),
        ("edication", False),
        ("view", False),
        ("medicated review x", False),
        ("the of", False),
    ],
)
def test_the_last_word_may_be_unfinished_and_all_are_needed(client, typed, found):
    title = "St George’s follow-up: medication review in care homes after COVID-19"
    make(title)
    make("Something else")
    assert texts(client, typed) == ([title] if found else [])


def test_titles_that_begin_as_was_typed_come_first(client):
    make("Of care homes", slug="newest")
    CaseStudy.objects.update(published_at="2026-05-01T09:00Z")
    make("Care homes: b")
    make("care homes: a")
    make("People’s care homes")
    assert texts(client, "care ho") == ["care homes: a", "Care homes: b", "Of care homes", "People’s care homes"]
    newer = make("Choices in the people’s care")
    CaseStudy.objects.filter(pk=newer.pk).update(published_at="2026-05-02T09:00Z")
    assert texts(client, "people's c") == ["People’s care homes", "Choices in the people’s care"]


def test_the_newest_come_first_even_among_many(client):
    """More match than are looked at one by one, and the newest may lie anywhere."""
    CaseStudy.objects.bulk_create(
        CaseStudyFactory.build(
            title=f"About falls {number}",
            slug=f"s{number}",
            lead_organisation=None,
            lead_organisation_id=organisation.pk,
            published=True,
        )
        for organisation in [OrganisationFactory()]
        for number in range(NEWEST + 250)
    )
    newest = make("The newest about falls")
    CaseStudy.objects.filter(pk=newest.pk).update(published_at="2026-06-01T09:00Z")
    found = texts(client, "fal")
    assert (found[0], len(found)) == ("The newest about falls", MOST)


def test_few_are_enough_and_every_kind_gets_its_place(client):
    for number in range(9):
        make(f"Falls {number}", lead_organisation=OrganisationFactory(name=f"Falls Trust {number}"))
        ThemeFactory(name=f"Falls theme {number}", order=number)
    assert [(found["kind"], found["text"]) for found in suggested(client, "falls")] == [
        ("Theme", "Falls theme 0"),
        ("Theme", "Falls theme 1"),
        *(("Case study", f"Falls {number}") for number in range(4)),
        ("Organisation", "Falls Trust 0"),
        ("Organisation", "Falls Trust 1"),
    ]
    CaseStudy.objects.update(title="Something else")
    assert [found["kind"] for found in suggested(client, "falls")] == ["Theme"] * 2 + ["Organisation"] * 6


@pytest.mark.parametrize(
    ("typed", "other_name"),
    [
        ("health inn", ""),
        ("west of england", ""),
        ("west of england ahsn", "West of England AHSN"),
        ("weahsn", "WEAHSN"),
        ("west of england psc", "West of England PSC"),
        ("academic", None),
        ("health psc", None),  # words of two names
    ],
)
def test_an_organisation_is_found_by_every_name_and_says_by_which(client, typed, other_name):
    organisation = OrganisationFactory(
        name="Health Innovation West of England", kind=Organisation.Kind.AHSN, psc_name="West of England PSC"
    )
    OrganisationNameFactory(organisation=organisation, name="West of England AHSN", kind=OrganisationName.Kind.FORMER)
    OrganisationNameFactory(organisation=organisation, name="WEAHSN", kind=OrganisationName.Kind.SHORT)
    make("Something", lead_organisation=OrganisationFactory(), partner_organisations=[organisation])
    expected = {
        "kind": "Organisation",
        "text": "Health Innovation West of England",
        "address": organisation.get_absolute_url(),
        "other_name": other_name,
    }
    assert suggested(client, typed) == ([] if other_name is None else [expected])


@pytest.mark.parametrize("typed", ["", " ", "f", " f ", "f-", "-", "…", "💊💊", "& | ! ( )", "a\0b", "falls " * 2000])
def test_nothing_is_suggested_for_too_little_or_too_much(client, typed):
    make("Falls")
    assert suggested(client, typed) == []


def test_without_a_question_nothing_is_suggested(client):
    assert client.get(ADDRESS).json() == {"suggestions": []}


def test_it_is_no_page_for_search_engines_and_sets_no_cookie(client):
    response = client.get(ADDRESS, {"q": "falls"})
    assert response.headers["X-Robots-Tag"] == "noindex"
    assert response.headers["Content-Type"] == "application/json"
    assert not response.cookies


def test_contacts_are_not_suggested(client):
    make("Falls", contacts=[ContactFactory(name="Jo Bloggs", email="jo@trust.example", job_title="Ward manager")])
    assert [suggested(client, typed) for typed in ("jo", "bloggs", "jo@trust.example", "trust.ex", "ward")] == [[]] * 5


@pytest.mark.parametrize("count", [1, 3])
def test_it_costs_the_same_for_any_number(client, django_assert_num_queries, count):
    for number in range(count):
        organisation = OrganisationFactory(name=f"Falls Trust {number}")
        OrganisationNameFactory(organisation=organisation, name=f"Former falls {number}")
        make(f"Falls {number}", lead_organisation=organisation, partner_organisations=[organisation])
    ThemeFactory(name="Falls")
    with django_assert_num_queries(9):
        assert len(suggested(client, "falls")) == 1 + 2 * count
    with django_assert_num_queries(0):
        suggested(client, "f")


@pytest.fixture
def _something_to_find():
    ThemeFactory(name="Falls & <b>fractures</b>")
    make("It’s 100% “falls” \\ % _ & | ! :* (a <-> b) 'c'")


@given(
    typed=st.text(max_size=200)
    | st.lists(
        st.sampled_from(
            ["falls", "'", '"', "\\", "%", "_", "&", "|", "!", ":*", "<->", "(", ")", "-", "or", "💊", "é"]
        )
    ).map(" ".join)
)
@example(typed="a'b\\")
@example(typed="fal:*")
@example(typed="'fal' & !'x'")
@example(typed="100% _")
@example(typed="\\m")
@example(typed="ſß İı")
@example(typed="٣٤")
@example(typed="x" * 10_000)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("_something_to_find")
def test_whatever_is_typed_is_answered(client, typed):
    for suggestion in suggested(client, typed.encode("utf-8", "replace").decode()):
        assert list(suggestion) == ["kind", "text", "address", "other_name"]


@pytest.mark.parametrize("typed", ["fal%", "f_lls", "f.lls", "falls|x", "falls & !falls", "!falls", "'falls"])
def test_operators_and_wildcards_mean_nothing(client, typed):
    """They are left out; what is between them are words."""
    make("Falls")
    is_all_words = typed in {"fal%", "'falls", "!falls", "falls & !falls"}
    assert texts(client, typed) == (["Falls"] if is_all_words else [])
