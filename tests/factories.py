"""Test objects. Each is the smallest valid one; a test names what matters to it."""

from datetime import UTC, datetime
from typing import Any

import factory
from django.contrib.auth import get_user_model
from factory.django import DjangoModelFactory

from casestudies import models
from enquiries.models import Enquiry
from partners.models import Contact, Organisation, OrganisationName

PUBLISHED_AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


class UserFactory(DjangoModelFactory):
    class Meta:
        model = get_user_model()

    username = factory.Sequence(lambda n: f"staff-{n}")
    is_staff = True


class OrganisationFactory(DjangoModelFactory):
    class Meta:
        model = Organisation

    name = factory.Sequence(lambda n: f"Organisation {n}")
    slug = factory.Sequence(lambda n: f"organisation-{n}")
    kind = Organisation.Kind.TRUST


class OrganisationNameFactory(DjangoModelFactory):
    class Meta:
        model = OrganisationName

    organisation = factory.SubFactory(OrganisationFactory)
    name = factory.Sequence(lambda n: f"Other name {n}")
    kind = OrganisationName.Kind.SHORT


class ContactFactory(DjangoModelFactory):
    class Meta:
        model = Contact

    organisation = factory.SubFactory(OrganisationFactory)
    name = factory.Sequence(lambda n: f"Team {n}")
    email = factory.Sequence(lambda n: f"team-{n}@trust.example")
    is_team = True


class ThemeFactory(DjangoModelFactory):
    class Meta:
        model = models.Theme

    name = factory.Sequence(lambda n: f"Theme {n}")
    slug = factory.Sequence(lambda n: f"theme-{n}")


class SettingFactory(DjangoModelFactory):
    class Meta:
        model = models.Setting

    name = factory.Sequence(lambda n: f"Setting {n}")
    slug = factory.Sequence(lambda n: f"setting-{n}")


class PublishableFactory(DjangoModelFactory):
    """A draft; `published=True` makes it visible, `withdrawn=True` takes it away."""

    class Meta:
        abstract = True

    class Params:
        published = factory.Trait(status=models.Status.PUBLISHED, published_at=PUBLISHED_AT)
        withdrawn = factory.Trait(
            status=models.Status.WITHDRAWN,
            published_at=PUBLISHED_AT,
            withdrawn_at=datetime(2026, 3, 2, 9, tzinfo=UTC),
            withdrawal_reason="The figures were wrong.",
        )
        scheduled = factory.Trait(status=models.Status.PUBLISHED, published_at=datetime(2199, 1, 1, 9, tzinfo=UTC))


class CaseStudyFactory(PublishableFactory):
    class Meta:
        model = models.CaseStudy
        skip_postgeneration_save = True

    title = factory.Sequence(lambda n: f"Case study {n}")
    slug = factory.Sequence(lambda n: f"case-study-{n}")
    summary = "What was done and what it changed."
    challenge = "<p>What was wrong.</p>"
    approach = "<p>What was done.</p>"
    outcome = "<p>What was found.</p>"
    result = models.Result.WORKED
    stage = models.Stage.LOCAL
    lead_organisation = factory.SubFactory(OrganisationFactory)

    @factory.post_generation
    def themes(self, create: bool, extracted: Any, **kwargs: Any) -> None:
        if create and extracted:
            self.themes.set(extracted)

    @factory.post_generation
    def settings(self, create: bool, extracted: Any, **kwargs: Any) -> None:
        if create and extracted:
            self.settings.set(extracted)

    @factory.post_generation
    def partner_organisations(self, create: bool, extracted: Any, **kwargs: Any) -> None:
        if create and extracted:
            self.partner_organisations.set(extracted)

    @factory.post_generation
    def contacts(self, create: bool, extracted: Any, **kwargs: Any) -> None:
        if create:
            for order, contact in enumerate(extracted or []):
                models.CaseStudyContact.objects.create(case_study=self, contact=contact, order=order)


class SourceFactory(DjangoModelFactory):
    class Meta:
        model = models.Source

    case_study = factory.SubFactory(CaseStudyFactory)
    title = factory.Sequence(lambda n: f"Source {n}")
    url = factory.Sequence(lambda n: f"https://source.example/{n}")


class ImpactFigureFactory(DjangoModelFactory):
    class Meta:
        model = models.ImpactFigure

    case_study = factory.SubFactory(CaseStudyFactory)
    source = factory.SubFactory(SourceFactory, case_study=factory.SelfAttribute("..case_study"))
    kind = models.ImpactFigure.Kind.CHANGE
    direction = models.ImpactFigure.Direction.LOWER
    value = 43
    unit = "%"
    label = "falls"


class ResourceFactory(DjangoModelFactory):
    class Meta:
        model = models.Resource

    case_study = factory.SubFactory(CaseStudyFactory)
    title = factory.Sequence(lambda n: f"Resource {n}")
    url = factory.Sequence(lambda n: f"https://resource.example/{n}")


class ReportFactory(PublishableFactory):
    class Meta:
        model = models.Report

    title = factory.Sequence(lambda n: f"Report {n}")
    slug = factory.Sequence(lambda n: f"report-{n}")
    publisher = factory.SubFactory(OrganisationFactory)
    issued_on = "2019-09-04"
    summary = "What the report gathers."


class ReportSectionFactory(DjangoModelFactory):
    class Meta:
        model = models.ReportSection

    report = factory.SubFactory(ReportFactory)
    title = factory.Sequence(lambda n: f"Section {n}")


class ReportEntryFactory(DjangoModelFactory):
    class Meta:
        model = models.ReportEntry

    report = factory.SubFactory(ReportFactory)
    section = factory.SubFactory(ReportSectionFactory, report=factory.SelfAttribute("..report"))
    case_study = factory.SubFactory(CaseStudyFactory)


class EnquiryFactory(DjangoModelFactory):
    class Meta:
        model = Enquiry

    case_study = factory.SubFactory(CaseStudyFactory, published=True)
    name = "A Visitor"
    email = factory.Sequence(lambda n: f"visitor-{n}@home.example")
    message = "How did you start?"


def complete(**fields: Any) -> models.CaseStudy:
    """Make a case study that has all that visitors need, so that it can be published."""
    made = CaseStudyFactory(
        **{"themes": [ThemeFactory()], "settings": [SettingFactory()], "contacts": [ContactFactory()], **fields}
    )
    SourceFactory(case_study=made)
    return made
