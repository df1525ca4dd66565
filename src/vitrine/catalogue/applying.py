"""Brings staged rows into the catalogue: batches of whole products, each in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from queue import Empty, SimpleQueue
from typing import Any

import psycopg

from vitrine import sql_files
from vitrine.catalogue.runs import Run
from vitrine.database import Connection

__all__ = ["apply", "link"]

BATCH_ROWS = 20_000
# The shop wrote the same rows meanwhile. Asking for conflicts on insert would cost a quarter more.
CROSSED = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.UniqueViolation,
    psycopg.errors.ForeignKeyViolation,
)
ATTEMPTS = 5
Connect = Callable[[], AbstractContextManager[Connection]]


def link(connection: Connection, run: Run, parameters: Mapping[str, Any]) -> None:
    """Find each product's rows, refuse what fits nowhere, complete the category tree."""
    connection.execute("SELECT import_analyze()")
    with connection.transaction():
        prepare(connection)
        execute(connection, "catalogue/link", parameters)
        connection.execute("SELECT import_analyze()")
        rows = connection.execute(sql_files.read("catalogue/batches"), {"rows": BATCH_ROWS})
        run.start_applying(connection, [(low, high) for low, high in rows])


def apply(
    connect: Connect, run: Run, parameters: Mapping[str, Any], jobs: int,
    progress: Callable[[int], None],
) -> None:  # fmt: skip
    """Apply every batch that is left, on `jobs` connections, then what belongs to the end."""
    with connect() as connection:
        start_session(connection)
        with connection.transaction():
            execute(connection, "catalogue/categories", {})
            execute(connection, "catalogue/known_categories", {})
            run.add_counts(connection, tally(connection))
        waiting: SimpleQueue[tuple[int, int]] = SimpleQueue()
        batches = run.batches(connection)
        for batch in batches:
            waiting.put(batch)
        helpers = max(0, min(jobs, len(batches)) - 1)
        with ThreadPoolExecutor(max(1, helpers)) as pool:
            others = [
                pool.submit(_help, connect, run, parameters, waiting, progress)
                for _ in range(helpers)
            ]
            _drain(connection, run, parameters, waiting, progress)
            for other in others:
                other.result()
        with connection.transaction():
            execute(connection, "catalogue/finish", parameters)
            run.add_counts(connection, tally(connection))
            run.finish(connection)


def _help(
    connect: Connect, run: Run, parameters: Mapping[str, Any],
    waiting: SimpleQueue[tuple[int, int]], progress: Callable[[int], None],
) -> None:  # fmt: skip
    with connect() as connection:
        start_session(connection)
        execute(connection, "catalogue/known_categories", {})
        _drain(connection, run, parameters, waiting, progress)


def _drain(
    connection: Connection, run: Run, parameters: Mapping[str, Any],
    waiting: SimpleQueue[tuple[int, int]], progress: Callable[[int], None],
) -> None:  # fmt: skip
    while True:
        try:
            batch = waiting.get_nowait()
        except Empty:
            return
        _apply_batch(connection, run, {**parameters, "low": batch[0], "high": batch[1]}, batch)
        progress(batch[1])


def _apply_batch(
    connection: Connection, run: Run, parameters: Mapping[str, Any], batch: tuple[int, int]
) -> None:
    """One batch in one transaction; again if it met the shop's own writes crosswise."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with connection.transaction():
                prepare(connection)
                for step in ("product", "variant", "image"):
                    execute(connection, f"catalogue/{step}", parameters)
                run.add_counts(connection, tally(connection), batch)
        except CROSSED:
            if attempt == ATTEMPTS:
                raise
        else:
            return


def start_session(connection: Connection) -> None:
    """Give a connection the working tables of an import."""
    connection.execute("SET client_min_messages = warning")
    connection.execute(sql_files.read("catalogue/session"))


def prepare(connection: Connection) -> None:
    """Settings of one transaction: room for joins in memory, no compiling of short queries."""
    connection.execute(
        "SELECT set_config('work_mem', '128MB', true), set_config('jit', 'off', true), "
        "set_config('synchronous_commit', 'on', true)"
    )


def execute(connection: Connection, name: str, parameters: Mapping[str, Any]) -> None:
    """Run one of the importer's SQL files; the client binds, as it holds several statements."""
    with psycopg.ClientCursor(connection) as cursor:
        cursor.execute(sql_files.read(name), parameters or None)


def tally(connection: Connection) -> dict[str, int]:
    """What this transaction did so far, as noun.outcome → number."""
    rows = connection.execute(
        "SELECT noun || '.' || outcome, sum(number) FROM tally WHERE outcome <> 'touched' "
        "GROUP BY 1 HAVING sum(number) > 0"
    )
    return {name: int(number) for name, number in rows}
