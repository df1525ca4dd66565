"""Rows of JSON lines: an object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from vitrine.catalogue.cells import CELL_LENGTH, NUL, Row, cell_text, fault_in, is_text, short
from vitrine.catalogue.lines import Lines
from vitrine.catalogue.records import RejectedError
from vitrine.errors import CatalogueError

__all__ = ["open_json"]


def open_json(
    path: Path, file: TextIO, *, numbers: bool = False
) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Columns and rows of JSON lines: the columns are the keys of the first thousand objects.

    Numbers are texts as they are written, also those within objects; with `numbers` they are
    numbers there.
    """
    start: list[str] = []
    lines = Lines(path, file)
    iterator = iter(lines)
    columns: dict[str, None] = {}
    for text in iterator:
        start.append(text.removeprefix("\ufeff"))
        parsed = _parse_object(start[-1], None, numbers)
        if isinstance(parsed, dict):
            columns.update(dict.fromkeys(parsed))
        if len(start) == 1000:
            break
    if not columns:
        raise CatalogueError(f"{path}: none of the first lines is a JSON object")
    lines.fault = None
    names = tuple(columns)

    def rows() -> Iterator[Row]:
        line = 0
        for text in start:
            line += 1
            fault = None if is_text(text) else lines.invalid
            yield from _json_row(line, text, names, fault, numbers)
        for text in iterator:
            line += 1
            fault, lines.fault = lines.fault, None
            yield from _json_row(line, text, names, fault, numbers)

    return names, rows()


def _json_row(
    line: int, text: str, columns: Sequence[str], fault: str | None, numbers: bool
) -> Iterator[Row]:
    if not text.strip():
        return
    parsed = _parse_object(text, fault, numbers)
    if isinstance(parsed, RejectedError):
        yield line, parsed
        return
    cells = [cell_text(parsed.get(column)) for column in columns]
    if any("\0" in cell for cell in cells):
        yield line, fault_in(cells, columns, NUL)
    elif any(len(cell) > CELL_LENGTH for cell in cells):
        yield line, RejectedError("", "", f"a value of over {CELL_LENGTH:,} characters")
    else:
        yield line, cells


def _parse_object(text: str, fault: str | None, numbers: bool) -> dict[str, Any] | RejectedError:
    if fault is not None:
        return RejectedError("", short([text]), fault)
    try:
        # Numbers stay as they are written: a price must not become a float on its way.
        kinds = (float, int) if numbers else (str, str)
        parsed = json.loads(
            text, parse_float=kinds[0], parse_int=kinds[1], parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        return RejectedError("", short([text.strip()]), f"not valid JSON: {error}")
    if not isinstance(parsed, dict):
        return RejectedError("", short([text.strip()]), "not a JSON object")
    return parsed


def _no_constant(name: str) -> str:
    raise ValueError(f"{name} is no JSON")
