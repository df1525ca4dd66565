"""Processes for the acceptance tests: the command line as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

VITRINE = Path(sys.executable).parent / "vitrine"


def environment(url: str, home: Path) -> dict[str, str]:
    """An environment as a new user has it: no settings but the database, an empty home folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VITRINE_")}
    path = f"{VITRINE.parent}{os.pathsep}{kept.get('PATH', '')}"
    return kept | {
        "PATH": path,
        "HOME": str(home),
        "VITRINE_DATABASE_URL": url,
        "HF_HUB_OFFLINE": "1",
        "COLUMNS": "140",
    }


@pytest.fixture
def run_vitrine(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs `vitrine …` to its end and returns status, output and errors."""

    def run(
        *arguments: str,
        url: str = "",
        timeout: float = 120,
        extra: Mapping[str, str] | None = None,
        cwd: Path = tmp_path,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(VITRINE), *arguments],
            env=environment(url, tmp_path) | dict(extra or {}),
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def start_worker() -> Iterator[Callable[[str, Path], subprocess.Popen[bytes]]]:
    """Return a function that starts `vitrine work` on a database; it is stopped at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start(url: str, home: Path) -> subprocess.Popen[bytes]:
        with (home / "worker.log").open("wb") as log:
            process = subprocess.Popen(
                [str(VITRINE), "work"], env=environment(url, home), cwd=home, stdout=log, stderr=log
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=60)
