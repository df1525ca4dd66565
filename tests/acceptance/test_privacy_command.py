"""`vitrine privacy` as a process."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import psycopg
import pytest

from .conftest import VITRINE, environment


@pytest.fixture
def filled(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO vitrine.event (action_name, client_id) VALUES ('click', 'u-42')"
        )
    return database


def run(
    url: str, folder: Path, *arguments: str, given: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(VITRINE), "privacy", *arguments],
        env=environment(url, folder),
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_shopper_is_exported_and_forgotten(filled: str, tmp_path: Path) -> None:
    exported = run(filled, tmp_path, "export", "u-42")
    assert len(json.loads(exported.stdout)["tables"]["event"]) == 1
    written = run(filled, tmp_path, "export", "u-42", "-o", str(tmp_path / "u-42.json"))
    assert written.stdout.startswith("1 rows in ")
    assert json.loads((tmp_path / "u-42.json").read_text())["client"] == "u-42"
    assert ": 1" in run(filled, tmp_path, "traces", "u-42").stdout
    refused = run(filled, tmp_path, "forget", "u-42", given="n\n")
    assert refused.returncode == 1
    assert ": 1" in run(filled, tmp_path, "traces", "u-42").stdout
    done = run(filled, tmp_path, "forget", "u-42", "--yes")
    assert done.returncode == 0
    assert ": 1" in done.stdout
    assert run(filled, tmp_path, "traces", "u-42").stdout == "no trace\n"
    assert run(filled, tmp_path, "forget", "u-42", "--yes").stdout == "nothing was stored\n"


def test_an_opt_out_and_back(filled: str, tmp_path: Path) -> None:
    assert run(filled, tmp_path, "opt-out", "u-42").returncode == 0
    assert json.loads(run(filled, tmp_path, "export", "u-42").stdout)["opted_out"] is True
    assert run(filled, tmp_path, "opt-in", "u-42").returncode == 0
    assert json.loads(run(filled, tmp_path, "export", "u-42").stdout)["opted_out"] is False


def test_an_empty_id_is_refused(filled: str, tmp_path: Path) -> None:
    done = run(filled, tmp_path, "forget", " ", "--yes")
    assert done.returncode == 1
    assert "no client is given" in done.stderr
