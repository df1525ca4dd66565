"""The last stage: outcomes into the database, in batches, while the model works on the next."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import psycopg

from vitrine.work_queue import Deferred, Encoded, Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.work_queue import Key, WorkQueue
    from vitrine.worker.channel import Channel
    from vitrine.worker.in_flight import InFlight
    from vitrine.worker.known import KnownContents
    from vitrine.worker.progress import Progress
    from vitrine.worker.reading import Outcome
    from vitrine.worker.session import Session

__all__ = ["Writer"]

logger = logging.getLogger(__name__)

LOCKED = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
MOST_AT_ONCE = 128
GATHER = 0.1  # seconds
MOST_BLOCKED = 2  # rows in a row whose locks are waited for before the rest waits too
LOCKED_PAUSE = 0.25  # seconds before a row that somebody else has locked is tried again


class Writer:
    """Writes every outcome once; what cannot be written now waits here, its lease extended."""

    def __init__(
        self,
        session: Session[WorkQueue],
        *,
        outcomes: Channel[Outcome],
        in_flight: InFlight,
        known: KnownContents,
        progress: Progress,
        max_attempts: int,
    ) -> None:
        self._session = session
        self._outcomes = outcomes
        self._in_flight = in_flight
        self._known = known
        self._progress = progress
        self._max_attempts = max_attempts
        self._locked: list[Encoded] = []
        self._locked_until = 0.0

    def run(self) -> None:
        """Write until the channel is closed and empty; what is locked then stays unwritten."""
        while True:
            taken = self._gather()
            if self._locked and time.monotonic() >= self._locked_until:
                taken += self._locked
                self._locked = []
            self.write(taken)
            if self._outcomes.finished:
                return

    def _gather(self) -> list[Outcome]:
        """A statement's worth of outcomes, or what a short while brings."""
        taken = self._outcomes.take(MOST_AT_ONCE, wait=LOCKED_PAUSE if self._locked else None)
        until = time.monotonic() + GATHER
        while taken and len(taken) < MOST_AT_ONCE:
            more = self._outcomes.take(MOST_AT_ONCE - len(taken), wait=until - time.monotonic())
            if not more:
                break
            taken += more
        return taken

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Write outcomes of all kinds, a statement for each kind."""
        ours = [outcome for outcome in outcomes if self._in_flight.holds(outcome.entry)]
        encoded = [outcome for outcome in ours if isinstance(outcome, Encoded)]
        failed = [outcome for outcome in ours if isinstance(outcome, Failed)]
        deferred = [outcome for outcome in ours if isinstance(outcome, Deferred)]
        if encoded:
            self._write_encoded(encoded)
        if failed:
            self._write_failed(failed)
        if deferred:
            self._write_deferred(deferred)

    def _write_encoded(self, outcomes: list[Encoded]) -> None:
        written = self._session.run(lambda queue: self._complete(queue, outcomes))
        done = [outcome for outcome in outcomes if outcome.entry.key in written]
        encoded = sum(outcome.vector is not None for outcome in done)
        self._known.learn((o.entry.kind, o.entry.product_id, o.content) for o in done)
        self._progress.add(encoded=encoded, copied=len(done) - encoded)
        self._in_flight.let_go(outcome.entry for outcome in done)
        if len(done) < len(outcomes):
            self._sort_unwritten([o for o in outcomes if o.entry.key not in written])

    def _complete(self, queue: WorkQueue, outcomes: list[Encoded]) -> set[Key]:
        """Write all at once; one by one if somebody else's lock is in the way."""
        try:
            return queue.complete(outcomes)
        except LOCKED:
            logger.debug("a lock is in the way of %d vectors", len(outcomes))
        written: set[Key] = set()
        blocked = 0
        for outcome in list(outcomes):
            try:
                written |= queue.complete([outcome])
            except LOCKED:
                # To the end, so that the others come first the next time.
                outcomes.remove(outcome)
                outcomes.append(outcome)
                blocked += 1
                if blocked == MOST_BLOCKED:
                    break
        return written

    def _sort_unwritten(self, outcomes: list[Encoded]) -> None:
        """Tell a lock, which passes, from a changed input or a lost lease."""
        causes = self._session.run(lambda queue: queue.why_unwritten(outcomes))
        stale = []
        for outcome in outcomes:
            cause = causes.get(outcome.entry.key)
            if cause is None:
                self._in_flight.let_go([outcome.entry])
            elif cause == "locked":
                self._locked.append(outcome)
            else:
                self._known.forget(outcome.entry, outcome.content)
                stale.append(Deferred(entry=outcome.entry))
        if stale:
            self._give_back(stale)
        self._locked_until = time.monotonic() + LOCKED_PAUSE

    def _write_failed(self, outcomes: list[Failed]) -> None:
        limit = self._max_attempts
        dead = self._session.run(lambda queue: queue.fail(outcomes, max_attempts=limit))
        self._progress.add(dead=dead, failed=len(outcomes) - dead)
        self._in_flight.let_go(outcome.entry for outcome in outcomes)
        for outcome in outcomes:
            logger.info(
                "%s %d of product %d failed (%s): %s",
                outcome.entry.kind,
                outcome.entry.item_id,
                outcome.entry.product_id,
                outcome.reason,
                outcome.detail,
            )

    def _write_deferred(self, outcomes: list[Deferred]) -> None:
        self._give_back(outcomes)
        trouble = next((outcome.detail for outcome in outcomes if outcome.detail), None)
        self._progress.add(deferred=len(outcomes), trouble=trouble)
        if trouble:
            logger.warning("%d entries put off: %s", len(outcomes), trouble)

    def _give_back(self, outcomes: list[Deferred]) -> None:
        self._session.run(lambda queue: queue.release(outcomes))
        self._in_flight.let_go(outcome.entry for outcome in outcomes)
