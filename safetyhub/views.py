"""Pages every public site owes, health checks and error pages."""

import sys
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from safetyhub.middleware import method_not_allowed

RETRY_AFTER = 30  # seconds

SECURITY_VALID = timedelta(days=180)


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """Say what the portal is and how to use it."""
    return render(request, "pages/about.jinja")


@require_safe
def accessibility(request: HttpRequest) -> HttpResponse:
    """Give the accessibility statement that the Public Sector Bodies Accessibility Regulations 2018 ask for."""
    return render(request, "pages/accessibility.jinja")


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """Say what is kept of a visitor: nothing, unless they ask a question."""
    return render(request, "pages/privacy.jinja")


@require_safe
def cookies(request: HttpRequest) -> HttpResponse:
    """Say that visitors get no cookie, and what staff get."""
    return render(request, "pages/cookies.jinja")


@require_safe
def robots_txt(request: HttpRequest) -> HttpResponse:
    """Tell crawlers where the sitemap is, and what is not for them: the admin, and pages that only one person has."""
    lines = [
        "User-agent: *",
        "Disallow: /admin/",
        "Disallow: /enquiries/",
        "",
        f"Sitemap: {settings.SITE_URL}{reverse('sitemap')}",
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """
    Say whom to tell of a security problem (RFC 9116). Raises Http404 where SECURITY_CONTACT is not set.

    The RFC wants a date less than a year away after which the file must not be trusted; ours moves with each day.
    """
    contact = settings.SECURITY_CONTACT
    if not contact:
        raise Http404("SECURITY_CONTACT is not set.")
    if "@" in contact and not urlsplit(contact).scheme:
        contact = f"mailto:{contact}"
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    lines = [
        f"Contact: {contact}",
        f"Expires: {(midnight + SECURITY_VALID).isoformat().replace('+00:00', 'Z')}",
        "Preferred-Languages: en",
        f"Canonical: {settings.SITE_URL}{reverse('security_txt')}",
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that the process is alive. Asks nothing else, so that a slow database restarts no web process."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer whether the site can serve: the database answers and every migration is applied; 503 otherwise."""
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return HttpResponse(
            "the database does not answer\n", content_type="text/plain", status=HTTPStatus.SERVICE_UNAVAILABLE
        )
    if pending:
        return HttpResponse(
            "migrations are not applied\n", content_type="text/plain", status=HTTPStatus.SERVICE_UNAVAILABLE
        )
    return HttpResponse("ok\n", content_type="text/plain")


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 400. Reads nothing of the request, which may be what is bad."""
    return render(request, "errors/400.jinja", status=HTTPStatus.BAD_REQUEST)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 403."""
    return render(request, "errors/403.jinja", status=HTTPStatus.FORBIDDEN)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """
    Answer a form whose origin could not be checked; the person did nothing wrong.

    Only the admin has forms that need the token: elsewhere something was sent to a page that takes nothing.
    """
    if not request.path_info.startswith(reverse("admin:index")):
        return method_not_allowed(request, "GET, HEAD")
    return render(request, "errors/403.jinja", {"form_expired": True}, status=HTTPStatus.FORBIDDEN)


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404, with ways on."""
    return render(request, "errors/404.jinja", status=HTTPStatus.NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    """
    Answer 500; 503 where the database cannot answer now (RFC 9110, 15.6.4). Asks no database: it may be the reason.

    Django calls it while it handles the error, so that the error is still there to be asked for.
    """
    if isinstance(sys.exception(), OperationalError):
        response = render(request, "errors/500.jinja", status=HTTPStatus.SERVICE_UNAVAILABLE)
        response["Retry-After"] = RETRY_AFTER
        return response
    return render(request, "errors/500.jinja", status=HTTPStatus.INTERNAL_SERVER_ERROR)
