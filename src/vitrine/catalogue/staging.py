"""Copies a file into the staging tables, chunk by chunk, so that a stopped import goes on there."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from psycopg import Copy, sql

from vitrine.catalogue.presets.base import Preset
from vitrine.catalogue.reading import Source
from vitrine.catalogue.records import LINK_COLUMNS, ROW_COLUMNS, Collected
from vitrine.catalogue.runs import Run
from vitrine.database import Connection

__all__ = ["CHUNK_ROWS", "stage"]

CHUNK_ROWS = 50_000  # rows between two commits: what a resumed import reads again at most
WRITE_ROWS = 1_000  # rows between two writes to the socket: the server parses while this reads on


def stage(
    connection: Connection,
    run: Run,
    source: Source,
    preset: Preset,
    progress: Callable[[int], None],
) -> None:
    """Copy the rows of a source after the last one staged, each chunk in its own transaction."""
    out = Collected()
    lines = iter(preset.read(source.rows, out, run.staged_line))
    finished = False
    while not finished:
        with connection.transaction():
            finished = not _stage_chunk(connection, run, lines, out)
            run.currency = preset.prices.currency
            run.save_staged(connection)
        progress(run.staged_rows)


def _stage_chunk(connection: Connection, run: Run, lines: Iterable[int], out: Collected) -> int:
    """Copy up to CHUNK_ROWS rows; returns how many there were."""
    rows, links, rejects = 0, [], []
    with connection.cursor() as cursor:
        with cursor.copy(_copy("import_row", ROW_COLUMNS)) as copy:
            while rows < CHUNK_ROWS:
                read = list(islice(lines, WRITE_ROWS))
                if not read:
                    break
                rows += len(read)
                run.staged_line = read[-1]
                _write_records(copy, run, out)
                links += out.links
                rejects += out.rejects
                out.clear()
        for table, columns, values in (
            ("import_link", LINK_COLUMNS, links),
            ("import_reject", ("line", "column_name", "value", "reason"), rejects),
        ):
            if values:
                with cursor.copy(_copy(table, columns, null=False)) as copy:
                    _write(copy, values)
    run.staged_rows += rows
    return rows


def _write_records(copy: Copy, run: Run, out: Collected) -> None:
    start = run.staged_records
    _write(copy, ((start + place, *record) for place, record in enumerate(out.records, 1)))
    run.staged_records = start + len(out.records)


def _write(copy: Copy, values: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(values)
    copy.write(text.getvalue().encode())


def _copy(table: str, columns: Sequence[str], *, null: bool = True) -> sql.Composed:
    """COPY in CSV, where an empty cell is NULL, or is empty text in the tables without NULLs."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    options = "FORMAT csv" if null else "FORMAT csv, NULL E'\\x01'"
    return sql.SQL("COPY {} ({}) FROM STDIN WITH ({})").format(
        sql.Identifier(table), names, sql.SQL(options)
    )
