"""
The environment of the tests: a pytest plugin, which `-p` loads before Django reads its settings.

The data directory is SAFETYHUB_DATA_DIR, or `.data/tests`, so that the tests never meet the data of
`make run`. Without DATABASE_URL they get the embedded PostgreSQL, faster for not surviving a power cut.
"""

import os

import pytest
from django.core.exceptions import ImproperlyConfigured

from safetyhub.embedded import BASE_DIR, EmbeddedPostgres, use_local_environment

server = pytest.StashKey[EmbeddedPostgres | None]()

# What a developer has set for their own site must not change what the tests see.
FOREIGN = (
    "ALLOWED_HOSTS",
    "DEBUG",
    "DEFAULT_FROM_EMAIL",
    "EMAIL_URL",
    "HTTPS",
    "MEDIA_ROOT",
    "PORT",
    "SECRET_KEY",
    "SITE_URL",
    "TRUST_PROXY",
)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Prepare the environment; with pytest-xdist the controller does it, and its workers inherit it."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    for name in FOREIGN:
        os.environ.pop(name, None)
    # A test in a transaction has a version of the content that nobody else sees; those of the cache turn it on.
    os.environ["CACHE_URL"] = "none://"
    if not os.environ.get("SAFETYHUB_DATA_DIR"):
        os.environ["SAFETYHUB_DATA_DIR"] = str(BASE_DIR / ".data" / "tests")
    try:
        early_config.stash[server] = use_local_environment(durable=False)
    except ImproperlyConfigured as error:
        raise pytest.UsageError(str(error)) from None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what this process started."""
    if running := config.stash.get(server, None):
        running.stop()
