"""SIGKILL at every stage: nothing is lost, and nothing is written twice or wrong."""

from __future__ import annotations

import http.server
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.stub_encoder import StubEncoder
from tests.integration.workers import Shop, until
from vitrine.database import connect

ROOT = Path(__file__).parents[2]
PROGRAM = "tests.integration.killed_worker"
COUNT = 12  # more than a batch, and one claim
OTHERS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
def image_server(shop: Shop) -> Iterator[tuple[str, threading.Event, threading.Event]]:
    """A web server of the shop's pictures: its host, "somebody asked" and "you may answer"."""
    asked, may_answer = threading.Event(), threading.Event()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            may_answer.wait(30)
            super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                return  # the worker was killed

    def handler(*args: object) -> Handler:
        return Handler(*args, directory=str(shop.folder))  # type: ignore[arg-type]

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", asked, may_answer
    may_answer.set()
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def worker_process(shop: Shop, stage: str, host: str = "") -> Iterator[subprocess.Popen[str]]:
    """A worker in a process of its own; killed at the end, if not before."""
    process = subprocess.Popen(
        [sys.executable, "-m", PROGRAM, shop.url, str(shop.folder), stage, host],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def reaches(process: subprocess.Popen[str], stage: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline().strip() == stage


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def after_claim(shop: Shop, _: object) -> None:
    with worker_process(shop, "claimed") as process:
        reaches(process, "claimed")
        kill(process)


def during_fetch(shop: Shop, image_server: tuple[str, threading.Event, threading.Event]) -> None:
    host, asked, may_answer = image_server
    shop.connection.execute("UPDATE image SET uri = %s || uri", (f"http://{host}/",))
    with worker_process(shop, "", host) as process:
        assert asked.wait(20)
        kill(process)
    may_answer.set()


def during_encode(shop: Shop, _: object) -> None:
    with worker_process(shop, "encoding") as process:
        reaches(process, "encoding")
        kill(process)


def during_write(shop: Shop, _: object) -> None:
    """The vectors are made and the statement that writes them waits for a lock of ours."""
    with worker_process(shop, "encoded") as process:
        reaches(process, "encoded")
        with connect(shop.url, "vitrine", autocommit=False) as somebody:
            somebody.execute("SELECT FROM work_queue FOR UPDATE")
            assert process.stdin is not None
            process.stdin.write("go on\n")
            process.stdin.flush()
            waiting = f"{OTHERS} AND wait_event_type = 'Lock'"
            until(lambda: shop.one(waiting), "the write that waits for the lock")
            kill(process)
            # Its backend gives up waiting for the lock, and then notices that it is alone.
            until(lambda: shop.one(OTHERS) == 1, "the end of the killed worker's connections")
            somebody.rollback()


def after_write(shop: Shop, _: object) -> None:
    with worker_process(shop, "written") as process:
        reaches(process, "written")
        kill(process)


@pytest.mark.parametrize(
    ("interrupt", "wrote"),
    [
        (after_claim, False),
        (during_fetch, False),
        (during_encode, False),
        (during_write, False),
        (after_write, True),
    ],
    ids=["after claim", "during fetch", "during encode", "before write", "after write"],
)
def test_a_killed_worker_loses_nothing_and_doubles_nothing(
    shop: Shop,
    image_server: tuple[str, threading.Event, threading.Event],
    interrupt: Callable[[Shop, object], None],
    wrote: bool,
) -> None:
    colours = shop.colours(COUNT)
    shop.audit()
    interrupt(shop, image_server)
    until(lambda: not shop.one(OTHERS), "the end of the killed worker's connections")
    host, _, may_answer = image_server
    may_answer.set()

    written = len(shop.vectors())
    assert bool(written) == wrote
    assert shop.one("SELECT count(*) FROM work_queue WHERE available_at > now()") == COUNT - written

    # Within the lease nobody else takes the entries of the dead worker.
    assert shop.work(image_hosts=host).done == 0

    # Afterwards they are done again, from the beginning.
    shop.connection.execute("UPDATE work_queue SET available_at = now()")
    encoder = StubEncoder()
    shop.work(encoder, image_hosts=host)
    assert len(encoder.colours) == COUNT - written
    shop.assert_colours(colours)
    assert [image_id for image_id, _ in shop.written()] == sorted(colours)
    assert shop.one("SELECT count(*) FROM work_queue") == 0
