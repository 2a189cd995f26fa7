"""
Public pages, kept whole, before Django.

A page is kept under the version of the content it was made from (`casestudies.content_version`), which is asked of
the database with every request: after a publication or a withdrawal has been committed, no process finds a page from
before, whichever cache they share. Nothing has to be thrown away; what is old is never asked for again.

What may be kept says so itself, in the `Cache-Control` that shared caches read (`safetyhub.middleware.CacheControl`).
"""

import hashlib
import hmac
import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import psycopg
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse
from django.http.request import split_domain_port, validate_host
from django.middleware.gzip import re_accepts_gzip
from django.utils.http import parse_etags
from psycopg.pq import ExecStatus
from redis.exceptions import RedisError

from casestudies.content_version import STATE

logger = logging.getLogger(__name__)

# Of staff, of one visitor alone, and what must answer without the database.
NEVER = ("/admin/", "/enquiries/", "/healthz", "/readyz", settings.STATIC_URL)
KEPT = {HTTPStatus.OK, HTTPStatus.GONE}
LONGEST = 60 * 60  # seconds that a page is kept; a newer version is never answered with it anyway
LARGEST = 200_000  # bytes of a page that is kept
PAUSE = 5  # seconds without the cache, or without the database, when it does not answer
# Of the connection that asks for the version: a database that does not answer must not hold a visitor for long.
STATEMENT_TIMEOUT = "-c statement_timeout=3000"
# Of a page that the visitor has already (RFC 9110, 15.4.5).
OF_NOT_MODIFIED = {"cache-control", "content-location", "date", "etag", "expires", "vary"}

type Environ = dict[str, Any]
type Headers = list[tuple[str, str]]
type StartResponse = Callable[..., Any]
type Application = Callable[[Environ, StartResponse], Iterable[bytes]]


def release() -> str:
    """Give a text that differs for code, templates or settings that make other pages: releases may share a cache."""
    digest = hashlib.sha256()
    for name in ("SERVICE_NAME", "SERVICE_DESCRIPTION", "ORGANISATION_NAME", "SUPPORT_EMAIL", "SECURITY_CONTACT"):
        digest.update(f"{name}={getattr(settings, name)}\n".encode())
    digest.update(f"{settings.SITE_URL} {version('django')} {version('nhsuk-frontend-jinja')}\n".encode())
    for folder in ("templates", "safetyhub", "casestudies", "partners", "enquiries"):
        for path in sorted((settings.BASE_DIR / folder).rglob("*")):
            if path.suffix in {".py", ".jinja", ".typ", ".xml", ".txt"}:
                digest.update(path.read_bytes())
    manifest = settings.STATIC_ROOT / "staticfiles.json"
    if manifest.exists():
        digest.update(manifest.read_bytes())
    return digest.hexdigest()


class Plain:
    """Stores bytes as they are: a Redis that others can write to must not be able to bring objects."""

    def dumps(self, page: bytes) -> bytes:
        """Give what is stored."""
        return page

    def loads(self, stored: bytes) -> bytes:
        """Give what was stored."""
        return stored


