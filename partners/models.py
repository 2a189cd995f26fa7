"""Organisations, the names people know them by, and the contacts behind their work."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from partners.slugs import FormerSlug, Slugged


class OrganisationQuerySet(models.QuerySet["Organisation"]):
    """Organisations, by what a page needs of them."""

    def with_names(self) -> "OrganisationQuerySet":
        """Fetch the short and former names too, so that a list costs the same at any length."""
        return self.prefetch_related("names")


class Organisation(Slugged):
    """A body that takes part in making care safer: a network, trust, council, care provider, charity, company."""

    class Kind(models.TextChoices):
        AHSN = "ahsn", "Health innovation network"
        TRUST = "trust", "NHS trust"
        PRIMARY_CARE = "primary-care", "Primary care"
        COMMISSIONER = "commissioner", "Commissioner"
        COUNCIL = "council", "Council"
        CARE_PROVIDER = "care-provider", "Care provider"
        UNIVERSITY = "university", "University"
        CHARITY = "charity", "Charity"
        INDUSTRY = "industry", "Company"
        NATIONAL_BODY = "national-body", "National body"

    class Region(models.TextChoices):
        """The seven NHS England regions, by the slug that filters use."""

        EAST_OF_ENGLAND = "east-of-england", "East of England"
        LONDON = "london", "London"
        MIDLANDS = "midlands", "Midlands"
        NORTH_EAST_AND_YORKSHIRE = "north-east-and-yorkshire", "North East and Yorkshire"
        NORTH_WEST = "north-west", "North West"
        SOUTH_EAST = "south-east", "South East"
        SOUTH_WEST = "south-west", "South West"

    name = models.CharField(
        max_length=200, unique=True, error_messages={"unique": "Another organisation already has this name."}
    )
    kind = models.CharField(max_length=20, choices=Kind)
    region = models.CharField(
        "NHS region",
        max_length=30,
        choices=Region,
        blank=True,
        help_text="Leave empty for an organisation that works across England.",
    )
    area = models.CharField(max_length=200, blank=True, help_text="The places it serves, in words.")
    website = models.URLField(max_length=500, blank=True)
    psc_name = models.CharField(
        "Patient Safety Collaborative",
        max_length=200,
        blank=True,
        help_text="The Patient Safety Collaborative that a health innovation network hosts.",
    )
    source_url = models.URLField("source", max_length=500, blank=True, help_text="Where these facts were published.")

    former_slug_model: ClassVar[type[FormerSlug]]

    objects = OrganisationQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(psc_name="") | Q(kind="ahsn"),
                name="organisation_psc_only_at_a_network",
                violation_error_message="Only a health innovation network hosts a Patient Safety Collaborative.",
            ),
            models.CheckConstraint(
                condition=~Q(name=""),
                name="organisation_has_a_name",
                violation_error_message="Give the organisation a name.",
            ),
        ]
        indexes = [models.Index(fields=["kind", "name"], name="organisation_kind_name")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("partners:organisation_detail", args=[self.slug])

    @property
    def short_names(self) -> list[str]:
        """Give the abbreviations people know it by."""
        return [name.name for name in self.names.all() if name.kind == OrganisationName.Kind.SHORT]

    @property
    def former_names(self) -> list[str]:
        """Give the names it had before."""
        return [name.name for name in self.names.all() if name.kind == OrganisationName.Kind.FORMER]


class OrganisationFormerSlug(FormerSlug):
    """An old address of an organisation."""

    current = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="former_slugs")


Organisation.former_slug_model = OrganisationFormerSlug


class OrganisationName(models.Model):
    """Another name of an organisation, so that people find it by the name they know."""

    class Kind(models.TextChoices):
        SHORT = "short", "Short name"
        FORMER = "former", "Former name"

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="names")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind)

    class Meta:
        ordering = ["kind", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "name"],
                name="organisationname_once",
                violation_error_message="The organisation already has this name.",
            )
        ]

    def __str__(self) -> str:
        return self.name


class ContactQuerySet(models.QuerySet["Contact"]):
    """Contacts, by whether they still answer."""

    def reachable(self) -> "ContactQuerySet":
        """Those who have not left: the only ones an enquiry is sent to."""
        return self.filter(left_on__isnull=True)


class Contact(models.Model):
    """
    The person or team mailbox behind a case study.

    The e-mail address and telephone number are for staff and for delivering enquiries. Visitors see them only
    where `show_email` says that the contact asked for it.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="contacts")
    name = models.CharField(max_length=200, help_text="The person, or the team that reads the mailbox.")
    job_title = models.CharField(max_length=200, blank=True)
    email = models.EmailField("e-mail address")
    phone = models.CharField("telephone number", max_length=30, blank=True)
    is_team = models.BooleanField("team mailbox", default=False, help_text="A mailbox that outlives one person.")
    is_primary = models.BooleanField(
        "first contact of the organisation",
        default=False,
        help_text="Takes over when another contact of the organisation leaves.",
    )
    show_email = models.BooleanField(
        "show the e-mail address",
        default=False,
        help_text="Only when the contact asked for it. Otherwise visitors write through the form.",
    )
    is_demonstration = models.BooleanField(
        "demonstration contact",
        default=False,
        help_text="Made up for the sample content, under a reserved example domain.",
    )
    confirmed_on = models.DateField(
        "last confirmed", null=True, blank=True, help_text="When the contact last said that this is right."
    )
    left_on = models.DateField(
        null=True, blank=True, help_text="When the contact moved on. Enquiries are no longer sent to them."
    )

    objects = ContactQuerySet.as_manager()

    class Meta:
        ordering = ["organisation__name", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation"],
                condition=Q(is_primary=True),
                name="contact_one_primary_per_organisation",
                violation_error_message="The organisation already has a first contact.",
            ),
            models.UniqueConstraint(
                fields=["organisation", "email"],
                name="contact_email_once_per_organisation",
                violation_error_message="The organisation already has a contact with this e-mail address.",
            ),
            models.CheckConstraint(
                condition=Q(is_primary=False) | Q(left_on__isnull=True),
                name="contact_primary_has_not_left",
                violation_error_message="A contact who has left cannot be the organisation's first contact.",
            ),
            models.CheckConstraint(
                condition=Q(is_demonstration=False) | Q(email__endswith=".example"),
                name="contact_demonstration_has_example_address",
                violation_error_message="A demonstration contact needs an address that ends in .example.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.organisation}"


class OrganisationEditor(models.Model):
    """
    Limits an editor to an organisation's case studies. A member of staff with none of these is not limited.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="organisation_limits")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="editor_limits")

    class Meta:
        ordering = ["user__username", "organisation__name"]
        verbose_name = "editor's organisation"
        verbose_name_plural = "editors' organisations"
        constraints = [
            models.UniqueConstraint(
                fields=["user", "organisation"],
                name="organisationeditor_once",
                violation_error_message="This editor already has this organisation.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} for {self.organisation}"
