"""A worker process that reports its stages on its output and can be told to halt at one of them.

Run as `python -m tests.integration.killed_worker URL FOLDER STAGE HOST`; STAGE is "claimed",
"encoding", "written" (halt there for ever) or "encoded" (go on when a line comes on the input).
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from tests.integration.stub_encoder import StubEncoder
from vitrine.settings import load_settings
from vitrine.work_queue import WorkQueue
from vitrine.worker import Worker


def say(stage: str) -> None:
    """Tell the test where the worker is."""
    sys.stdout.write(f"{stage}\n")
    sys.stdout.flush()


def halt(stage: str) -> None:
    """Say where the worker is, and never go on."""
    say(stage)
    threading.Event().wait()


class ObservedQueue(WorkQueue):
    """Halts after a claim or after a write, when both are committed."""

    stage = ""

    def claim(self, *args: Any, **options: Any) -> Any:
        entries = super().claim(*args, **options)
        if entries and self.stage == "claimed":
            halt("claimed")
        return entries

    def complete(self, outcomes: Any) -> Any:
        written = super().complete(outcomes)
        if self.stage == "written":
            halt("written")
        return written


def main() -> None:
    url, folder, stage, host = sys.argv[1:]
    ObservedQueue.stage = stage

    def before(_: int) -> None:
        if stage == "encoding":
            halt("encoding")
        if stage == "encoded":
            say("encoded")
            sys.stdin.readline()

    # The worker looks the class up by its name when it starts.
    import vitrine.worker.worker as module

    module.WorkQueue = ObservedQueue  # type: ignore[misc]
    settings = load_settings(images=folder, image_hosts=host, batch_size=8)
    Worker(url, settings, StubEncoder(before=before), once=True).run()


if __name__ == "__main__":
    main()
