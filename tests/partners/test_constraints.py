"""Every rule that the database holds for organisations and contacts, each broken on purpose."""

from datetime import date

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from partners.models import Contact, Organisation, OrganisationEditor, OrganisationFormerSlug
from tests.factories import ContactFactory, OrganisationFactory, OrganisationNameFactory, UserFactory

pytestmark = pytest.mark.django_db


def second_primary():
    first = ContactFactory(is_primary=True)
    return ContactFactory.build(organisation=first.organisation, is_primary=True)


def same_address_twice():
    first = ContactFactory()
    return ContactFactory.build(organisation=first.organisation, email=first.email)


def same_name_twice():
    first = OrganisationNameFactory()
    return OrganisationNameFactory.build(organisation=first.organisation, name=first.name)


def same_limit_twice():
    limit = OrganisationEditor.objects.create(user=UserFactory(), organisation=OrganisationFactory())
    return OrganisationEditor(user=limit.user, organisation=limit.organisation)


def contact(**fields):
    return ContactFactory.build(organisation=OrganisationFactory(), **fields)


# constraint: (what breaks it, what the person reads)
BREAKS = {
    "organisation_psc_only_at_a_network": (
        lambda: OrganisationFactory.build(kind="trust", psc_name="A Collaborative"),
        "Only a health innovation network hosts a Patient Safety Collaborative.",
    ),
    "organisation_has_a_name": (
        lambda: OrganisationFactory.build(name=""),
        "Give the organisation a name.",
    ),
    "organisationname_once": (same_name_twice, "The organisation already has this name."),
    "contact_one_primary_per_organisation": (second_primary, "The organisation already has a first contact."),
    "contact_email_once_per_organisation": (
        same_address_twice,
        "The organisation already has a contact with this e-mail address.",
    ),
    "contact_primary_has_not_left": (
        lambda: contact(is_primary=True, left_on=date(2026, 5, 1)),
        "A contact who has left cannot be the organisation's first contact.",
    ),
    "contact_demonstration_has_example_address": (
        lambda: contact(is_demonstration=True, email="team@trust.test"),
        "A demonstration contact needs an address that ends in .example.",
    ),
    "organisationeditor_once": (same_limit_twice, "This editor already has this organisation."),
}


def test_each_constraint_has_a_test_that_breaks_it():
    constraints = {
        constraint.name
        for model in apps.get_app_config("partners").get_models()
        for constraint in model._meta.constraints
    }
    assert constraints == BREAKS.keys()


@pytest.mark.parametrize("name", BREAKS)
def test_the_database_refuses_it(name):
    broken = BREAKS[name][0]()
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        broken.save()
    assert refusal.value.__cause__.diag.constraint_name == name


@pytest.mark.parametrize("name", BREAKS)
def test_the_person_reads_why(name):
    make, message = BREAKS[name]
    broken = make()
    with pytest.raises(ValidationError) as refusal:
        broken.validate_constraints()
    assert refusal.value.messages == [message]
    with pytest.raises(ValidationError):
        broken.full_clean()


def test_bulk_changes_meet_the_same_rules():
    organisation = OrganisationFactory()
    ContactFactory.create_batch(2, organisation=organisation)
    with pytest.raises(IntegrityError), transaction.atomic():
        Contact.objects.update(is_primary=True)


def test_a_former_slug_is_kept_whichever_way_the_slug_changes():
    updated, by_sql = OrganisationFactory(slug="one"), OrganisationFactory(slug="two")
    Organisation.objects.filter(pk=updated.pk).update(slug="first")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE partners_organisation SET slug = 'second' WHERE id = %s", [by_sql.pk])
    kept = set(OrganisationFormerSlug.objects.values_list("slug", "current__slug"))
    assert kept == {("one", "first"), ("two", "second")}
