"""Cells of any format as text, and why one cannot be stored."""

from __future__ import annotations

import json
from collections.abc import Sequence

from vitrine.catalogue.records import RejectedError

__all__ = ["CELL_LENGTH", "NUL", "Row", "cell_text", "fault_in", "is_text", "short"]

CELL_LENGTH = 2**20  # characters; a longer cell is a quote that never closes, or no catalogue
NUL = "a NUL character, which PostgreSQL cannot store"
Row = tuple[int, Sequence[str] | RejectedError]  # its first line, and its cells or what is wrong


def cell_text(value: object) -> str:
    """A value of a typed format as the text that a CSV cell would hold."""
    if isinstance(value, str):
        return (
            value if value.isascii() or is_text(value) else value.encode(errors="replace").decode()
        )
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def is_text(line: str) -> bool:
    """Whether every character came from valid bytes."""
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


def fault_in(cells: Sequence[str], columns: Sequence[str], reason: str) -> RejectedError:
    """Name the first cell that cannot be stored, with what can be shown of it."""
    for column, cell in zip(columns, cells, strict=False):
        if "\0" in cell or not is_text(cell):
            return RejectedError(column, short([cell]), reason)
    return RejectedError("", short(cells), reason)


def short(cells: Sequence[str]) -> str:
    """The start of a row as it can be shown."""
    text = ",".join(cells)[:200]
    return text.encode(errors="replace").decode().replace("\0", "␀")
