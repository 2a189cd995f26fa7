"""A case study's page, its figures, its addresses and what is kept from visitors."""

import json
from datetime import date

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from casestudies.models import CaseStudy, ImpactFigure
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
from tests.pages import soup, text, texts

pytestmark = pytest.mark.django_db


def get(client, case_study):
    return client.get(reverse("casestudies:casestudy_detail", args=[case_study.slug]))


def test_the_page_tells_what_where_who_when_and_how_it_turned_out(client):
    lead = OrganisationFactory(name="North Trust", region="north-west")
    case_study = CaseStudyFactory(
        published=True,
        title="Daily safety huddles",
        themes=[ThemeFactory(name="Falls")],
        settings=[SettingFactory(name="Care home")],
        lead_organisation=lead,
        stage="regional",
        start_year=2016,
        end_year=2018,
        intervention_types=["training", "tool"],
        reviewed_on=date(2026, 11, 22),
        review_due_on=date(2027, 11, 22),
    )
    page = soup(get(client, case_study))
    assert text(page, "h1") == "Daily safety huddles"
    facts = dict(zip(texts(page, ".app-facts dt"), texts(page, ".app-facts dd"), strict=True))
    assert facts == {
        "Result": "Worked",
        "Led by": "North Trust",
        "Region": "North West",
        "Where": "Care home",
        "When": "2016 to 2018",
        "Stage": "Regional",
        "Introduced": "Training, Tool",
    }
    assert text(page, ".app-reviewed").startswith(
        "Page last reviewed 22 November 2026. Next review due 22 November 2027."
    )


@pytest.mark.parametrize(
    ("figure", "headline", "start", "comparison"),
    [
        ({"kind": "change", "direction": "lower", "value": 43}, "43% lower", "", ""),
        ({"kind": "change", "direction": "lower", "value": 4, "unit": "days"}, "lower by 4 days", "", ""),
        (
            {"kind": "change", "direction": "lower", "value": 10, "value_high": 12, "unit": "weeks"},
            "lower by 10 to 12 weeks",
            "",
            "",
        ),
        (
            {"kind": "level", "direction": "lower", "value": "9.5", "baseline_value": 18, "baseline": "18%"},
            "9.5%",
            "down from 18%",
            "",
        ),
        ({"kind": "level", "direction": "higher", "value": 80, "baseline_value": 9}, "80%", "up from 9%", ""),
        ({"kind": "level", "direction": "", "value": 41, "baseline": "29 homes"}, "41%", "", "29 homes"),
        (
            {"kind": "saving", "direction": "", "value": 20_000_000, "value_high": 25_000_000, "unit": "£"},
            "£20 million to £25 million",
            "",
            "",
        ),
        (
            {"kind": "saving", "direction": "", "value": "4.5", "unit": "£ per £1 spent", "qualifier": "more than"},
            "more than £4.5 per £1 spent",
            "",
            "",
        ),
        ({"kind": "saving", "direction": "", "value": 756144, "unit": "£"}, "£756,144", "", ""),
        ({"kind": "reach", "direction": "", "value": 1204, "unit": "homes"}, "1,204 homes", "", ""),
        (
            {"kind": "change", "direction": "lower", "value": 43, "baseline": "compared with usual care"},
            "43% lower",
            "",
            "usual care",
        ),
    ],
)
def test_a_figure_cannot_be_misread(figure, headline, start, comparison):
    made = ImpactFigureFactory(**figure)
    made.refresh_from_db()
    assert (made.headline, made.start, made.comparison) == (headline, start, comparison)


def test_each_figure_stands_with_its_source_and_reach_apart(client):
    case_study = CaseStudyFactory(published=True)
    source = SourceFactory(case_study=case_study, publisher="BMJ", url="https://bmj.example/1")
    ImpactFigureFactory(case_study=case_study, source=source)
    ImpactFigureFactory(case_study=case_study, source=source, kind="reach", direction="", unit="homes", label="joined")
    page = soup(get(client, case_study))
    assert texts(page, "section[aria-labelledby=figures-heading] .app-figure__value") == ["43% lower"]
    assert texts(page, "section[aria-labelledby=reach-heading] .app-figure__value") == ["43 homes"]
    assert [link["href"] for link in page.select(".app-figure__source a")] == ["https://bmj.example/1"] * 2


