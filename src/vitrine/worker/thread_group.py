"""Named threads whose first failure ends the worker instead of going unseen."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from vitrine.worker.session import StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ThreadGroup"]

logger = logging.getLogger(__name__)


class ThreadGroup:
    """Threads that do not keep the process alive; `failure` is the first exception of any."""

    def __init__(self, on_failure: Callable[[], None]) -> None:
        self.failure: Exception | None = None
        self._on_failure = on_failure
        self._threads: dict[str, list[threading.Thread]] = {}

    def start(self, name: str, target: Callable[[], None], count: int = 1) -> None:
        """Run `target` in `count` threads."""

        def guarded() -> None:
            try:
                target()
            except StoppedError:
                logger.debug("%s ended without the database", name)
            except Exception as error:
                logger.debug("%s failed", name, exc_info=error)
                self.failure = self.failure or error
                self._on_failure()

        threads = [
            threading.Thread(target=guarded, name=f"vitrine-{name}", daemon=True)
            for _ in range(count)
        ]
        self._threads[name] = threads
        for thread in threads:
            thread.start()

    def join(self, name: str, timeout: float | None = None) -> bool:
        """Wait for the threads of one name; False if `timeout` s were not enough."""
        until = None if timeout is None else time.monotonic() + timeout
        for thread in self._threads.get(name, []):
            thread.join(None if until is None else max(until - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in self._threads.get(name, []))
