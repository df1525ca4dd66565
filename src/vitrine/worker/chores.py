"""What is kept of the shop's history, tended now and then by calls of the database's own."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from vitrine.errors import DatabaseError
from vitrine.worker.session import StoppedError

if TYPE_CHECKING:
    from vitrine.database import Connection
    from vitrine.worker.session import Session

__all__ = ["CHORES", "Chore", "Chores"]

logger = logging.getLogger(__name__)

# One call does a little, so that no transaction is long; so many in a row, then others have a turn.
TURNS = 50
HOUR = 3600.0


@dataclass(frozen=True, kw_only=True)
class Chore:
    """A SQL function to call; what it returns says whether there is more to do at once."""

    call: str
    every: float  # seconds
    without: str  # what suffers when the database refuses it


CHORES = (
    Chore(call="tend_histories", every=0.0, without="personal search works each history out anew"),
    Chore(call="tend_events", every=3600.0, without="old months of the history stay"),
    Chore(call="tend_shares", every=600.0, without="personal search knows an older catalogue"),
    Chore(call="tend_price_bands", every=0.0, without="personal search knows older prices"),
    Chore(call="tend_rollups", every=600.0, without="analysts' views count all days anew"),
    Chore(call="tend_co_purchases", every=300.0, without="what is bought together is not counted"),
    Chore(call="tend_viewed_after", every=300.0, without="what is viewed after is not counted"),
    Chore(call="tend_trends", every=300.0, without="what trends is not counted"),
    Chore(call="tend_category_pairs", every=HOUR, without="next_categories knows older purchases"),
    Chore(call="tend_cold_trends", every=300.0, without="what is new does not trend"),
)


class Chores:
    """Does each chore when it is due; one that the database refuses is tried an hour later."""

    def __init__(self, session: Session[Connection], stop: threading.Event) -> None:
        self._session = session
        self._stop = stop
        self._due = dict.fromkeys(CHORES, 0.0)

    def run(self) -> bool:
        """Do what is due; False once the worker stops."""
        for chore, due in self._due.items():
            if time.monotonic() < due or self._stop.is_set():
                continue
            done = self._do(chore)
            self._due[chore] = time.monotonic() + (chore.every if done else HOUR)
        return not self._stop.is_set()

    def _do(self, chore: Chore) -> bool:
        statement = sql.SQL("SELECT {}()").format(sql.Identifier(chore.call))
        try:
            for _ in range(TURNS):
                rows = self._session.run(
                    lambda connection: connection.execute(statement).fetchall()
                )
                if not rows[0][0] or self._stop.is_set():
                    break
        except StoppedError:
            return False
        except DatabaseError as error:
            logger.warning("%s: %s", chore.without, error)
            return False
        return True
