"""Rows of a binary COPY as arrays of NumPy, a structured dtype to a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vitrine.database import Connection

__all__ = ["binary_copy", "read_rows", "row_type"]

BLOCK = 100_000  # rows in memory at once
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
TYPES = {"int4": ">i4", "int8": ">i8"}


def row_type(columns: dict[str, str], dimension: int) -> np.dtype[np.void]:
    """One row of a binary COPY: how many fields, then each field's length and value.

    `columns` names the type of each, the vector (`halfvec`) of `dimension` numbers last.
    """
    fields: list[tuple[str, object]] = [("fields", ">i2")]
    for name, kind in columns.items():
        fields.append((f"{name} length", ">i4"))
        if kind == "halfvec":
            fields.append((f"{name} header", (">i2", 2)))  # dimension, then nothing
            fields.append((name, (">f2", dimension)))
        else:
            fields.append((name, TYPES[kind]))
    return np.dtype(fields)


def binary_copy(rows: NDArray[np.void]) -> bytes:
    """All of a binary COPY of rows whose fields and lengths are filled in."""
    return HEADER + rows.tobytes() + TRAILER


def read_rows(
    connection: Connection, query: sql.Composed, columns: dict[str, str]
) -> Iterator[NDArray[np.void]]:
    """The rows of a query without NULL, the vector in the last column, some at a time."""
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(query)
    rows: list[bytes] = []
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in copy:
            rows.append(bytes(row))
            if len(rows) == BLOCK:
                yield from _parsed(rows, columns)
                rows.clear()
    yield from _parsed(rows, columns)


def _parsed(rows: list[bytes], columns: dict[str, str]) -> Iterator[NDArray[np.void]]:
    sent = b"".join(rows).removeprefix(HEADER).removesuffix(TRAILER)
    if sent:
        fixed = row_type(columns, 0).itemsize
        at = fixed - 4  # the vector's header: its dimension
        dimension = int.from_bytes(sent[at : at + 2], "big")
        yield np.frombuffer(sent, row_type(columns, dimension))
