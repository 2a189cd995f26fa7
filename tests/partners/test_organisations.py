"""Organisations: the list by kind with search and filters, an organisation's page, its addresses."""

import json

import pytest
from django.urls import reverse

from partners.models import Organisation, OrganisationName
from tests.factories import (
    CaseStudyFactory,
    ContactFactory,
    OrganisationFactory,
    OrganisationNameFactory,
    ReportFactory,
)
from tests.pages import soup, text, texts

pytestmark = pytest.mark.django_db

LIST = "/organisations/"


def names(response):
    return texts(soup(response), ".app-directory__name > a")


def network(**values):
    """Make a network as the content has them: with a short name, a former one and the collaborative it hosts."""
    organisation = OrganisationFactory(
        **{
            "name": "Health Innovation West of England",
            "slug": "health-innovation-west-of-england",
            "kind": Organisation.Kind.AHSN,
            "region": "south-west",
            "psc_name": "West Patient Safety Collaborative",
        }
        | values
    )
    OrganisationNameFactory(organisation=organisation, name="WEAHSN")
    OrganisationNameFactory(organisation=organisation, name="West of England AHSN", kind=OrganisationName.Kind.FORMER)
    return organisation


# --- The list ------------------------------------------------------------------------------------------------


def test_the_list_is_by_kind_then_name(client):
    OrganisationFactory(name="St Ann’s Trust", kind="trust")
    OrganisationFactory(name="Bath Council", kind="council")
    OrganisationFactory(name="Airedale Trust", kind="trust", region="north-west")
    network()
    page = soup(client.get(LIST))
    assert texts(page, ".app-directory__heading") == ["Health innovation networks", "NHS trusts", "Councils"]
    assert texts(page, ".app-directory__name > a") == [
        "Health Innovation West of England",
        "Airedale Trust",
        "St Ann’s Trust",
        "Bath Council",
    ]
    assert texts(page, ".app-directory__region") == ["South West", "North West", "Across England", "Across England"]
    assert texts(page, ".app-toc li") == [
        "Health innovation networks 1 organisation",
        "NHS trusts 2 organisations",
        "Councils 1 organisation",
    ]
    assert text(page, ".app-directory__names") == "WEAHSN · formerly West of England AHSN"
    assert text(page, "#outcome") == "4 organisations"


@pytest.mark.parametrize(
    "words",
    [
        "West of England AHSN",
        "weahsn",
        "ahsn  WEST",
        "West Patient Safety",
        "health innovation west",
        "WEAHSN england",
    ],
)
def test_search_knows_every_name(client, words):
    network()
    OrganisationFactory(name="Health Innovation Manchester", kind="ahsn")
    response = client.get(LIST, {"q": words})
    assert names(response) == ["Health Innovation West of England"]
    assert text(soup(response), "#outcome") == "1 organisation matches"
    assert soup(response).select_one("#q")["value"] == " ".join(words.split())


@pytest.mark.parametrize("words", ["st george's", "St George’s", "GEORGE'S"])
def test_search_takes_either_apostrophe(client, words):
    OrganisationFactory(name="St George’s Hospitals")
    OrganisationFactory(name="St Georgina Hospital")
    assert names(client.get(LIST, {"q": words})) == ["St George’s Hospitals"]


def test_search_takes_signs_as_they_are(client):
    OrganisationFactory(name="100% Safe Care")
    OrganisationFactory(name="100 Safe Homes")
    assert names(client.get(LIST, {"q": "100%"})) == ["100% Safe Care"]


def test_filters_by_kind_and_region(client):
    OrganisationFactory(name="North Trust", region="north-west")
    OrganisationFactory(name="South Trust", region="south-west")
    OrganisationFactory(name="North Council", kind="council", region="north-west")
    OrganisationFactory(name="National Charity", kind="charity", region="")
    assert names(client.get(LIST, {"region": "north-west"})) == ["North Trust", "North Council"]
    assert names(client.get(LIST, {"region": "north-west", "kind": "trust"})) == ["North Trust"]
    assert names(client.get(LIST, {"region": "england"})) == ["National Charity"]
    page = soup(client.get(LIST, {"kind": "trust", "region": "south-west"}))
    assert [option.text for option in page.select("option[selected]")] == ["NHS trust", "South West"]


def test_nothing_matches(client):
    OrganisationFactory()
    page = soup(client.get(LIST, {"q": "zebra"}))
    assert text(page, "#outcome") == "0 organisations match"
    assert [link["href"] for link in page.select(".app-empty a")] == ["/case-studies/?q=zebra"]


