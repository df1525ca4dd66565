"""Keeps what searches and counts have learned in order: cells, whitening, words, facets, months."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from psycopg import sql

from vitrine.errors import DatabaseError
from vitrine.worker.chores import Chores
from vitrine.worker.session import StoppedError
from vitrine.worker.sorting import sort_vectors
from vitrine.worker.whitening import whiten

if TYPE_CHECKING:
    import threading

    from vitrine.database import Connection
    from vitrine.worker.session import Session

__all__ = ["Tuner"]

logger = logging.getLogger(__name__)

EVERY = 30.0  # seconds between looks whether the cells are due
FOLD_EVERY = 5.0  # seconds between looks for changes that facets are to be counted without


class Tuner:
    """Tends the vocabulary; trains cells when a space has grown, and moves sketches into them.

    It also folds changed products into the bitmaps that facets are counted from.
    """

    def __init__(
        self, session: Session[Connection], space_id: int, *, stop: threading.Event
    ) -> None:
        self._session = session
        self._space_id = space_id
        self._stop = stop
        self._chores = Chores(session, stop)

    def run(self, ended: threading.Event) -> None:
        """Tune now and then until the worker has ended."""
        tuning = folding = tending = True
        due = 0.0
        while tuning or folding or tending:
            if tuning and time.monotonic() >= due:
                tuning = self.tune()
                due = time.monotonic() + EVERY
            folding = folding and self.fold()
            tending = tending and self._chores.run()
            if ended.wait(FOLD_EVERY):
                break

    def tune(self) -> bool:
        """Do what is due; False if the database refuses it for good, as without temporary tables.

        Searches find everything without it too, only slower, and composed ones less well.
        """
        try:
            while not self._stop.is_set() and self._tend_vocabulary():
                pass
            self._session.run(lambda connection: connection.execute("SELECT tidy_words(200)"))
            for kind in ("image", "caption"):
                sort_vectors(self._session.run, kind, self._space_id, self._stop.is_set)
                for step in ("tune_cells", "locate_vectors"):
                    after: int | None = 0
                    while after is not None and not self._stop.is_set():
                        after = self._step(step, kind, after)
            if not self._stop.is_set():
                self._session.run(lambda connection: whiten(connection, self._space_id))
        except StoppedError:
            return False
        except DatabaseError as error:
            logger.warning("what searches learn of the space is left as it is: %s", error)
            return False
        return True

    def fold(self) -> bool:
        """Fold what changed; False if the database refuses it for good.

        Counts are exact without, only slower.
        """
        left: int = 1
        try:
            while left and not self._stop.is_set():
                before, left = left, self._fold_some()
                if left == before:  # another worker does it
                    break
        except StoppedError:
            return False
        except DatabaseError as error:
            logger.warning("changes are not folded into the facets: %s", error)
            return False
        return True

    def _tend_vocabulary(self) -> int:
        rows = self._session.run(
            lambda connection: connection.execute("SELECT tend_vocabulary()").fetchall()
        )
        tended: int = rows[0][0]
        return tended

    def _fold_some(self) -> int:
        rows = self._session.run(
            lambda connection: connection.execute("SELECT fold_facets()").fetchall()
        )
        left: int = rows[0][0]
        return left

    def _step(self, function: str, kind: str, after: int) -> int | None:
        query = sql.SQL("SELECT {}(%s, %s, %s)").format(sql.Identifier(function))
        values = (kind, self._space_id, after)
        rows = self._session.run(lambda connection: connection.execute(query, values).fetchall())
        reached: int | None = rows[0][0]
        return reached
