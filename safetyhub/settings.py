"""
Every setting of the site, read top to bottom from the environment.

A setting without a safe default is required: the start stops and names it. `.env.example` lists every
variable. `manage.py` and the tests fill in the variables for a machine of one's own (`safetyhub.embedded`);
a server sets them itself.
"""

import math
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP
from environs import Env, EnvError, validate

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env()


def required(name: str, meaning: str) -> str:
    """
    Read a setting that has no safe default.

    Raises ImproperlyConfigured, naming the variable and what it is for, when it is missing or empty.
    """
    value: str = env.str(name, "")
    if not value:
        raise ImproperlyConfigured(f"Set {name}: {meaning}. .env.example lists every variable.")
    return value


def mailer(url: str) -> dict[str, Any]:
    """
    Turn EMAIL_URL into an entry of Django's MAILERS.

    `smtp://` is plain, `smtp+starttls://` upgrades (port 587), `smtps://` is TLS from the start (port 465), each
    with `user:password@host:port`, percent-encoded, and `?timeout=` in seconds; `file:///folder` writes each
    message to a file. Raises ImproperlyConfigured for anything else.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path:
        return {
            "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "OPTIONS": {"file_path": unquote(parts.path)},
        }
    ports = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
    try:
        if parts.scheme not in ports or not parts.hostname:
            raise ValueError("it names no mail server")
        options: dict[str, Any] = {
            "host": parts.hostname,
            "port": parts.port or ports[parts.scheme],
            "timeout": float(parse_qs(parts.query).get("timeout", ["20"])[0]),
        }
        if not 0 < options["timeout"] < math.inf:
            raise ValueError("the mail server could not be waited for")
    except ValueError as error:
        raise ImproperlyConfigured(
            "EMAIL_URL must be smtp://, smtp+starttls:// or smtps:// with a host (and, if you like, ?timeout= in "
            "seconds), or file:///folder."
        ) from error
    if parts.username:
        options |= {"username": unquote(parts.username), "password": unquote(parts.password or "")}
    if parts.scheme == "smtp+starttls":
        options["use_tls"] = True
    if parts.scheme == "smtps":
        options["use_ssl"] = True
    return {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}


def cache(url: str) -> dict[str, Any]:
    """
    Turn CACHE_URL into an entry of Django's CACHES.

    `memory://` keeps pages in each process, `redis://`, `rediss://`, `valkey://`, `valkeys://` or `unix:///socket` in
    a Redis or Valkey that all processes share, with `user:password@host:port/number`, and `none://` nowhere. Raises
    ImproperlyConfigured for anything else.
    """
    parts = urlsplit(url)
    if parts.scheme == "none":
        return {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
    if parts.scheme == "memory":
        return {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            # A page has about 15 kB: some 10 MB in each process.
            "OPTIONS": {"MAX_ENTRIES": 500},
        }
    if parts.scheme in {"redis", "rediss", "valkey", "valkeys", "unix"} and (parts.hostname or parts.scheme == "unix"):
        return {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": url.replace("valkey", "redis", 1) if parts.scheme.startswith("valkey") else url,
            "KEY_PREFIX": "safetyhub",
            "OPTIONS": {
                "serializer": "safetyhub.pagecache.Plain",
                "socket_connect_timeout": 0.5,  # seconds; a page is made in less
                "socket_timeout": 0.5,
            },
        }
    raise ImproperlyConfigured(
        "CACHE_URL must be memory://, redis://host (or rediss://, valkey://, valkeys://, unix:///socket) or none://."
    )


try:
    # --- Who runs it -----------------------------------------------------------------------------------------
    SERVICE_NAME = env.str("SERVICE_NAME", "Patient Safety Case Studies")
    SERVICE_DESCRIPTION = env.str(
        "SERVICE_DESCRIPTION", "What has already made care safer elsewhere, and who to ask about it."
    )
    ORGANISATION_NAME = env.str("ORGANISATION_NAME", "the patient safety network")
    # Where people report a problem with the site; shown on the about, accessibility and privacy pages.
    SUPPORT_EMAIL = env.str("SUPPORT_EMAIL", "")
    SECURITY_CONTACT = env.str("SECURITY_CONTACT", "")

    # --- Where it runs ---------------------------------------------------------------------------------------
    SECRET_KEY = required("SECRET_KEY", "a long random text that nobody else knows")
    hosts = required("ALLOWED_HOSTS", "the site's host names, separated by commas").split(",")
    ALLOWED_HOSTS = [host.strip() for host in hosts if host.strip()]
    if not ALLOWED_HOSTS or any("/" in host for host in ALLOWED_HOSTS):
        raise ImproperlyConfigured("ALLOWED_HOSTS must be host names, such as safety.example,www.safety.example.")
    # Canonical links, mail and the sitemap use this address, never the Host header of a request.
    SITE_URL = required("SITE_URL", "the site's public address, such as https://safety.example").rstrip("/")
    if urlsplit(SITE_URL).scheme not in {"http", "https"} or not urlsplit(SITE_URL).netloc:
        raise ImproperlyConfigured("SITE_URL must start with https:// (or http:// on a machine of your own).")
    DEBUG = env.bool("DEBUG", False)
    # Off only on a machine of one's own, where there is no certificate.
    HTTPS = env.bool("HTTPS", True)
    # On where a reverse proxy sets X-Forwarded-Proto and nobody can get past it.
    TRUST_PROXY = env.bool("TRUST_PROXY", False)

    # --- Database --------------------------------------------------------------------------------------------
    DATABASES = {
        "default": env.dj_db_url(
            "DATABASE_URL", required("DATABASE_URL", "the PostgreSQL database, postgres://user:password@host/name")
        )
    }
    if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured("DATABASE_URL must be a PostgreSQL address: postgres://user:password@host/name.")
    # Each thread keeps its connection from page to page and looks whether it still lives before it uses it; after a
    # restart of PostgreSQL it makes another at once. docs/adr/0013 says why there is no pool.
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["CONN_MAX_AGE"] = 60 * 60  # seconds
    # While the database is away each page holds a thread, which /healthz needs too: it must not hang for long.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 3,  # seconds
        "tcp_user_timeout": 3000,  # milliseconds until what was sent must be acknowledged
        # And while an answer is waited for: seconds of silence, between questions, and how many are asked.
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 2,
    } | DATABASES["default"].get("OPTIONS", {})

    # --- Cache -----------------------------------------------------------------------------------------------
    # Whole public pages; see safetyhub.pagecache.
    CACHES = {"default": cache(env.str("CACHE_URL", "") or "memory://")}

    # --- Mail ------------------------------------------------------------------------------------------------
    MAILERS = {"default": mailer(required("EMAIL_URL", "the mail server, smtp+starttls://user:password@host"))}
    DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "") or f"no-reply@{urlsplit(SITE_URL).hostname}"
    SERVER_EMAIL = DEFAULT_FROM_EMAIL

    # --- Files -----------------------------------------------------------------------------------------------
    # Uploads are never served by address: views check that what they belong to is published.
    MEDIA_ROOT = Path(env.str("MEDIA_ROOT", "") or BASE_DIR / ".data" / "media")
    LOG_LEVEL = env.str(
        "LOG_LEVEL", "INFO", validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
    )
except EnvError as error:
    raise ImproperlyConfigured(f"{error} .env.example lists every variable.") from error

# --- Applications --------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "safetyhub.admin.SafetyHubAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.sitemaps",
    "django.forms",
    "django_filters",
    "django_prose_editor",
    "django_tasks_db",
    "js_asset",
    "reversion",
    "partners",
    "casestudies",
    "enquiries",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "safetyhub.middleware.CacheControl",
    # Pages are text and shrink to a fifth. Nothing secret stands beside what a visitor types, and Django masks the
    # tokens of staff forms, so compression tells nobody anything (BREACH).
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "safetyhub.middleware.CompressPages",
    "safetyhub.middleware.ClearAnswers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "safetyhub.urls"
WSGI_APPLICATION = "safetyhub.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates" / "public"],
        "APP_DIRS": False,
        "OPTIONS": {"environment": "safetyhub.jinja.environment"},
    },
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.csp",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

# --- Language and time ---------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "Europe/London"
USE_TZ = True

# --- Static files --------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
# What the build makes and what is served as it is; the sources of the build are not.
STATICFILES_DIRS = [(name, BASE_DIR / "static" / name) for name in ("built", "images", "staff")]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        # Of uploads only: FILE_UPLOAD_PERMISSIONS would shut the site out of static files that another user collected.
        "OPTIONS": {"file_permissions_mode": 0o640},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000  # bytes; a case study with all its sections is under 100 kB
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000  # a case study with 40 figures and 40 sources on one screen

# --- Security ------------------------------------------------------------------------------------------------
# The one inline line of the NHS page template, which sets a class on <body>, is allowed by its hash;
# tests/test_security.py fails when the package changes the line.
NHS_TEMPLATE_SCRIPT_HASH = "'sha256-tDOvXJi1PXbg0CWjLCCYSNHRXtps26K4JXkE3M6u/c0='"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, NHS_TEMPLATE_SCRIPT_HASH],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "object-src": [CSP.NONE],
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    feature: []
    for feature in (
        "accelerometer",
        "camera",
        "display-capture",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "usb",
    )
}
SECURE_SSL_REDIRECT = HTTPS
# Load balancers ask for health without TLS, from inside.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_PROXY else None
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 12 * 60 * 60  # seconds; a long working day
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "safetyhub.views.csrf_failure"
LOGIN_URL = "admin:login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# --- Logging -------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # Anybody can cause these; they are answered with 400 and need no page at night.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}