@pytest.mark.parametrize("query", ["kind=alien", "kind=%00", "kind=trust&kind=alien", "region=Narnia", "kind=TRUST"])
def test_what_names_nothing_is_left_out_and_said(client, query):
    OrganisationFactory(name="North Trust")
    response = client.get(f"{LIST}?{query}")
    assert names(response) == ["North Trust"]
    label = "Kind" if "kind" in query else "NHS region"
    assert f"not in the list under {label}" in text(soup(response), ".nhsuk-inset-text p")


@pytest.mark.parametrize("query", ["q=%00", "q=%F0%28%8C", "q=&kind=&region=", "kind[]=trust", "page=9", "q=+++"])
def test_what_says_nothing_shows_everything_or_nothing(client, query):
    OrganisationFactory(name="North Trust")
    assert client.get(f"{LIST}?{query}").status_code == 200


def test_a_search_that_is_too_long_gets_a_message_and_loses_nothing(client):
    OrganisationFactory(name="North Trust")
    typed = "a" * 10_000
    page = soup(client.get(LIST, {"q": typed}))
    assert text(page, ".nhsuk-error-message") == "Error: Search with 200 characters or fewer."
    assert page.select_one("#q")["value"] == typed


def test_counts_are_of_published_case_studies_led_or_taken_part_in_each_once(client):
    lead, partner = OrganisationFactory(name="A lead"), OrganisationFactory(name="B partner")
    CaseStudyFactory(published=True, lead_organisation=lead, partner_organisations=[lead, partner])
    CaseStudyFactory(published=True, lead_organisation=lead)
    CaseStudyFactory(lead_organisation=lead, partner_organisations=[partner])
    CaseStudyFactory(withdrawn=True, lead_organisation=lead, partner_organisations=[partner])
    CaseStudyFactory(scheduled=True, lead_organisation=lead, partner_organisations=[partner])
    assert texts(soup(client.get(LIST)), ".app-directory__count") == ["2 case studies", "1 case study"]


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_costs_the_same_at_any_length(client, django_assert_num_queries, count):
    for number in range(count):
        organisation = network(name=f"Network {number}", slug=f"network-{number}")
        CaseStudyFactory.create_batch(count, published=True, lead_organisation=organisation)
    with django_assert_num_queries(4):
        assert len(names(client.get(LIST, {"q": "network"}))) == count


def test_the_canonical_address_has_only_what_changes_the_content(client):
    OrganisationFactory(name="North Trust")
    response = client.get(f"{LIST}?utm=x&region=&kind=trust&q=north++trust&page=2")
    canonical = soup(response).select_one("link[rel=canonical]")["href"]
    assert canonical.partition(LIST)[2] == "?q=north+trust&kind=trust"


# --- An organisation's page ----------------------------------------------------------------------------------


def test_the_page_says_who_it_is(client):
    organisation = network(
        area="Bristol and Bath", website="https://www.west.example/", source_url="https://facts.example/page"
    )
    page = soup(client.get(organisation.get_absolute_url()))
    assert text(page, "h1") == "Health Innovation West of England"
    assert text(page, ".app-lede") == "Formerly West of England AHSN"
    facts = dict(zip(texts(page, ".app-facts dt"), texts(page, ".app-facts dd"), strict=True))
    assert facts == {
        "Also known as": "WEAHSN",
        "Hosts": "West Patient Safety Collaborative",
        "NHS region": "South West",
        "Serves": "Bristol and Bath",
        "Website": "west.example",
        "Where these facts are from": "facts.example",
    }
    (block,) = page.select('script[type="application/ld+json"]')
    assert json.loads(block.string)["alternateName"] == ["WEAHSN", "West of England AHSN"]


def test_the_page_shows_what_it_led_then_what_it_took_part_in_and_nothing_unpublished(client):
    organisation = OrganisationFactory()
    led = {"lead_organisation": organisation}
    took_part = {"partner_organisations": [organisation]}
    CaseStudyFactory(published=True, title="Took part", **took_part)
    CaseStudyFactory(published=True, title="Led and took part", **led, **took_part)
    CaseStudyFactory(published=True, title="Somebody else's")
    for state in ({}, {"withdrawn": True}, {"scheduled": True}):
        CaseStudyFactory(title="Secret", **state, **led)
        CaseStudyFactory(title="Secret", **state, **took_part)
    page = soup(client.get(organisation.get_absolute_url()))
    assert texts(page, "main h2") == ["About", "Case studies it led", "Case studies it took part in"]
    assert texts(page, "main h3") == ["Led and took part", "Took part"]
    assert "Secret" not in page.get_text()