class StateReader:
    """
    Asks the database for the state of the content, over a connection of its own for each process.

    It stands in the way of every page, so it does without all that a query usually passes through: one statement,
    prepared once, by way of the library below psycopg.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self.pause_until = 0.0

    def read(self) -> bytes | None:
        """
        Give a text that differs whenever visitors may see something else.

        None where nobody can know, and when the database is away.
        """
        with self.lock:
            if time.monotonic() < self.pause_until:
                return None
            # A connection that lay idle may be gone. Where a new one fails there is no more to try.
            for _ in range(2 if self.connection else 1):
                try:
                    return self._ask(self.connection or self._connect())
                except psycopg.Error as error:
                    self.close()
                    failure = error
            self.pause_until = time.monotonic() + PAUSE
            logger.warning("The database does not answer (%s); pages are made without the cache.", failure)
            return None

    def close(self) -> None:
        """Give the connection back."""
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        parameters = connection.get_connection_params()
        wanted = {name: parameters[name] for name in parameters if name not in NOT_OF_LIBPQ}
        wanted["options"] = f"{wanted.get('options', '')} {STATEMENT_TIMEOUT}"
        self.connection = psycopg.connect(**wanted, autocommit=True)
        self.connection.pgconn.prepare(b"state", STATE.encode())
        return self.connection

    def _ask(self, asked: psycopg.Connection[tuple[Any, ...]]) -> bytes | None:
        result = asked.pgconn.exec_prepared(b"state", [])
        if result.status != ExecStatus.TUPLES_OK:
            raise psycopg.OperationalError(asked.pgconn.get_error_message())
        version, last_appeared, origin = (result.get_value(0, column) for column in range(3))
        return None if version is None else b"%s %s %s" % (version, last_appeared or b"", origin or b"")


# What Django gives to psycopg beside what names the database.
NOT_OF_LIBPQ = {"cursor_factory", "prepare_threshold", "context", "server_side_binding", "client_encoding"}


class PageCache:
    """Answers with the page that was kept for this state of the content, or keeps the one that is made now."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.release = release()
        self.is_on = not settings.CACHES["default"]["BACKEND"].endswith(".DummyCache")
        self.is_shared = settings.CACHES["default"]["BACKEND"].endswith(".RedisCache")
        # Of what is kept there: a Redis that others can write to must not be able to bring pages.
        self.secret = hashlib.sha256(f"safetyhub.pagecache {settings.SECRET_KEY}".encode()).digest()
        self.states = StateReader()
        self.pause_until = 0.0

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        key = self._key(environ)
        if key is None:
            return self.application(environ, start_response)
        if (stored := self._get(key)) is None:
            return self._make(key, environ, start_response)
        head, _, content = stored.partition(b"\n")
        status, headers = json.loads(head)
        if _has_already(environ, status, headers):
            start_response(*_not_modified(headers))
            return []
        start_response(status, [*map(tuple, headers), ("Cache-Status", "site; hit")])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [content]

    def _key(self, environ: Environ) -> str | None:
        """Give the name of the page in the cache; None where it is not for the cache to answer."""
        path = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"} or path.startswith(NEVER):
            return None
        host, _ = split_domain_port(environ.get("HTTP_HOST", ""))
        if not validate_host(host, settings.ALLOWED_HOSTS):
            return None
        scheme = environ["wsgi.url_scheme"]
        if settings.SECURE_PROXY_SSL_HEADER:
            header, secure = settings.SECURE_PROXY_SSL_HEADER
            scheme = "https" if environ.get(header, "").split(",")[0].strip() == secure else "http"
        if settings.SECURE_SSL_REDIRECT and scheme != "https":
            return None
        state = self.states.read() if self.is_on else b""  # where nothing is kept, nobody asks since when
        if state is None:
            return None
        encoding = "gzip" if re_accepts_gzip.search(environ.get("HTTP_ACCEPT_ENCODING", "")) else "plain"
        parts = (self.release, state.decode(), scheme, encoding, path, environ.get("QUERY_STRING", ""))
        return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()

    def _make(self, key: str, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Have the page made, and keep it where it is the same for everyone."""
        # It is made whole, also for a visitor who has it already or asks only about it.
        whole = {name: value for name, value in environ.items() if name != "HTTP_IF_NONE_MATCH"}
        started: list[tuple[str, Headers]] = []
        response = self.application(
            whole | {"REQUEST_METHOD": "GET"}, lambda status, headers, *_: started.append((status, headers))
        )
        status, headers = started[-1]
        if isinstance(response, HttpResponse) and _may_be_kept(status, headers):
            is_kept = self._set(key, json.dumps([status, headers]).encode() + b"\n" + response.content)
            headers = [*headers, ("Cache-Status", f"site; fwd=uri-miss{'; stored' if is_kept else ''}")]
        has_already = _has_already(environ, status, headers)
        if has_already or environ["REQUEST_METHOD"] == "HEAD":
            close: Callable[[], None] = getattr(response, "close", lambda: None)
            close()  # which ends the request, for Django
            response = []
        start_response(*(_not_modified(headers) if has_already else (status, headers)))
        return response

    def _get(self, key: str) -> bytes | None:
        """Give what is kept under a name, and only what a process of this site kept under that very name."""
        if time.monotonic() < self.pause_until:
            return None
        try:
            stored: bytes | None = cache.get(key)
        except (RedisError, OSError) as error:
            self._do_without(error)
            return None
        if stored is None:
            return None
        signature, _, page = stored.partition(b"\n")
        return page if hmac.compare_digest(signature, self._sign(key, page)) else None

    def _set(self, key: str, page: bytes) -> bool:
        """Keep a page; says whether it could be kept."""
        if not self.is_on or time.monotonic() < self.pause_until or len(page) > LARGEST:
            return False
        try:
            cache.set(key, self._sign(key, page) + b"\n" + page, LONGEST)
        except (RedisError, OSError) as error:
            self._do_without(error)
            return False
        return True

    def _sign(self, key: str, page: bytes) -> bytes:
        """Give the proof that a process of this site kept a page; in its own memory a process needs none."""
        if not self.is_shared:
            return b""
        return hmac.digest(self.secret, key.encode() + b"\n" + page, "sha256").hex().encode()

    def _do_without(self, error: Exception) -> None:
        """Go without the cache for a while: to wait for it each time would be slower than to make the page."""
        self.pause_until = time.monotonic() + PAUSE
        logger.warning("The cache does not answer (%s); pages are made without it for %s s.", error, PAUSE)


def _may_be_kept(status: str, headers: Headers) -> bool:
    """Say whether a response is a whole page that is the same for everyone."""
    named = {name.lower(): value for name, value in headers}
    return (
        int(status[:3]) in KEPT
        and "set-cookie" not in named
        and "s-maxage" in named.get("cache-control", "")
        and named.get("vary", "Accept-Encoding") == "Accept-Encoding"
    )


def _has_already(environ: Environ, status: str, headers: Headers) -> bool:
    """
    Say whether the visitor has the page already, by its ETag (RFC 9110, 13.1.2: the weak comparison).

    Only a page that is there can be unchanged: whoever asks for a withdrawn one hears that it is gone.
    """
    if not status.startswith("200") or not (asked := environ.get("HTTP_IF_NONE_MATCH")):
        return False
    etag = next((value for name, value in headers if name == "ETag"), None)
    known = {tag.removeprefix("W/") for tag in parse_etags(asked)}
    return etag is not None and (etag.removeprefix("W/") in known or "*" in known)


def _not_modified(headers: Headers) -> tuple[str, Headers]:
    """Give how a response starts that says only that nothing has changed."""
    return "304 Not Modified", [(name, value) for name, value in headers if name.lower() in OF_NOT_MODIFIED]
