"""Pages every public site owes, health checks and error pages."""

from http import HTTPStatus

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


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
    """Answer a form whose origin could not be checked; the person did nothing wrong."""
    return render(request, "errors/403.jinja", {"form_expired": True}, status=HTTPStatus.FORBIDDEN)


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404, with ways on."""
    return render(request, "errors/404.jinja", status=HTTPStatus.NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500. Asks no database: it may be the reason."""
    return render(request, "errors/500.jinja", status=HTTPStatus.INTERNAL_SERVER_ERROR)