def test_an_organisation_without_case_studies_says_so(client):
    page = soup(client.get(OrganisationFactory().get_absolute_url()))
    assert text(page, ".app-empty") == "No case study of this organisation is published at the moment."


def test_many_case_studies_come_in_pages(client):
    organisation = OrganisationFactory()
    address = organisation.get_absolute_url()
    CaseStudyFactory.create_batch(15, published=True, lead_organisation=organisation)
    CaseStudyFactory.create_batch(10, published=True, partner_organisations=[organisation])
    first, second = soup(client.get(address)), soup(client.get(f"{address}?page=2"))
    assert (len(first.select("main h3")), len(second.select("main h3"))) == (20, 5)
    assert texts(second, "main h2") == ["About", "Case studies it took part in"]
    assert [link["href"] for link in first.select(".nhsuk-pagination a")] == [
        address,
        f"{address}?page=2",
        f"{address}?page=2",
    ]
    assert first.select_one("link[rel=canonical]")["href"].endswith(address)
    assert second.select_one("link[rel=canonical]")["href"].endswith(f"{address}?page=2")
    assert text(second, "title").startswith(f"{organisation.name} (page 2)")


@pytest.mark.parametrize(("asked", "answer"), [("3", 302), ("999999", 302), ("0", 200), ("x", 200), ("9" * 5000, 200)])
def test_a_page_that_is_not_there_leads_to_one_that_is(client, asked, answer):
    organisation = OrganisationFactory()
    CaseStudyFactory.create_batch(21, published=True, lead_organisation=organisation)
    response = client.get(organisation.get_absolute_url(), {"page": asked})
    assert response.status_code == answer
    if answer == 302:
        assert response.headers["Location"] == f"{organisation.get_absolute_url()}?page=2"


def test_contacts_are_a_role_or_a_team_to_ask_through_a_case_study(client):
    organisation = OrganisationFactory()
    person = ContactFactory(
        organisation=organisation,
        name="Jo Private",
        job_title="Falls nurse",
        is_team=False,
        email="jo@trust.example",
        phone="01234 567890",
        show_email=True,
    )
    team = ContactFactory(organisation=organisation, name="Safety team", email="safety@trust.example")
    gone = ContactFactory(organisation=organisation, name="Gone team", left_on="2026-01-01")
    idle = ContactFactory(organisation=organisation, name="Idle team")
    shown = CaseStudyFactory(published=True, title="Shown", contacts=[person, team, gone])
    CaseStudyFactory(title="Secret draft", contacts=[person, idle])
    page = soup(client.get(organisation.get_absolute_url()))
    assert texts(page, ".app-contacts li") == ["Falls nurse Ask about “Shown”", "Safety team Ask about “Shown”"]
    assert {link["href"] for link in page.select(".app-contacts a")} == {
        reverse("enquiries:enquiry_create", args=[shown.slug])
    }
    everything = str(page)
    for secret in ("Jo Private", "jo@trust", "01234", "safety@trust", "Gone team", "Idle team", "Secret draft"):
        assert secret not in everything


def test_the_page_lists_the_reports_it_published(client):
    organisation = OrganisationFactory()
    ReportFactory(published=True, publisher=organisation, title="Shown report")
    ReportFactory(publisher=organisation, title="Draft report")
    page = soup(client.get(organisation.get_absolute_url()))
    assert texts(page, ".app-reports h3") == ["Shown report"]


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_costs_the_same_at_any_length(client, django_assert_num_queries, count):
    organisation = network()
    contacts = ContactFactory.create_batch(count, organisation=organisation)
    CaseStudyFactory.create_batch(count, published=True, lead_organisation=organisation, contacts=contacts)
    CaseStudyFactory.create_batch(count, published=True, partner_organisations=[organisation])
    ReportFactory.create_batch(count, published=True, publisher=organisation)
    with django_assert_num_queries(8):
        client.get(organisation.get_absolute_url())


def test_old_addresses_redirect_with_their_parameters(client):
    organisation = OrganisationFactory(slug="eastern-ahsn")
    organisation.slug = "health-innovation-east"
    organisation.save()
    for old in ("/organisations/eastern-ahsn/", "/organisations/Health-Innovation-EAST/"):
        response = client.get(f"{old}?page=1")
        assert (response.status_code, response.headers["Location"]) == (
            301,
            "/organisations/health-innovation-east/?page=1",
        )
    assert client.get("/organisations/never-was/").status_code == 404


def test_visitors_get_no_cookie(client):
    for address in (LIST, OrganisationFactory().get_absolute_url()):
        assert "Set-Cookie" not in client.get(address).headers
