"""The admin site: Django's own, with the editor's nonce and the site's name."""

from django.contrib.admin.apps import AdminConfig


class SafetyHubAdminConfig(AdminConfig):
    """Django's admin, autodiscovered."""
