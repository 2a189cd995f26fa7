"""Enquiries in the admin: what staff see, and what they can do."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from enquiries.models import Enquiry
from partners.models import OrganisationEditor
from tests.factories import CaseStudyFactory, ContactFactory, EnquiryFactory, UserFactory
from tests.pages import soup, texts

pytestmark = pytest.mark.django_db

LIST = reverse("admin:enquiries_enquiry_changelist")


def staff(client, *codenames):
    user = UserFactory()
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return user


def run(client, action, enquiries):
    return client.post(LIST, {"action": action, "_selected_action": [each.pk for each in enquiries]}, follow=True)


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_costs_the_same_at_any_length(admin_client, django_assert_num_queries, count):
    EnquiryFactory.create_batch(count)
    admin_client.get(LIST)
    with django_assert_num_queries(10):
        response = admin_client.get(LIST)
    assert response.status_code == 200
    assert len(soup(response).select("#result_list tbody tr")) == count


def test_what_was_asked_is_read_not_changed(client):
    staff(client, "view_enquiry", "change_enquiry")
    contact = ContactFactory(name="Falls team")
    enquiry = EnquiryFactory(message="How?", case_study=CaseStudyFactory(published=True, contacts=[contact]))
    response = client.get(reverse("admin:enquiries_enquiry_change", args=[enquiry.pk]))
    page = soup(response)
    names = {field["name"] for field in page.select("#enquiry_form [name]")} - {
        "csrfmiddlewaretoken", "_save", "_continue", "_addanother", "_saveasnew"
    }  # fmt: skip
    assert names == {"answer"}
    assert "Falls team (Project lead, " in response.text


def test_sending_again_leaves_alone_what_is_on_its_way(client):
    staff(client, "view_enquiry", "change_enquiry")
    failed = EnquiryFactory(delivery="failed", last_error="550")
    hanging = EnquiryFactory(delivery="sending", attempted_at=timezone.now() - timedelta(hours=1))
    sending = EnquiryFactory(delivery="sending", attempted_at=timezone.now())
    sent = EnquiryFactory(delivery="sent", sent_at=timezone.now())
    response = run(client, "send_again", [failed, hanging, sending, sent])
    said = " ".join(texts(soup(response), ".messagelist li"))
    assert said.startswith("2 enquiries will be sent again. Left alone: ")
    assert sending.reference in said
    assert sent.reference in said
    states = dict(Enquiry.objects.values_list("pk", "delivery"))
    assert states == {failed.pk: "waiting", hanging.pk: "waiting", sending.pk: "sending", sent.pk: "sent"}
    assert DBTaskResult.objects.count() == 2
    assert {entry.object_repr for entry in LogEntry.objects.all()} == {failed.reference, hanging.reference}


@pytest.mark.parametrize(("action", "answer"), [("mark_as_answered", "answered"), ("close", "closed")])
def test_staff_note_the_answer(client, action, answer):
    staff(client, "view_enquiry", "change_enquiry")
    enquiry = EnquiryFactory()
    run(client, action, [enquiry])
    enquiry.refresh_from_db()
    assert enquiry.answer == answer


def test_those_who_may_only_look_cannot_act(client):
    staff(client, "view_enquiry")
    enquiry = EnquiryFactory(delivery="failed", last_error="550")
    run(client, "send_again", [enquiry])
    enquiry.refresh_from_db()
    assert enquiry.delivery == "failed"


@pytest.mark.parametrize(("permission", "status"), [("change_enquiry", 403), ("delete_enquiry", 302)])
def test_deleting_one_needs_a_permission_of_its_own(client, permission, status):
    staff(client, "view_enquiry", permission)
    enquiry = EnquiryFactory()
    response = client.post(reverse("admin:enquiries_enquiry_delete", args=[enquiry.pk]), {"post": "yes"})
    assert response.status_code == status
    assert Enquiry.objects.exists() == (status == 403)
    assert [entry.object_repr for entry in LogEntry.objects.all()] == ([] if status == 403 else [enquiry.reference])


def test_nobody_adds_one(admin_client):
    assert admin_client.get(reverse("admin:enquiries_enquiry_add")).status_code == 403


def test_an_editor_limited_to_organisations_sees_their_enquiries(client):
    user = staff(client, "view_enquiry", "change_enquiry")
    own, other = EnquiryFactory(), EnquiryFactory()
    OrganisationEditor.objects.create(user=user, organisation=own.case_study.lead_organisation)
    assert texts(soup(client.get(LIST)), "#result_list th.field-reference") == [own.reference]
    assert client.get(reverse("admin:enquiries_enquiry_change", args=[other.pk])).status_code == 302


@pytest.mark.parametrize("words", ["KX4T-9QRD", "ann@ward.example", "Ann Visitor", "Fewer falls"])
def test_search_finds_an_enquiry_by_what_staff_know(admin_client, words):
    EnquiryFactory()
    EnquiryFactory(
        reference="KX4T-9QRD", email="ann@ward.example", name="Ann Visitor", case_study__title="Fewer falls"
    )
    response = admin_client.get(LIST, {"q": words})
    assert texts(soup(response), "#result_list th.field-reference") == ["KX4T-9QRD"]
