"""The admin of organisations, contacts and editors' limits."""

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from partners.limits import organisations_of
from partners.models import Contact, Organisation, OrganisationEditor
from tests.factories import (
    CaseStudyFactory,
    ContactFactory,
    OrganisationFactory,
    OrganisationNameFactory,
    UserFactory,
)
from tests.pages import soup, texts

pytestmark = pytest.mark.django_db

ORGANISATIONS, CONTACTS = "/admin/partners/organisation/", "/admin/partners/contact/"


@pytest.fixture
def editor(client):
    user = UserFactory()
    user.groups.add(Group.objects.get(name="Editor"))
    client.force_login(user)
    return client


def shown(client, address, **query):
    return set(client.get(address, query).context["cl"].queryset)


def run(client, action, *contacts):
    data = {"action": action, "_selected_action": [contact.pk for contact in contacts]}
    answer = client.post(CONTACTS, data, follow=True)
    return [str(message) for message in answer.context["messages"]]


@pytest.mark.parametrize(
    ("address", "make"),
    [(ORGANISATIONS, lambda: OrganisationNameFactory().organisation), (CONTACTS, ContactFactory)],
)
def test_a_list_costs_the_same_at_any_length(editor, address, make):
    def queries():
        editor.get(address)  # content types and permissions are remembered from now on
        with CaptureQueriesContext(connection) as found:
            assert editor.get(address).status_code == 200
        return len(found)

    make()
    of_one = queries()
    make()
    make()
    assert queries() == of_one


# --- Organisations --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["Lead Trust", "LT", "Old Trust"])
def test_an_organisation_is_found_by_any_of_its_names(editor, words):
    found = OrganisationFactory(name="Lead Trust")
    OrganisationNameFactory(organisation=found, name="LT")
    OrganisationNameFactory(organisation=found, name="Old Trust", kind="former")
    OrganisationFactory(name="Another")
    assert shown(editor, ORGANISATIONS, q=words) == {found}


def test_organisations_that_nobody_can_reach_are_found(editor):
    reachable, left, without = OrganisationFactory(), OrganisationFactory(), OrganisationFactory()
    ContactFactory(organisation=reachable)
    ContactFactory(organisation=left, left_on="2026-01-01")
    assert shown(editor, ORGANISATIONS, reachable="no") == {left, without}
    assert shown(editor, ORGANISATIONS, reachable="yes") == {reachable}


def test_an_organisation_is_typed_with_its_names_and_contacts(editor):
    data = {
        "name": "Lead Trust",
        "slug": "lead-trust",
        "kind": "trust",
        "names-TOTAL_FORMS": 1,
        "names-INITIAL_FORMS": 0,
        "names-0-name": "LT",
        "names-0-kind": "short",
        "contacts-TOTAL_FORMS": 1,
        "contacts-INITIAL_FORMS": 0,
        "contacts-0-name": "Safety team",
        "contacts-0-email": "safety@trust.example",
        "contacts-0-is_team": "on",
    }
    assert editor.post(f"{ORGANISATIONS}add/", data).status_code == 302
    made = Organisation.objects.get()
    assert (made.short_names, [contact.email for contact in made.contacts.all()]) == (["LT"], ["safety@trust.example"])


def test_the_rules_of_the_database_are_said_on_the_page(editor):
    data = {
        "name": "Lead Trust",
        "slug": "lead-trust",
        "kind": "trust",
        "psc_name": "A Collaborative",
        **{f"{prefix}-{form}_FORMS": 0 for prefix in ("names", "contacts") for form in ("TOTAL", "INITIAL")},
    }
    page = editor.post(f"{ORGANISATIONS}add/", data)
    assert texts(soup(page), ".errorlist li") == [
        "Only a health innovation network hosts a Patient Safety Collaborative."
    ]


# --- Contacts -------------------------------------------------------------------------------------------------


def test_contacts_are_filtered_by_how_long_ago_they_were_confirmed(editor):
    today = timezone.localdate()
    never = ContactFactory()
    long_ago = ContactFactory(confirmed_on=today - timedelta(days=366))
    fresh = ContactFactory(confirmed_on=today - timedelta(days=365))
    left = ContactFactory(left_on=today)
    assert shown(editor, CONTACTS, confirmation="old") == {never, long_ago}
    assert shown(editor, CONTACTS, confirmation="fresh") == {fresh}
    assert shown(editor, CONTACTS, confirmation="left") == {left}


