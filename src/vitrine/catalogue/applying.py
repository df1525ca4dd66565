"""Brings staged rows into the catalogue: batches of whole products, each in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

import psycopg

from vitrine import sql_files
from vitrine.catalogue.retiring import check_retiring
from vitrine.catalogue.runs import Run
from vitrine.database import Connection
from vitrine.errors import DatabaseError

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


def link(
    connection: Connection, run: Run, parameters: Mapping[str, Any], retire_limit: float
) -> None:
    """Find each product's rows, refuse what fits nowhere, cut the rest into batches.

    Raises:
        CatalogueError: a full file lacks so many products that it must be the wrong one. Nothing
            is linked then, so that the same file is linked and judged anew by the next call.

    """
    connection.execute("SELECT import_analyze()")
    with connection.transaction():
        prepare(connection)
        execute(connection, "catalogue/link", parameters)
        connection.execute("SELECT import_analyze()")
        if parameters["full"]:
            check_retiring(connection, run, retire_limit)
        rows = connection.execute(sql_files.read("catalogue/batches"), {"rows": BATCH_ROWS})
        run.start_applying(connection, [(low, high) for low, high in rows])


def apply(
    connect: Connect, run: Run, parameters: Mapping[str, Any], jobs: int,
    progress: Callable[[int], None],
) -> None:  # fmt: skip
    """Apply every batch that is left, on `jobs` connections, then what belongs to the end."""
    with connect() as connection:
        start_session(connection)
        _transact(connection, lambda: _complete_categories(connection, run))
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
        _transact(connection, lambda: _finish(connection, run, parameters))


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
        bounds = {**parameters, "low": batch[0], "high": batch[1]}
        _transact(connection, partial(_apply_batch, connection, run, bounds, batch))
        progress(batch[1])


def _complete_categories(connection: Connection, run: Run) -> None:
    execute(connection, "catalogue/categories", {})
    execute(connection, "catalogue/known_categories", {})
    run.add_counts(connection, tally(connection))


def _apply_batch(
    connection: Connection, run: Run, parameters: Mapping[str, Any], batch: tuple[int, int]
) -> None:
    # Each statement changes words of the same products: their documents are made once, at the end.
    connection.execute("SELECT hold_documents()")
    for step in ("product", "variant", "image"):
        execute(connection, f"catalogue/{step}", parameters)
    connection.execute("SELECT release_documents()")
    run.add_counts(connection, tally(connection), batch)


def _finish(connection: Connection, run: Run, parameters: Mapping[str, Any]) -> None:
    execute(connection, "catalogue/finish", parameters)
    run.add_counts(connection, tally(connection))
    run.finish(connection)


def _transact(connection: Connection, steps: Callable[[], None]) -> None:
    """Take steps in one transaction; again from the start if the shop's writes crossed them.

    Raises:
        DatabaseError: they crossed every time; the run is kept, and can be gone on with.

    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with connection.transaction():
                prepare(connection)
                steps()
        except CROSSED as error:
            if attempt == ATTEMPTS:
                raise DatabaseError(
                    f"the shop's own writes crossed the import's {ATTEMPTS} times in a row "
                    f"({str(error).splitlines()[0]}); nothing is half written: "
                    "give the same command again to go on",
                    sqlstate=error.sqlstate,
                ) from error
        else:
            return


def start_session(connection: Connection) -> None:
    """Give a connection the working tables of an import."""
    connection.execute("SET client_min_messages = warning")
    connection.execute(sql_files.read("catalogue/session"))


def prepare(connection: Connection) -> None:
    """Settings of one transaction: room for joins in memory, no compiling, small samples."""
    connection.execute(
        "SELECT set_config('work_mem', '128MB', true), set_config('jit', 'off', true), "
        "set_config('default_statistics_target', '20', true), "
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
