"""A connection of one thread that comes back by itself when the database went away."""

from __future__ import annotations

import logging
import random
from contextlib import ExitStack
from typing import TYPE_CHECKING, Generic, TypeVar

from psycopg import sql

from vitrine.database import connect, driver_errors
from vitrine.errors import DatabaseError, DatabaseUnavailableError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from vitrine.database import Connection

__all__ = ["Session", "StoppedError"]

logger = logging.getLogger(__name__)

FIRST_PAUSE = 0.2  # seconds between tries to reach the database; doubles
LONGEST_PAUSE = 15.0
# A statement that waits for a lock for longer gives up and comes again. It is below PostgreSQL's
# deadlock_timeout (1 s), so that in a deadlock with the shop's own transaction we are who yields.
LOCK_TIMEOUT = "500ms"

T = TypeVar("T")
R = TypeVar("R")


class StoppedError(Exception):
    """The worker was asked to stop while it waited for the database."""


class Session(Generic[T]):
    """What `prepare` makes of a connection, remade after every loss of it; for one thread."""

    def __init__(
        self,
        url: str,
        schema: str,
        prepare: Callable[[Connection], T],
        *,
        stop: threading.Event,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._url = url
        self._schema = schema
        self._prepare = prepare
        self._stop = stop
        self._settings = {"lock_timeout": LOCK_TIMEOUT, **(settings or {})}
        self._opened: tuple[Connection, T] | None = None
        self._closing = ExitStack()

    def run(self, action: Callable[[T], R]) -> R:
        """Run an action, and again after a pause for as long as the database is the one at fault.

        The action must bear repeating: a connection can be lost after its commit.

        Raises:
            StoppedError: the worker is to stop and the database does not answer.
            DatabaseError: the database refuses for good (a missing right, an old schema).

        """
        pause = FIRST_PAUSE
        while True:
            try:
                with driver_errors():
                    return action(self._use())
            except DatabaseUnavailableError as error:
                if not self._still_open():
                    logger.warning("%s; trying again in %.1f s", error, pause)
                if self._stop.wait(pause * random.uniform(0.5, 1.0)):  # noqa: S311 - jitter
                    raise StoppedError from error
            pause = min(pause * 2, LONGEST_PAUSE)

    def close(self) -> None:
        """Close the connection; a later `run` opens another."""
        self._opened = None
        closing, self._closing = self._closing, ExitStack()
        try:
            closing.close()
        except DatabaseError:
            logger.debug("the connection was lost before it was closed")

    def _use(self) -> T:
        if self._opened is not None and self._still_open():
            return self._opened[1]
        self.close()
        connection = self._closing.enter_context(connect(self._url, self._schema))
        for name, value in self._settings.items():
            connection.execute(
                sql.SQL("SELECT set_config({}, {}, false)").format(
                    sql.Literal(name), sql.Literal(value)
                )
            )
        prepared = self._prepare(connection)
        self._opened = (connection, prepared)
        return prepared

    def _still_open(self) -> bool:
        return self._opened is not None and not self._opened[0].closed
