"""Imports a file of events, chunk by chunk; the same file again writes nothing twice."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from psycopg import sql

from vitrine.catalogue.cells import Row
from vitrine.catalogue.reading import open_source, refuse_folder
from vitrine.catalogue.records import RejectedError
from vitrine.catalogue.rejects import RejectsFile, check_rejects, rejects_path
from vitrine.database import Connection, connect, driver_errors
from vitrine.errors import CatalogueError
from vitrine.event_files.parsing import COLUMNS, EventParser
from vitrine.privacy import ClientKeys
from vitrine.settings import load_settings

__all__ = ["CHUNK_ROWS", "EventImport", "EventReport", "import_events"]

CHUNK_ROWS = 20_000  # rows of one transaction


@dataclass(frozen=True, kw_only=True)
class EventImport:
    """How a file of events is read; the defaults are those of `vitrine events import`."""

    mapping: Mapping[str, str] = field(default_factory=dict)  # column → field
    action: str | None = None  # of the rows that name none
    rejects: Path | None = None
    encoding: str = "utf-8"
    client_keys: ClientKeys | None = None  # default VITRINE_CLIENT_KEY


@dataclass(frozen=True, kw_only=True)
class EventReport:
    """What an import of events did; `skipped` were there already, or may not be kept."""

    rows: int
    written: int
    skipped: int
    quarantined: int
    rejects: int
    rejects_file: Path | None
    ignored: tuple[str, ...]  # columns that mean nothing to an event
    seconds: float


def import_events(
    url: str,
    schema: str,
    path: Path,
    options: EventImport | None = None,
    progress: Callable[[int], None] = lambda _rows: None,
) -> EventReport:
    """Import a file of events. One that was stopped midway is finished by the same call.

    `progress` is called with the rows that are done.

    Raises:
        CatalogueError: the file as a whole cannot be read, or another import is running.
        DatabaseUnavailableError: the database went away; call again.

    """
    options = options or EventImport()
    keys = options.client_keys or ClientKeys.read(load_settings().client_key)
    started = time.monotonic()
    refuse_folder(path)  # before the rejects, for / and . have no name to put theirs beside
    target = options.rejects or rejects_path(path)
    check_rejects(target)
    with (
        driver_errors(),
        open_source(path, options.encoding, numbers=True) as source,
        connect(url, schema) as connection,
        _lock(connection),
        RejectsFile(target) as rejects,
    ):
        # A shopper who is forgotten from now on stays so, whatever this file says.
        connection.execute(
            "SELECT set_config('shopper_guard.since', clock_timestamp()::text, false)"
        )
        parser = EventParser(source.columns, options.mapping, options.action, keys)
        rows = written = quarantined = 0
        iterator = iter(source.rows)
        while chunk := list(islice(iterator, CHUNK_ROWS)):
            done = _write_chunk(connection, parser, chunk, rejects)
            rows += len(chunk)
            written += done[0]
            quarantined += done[1]
            progress(rows)
        connection.execute("SELECT clear_event_rows()")
    return EventReport(
        rows=rows,
        written=written,
        skipped=rows - written - quarantined - rejects.number,
        quarantined=quarantined,
        rejects=rejects.number,
        rejects_file=target if rejects.number else None,
        ignored=parser.ignored,
        seconds=time.monotonic() - started,
    )


def _write_chunk(
    connection: Connection, parser: EventParser, chunk: Sequence[Row], rejects: RejectsFile
) -> tuple[int, int]:
    """Copy and write the rows of a chunk in one transaction; returns written and quarantined."""
    kept: dict[int, list[str]] = {}
    refused: list[tuple[int, str, str, str]] = []
    for line, cells in chunk:
        try:
            if isinstance(cells, RejectedError):
                raise cells
            kept[line] = parser.parse(cells)
        except RejectedError as error:
            refused.append((line, error.column, error.value, error.reason))
    with connection.transaction():
        connection.execute("SELECT clear_event_rows()")
        _copy(connection, kept)
        [(written, quarantined, faults)] = connection.execute("SELECT * FROM write_event_rows()")
    for fault in faults:
        place = COLUMNS.index(fault["column"])
        value = kept[fault["line"]][place][:200]
        refused.append(
            (fault["line"], fault["column"], value, f"{fault['message']}. {fault['hint']}")
        )
    rejects.write(sorted(refused))
    return written, quarantined


def _copy(connection: Connection, rows: Mapping[int, Sequence[str]]) -> None:
    """COPY in CSV, where an empty cell is NULL."""
    statement = sql.SQL("COPY event_row (line, {}) FROM STDIN WITH (FORMAT csv)").format(
        sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    )
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        (line, *values) for line, values in rows.items()
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(text.getvalue().encode())


@contextmanager
def _lock(connection: Connection) -> Iterator[None]:
    """Hold the shop's lock for files of events: they share one table to copy into."""
    row = connection.execute(
        "SELECT pg_try_advisory_lock(hashtextextended(current_schema() || '.event_files', 0))"
    ).fetchone()
    if row != (True,):
        raise CatalogueError(
            "another import of events into this shop is running; wait until it is done"
        )
    try:
        yield
    finally:
        # A server may be a while to notice that a connection was closed.
        if not connection.closed and not connection.broken:
            connection.rollback()
            connection.execute(
                "SELECT pg_advisory_unlock(hashtextextended(current_schema() || '.event_files', 0))"
            )
            connection.commit()
