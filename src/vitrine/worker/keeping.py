"""The worker's heartbeat: its row, the leases of what it holds, and the tidying of old requests."""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from vitrine import sql_files

if TYPE_CHECKING:
    import threading

    from vitrine.database import Connection
    from vitrine.work_queue import WorkQueue
    from vitrine.worker.in_flight import InFlight
    from vitrine.worker.progress import Progress
    from vitrine.worker.session import Session

__all__ = ["Keeper", "Registration"]

logger = logging.getLogger(__name__)

HEARTBEAT = 5.0  # seconds; a worker not seen for three of them counts as gone
DAY = 86_400.0  # seconds between looks whether the history's coming months have their partitions


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What the database knows of one worker process."""

    worker_id: uuid.UUID
    space_id: int
    host: str
    pid: int
    version: str
    device: str

    @classmethod
    def here(cls, space_id: int, device: str) -> Registration:
        """Describe the present process."""
        return cls(
            worker_id=uuid.uuid4(),
            space_id=space_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=version("vitrine"),
            device=device,
        )


class Keeper:
    """Says that the worker lives and holds on to what it is working on."""

    def __init__(
        self,
        session: Session[tuple[Connection, WorkQueue]],
        registration: Registration,
        *,
        in_flight: InFlight,
        progress: Progress,
        lease_seconds: float,
        known_queries: int,
    ) -> None:
        self._session = session
        self._registration = registration
        self._in_flight = in_flight
        self._progress = progress
        self._lease_seconds = lease_seconds
        self._known_queries = known_queries
        self._every = min(HEARTBEAT, lease_seconds / 4)
        self._months_due = time.monotonic()

    def run(self, ended: threading.Event) -> None:
        """Beat until the worker has ended, then take its row away."""
        while True:
            self._session.run(lambda opened: self._extend(opened[1]))
            self._session.run(lambda opened: self._beat(opened[0]))
            if ended.wait(self._every):
                break
        statement = "DELETE FROM worker WHERE worker_id = %s"
        self._session.run(lambda o: o[0].execute(statement, (self._registration.worker_id,)))

    def _extend(self, queue: WorkQueue) -> None:
        expiring = self._in_flight.expiring()
        if not expiring:
            return
        kept = queue.extend(expiring, lease_seconds=self._lease_seconds)
        self._in_flight.extend(entry for entry in expiring if entry.key in kept)
        lost = [entry for entry in expiring if entry.key not in kept]
        if lost:
            # Their inputs changed, or this machine slept through the lease.
            logger.debug("%d leases were lost", len(lost))
            self._in_flight.let_go(lost)

    def _beat(self, connection: Connection) -> None:
        progress = self._progress.snapshot()
        values = {
            **vars(self._registration),
            "encoded": progress.encoded + progress.copied,
            "failed": progress.failed + progress.dead,
            "rate": progress.rate,
            "known_queries": self._known_queries,
        }
        connection.execute(sql_files.read("queue/heartbeat").encode(), values)
        connection.execute(sql_files.read("queue/forget_queries").encode(), values)
        if time.monotonic() >= self._months_due:
            # A month's partition cannot be made once it is missed: events would be refused.
            connection.execute("SELECT ensure_partitions()")
            self._months_due = time.monotonic() + DAY