def test_contacts_are_confirmed_today(editor):
    here, left = ContactFactory(), ContactFactory(left_on="2026-01-01")
    assert run(editor, "confirm_today", here, left) == ["1 contact confirmed today."]
    assert set(Contact.objects.values_list("pk", "confirmed_on")) == {(here.pk, timezone.localdate()), (left.pk, None)}


def test_a_contact_who_left_is_nobodys_first_contact(editor):
    first, gone = ContactFactory(is_primary=True), ContactFactory(left_on="2026-01-01")
    assert run(editor, "mark_as_left", first, gone) == ["1 contact marked as left."]
    assert set(Contact.objects.values_list("pk", "is_primary", "left_on")) == {
        (first.pk, False, timezone.localdate()),
        (gone.pk, False, date(2026, 1, 1)),
    }


def test_a_contact_of_a_case_study_is_not_deleted(client):
    client.force_login(UserFactory(is_superuser=True))
    contact = ContactFactory()
    CaseStudyFactory(contacts=[contact])
    page = client.post(f"{CONTACTS}{contact.pk}/delete/", {"post": "yes"})
    assert page.status_code == 200
    assert Contact.objects.count() == 1


def test_a_telephone_number_has_digits(editor):
    data = {
        "name": "Team",
        "organisation": OrganisationFactory().pk,
        "email": "team@trust.example",
        "phone": "ask at reception",
    }
    page = editor.post(f"{CONTACTS}add/", data)
    assert texts(soup(page), ".errorlist li") == ["Give a telephone number, such as 0113 496 0000."]


# --- Limits ---------------------------------------------------------------------------------------------------


def test_who_is_limited_to_what():
    free, limited, root = UserFactory(), UserFactory(), UserFactory(is_superuser=True)
    one, other = OrganisationFactory(), OrganisationFactory()
    for organisation in (one, other):
        OrganisationEditor.objects.create(user=limited, organisation=organisation)
        OrganisationEditor.objects.create(user=root, organisation=organisation)
    assert organisations_of(free) is None
    assert organisations_of(limited) == {one.pk, other.pk}
    assert organisations_of(root) is None


@pytest.fixture
def limited(client):
    """A limited editor's browser, with a contact of their own organisation and one of another."""
    user = UserFactory()
    user.groups.add(Group.objects.get(name="Editor"))
    client.force_login(user)
    own, other = ContactFactory(), ContactFactory()
    OrganisationEditor.objects.create(user=user, organisation=own.organisation)
    return client, own, other


def test_a_limited_editor_changes_no_other_organisation_and_none_of_its_contacts(limited):
    client, own, other = limited
    answers = {
        address: client.post(address, {}).status_code
        for contact in (own, other)
        for address in (
            f"{CONTACTS}{contact.pk}/change/",
            f"{ORGANISATIONS}{contact.organisation_id}/change/",
        )
    }
    assert list(answers.values()) == [200, 200, 403, 403]


def test_a_limited_editor_s_actions_leave_others_contacts_alone(limited):
    client, own, other = limited
    assert run(client, "mark_as_left", own, other) == ["1 contact marked as left."]
    other.refresh_from_db()
    assert other.left_on is None


def test_a_limited_editor_gives_no_contact_to_another_organisation(limited):
    client, own, other = limited
    data = {"name": "Team", "email": "new@trust.example", "phone": ""}
    page = client.post(f"{CONTACTS}add/", data | {"organisation": other.organisation_id})
    assert texts(soup(page), ".field-organisation .errorlist li") == [
        "Select a valid choice. That choice is not one of the available choices."
    ]
    assert client.post(f"{CONTACTS}add/", data | {"organisation": own.organisation_id}).status_code == 302


@pytest.mark.parametrize("query", ["?region__exact=%00", "?q=%00"])
def test_a_nul_character_is_answered_as_what_it_is(editor, query):
    assert editor.get(f"{ORGANISATIONS}{query}").status_code == 400


def test_limits_are_asked_for_once_in_a_request(django_assert_num_queries):
    user = UserFactory()
    with django_assert_num_queries(1):
        organisations_of(user)
        organisations_of(user)


def test_a_superuser_sets_limits(client):
    client.force_login(UserFactory(is_superuser=True))
    user, organisation = UserFactory(), OrganisationFactory()
    data = {"user": user.pk, "organisation": organisation.pk}
    assert client.post("/admin/partners/organisationeditor/add/", data).status_code == 302
    page = client.post("/admin/partners/organisationeditor/add/", data)
    assert texts(soup(page), ".errorlist li") == ["This editor already has this organisation."]
