"""Each rule that the database holds for enquiries, broken on purpose."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from enquiries.models import Enquiry
from tests.factories import EnquiryFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)

BROKEN: dict[str, list[dict[str, Any]]] = {
    "enquiry_sent_has_time": [{"delivery": "sent"}, {"delivery": "waiting", "sent_at": NOW}],
    "enquiry_sending_has_time": [{"delivery": "sending"}],
    "enquiry_failed_has_error": [{"delivery": "failed"}],
    "enquiry_is_complete": [{"name": ""}, {"email": ""}, {"message": ""}],
    "enquiry_known_states": [{"delivery": "lost"}, {"answer": "perhaps"}],
}


@pytest.mark.parametrize(("name", "values"), [(name, values) for name, broken in BROKEN.items() for values in broken])
def test_the_database_refuses(name, values):
    enquiry = EnquiryFactory()
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Enquiry.objects.filter(pk=enquiry.pk).update(**values)


@pytest.mark.parametrize(("name", "values"), [(name, values) for name, broken in BROKEN.items() for values in broken])
def test_a_person_reads_why(name, values):
    (constraint,) = [each for each in Enquiry._meta.constraints if each.name == name]
    enquiry = EnquiryFactory()
    for field, value in values.items():
        setattr(enquiry, field, value)
    with pytest.raises(ValidationError, match=str(constraint.violation_error_message)):
        constraint.validate(Enquiry, enquiry)


def test_the_same_question_is_kept_once():
    first = EnquiryFactory(email="ann@ward.example", message="How?")
    with pytest.raises(IntegrityError, match="enquiry_once"), transaction.atomic():
        EnquiryFactory(case_study=first.case_study, email="ann@ward.example", message="How?")
    EnquiryFactory(case_study=first.case_study, email="ann@ward.example", message="Why?")
    EnquiryFactory(email="ann@ward.example", message="How?")
    assert Enquiry.objects.count() == 3


@pytest.mark.parametrize("field", ["reference", "token"])
def test_references_and_addresses_are_given_once(field):
    first = EnquiryFactory()
    with pytest.raises(IntegrityError, match=field), transaction.atomic():
        EnquiryFactory(**{field: getattr(first, field)})


def test_every_constraint_is_broken_here():
    assert {constraint.name for constraint in Enquiry._meta.constraints} == {*BROKEN, "enquiry_once"}


def test_a_case_study_that_people_asked_about_is_not_deleted():
    enquiry = EnquiryFactory()
    with pytest.raises(IntegrityError):
        enquiry.case_study.delete()


def test_references_can_be_read_out():
    references = {EnquiryFactory.build(case_study=None).reference for _ in range(200)}
    assert len(references) == 200
    assert {len(reference) for reference in references} == {9}
    assert set("".join(references)) & set("AEIOU01") == set()
