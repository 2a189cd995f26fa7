"""
The admin site: Django's own, under the site's name, with a strict Content Security Policy of its own.

The policy is that of the public pages with a nonce for scripts and style elements: the rich-text editor's import
map is inline by the standard's definition, and Django's admin gives the nonce to every script and style it
writes. Nothing inline runs without it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.db.models.signals import post_migrate
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.csp import CSP

View = Callable[..., HttpResponse]

ADMIN_CSP = {
    **settings.SECURE_CSP,
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
}


def with_admin_policy(view: View) -> View:
    """
    Give a view's answers the admin's policy, unless the view chose one: previews are public pages.

    Lists and autocompletion pass parameters on to the database, which refuses NUL characters; raises BadRequest.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if any("\0" in value for _, values in request.GET.lists() for value in values):
            raise BadRequest("A parameter has a NUL character.")
        response = view(request, *args, **kwargs)
        if not hasattr(response, "_csp_config"):
            response._csp_config = ADMIN_CSP  # type: ignore[attr-defined]  # what django.middleware.csp reads
        return response

    return wrapped


@dataclass(frozen=True)
class ToDo:
    """Something that waits for staff, and where to do it."""

    count: int
    singular: str
    plural: str
    url: str

    @property
    def text(self) -> str:
        """Say it in words: `3 case studies are due for review`."""
        return f"{self.count:,} {self.singular if self.count == 1 else self.plural}"


class SafetyHubAdminSite(admin.AdminSite):
    """Django's admin under the site's name; its first page says what waits to be done."""

    site_header = settings.SERVICE_NAME
    site_title = settings.SERVICE_NAME
    index_title = "What waits for you"
    # Lists of case studies need the width; the breadcrumbs lead everywhere that the sidebar does.
    enable_nav_sidebar = False

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Wrap a view of the admin: staff only, never cached, under the admin's policy."""
        return with_admin_policy(super().admin_view(view, cacheable))

    def get_urls(self) -> list[Any]:
        """Give the addresses; the login page is the one that `admin_view` does not wrap."""
        urls = super().get_urls()
        for pattern in urls:
            if getattr(pattern, "name", None) == "login":
                pattern.callback = with_admin_policy(self.login)
        return urls

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show what waits to be done, then the list of everything."""
        context = {"to_do": [each for each in self.to_do(request) if each.count]}
        return super().index(request, {**context, **(extra_context or {})})

    def to_do(self, request: HttpRequest) -> list[ToDo]:
        """Count what waits, for what this member of staff may see, one query for each kind."""
        asked = [
            ("casestudies.CaseStudy", "attention", "incomplete", "draft case study is not complete yet",
             "draft case studies are not complete yet"),
            ("casestudies.CaseStudy", "attention", "ready", "draft case study could be published",
             "draft case studies could be published"),
            ("casestudies.Report", "state", "draft", "report is a draft", "reports are drafts"),
            ("casestudies.CaseStudy", "attention", "review", "case study is due for review",
             "case studies are due for review"),
            ("casestudies.CaseStudy", "attention", "contact", "public case study has nobody to ask",
             "public case studies have nobody to ask"),
            ("enquiries.Enquiry", "delivery__exact", "failed", "enquiry could not be sent",
             "enquiries could not be sent"),
            ("enquiries.Enquiry", "answer__exact", "open", "enquiry waits for an answer",
             "enquiries wait for an answer"),
        ]  # fmt: skip
        return [
            ToDo(rows.count(), singular, plural, f"{url}?{parameter}={value}")
            for label, parameter, value, singular, plural in asked
            for rows, url in self._rows(request, label, parameter, value)
        ]

    def _rows(self, request: HttpRequest, label: str, parameter: str, value: str) -> list[tuple[QuerySet[Any], str]]:
        """Find what a filter of a list would show this member of staff; nothing where they may not look."""
        model = apps.get_model(label)
        if not self.is_registered(model):
            return []
        model_admin = self.get_model_admin(model)
        if not model_admin.has_view_or_change_permission(request):
            return []
        rows = model_admin.get_queryset(request)
        url = reverse(f"{self.name}:{model._meta.app_label}_{model._meta.model_name}_changelist")
        if parameter.endswith("__exact"):
            return [(rows.filter(**{parameter: value}), url)]
        filters: list[Any] = list(model_admin.get_list_filter(request))
        for each in filters:
            if getattr(each, "parameter_name", None) == parameter:
                chosen = each(request, {parameter: [value]}, model, model_admin)
                return [(chosen.queryset(request, rows), url)]
        return []


class SafetyHubAdminConfig(AdminConfig):
    """Django's admin, autodiscovered, with the staff roles kept in step by every `migrate`."""

    default_site = "safetyhub.admin.SafetyHubAdminSite"

    def ready(self) -> None:
        """Register the admins of all apps, and let `migrate` keep the roles."""
        super().ready()
        from safetyhub.roles import keep_roles  # noqa: PLC0415  # it needs the models, which are loaded only now

        post_migrate.connect(keep_roles, dispatch_uid="safetyhub.roles")
