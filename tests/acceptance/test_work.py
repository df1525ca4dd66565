"""`vitrine work`, `status`, `retry` and `space` as an operator runs them, with a real model."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.acceptance.conftest import VITRINE, environment
from tests.unit.tiny_models import save_tiny
from vitrine.database import Connection

READY = (
    b"SELECT EXISTS (SELECT FROM worker) "
    b"AND NOT EXISTS (SELECT FROM work_queue WHERE dead_at IS NULL)"
)
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of a few thousand random weights."""
    return save_tiny("clip", tmp_path_factory.mktemp("model"))


@pytest.fixture
def settings(model: Path, tmp_path: Path, connection: Connection) -> dict[str, str]:
    """A shop of three products, one of whose pictures is missing, and how a worker finds it."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name, colour in (("red.png", "red"), ("blue.jpg", "blue")):
        Image.new("RGB", (64, 48), colour).save(folder / name)
    connection.execute("INSERT INTO product (external_id) VALUES ('a'), ('b'), ('c')")
    connection.execute(
        "INSERT INTO image (product_id, uri) VALUES (1, 'red.png'), (2, 'blue.jpg'), (3, 'no.png')"
    )
    connection.execute(
        "INSERT INTO caption (product_id, locale, source, text) "
        "VALUES (1, 'en', 'catalogue', 'red jacket')"
    )
    return {
        "VITRINE_MODEL": str(model),
        "VITRINE_IMAGES": str(folder),
        "VITRINE_MAX_ATTEMPTS": "1",
        "VITRINE_DEVICE": "cpu",
    }


def test_a_queue_is_drained_shown_and_retried(
    run_vitrine: Run,
    settings: dict[str, str],
    database: str,
    connection: Connection,
    tmp_path: Path,
) -> None:
    before = run_vitrine("status", url=database)
    assert before.returncode == 0
    assert "no embedding space yet" in before.stdout
    assert "no embedding space yet" in run_vitrine("space", "list", url=database).stdout

    work = run_vitrine("work", "--once", url=database, extra=settings)
    assert work.returncode == 0, work.stderr
    assert "3 encoded, 1 failed for good (see `vitrine status`)" in work.stdout

    (status,) = json.loads(run_vitrine("status", "--json", url=database).stdout)
    assert (status["images"], status["images_encoded"], status["images_failed"]) == (3, 2, 1)
    assert (status["captions"], status["captions_encoded"]) == (1, 1)
    assert status["dead_letters"] == {"not_found": 1}
    assert status["indexes_valid"] is True
    shown = run_vitrine("status", url=database).stdout
    assert "66.6 %" in shown
    assert "dead letters: not_found 1" in shown
    assert "no.png" in shown

    Image.new("RGB", (64, 48), "green").save(tmp_path / "images" / "no.png")
    assert "0 dead letters" in run_vitrine("retry", "--product", "a", url=database).stdout
    retry = run_vitrine("retry", "--reason", "not_found", "--product", "c", url=database)
    assert "1 dead letters queued again" in retry.stdout
    assert run_vitrine("work", "--once", url=database, extra=settings).returncode == 0
    assert "100.0 %" in run_vitrine("status", url=database).stdout

    connection.execute("SELECT create_space('acme/next', 'r', 8, 'p')")
    assert "run `vitrine space activate next-2`" in run_vitrine("status", url=database).stdout
    listed = run_vitrine("space", "list", url=database).stdout
    assert "active" in listed
    refused = run_vitrine("space", "activate", "nope", url=database)
    assert refused.returncode == 1
    assert 'no space named "nope"' in refused.stderr


def test_storage_that_is_away_is_an_error_and_nothing_is_lost(
    run_vitrine: Run, settings: dict[str, str], database: str, connection: Connection
) -> None:
    gone = settings | {"VITRINE_IMAGES": "/not/mounted"}
    work = run_vitrine("work", "--once", url=database, extra=gone)
    assert work.returncode == 1
    assert "3 entries could not be tried" in work.stderr
    assert "/not/mounted" in work.stderr
    assert connection.execute("SELECT sum(attempts) FROM work_queue").fetchone() == (0,)


def test_a_model_or_a_database_that_is_not_there_is_one_clear_line(
    run_vitrine: Run, settings: dict[str, str], database: str
) -> None:
    wrong = run_vitrine(
        "work", "--once", url=database, extra=settings | {"VITRINE_MODEL": "/no/model"}
    )
    assert wrong.returncode == 1
    assert wrong.stderr.strip().splitlines()[-1].startswith("error:")
    assert "/no/model" in wrong.stderr
    down = "postgresql://nobody@127.0.0.1:1/none"
    for command in (("work", "--once"), ("status",), ("retry",), ("space", "list")):
        found = run_vitrine(*command, url=down, extra=settings)
        assert found.returncode == 1, command
        assert "the database cannot be used" in found.stderr
        assert "Traceback" not in found.stderr


@pytest.fixture
def running(
    settings: dict[str, str], database: str, connection: Connection, tmp_path: Path
) -> Iterator[subprocess.Popen[str]]:
    """`vitrine work` that has encoded what there was and waits for more."""
    process = subprocess.Popen(
        [str(VITRINE), "work"],
        env=environment(database, tmp_path) | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            end = time.monotonic() + 60
            while connection.execute(READY).fetchone() != (True,):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < end
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_worker_in_order(
    running: subprocess.Popen[str], connection: Connection, number: signal.Signals
) -> None:
    began = time.monotonic()
    running.send_signal(number)
    output, _ = running.communicate(timeout=20)
    assert running.returncode == 0, output
    assert time.monotonic() - began < 10
    assert "3 encoded" in output
    assert connection.execute("SELECT count(*) FROM worker").fetchone() == (0,)
    left = connection.execute("SELECT count(*) FROM work_queue WHERE dead_at IS NULL").fetchone()
    assert left == (0,)