def test_what_was_not_measured_says_so(client):
    page = soup(get(client, CaseStudyFactory(published=True, result="not-measured")))
    assert text(page, ".app-not-measured") == "No effect was measured. Read this as a description of what was done."


@pytest.mark.parametrize("count", [1, 3])
def test_page_costs_the_same_however_much_belongs_to_it(client, django_assert_num_queries, count):
    theme = ThemeFactory()
    case_study = CaseStudyFactory(
        published=True,
        themes=[theme, *ThemeFactory.create_batch(count)],
        settings=SettingFactory.create_batch(count),
        partner_organisations=OrganisationFactory.create_batch(count),
        contacts=ContactFactory.create_batch(count),
    )
    ImpactFigureFactory.create_batch(count, case_study=case_study)
    ResourceFactory.create_batch(count, case_study=case_study)
    for other in CaseStudyFactory.create_batch(count, published=True, themes=[theme]):
        ReportEntryFactory(report=ReportFactory(published=True), case_study=case_study)
        ImpactFigureFactory(case_study=other)
    with django_assert_num_queries(
        9
    ):  # it, its words, those related, and six for a catalogue of this transaction's own
        response = get(client, case_study)
    assert response.status_code == 200


@pytest.mark.parametrize("state", [{}, {"scheduled": True}])
def test_what_is_not_published_is_not_found(client, state):
    assert get(client, CaseStudyFactory(**state)).status_code == 404


def test_withdrawn_answers_gone_with_reason_date_and_successor(client):
    successor = CaseStudyFactory(title="What we know now", published=True)
    response = get(client, CaseStudyFactory(withdrawn=True, successor=successor))
    words = " ".join(soup(response).select_one("main").get_text().split())
    assert response.status_code == 410
    assert "The figures were wrong." in words
    assert "2 March 2026" in words
    assert successor.get_absolute_url() in {link["href"] for link in soup(response).select("main a")}


def test_withdrawn_does_not_point_to_a_draft(client):
    successor = CaseStudyFactory(title="Not yet out")
    response = get(client, CaseStudyFactory(withdrawn=True, successor=successor))
    assert "Not yet out" not in response.content.decode()


def test_an_old_address_redirects_whichever_way_it_changed(client):
    case_study = CaseStudyFactory(published=True, slug="first")
    CaseStudy.objects.filter(pk=case_study.pk).update(slug="second")
    CaseStudy.objects.filter(pk=case_study.pk).update(slug="third")
    for old in ("first", "second", "THIRD"):
        response = client.get(reverse("casestudies:casestudy_detail", args=[old]))
        assert (response.status_code, response.headers["Location"]) == (301, "/case-studies/third/")


def test_an_old_address_tells_nothing_of_a_draft(client):
    case_study = CaseStudyFactory(slug="first")
    CaseStudy.objects.filter(pk=case_study.pk).update(slug="second")
    assert client.get(reverse("casestudies:casestudy_detail", args=["first"])).status_code == 404


def test_an_old_address_of_something_withdrawn_leads_to_where_the_reason_stands(client):
    case_study = CaseStudyFactory(slug="first", withdrawn=True)
    CaseStudy.objects.filter(pk=case_study.pk).update(slug="second")
    response = client.get(reverse("casestudies:casestudy_detail", args=["first"]))
    assert (response.status_code, response.headers["Location"]) == (301, "/case-studies/second/")


def test_a_slug_in_use_belongs_to_its_present_owner(client):
    old = CaseStudyFactory(published=True, slug="shared")
    CaseStudy.objects.filter(pk=old.pk).update(slug="moved")
    CaseStudyFactory(published=True, slug="shared", title="The new owner")
    assert text(soup(client.get("/case-studies/shared/")), "h1") == "The new owner"


def test_contacts_are_told_by_role_and_their_address_only_if_they_asked(client):
    hidden = ContactFactory(email="hidden@trust.example", phone="01632 960001")
    shown = ContactFactory(email="shown@trust.example", show_email=True)
    left = ContactFactory(email="left@trust.example", show_email=True, left_on=date(2026, 1, 1))
    case_study = CaseStudyFactory(published=True, contacts=[hidden, shown, left])
    page = get(client, case_study).content.decode()
    found = {word for word in ("hidden@", "01632 960001", "shown@", "left@", hidden.name) if word in page}
    assert found == {"shown@"}


