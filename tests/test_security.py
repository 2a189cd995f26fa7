"""
How the site is on a server: what it insists on, what it sends, and what it keeps to itself.

The settings of a server are read by processes of their own, as a server reads them: what a test changes inside its
own process says nothing of what the environment does.
"""

import ast
import base64
import hashlib
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.conf import settings
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tests.addresses import ROUTES
from tests.factories import CaseStudyFactory, ReportFactory, UserFactory
from tests.serving import database_url

SETTINGS = settings.BASE_DIR / "safetyhub" / "settings.py"
YEAR = 365 * 24 * 60 * 60


def required_variables() -> list[str]:
    """Find what the settings read with `required(name, meaning)`."""
    calls = [node for node in ast.walk(ast.parse(SETTINGS.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    return sorted(
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "required" and isinstance(call.args[0], ast.Constant)
    )


def environment(**changes: str) -> dict[str, str]:
    """Give a server's environment: only what it must set, and what Python itself needs."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(settings.BASE_DIR),
        "DJANGO_SETTINGS_MODULE": "safetyhub.settings",
        "SECRET_KEY": "sufficiently-long-and-random-to-be-a-secret-8Zq2LmW4tR",
        "ALLOWED_HOSTS": "safety.example",
        "SITE_URL": "https://safety.example",
        "DATABASE_URL": os.environ["DATABASE_URL"],
        "EMAIL_URL": "smtp+starttls://user:secret@mail.example",
    } | changes


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a server does; a variable given as an empty text is not set."""
    return subprocess.run(
        command,
        cwd=settings.BASE_DIR,
        env={name: value for name, value in environment(**variables).items() if value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- The start -------------------------------------------------------------------------------------------------


def test_the_required_variables_are_found():
    assert required_variables() == ["ALLOWED_HOSTS", "DATABASE_URL", "EMAIL_URL", "SECRET_KEY", "SITE_URL"]


def test_it_starts_with_what_is_required_and_nothing_else():
    done = run(sys.executable, "-m", "gunicorn", "--check-config", "safetyhub.wsgi")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", required_variables())
def test_it_does_not_start_without_what_is_required_and_says_which(name: str):
    done = run(sys.executable, "-m", "gunicorn", "--check-config", "safetyhub.wsgi", **{name: ""})
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"django.core.exceptions.ImproperlyConfigured: Set {name}: ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SITE_URL", "safety.example"),
        ("SITE_URL", "ftp://safety.example"),
        ("DATABASE_URL", "sqlite:///safety.db"),
        ("DATABASE_URL", "nonsense"),
        ("EMAIL_URL", "mail.example"),
        ("EMAIL_URL", "smtp://mail.example:port"),
        ("HTTPS", "perhaps"),
        ("DEBUG", "perhaps"),
        ("TRUST_PROXY", "perhaps"),
        ("ALLOWED_HOSTS", " , "),
        ("ALLOWED_HOSTS", "https://safety.example"),
        ("EMAIL_URL", "smtp://mail.example?timeout=soon"),
        ("EMAIL_URL", "smtp://mail.example?timeout=0"),
        ("LOG_LEVEL", "chatty"),
    ],
)
def test_it_does_not_start_with_nonsense_and_says_where(name: str, value: str):
    done = run(sys.executable, "-c", "import django; django.setup()", **{name: value})
    assert done.returncode != 0
    assert name in done.stderr.strip().splitlines()[-1]


def test_the_parameters_of_the_database_s_address_count_more_than_the_defaults():
    ask = "from django.conf import settings; print(settings.DATABASES['default']['OPTIONS'])"
    url = "postgres://portal@db.example/portal?sslmode=verify-full&connect_timeout=10"
    done = run(sys.executable, "-c", ask, DATABASE_URL=url)
    assert ast.literal_eval(done.stdout) == {
        "connect_timeout": 10, "tcp_user_timeout": 3000, "sslmode": "verify-full",
        "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 2,
    }  # fmt: skip


def test_a_variable_left_empty_has_its_default():
    ask = "from django.conf import settings; print(settings.MEDIA_ROOT, settings.DEFAULT_FROM_EMAIL)"
    env = environment(MEDIA_ROOT="", DEFAULT_FROM_EMAIL="")
    done = subprocess.run([sys.executable, "-c", ask], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == [str(settings.BASE_DIR / ".data" / "media"), "no-reply@safety.example"]


def test_nothing_is_left_to_say_about_a_server():
    done = run(sys.executable, "-m", "django", "check", "--deploy", "--fail-level", "WARNING")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "System check identified no issues (0 silenced)."


# --- What a server sends ------------------------------------------------------------------------------------------

ASK = """
import json, django
django.setup()
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client

def told(response):
    return {
        "status": response.status_code,
        "headers": dict(response.headers),
        "cookies": {name: morsel.OutputString() for name, morsel in response.cookies.items()},
    }

told_of = {}
with transaction.atomic():
    get_user_model().objects.create_superuser("sam", password="correct horse battery staple")
    plain = Client(headers={"host": "safety.example"})
    told_of["without TLS"] = told(plain.get("/cookies/?a=b"))
    told_of["health"] = told(plain.get("/healthz"))
    claimed = Client(headers={"host": "safety.example", "x-forwarded-proto": "https"})
    told_of["claimed TLS"] = told(claimed.get("/cookies/"))
    tls = Client(headers={"host": "safety.example"}, raise_request_exception=False)
    told_of["page"] = told(tls.get("/cookies/", secure=True))
    told_of["home"] = told(tls.get("/", secure=True))
    told_of["login"] = told(tls.get("/admin/login/", secure=True))
    told_of["signed in"] = told(tls.post(
        "/admin/login/?next=/admin/", {"username": "sam", "password": "correct horse battery staple"}, secure=True
    ))
    told_of["other host"] = told(Client(headers={"host": "elsewhere.example"}).get("/cookies/", secure=True))
    transaction.set_rollback(True)
print(json.dumps(told_of))
"""


@pytest.fixture(scope="module")
def told(django_db_setup: None) -> dict[str, Any]:
    """What a server with nothing but the required settings answers."""
    done = run(sys.executable, "-c", ASK, DATABASE_URL=database_url())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.django_db
def test_everything_goes_through_tls(told: dict[str, Any]):
    answer = told["without TLS"]
    assert (answer["status"], answer["headers"]["Location"]) == (301, "https://safety.example/cookies/?a=b")
    # Whoever can send a header cannot talk the site out of it.
    assert told["claimed TLS"]["status"] == 301
    # Load balancers ask from inside.
    assert told["health"]["status"] == 200


@pytest.mark.django_db
def test_browsers_are_told_to_insist_on_tls(told: dict[str, Any]):
    for name in ("page", "home", "login"):
        sent = told[name]["headers"]["Strict-Transport-Security"]
        assert sent == f"max-age={YEAR}; includeSubDomains; preload"


@pytest.mark.django_db
def test_visitors_get_no_cookie_on_a_server_either(told: dict[str, Any]):
    assert [told[name]["cookies"] for name in ("page", "home", "without TLS", "other host")] == [{}, {}, {}, {}]
    assert told["other host"]["status"] == 400


@pytest.mark.django_db
def test_cookies_of_staff_are_for_this_site_over_tls_only(told: dict[str, Any]):
    assert told["signed in"]["status"] == 302
    cookies = told["login"]["cookies"] | told["signed in"]["cookies"]
    assert sorted(cookies) == ["csrftoken", "sessionid"]
    for cookie in cookies.values():
        flags = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= flags


# --- The content security policy ------------------------------------------------------------------------------------


def directives(response: Any) -> dict[str, list[str]]:
    """Read the policy of an answer."""
    words = [part.split() for part in response["Content-Security-Policy"].split(";")]
    return {name: sources for name, *sources in words}


def hashed(script: str) -> str:
    """Give a script as a policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def inline_scripts(response: Any) -> list[Any]:
    """Give the scripts in a page that run, without those from a file; data is no script."""
    soup = BeautifulSoup(response.content, "html.parser")
    kinds = (None, "", "module", "text/javascript")
    return [tag for tag in soup.find_all("script", src=False) if tag.get("type") in kinds]


@pytest.mark.django_db
def test_the_one_inline_line_of_public_pages_is_allowed_by_its_hash():
    """Fails when nhsuk-frontend changes the line: look at it, then change NHS_TEMPLATE_SCRIPT_HASH."""
    published = CaseStudyFactory(published=True)
    for address in ("/", "/cookies/", published.get_absolute_url(), "/nowhere/"):
        response = Client().get(address)
        scripts = inline_scripts(response)
        assert [hashed(script.string) for script in scripts] == [settings.NHS_TEMPLATE_SCRIPT_HASH]
        assert directives(response)["script-src"] == ["'self'", settings.NHS_TEMPLATE_SCRIPT_HASH]


def staff_addresses() -> list[str]:
    """Give every page of the admin that needs no record."""
    skipped = {"admin:logout", "admin:jsi18n", "admin:autocomplete"}
    return sorted(
        route.path for route in ROUTES if route.is_for_staff and not route.parameters and route.name not in skipped
    )


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(UserFactory(is_superuser=True))
    return client


def test_no_policy_has_a_way_round(staff: Client):
    """Neither `unsafe-inline` nor `unsafe-eval`, no other host, no scheme: what runs is ours or has the nonce."""
    case_study = CaseStudyFactory(published=True, title="One")
    report = ReportFactory()
    addresses = ["/", "/nowhere/", "/admin/nowhere/", *staff_addresses()]
    for record in (case_study, report):
        name = f"admin:{record._meta.app_label}_{record._meta.model_name}"
        addresses += [reverse(f"{name}_{page}", args=[record.pk]) for page in ("change", "history", "delete")]
    assert len(addresses) > 2 * len(admin.site._registry)
    problems = []
    for address in addresses:
        response = staff.get(address)
        policy = directives(response)
        assert response.status_code in {200, 302, 403, 404}, address
        allowed = {"'none'", "'self'", settings.NHS_TEMPLATE_SCRIPT_HASH, "data:"}
        for name, sources in policy.items():
            odd = [one for one in sources if one not in allowed and not one.startswith("'nonce-")]
            problems += [(address, name, one) for one in odd]
            if name in {"script-src", "default-src", "object-src", "base-uri"} and "data:" in sources:
                problems.append((address, name, "data:"))
        problems += [(address, name, "is missing") for name in settings.SECURE_CSP if name not in policy]
    assert problems == []


def test_every_inline_script_and_style_of_the_admin_has_the_nonce(staff: Client):
    problems = []
    for address in staff_addresses():
        response = staff.get(address)
        if response.status_code != 200:
            continue
        nonces = [one for one in directives(response)["script-src"] if one.startswith("'nonce-")]
        soup = BeautifulSoup(response.content, "html.parser")
        written = list(soup.find_all("style"))
        written += [tag for tag in soup.find_all("script", src=False) if tag.get("type") != "application/json"]
        problems += [(address, str(tag)[:80]) for tag in written if f"'nonce-{tag.get('nonce')}'" not in nonces]
        problems += [(address, str(tag)[:80]) for tag in soup.find_all(style=True)]
        events = [tag for tag in soup.find_all(True) if any(name.startswith("on") for name in tag.attrs)]
        problems += [(address, str(tag)[:80]) for tag in events]
    assert problems == []


def test_nonces_are_for_one_answer(staff: Client):
    first, second = (directives(staff.get("/admin/"))["script-src"] for _ in range(2))
    assert [one.startswith("'nonce-") for one in first] == [False, True]
    assert first != second


# --- Files -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("prefix", ["", "/", "/media/", "/files/", "/uploads/", "/static/", "/static/../media/"])
def test_uploads_have_no_address_of_their_own(prefix: str):
    """Views give them out while what they belong to is published; a known path leads to nothing."""
    file = settings.MEDIA_ROOT / "covers" / "secret.webp"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"a cover")
    response = Client().get(f"{prefix or settings.MEDIA_URL}covers/secret.webp")
    assert response.status_code == 404
    assert b"a cover" not in response.content


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    ["/.env", "/.git/config", "/manage.py", "/static/../manage.py", "/static/%2e%2e/manage.py"],
)
def test_files_of_the_project_are_not_served(path: str):
    assert Client().get(path).status_code == 404
