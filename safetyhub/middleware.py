"""What is answered before or after the views: addresses beyond reason, and methods that a page does not know."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.middleware.gzip import re_accepts_gzip
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from isal import igzip

LONGEST_QUERY = 16_384  # bytes; a search of 10,000 characters is answered by its form
LONGEST_PATH = 1_000  # bytes; a slug has at most 100 characters
# Browsers ask each time, and mostly hear that nothing has changed. A shared cache may answer by itself for so short a
# time that what is withdrawn is gone from it within a minute, its way there included.
CACHE_CONTROL = "public, max-age=0, s-maxage=30, must-revalidate"
SHARED = {
    HTTPStatus.OK,
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.NOT_MODIFIED,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.GONE,
}
WORTH_COMPRESSING = 200  # bytes; less grows
COMPRESSION = 2  # of 0 to 3; 3 takes three times as long for a hundredth
MACHINES = {"/healthz", "/readyz"}  # they read the status, not a page


class ClearAnswers:
    """Answer 414 for an address beyond reason, before anything reads it, and 405 as a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        query = request.META.get("QUERY_STRING", "")
        if len(query) > LONGEST_QUERY or len(request.path_info.encode()) > LONGEST_PATH:
            return render(request, "errors/414.jinja", status=HTTPStatus.REQUEST_URI_TOO_LONG)
        response = self.get_response(request)
        # The answer that Django gives has no content.
        if isinstance(response, HttpResponseNotAllowed) and request.path_info not in MACHINES:
            return method_not_allowed(request, response.headers["Allow"])
        return response


class CacheControl:
    """Say to browsers and shared caches how long they may keep a public page that says nothing of that itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        response = self.get_response(request)
        if (
            request.method in {"GET", "HEAD"}
            and response.status_code in SHARED
            and "Cache-Control" not in response.headers
            and not response.cookies
        ):
            response.headers["Cache-Control"] = CACHE_CONTROL
        return response


class CompressPages:
    """
    Compress what is the same for everyone, some ten times as fast as zlib does and to about a tenth more bytes.

    Answers for one person, and those that say themselves how long they may be kept, are left to Django's
    GZipMiddleware, which hides their length.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        response = self.get_response(request)
        if (
            request.method not in {"GET", "HEAD"}
            or response.streaming
            or len(response.content) < WORTH_COMPRESSING
            or any(response.has_header(name) for name in ("Cache-Control", "Content-Encoding", "Vary"))
            or response.cookies
        ):
            return response
        patch_vary_headers(response, ["Accept-Encoding"])
        if re_accepts_gzip.search(request.headers.get("Accept-Encoding", "")):
            compressed = igzip.compress(response.content, COMPRESSION, mtime=0)
            if len(compressed) < len(response.content):
                response.content = compressed
                response.headers["Content-Encoding"] = "gzip"
                response.headers["Content-Length"] = str(len(compressed))
        return response


def method_not_allowed(request: HttpRequest, allowed: str) -> HttpResponse:
    """Answer 405 as a page; `allowed` are the methods that the page knows, as the Allow header lists them."""
    response = render(request, "errors/405.jinja", status=HTTPStatus.METHOD_NOT_ALLOWED)
    response.headers["Allow"] = allowed
    return response
