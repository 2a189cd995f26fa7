"""
The two roles of staff, as groups. `migrate` makes them and keeps their permissions as they are written here.

An editor prepares, a publisher makes public. A superuser manages users, limits editors to organisations, and
deletes what roles may not. See docs/editors.md for the same table in words.
"""

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.db import transaction

EVERYTHING = ("view", "add", "change", "delete")
KEEP = ("view", "add", "change")

EDITOR: dict[str, dict[str, tuple[str, ...]]] = {
    "casestudies": {
        "casestudy": EVERYTHING,
        "casestudycontact": EVERYTHING,
        "impactfigure": EVERYTHING,
        "report": EVERYTHING,
        "reportentry": EVERYTHING,
        "reportsection": EVERYTHING,
        "reportsource": EVERYTHING,
        "resource": EVERYTHING,
        "setting": ("view",),
        "source": EVERYTHING,
        "synonymgroup": ("view",),
        "theme": ("view",),
    },
    "partners": {
        "contact": KEEP,
        "organisation": KEEP,
        "organisationname": EVERYTHING,
    },
    # An enquiry comes from a visitor; staff only follow it up.
    "enquiries": {"enquiry": ("view", "change")},
}

PUBLISHER: dict[str, dict[str, tuple[str, ...]]] = {
    "casestudies": {
        **EDITOR["casestudies"],
        "casestudy": (*EVERYTHING, "publish"),
        "report": (*EVERYTHING, "publish"),
        "setting": KEEP,
        "synonymgroup": EVERYTHING,
        "theme": KEEP,
    },
    # A contact who asks to be forgotten is deleted, once no case study names them.
    "partners": {**EDITOR["partners"], "contact": EVERYTHING},
    # A visitor may ask for their message to be deleted.
    "enquiries": {"enquiry": ("view", "change", "delete")},
}

ROLES = {"Editor": EDITOR, "Publisher": PUBLISHER}


def codenames(role: str, app_label: str) -> set[str]:
    """Give the permissions of a role in one app, such as `change_casestudy`."""
    models = ROLES[role].get(app_label, {})
    return {f"{action}_{model}" for model, actions in models.items() for action in actions}


@transaction.atomic
def keep_roles(sender: AppConfig, using: str = "default", **kwargs: Any) -> None:
    """
    Give each role exactly its permissions in the app that was migrated.

    Other apps' permissions, which an administrator may have added to a group, are left alone.
    """
    if sender.label not in {label for role in ROLES.values() for label in role}:
        return
    # Django makes an app's permissions after the same signal, and which of the two comes first is not promised.
    create_permissions(sender, verbosity=0, using=using)
    group_model, permission_model = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    of_app = permission_model._default_manager.using(using).filter(content_type__app_label=sender.label)
    for role in ROLES:
        group, _ = group_model._default_manager.using(using).get_or_create(name=role)
        wanted = set(of_app.filter(codename__in=codenames(role, sender.label)))
        present = set(group.permissions.filter(content_type__app_label=sender.label))
        group.permissions.remove(*(present - wanted))
        group.permissions.add(*(wanted - present))
