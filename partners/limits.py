"""Which organisations' case studies a member of staff may work on."""

from typing import Any

from partners.models import OrganisationEditor


def organisations_of(user: Any) -> frozenset[int] | None:
    """
    Give the keys of the organisations that a member of staff is limited to, or None for one who is not limited.

    Asked many times for one page of the admin, so the answer is kept on the user, who is read anew for each request.
    """
    if user.is_superuser or user.pk is None:
        return None
    if not hasattr(user, "_organisations"):
        found = OrganisationEditor.objects.filter(user_id=user.pk).values_list("organisation_id", flat=True)
        user._organisations = frozenset(found) or None
    organisations: frozenset[int] | None = user._organisations
    return organisations
