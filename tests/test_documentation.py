"""What the documents promise, held against what there is."""

import re

import pytest
from django.core.management import get_commands

from safetyhub.embedded import BASE_DIR

DOCUMENTS = [path for path in (BASE_DIR / "README.md", *sorted(BASE_DIR.glob("docs/**/*.md"))) if path.exists()]


def read(name: str) -> str:
    """Return the text of a file of the project."""
    return (BASE_DIR / name).read_text(encoding="utf-8")


def variables() -> set[str]:
    """Return the environment variables that the settings and gunicorn read."""
    found = set(re.findall(r'(?:env\.\w+|required)\(\s*"([A-Z_]+)"', read("safetyhub/settings.py")))
    return found | set(re.findall(r'environ\.get\("([A-Z_]+)"', read("gunicorn.conf.py")))


def test_the_variables_are_found():
    assert {"SECRET_KEY", "DATABASE_URL", "LOG_LEVEL", "WEB_CONCURRENCY"} <= variables()


@pytest.mark.parametrize("name", [".env.example", "docs/operations.md"])
def test_every_variable_is_documented(name):
    text = read(name)
    assert {variable for variable in variables() if not re.search(rf"\b{variable}\b", text)} == set()


def test_no_variable_is_documented_that_nothing_reads():
    documented = set(re.findall(r"^#?([A-Z_]+)=", read(".env.example"), flags=re.MULTILINE))
    compose = set(re.findall(r"\$\{([A-Z_]+)", read("compose.yaml")))
    assert documented - variables() - compose == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_command_exists(path):
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), flags=re.MULTILINE))
    mentioned = set(re.findall(r"`make ([a-z]+)", path.read_text(encoding="utf-8")))
    assert mentioned - targets == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_management_command_exists(path):
    mentioned = set(re.findall(r"manage\.py ([a-z_]+)", path.read_text(encoding="utf-8")))
    assert mentioned - set(get_commands()) == set()


def test_every_command_of_make_is_explained():
    makefile = read("Makefile")
    phony = set(" ".join(re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)).split()) - {"FORCE"}
    assert set(re.findall(r"^([a-z]+):.*## \S", makefile, flags=re.MULTILINE)) == phony
