"""Moves many sketches into the cells that were found for them, a batch to a transaction."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

import psycopg

from vitrine.database import set_search_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from vitrine.database import Connection

__all__ = ["Run", "place_batches", "sorting_alone"]

R = TypeVar("R")


class Run(Protocol):
    """Runs an action on a connection, in a transaction or statement of its own."""

    def __call__(self, action: Callable[[Connection], R]) -> R:
        """Return what the action does; it may be run again."""
        ...


@contextmanager
def sorting_alone(run: Run, kind: str, space_id: int) -> Iterator[bool]:
    """Whether nobody else sorts these sketches; nobody else will until the block ends.

    Whoever sorts also looks at all as it was at the beginning, so that nothing moved is cleared
    until the end: a row that finds room where it was stays there, and all would lie as before.
    """
    looking, alone = run(partial(_look, kind=kind, space_id=space_id))
    with closing(looking):
        try:
            yield alone
        finally:
            with suppress(psycopg.Error):
                looking.rollback()  # its locks go now, not when the server sees that it left


def _look(connection: Connection, *, kind: str, space_id: int) -> tuple[Connection, bool]:
    with ExitStack() as failing:
        looking = failing.enter_context(closing(_another(connection)))
        looking.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        looking.autocommit = False
        # One worker of many, and not beside the database's own sorting (tune_cells).
        [(alone,)] = looking.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended("
            "s.schema || '.sort_sketches.' || s.name, 0)) AND pg_try_advisory_xact_lock_shared("
            "hashtextextended(s.schema || '.tune_cells.' || s.name, 0)) "
            "FROM (SELECT current_schema() AS schema, "
            "concat(%s::text, '_sketch_', %s::text) AS name) s",
            (kind, space_id),
        ).fetchall()
        failing.pop_all()
        return looking, bool(alone)


def place_batches(
    run: Run,
    kind: str,
    space_id: int,
    batches: Iterable[NDArray[np.int64]],
    stopped: Callable[[], bool],
    *,
    together: bool,
) -> None:
    """Place batches (products, items and cells) until stopped, or another is at it.

    One after the other, or two at a time if `together`.
    """
    left = deque(batches)
    place = partial(_place, kind=kind, space_id=space_id, left=left, stopped=stopped)
    second = run(_second) if together and len(left) > 1 else None
    if second is not None:
        helper = threading.Thread(target=_help, args=(second, place), daemon=True)
        with closing(second):
            helper.start()
            try:
                place(run)
            except BaseException:
                left.clear()
                raise
            finally:
                helper.join()
    place(run)


def _help(connection: Connection, place: Callable[[Run], None]) -> None:
    """Place what is left until the connection is lost: the other goes on with it."""
    with suppress(psycopg.Error):
        place(lambda action: action(connection))


def _place(
    run: Run,
    *,
    kind: str,
    space_id: int,
    left: deque[NDArray[np.int64]],
    stopped: Callable[[], bool],
) -> None:
    while left and not stopped():
        try:
            batch = left.popleft()
        except IndexError:  # the other took the last one
            return
        values = (kind, space_id, *(part.tolist() for part in batch))
        try:
            placed = run(partial(_place_one, values=values))
        except BaseException:
            left.appendleft(batch)
            raise
        if not placed:
            left.clear()


def _place_one(connection: Connection, values: tuple[object, ...]) -> bool:
    [(placed,)] = connection.execute(
        "SELECT place_sketches(%s, %s, %s::bigint[], %s::bigint[], %s::integer[])", values
    ).fetchall()
    return bool(placed)


def _second(connection: Connection) -> Connection | None:
    """One more connection, or none where the server or the role is allowed no more."""
    try:
        return _another(connection)
    except psycopg.Error:
        return None


def _another(connection: Connection) -> Connection:
    """One more connection to the same shop, as patient with locks as this one."""
    [(schema, patience)] = connection.execute(
        "SELECT current_schema(), current_setting('lock_timeout')"
    ).fetchall()
    made = psycopg.connect(connection.info.dsn, password=connection.info.password, autocommit=True)
    set_search_path(made, schema)
    made.execute("SELECT set_config('lock_timeout', %s, false)", (patience,))
    return made
