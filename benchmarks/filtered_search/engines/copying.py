"""Binary COPY of whole columns from arrays: the fastest way of vectors into PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from benchmarks.filtered_search.groups import Array
from psycopg import sql

from vitrine.database import Connection

__all__ = ["copy_columns", "copy_lines"]

BLOCK = 10_000  # rows sent at once
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"


def copy_columns(connection: Connection, table: str, columns: Mapping[str, Array]) -> None:
    """Fill a table; int32 is integer, int64 bigint, bytes bytea and float16 (n, d) halfvec(d)."""
    record = _record(columns)
    count = len(next(iter(columns.values())))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(HEADER)
        for start in range(0, count, BLOCK):
            part = {name: values[start : start + BLOCK] for name, values in columns.items()}
            copy.write(_rows(record, part))
        copy.write(TRAILER)


def copy_lines(connection: Connection, table: str, columns: list[str], lines: list[str]) -> None:
    """Fill a table from lines of tab-separated text."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for start in range(0, len(lines), BLOCK):
            copy.write("".join(f"{line}\n" for line in lines[start : start + BLOCK]))


def _record(columns: Mapping[str, Array]) -> np.dtype[np.void]:
    """One row on the wire: how many fields, then each field's length and value."""
    fields: list[tuple[str, object]] = [("fields", ">i2")]
    for name, values in columns.items():
        fields.append((f"{name} length", ">i4"))
        if values.ndim == 2:
            fields.append((f"{name} header", (">i2", 2)))  # dimension, then nothing
            fields.append((name, (">f2", values.shape[1])))
        else:
            fields.append((name, values.dtype.newbyteorder(">")))
    return np.dtype(fields)


def _rows(record: np.dtype[np.void], part: Mapping[str, Array]) -> bytes:
    rows = np.zeros(len(next(iter(part.values()))), record)
    rows["fields"] = len(part)
    for name, values in part.items():
        rows[name] = values
        rows[f"{name} length"] = record[name].itemsize
        if values.ndim == 2:
            rows[f"{name} length"] += 4
            rows[f"{name} header"] = (values.shape[1], 0)
    return rows.tobytes()
