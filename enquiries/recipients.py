"""Whom a question about a case study is sent to."""

from dataclasses import dataclass

from casestudies.models import CaseStudy
from partners.models import Contact

FALLBACK_ROLE = "First contact"


@dataclass(frozen=True)
class Recipient:
    """A contact in the part that it has here."""

    role: str
    contact: Contact

    @property
    def in_words(self) -> str:
        """Name it as visitors may see it, by role and organisation, never by name or address."""
        return f"{self.role}, {self.contact.organisation.name}"


def recipients(case_study: CaseStudy) -> list[Recipient]:
    """
    Give the contacts of a case study who have not left, in their order.

    Without any, the first contact of the lead organisation takes over; without that one, nobody can be asked.
    """
    links = case_study.case_study_contacts.filter(contact__left_on__isnull=True).select_related(
        "contact__organisation"
    )
    found = [Recipient(link.role, link.contact) for link in links]
    if not found:
        primary = Contact.objects.reachable().filter(organisation=case_study.lead_organisation_id, is_primary=True)
        found = [Recipient(FALLBACK_ROLE, contact) for contact in primary.select_related("organisation")]
    # A mailbox that two contacts share gets one message.
    by_address = {recipient.contact.email.lower(): recipient for recipient in reversed(found)}
    return [recipient for recipient in found if by_address[recipient.contact.email.lower()] is recipient]
