"""Wakes the worker for work and queries, on a connection of its own; polling is the net."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    import threading

    from vitrine.database import Connection
    from vitrine.worker.session import Session

__all__ = ["Listener"]

logger = logging.getLogger(__name__)

LOOK_UP = 0.25  # seconds after which the listener looks whether the worker has ended


class Listener:
    """Turns notifications into events: a connection that waits for them can do nothing else."""

    def __init__(
        self,
        session: Session[Connection],
        schema: str,
        *,
        work: threading.Event,
        request: threading.Event,
    ) -> None:
        self._session = session
        self._events = {f"{schema}_work": work, f"{schema}_request": request}
        self._listening: Connection | None = None

    def run(self, ended: threading.Event) -> None:
        """Listen until the worker has ended."""
        while not ended.is_set():
            self._session.run(self._wait)

    def _wait(self, connection: Connection) -> None:
        if connection is not self._listening:
            for channel in self._events:
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            self._listening = connection
            # What was announced while nobody listened.
            for event in self._events.values():
                event.set()
        for notification in connection.notifies(timeout=LOOK_UP):
            self._events[notification.channel].set()
