"""
The direction between apps and inside them: `lint-imports` holds the imports, these tests what it cannot see.

Relations and migrations name other apps in text, and a contract that holds nothing would pass as well.
"""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db.migrations.loader import MigrationLoader

# From left to right, as DESIGN has it: each may know those on its right.
APPS = ["enquiries", "casestudies", "partners"]
PACKAGES = ["safetyhub", *APPS]


def test_the_apps_are_those_of_the_contracts():
    """A new app with models takes its place on the left here, and in [tool.importlinter]."""
    own = {config.label for config in apps.get_app_configs() if Path(config.path).parent == settings.BASE_DIR}
    assert own - {"admin"} == set(APPS)
    text = (settings.BASE_DIR / "pyproject.toml").read_text(encoding="utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    inside = [contract["containers"] for contract in contracts if "containers" in contract]
    assert inside == [["enquiries"], ["casestudies"], ["partners"]]
    assert [contract.get("exhaustive") for contract in contracts if "containers" in contract] == [True, True, True]


def test_relations_point_right_only():
    wrong = []
    for place, label in enumerate(APPS):
        for model in apps.get_app_config(label).get_models(include_auto_created=True):
            for field in model._meta.get_fields():
                target = field.related_model if field.concrete and field.is_relation else None
                if target is not None and target._meta.app_label in APPS[:place]:
                    wrong.append(f"{field} -> {target._meta.label}")
    assert wrong == []


def test_migrations_depend_on_the_right_only():
    """Backwards and forwards: `run_before` is a dependency of the other one."""
    loader = MigrationLoader(None)
    wrong = []
    for (label, name), migration in loader.disk_migrations.items():
        if label in APPS:
            left = APPS[: APPS.index(label)]
            wrong += [(label, name, other) for other in migration.dependencies if other[0] in left]
            right = APPS[APPS.index(label) + 1 :]
            wrong += [(label, name, other) for other in migration.run_before if other[0] in right]
    assert wrong == []


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The code and its contracts, to break them."""
    folder = tmp_path_factory.mktemp("layers")
    for package in PACKAGES:
        shutil.copytree(settings.BASE_DIR / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(settings.BASE_DIR / "pyproject.toml", folder)
    return folder


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Hold the code in a folder against its contracts."""
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_contracts_are_kept(copy: Path):
    done = lint_imports(copy)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("partners/models.py", "import casestudies.models"),
        ("casestudies/models/reports.py", "from casestudies import actions"),
        ("casestudies/actions.py", "from casestudies import views"),
        ("casestudies/filters.py", "from casestudies.views import CaseStudyListView"),
        ("casestudies/views.py", "import casestudies.urls"),
        ("casestudies/migrations/0001_initial.py", "from enquiries import models as wrong"),
        ("casestudies/actions.py", "import casestudies.admin"),
        ("enquiries/actions.py", "import enquiries.forms"),
        ("enquiries/models.py", "import casestudies.views"),
        ("casestudies/actions.py", "import partners.views"),
        ("partners/a_new_module.py", ""),
    ],
)
def test_the_contracts_notice_a_wrong_direction(copy: Path, module: str, line: str):
    path = copy / module
    before = path.read_text(encoding="utf-8") if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")
    try:
        done = lint_imports(copy)
    finally:
        path.unlink()
        if before is not None:
            path.write_text(before, encoding="utf-8")
    assert done.returncode == 1
    assert "Contracts: " in done.stdout
    assert "0 broken" not in done.stdout