def test_a_resource_file_is_served_only_while_published(client):
    case_study = CaseStudyFactory(published=True)
    resource = ResourceFactory(case_study=case_study, url="", file=ContentFile(b"%PDF-1.7", name="guide.pdf"))
    response = client.get(resource.get_absolute_url())
    assert b"".join(response.streaming_content) == b"%PDF-1.7"
    assert response.headers["Content-Disposition"].startswith("attachment; filename=")
    CaseStudy.objects.filter(pk=case_study.pk).update(status="draft")
    assert client.get(resource.get_absolute_url()).status_code == 404


def test_an_old_address_of_a_resource_file_leads_to_it(client):
    case_study = CaseStudyFactory(published=True, slug="falls")
    resource = ResourceFactory(case_study=case_study, url="", file=ContentFile(b"%PDF-1.7", name="guide.pdf"))
    CaseStudy.objects.filter(pk=case_study.pk).update(slug="fewer-falls")
    for slug in ("falls", "FALLS", "Fewer-Falls"):
        response = client.get(f"/case-studies/{slug}/resources/{resource.pk}/")
        assert (response.status_code, response.headers["Location"]) == (
            301,
            f"/case-studies/fewer-falls/resources/{resource.pk}/",
        )
    other = CaseStudyFactory(published=True, slug="other")
    assert client.get(f"/case-studies/{other.slug}/resources/{resource.pk}/").status_code == 404


def test_the_file_of_a_withdrawn_case_study_is_gone_under_its_old_address_too(client):
    case_study = CaseStudyFactory(withdrawn=True, slug="falls")
    resource = ResourceFactory(case_study=case_study, url="", file=ContentFile(b"%PDF-1.7", name="guide.pdf"))
    CaseStudy.objects.filter(pk=case_study.pk).update(slug="fewer-falls")
    for slug in ("falls", "fewer-falls"):
        response = client.get(f"/case-studies/{slug}/resources/{resource.pk}/")
        assert response.status_code == 410
        assert case_study.withdrawal_reason in text(soup(response), "main")


def test_structured_data_describes_the_article(client):
    case_study = CaseStudyFactory(published=True, title="Red </script> bags", themes=[ThemeFactory(name="Falls")])
    (block,) = soup(get(client, case_study)).select('script[type="application/ld+json"]')
    data = json.loads(block.get_text())
    assert (data["@type"], data["headline"], data["about"]) == ("Article", "Red </script> bags", ["Falls"])


def test_related_say_why_and_the_reason_is_true_of_both(client):
    falls, frailty = ThemeFactory(name="Falls", order=1), ThemeFactory(name="Frailty", order=2)
    home = SettingFactory(name="Care home", phrase="in care homes")
    other_place = SettingFactory(name="Ward", phrase="in wards")
    case_study = CaseStudyFactory(
        published=True, themes=[falls, frailty], settings=[home], intervention_types=["tool", "training"]
    )
    CaseStudyFactory(
        published=True, title="Near", themes=[falls, frailty], settings=[home, other_place],
        intervention_types=["training"],
    )  # fmt: skip
    CaseStudyFactory(published=True, title="Further", themes=[falls], settings=[other_place])
    CaseStudyFactory(published=True, title="Unrelated", settings=[home])
    CaseStudyFactory(title="Draft", themes=[falls, frailty], settings=[home])
    page = soup(get(client, case_study))
    found = dict(zip(texts(page, ".app-related a"), texts(page, ".app-related p"), strict=True))
    assert found == {
        "Near": "Also about falls and frailty, in care homes, with training",
        "Further": "Also about falls",
    }


def test_headline_prefers_what_was_measured():
    case_study = CaseStudyFactory()
    ImpactFigureFactory(case_study=case_study, kind=ImpactFigure.Kind.REACH, direction="", order=0)
    ImpactFigureFactory(case_study=case_study, kind=ImpactFigure.Kind.SAVING, direction="", unit="£", order=1)
    effect = ImpactFigureFactory(case_study=case_study, order=2)
    assert case_study.headline_figure == effect
