"""What a worker has done so far, how fast, and how long the rest will take."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

__all__ = ["Progress", "Snapshot"]

WINDOW = 30.0  # seconds that the rate looks back


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Counts since the start; `rate` is items a second lately, `seconds_left` None if unknown."""

    encoded: int = 0  # by the model
    copied: int = 0  # equal content: nothing to encode
    failed: int = 0  # the item's fault, to be tried again
    dead: int = 0  # the item's fault, for good
    deferred: int = 0  # the world's fault, to be tried again
    answered: int = 0  # queries of clients
    total: int = 0  # items of this run that are known of
    rate: float = 0.0
    seconds_left: float | None = None
    trouble: str | None = None  # the world's latest fault

    @property
    def done(self) -> int:
        """Items that this run is finished with."""
        return self.encoded + self.copied + self.failed + self.dead + self.deferred


class Progress:
    """Counters that all threads of a worker add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(
            ("encoded", "copied", "failed", "dead", "deferred", "answered"), 0
        )
        self._total = 0
        self._trouble: str | None = None
        self._history: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])

    def add(self, trouble: str | None = None, **counts: int) -> None:
        """Add to counters by name; `trouble` is the message of a world's fault."""
        now = time.monotonic()
        with self._lock:
            for name, count in counts.items():
                self._counts[name] += count
            self._trouble = trouble or self._trouble
            done = self._counts["encoded"] + self._counts["copied"]
            if now - self._history[-1][0] > 0.2:
                self._history.append((now, done))
            while self._history[0][0] < now - WINDOW:
                self._history.popleft()

    def waiting(self, count: int) -> None:
        """Note how much is left in the queue, what this worker holds included."""
        done = self.snapshot().done
        with self._lock:
            self._total = done + count

    def snapshot(self) -> Snapshot:
        """The counts at this moment."""
        now = time.monotonic()
        with self._lock:
            done = self._counts["encoded"] + self._counts["copied"]
            recent = [point for point in self._history if point[0] >= now - WINDOW]
            since, before = recent[0] if recent else (now, done)
            rate = (done - before) / (now - since) if now - since > 0.5 else 0.0
            finished = sum(self._counts.values()) - self._counts["answered"]
            left = max(self._total - finished, 0)
            return Snapshot(
                **self._counts,
                total=max(self._total, finished),
                rate=rate,
                seconds_left=left / rate if rate > 0 else None,
                trouble=self._trouble,
            )
