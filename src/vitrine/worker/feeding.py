"""Claims entries ahead of need, and decides when the worker has nothing left to do."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading

    from vitrine.work_queue import Entry, Waiting, WorkQueue
    from vitrine.worker.channel import Channel
    from vitrine.worker.in_flight import InFlight
    from vitrine.worker.known import KnownContents
    from vitrine.worker.progress import Progress
    from vitrine.worker.session import Session

__all__ = ["MOST_IN_FLIGHT", "Feeder"]

logger = logging.getLogger(__name__)

AHEAD = 3.0  # seconds of work that are held
MOST_IN_FLIGHT = 2048
POLL = 5.0  # seconds, if a notification was lost or a pause of an entry ended
COUNT_EVERY = 15.0  # seconds between counts of what waits
LONGEST_PAUSE = 30.0  # seconds between claims while all of them fail for the world's reasons


class Feeder:
    """Keeps as much in flight as the pipeline can hold."""

    def __init__(
        self,
        session: Session[WorkQueue],
        *,
        claimed: Channel[Entry],
        in_flight: InFlight,
        known: KnownContents,
        progress: Progress,
        work: threading.Event,
        stop: threading.Event,
        least: int,
        lease_seconds: float,
        once: bool,
    ) -> None:
        """Hold `least` entries at once, and more if the worker turns out to be fast."""
        self._session = session
        self._claimed = claimed
        self._in_flight = in_flight
        self._known = known
        self._progress = progress
        self._work = work
        self._stop = stop
        self._least = least
        self._lease_seconds = lease_seconds
        self._once = once
        self._counted_at = float("-inf")
        self._pause = 0.0
        self._latest = progress.snapshot()

    def run(self) -> None:
        """Feed until the worker is to stop, or with `once` until nothing is left."""
        while not self._stop.is_set():
            if self._suspects_wait():
                self._try_suspect()
            most = self._most()
            chunk = max(most // 3, 1)
            if not self._in_flight.wait_until_at_most(most - chunk, timeout=0.5):
                continue
            self._work.clear()
            # Asked before the claim: what is held may bring new work about until it is written.
            idle = len(self._in_flight) == 0
            if self._claim(chunk):
                self._stop.wait(self._weather())
            elif not idle:
                self._in_flight.wait_until_at_most(0, timeout=0.2)
            elif self._try_suspect():
                continue
            elif self._once:
                self._count_waiting()
                return
            else:
                self._work.wait(POLL)

    def _most(self) -> int:
        """Some seconds of work: few large claims if it is fast, and little to sit on if not."""
        ahead = int(self._progress.snapshot().rate * AHEAD)
        return min(max(self._least, ahead), MOST_IN_FLIGHT)

    def _claim(self, limit: int, *, suspects: bool = False) -> int:
        seconds = self._lease_seconds
        entries = self._session.run(
            lambda queue: queue.claim(limit, lease_seconds=seconds, suspects=suspects)
        )
        if entries:
            self._in_flight.hold(entries)
            products = [entry.product_id for entry in entries]
            self._known.learn(self._session.run(lambda queue: queue.known_contents(products)))
            for entry in entries:
                self._claimed.put(entry)
        return len(entries)

    def _try_suspect(self) -> bool:
        """Work on one entry that workers died on, with nothing else at risk; False without one."""
        while not self._in_flight.wait_until_at_most(0, timeout=0.5):
            if self._stop.is_set():
                return False
        for product_id, kind, item_id in self._session.run(lambda queue: queue.bury_lost()):
            logger.error(
                "%s %d of product %d is a dead letter now: workers die on it (worker_lost)",
                kind,
                item_id,
                product_id,
            )
            self._progress.add(dead=1)
        if self._stop.is_set() or not self._claim(1, suspects=True):
            return False
        while not self._in_flight.wait_until_at_most(0, timeout=0.5):
            if self._stop.is_set():
                break
        return True

    def _suspects_wait(self) -> bool:
        """Count what waits, now and then; whether entries that workers died on are among it."""
        if time.monotonic() < self._counted_at + COUNT_EVERY:
            return False
        return self._count_waiting().suspect > 0

    def _count_waiting(self) -> Waiting:
        self._counted_at = time.monotonic()
        waiting = self._session.run(lambda queue: queue.waiting())
        self._progress.waiting(waiting.ready + waiting.suspect + len(self._in_flight))
        return waiting

    def _weather(self) -> float:
        """Seconds until the next claim: more and more while only the world's faults come."""
        latest, before = self._progress.snapshot(), self._latest
        self._latest = latest
        faults = latest.deferred - before.deferred
        if self._once or not faults or latest.done - before.done > faults:
            self._pause = 0.0
        else:
            self._pause = min(max(self._pause * 2, 1.0), LONGEST_PAUSE)
        return self._pause
