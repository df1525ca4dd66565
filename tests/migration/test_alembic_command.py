"""Alembic's own command, as a developer of Vitrine uses it from a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]


def alembic(url: str, *arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=folder,
        env=os.environ | {"VITRINE_DATABASE_URL": url, "VITRINE_SCHEMA": "vitrine"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_check_finds_the_models_and_the_schema_alike_or_says_the_difference(database: str) -> None:
    done = alembic(database, "check")
    assert done.returncode == 0, done.stderr
    assert "No new upgrade operations detected" in done.stdout
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE vitrine.variant ADD COLUMN colour text")
    done = alembic(database, "check")
    assert done.returncode != 0
    assert "colour" in done.stdout + done.stderr


def test_current_says_the_revision(database: str) -> None:
    assert "(head)" in alembic(database, "current").stdout


def test_a_new_revision_is_made_from_the_template(database: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "alembic.ini", tmp_path)
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    done = alembic(database, "revision", "-m", "Add colours", "--rev-id", "0099", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    made = (tmp_path / "migrations/versions/0099_add_colours.py").read_text()
    compile(made, "0099_add_colours.py", "exec")
    assert 'run_schema_file("schema/0099_add_colours")' in made


def test_offline_sql_points_to_the_files(database: str) -> None:
    done = alembic(database, "upgrade", "head", "--sql")
    assert done.returncode != 0
    assert "sql/schema" in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["alembic.ini", "migrations/env.py", "migrations/script.py.mako"])
def test_no_path_of_a_machine_is_written_down(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "/home" not in text
    assert str(ROOT) not in text
