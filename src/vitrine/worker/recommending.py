"""Keeps what recommendations rest on true to the events, a batch of products at a time."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from vitrine.errors import DatabaseError
from vitrine.worker.session import StoppedError

if TYPE_CHECKING:
    import threading

    from vitrine.database import Connection
    from vitrine.worker.session import Session

__all__ = ["Recommender"]

logger = logging.getLogger(__name__)

EVERY = 300.0  # seconds between looks for new events
AT_ONCE = 60.0  # seconds after which other work has its turn
COUNTED = ("tend_co_purchases", "tend_viewed_after", "tend_trends", "tend_cold_trends")


class Recommender:
    """Calls the tending functions when they are due, until nothing waits or the worker stops."""

    def __init__(self, session: Session[Connection], *, stop: threading.Event) -> None:
        self._session = session
        self._stop = stop
        self._due = 0.0
        self._able = True

    def tend(self) -> None:
        """Count what is due; gives up for good if the database refuses it.

        Recommendations answer without it too, from what is popular.
        """
        if not self._able or time.monotonic() < self._due:
            return
        until = time.monotonic() + AT_ONCE
        try:
            for name in COUNTED:
                while self._remaining(name) and not self._stop.is_set():
                    if time.monotonic() > until:
                        return
        except StoppedError:
            self._able = False
        except DatabaseError as error:
            logger.warning("what recommendations rest on is left as it is: %s", error)
            self._able = False
        self._due = time.monotonic() + EVERY

    def _remaining(self, name: str) -> int:
        rows = self._session.run(
            lambda connection: connection.execute(f"SELECT {name}()".encode()).fetchall()
        )
        remaining: int = rows[0][0]
        return remaining
