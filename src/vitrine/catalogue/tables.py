"""Rows of a table in text: CSV and TSV as spreadsheets and shops write them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from vitrine.catalogue.cells import CELL_LENGTH, Row, fault_in, short
from vitrine.catalogue.lines import Lines
from vitrine.catalogue.records import RejectedError
from vitrine.errors import CatalogueError

__all__ = ["open_table"]

# Reading again after a stray quote costs what it swallowed: not in a file that is full of them.
LONG_SWALLOWED = 1000  # lines
MOST_LONG = 100


def open_table(path: Path, form: str, file: TextIO) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Columns and rows of a CSV (any of the usual separators) or TSV file."""
    csv.field_size_limit(CELL_LENGTH)
    lines = Lines(path, file)
    iterator = iter(lines)
    first = next(iterator, "").removeprefix("\ufeff")
    if "\0" in first:
        raise CatalogueError(f"{path}: this is no text file (is it UTF-16? save it as UTF-8)")
    if lines.fault:
        raise CatalogueError(f"{path}: line 1 is {lines.fault}")
    try:
        delimiter = "\t" if form == "tsv" else _delimiter(first)
        reader = _reader(chain((first,), iterator), delimiter)
        header = next(reader)
    except csv.Error as error:
        raise CatalogueError(f"{path}: the header cannot be read: {error}") from error
    columns = tuple(name.strip() for name in header)
    if not any(columns):
        raise CatalogueError(f"{path}: the first line holds no column names")
    return columns, _rows(reader, lines, columns, delimiter)


def _reader(lines: Iterable[str], delimiter: str) -> Any:
    # Strict: a quote in the wrong place would else join two rows to one that looks right.
    return csv.reader(lines, delimiter=delimiter, strict=True)


def _delimiter(header: str) -> str:
    """The separator of a header line: spreadsheets write semicolons where the comma is decimal."""
    counts = {mark: len(next(csv.reader([header], delimiter=mark), [])) for mark in ",;\t|"}
    return max(counts, key=lambda mark: counts[mark])


def _rows(reader: Any, lines: Lines, columns: tuple[str, ...], delimiter: str) -> Iterator[Row]:
    width = len(columns)
    before = 0  # lines that earlier readers have read
    line = reader.line_num + 1
    long = 0
    while True:
        try:
            for cells in reader:
                if lines.fault is not None:
                    yield line, fault_in(cells, columns, lines.fault)
                    lines.fault = None
                elif not any(map(str.strip, cells)):
                    pass  # spreadsheets end files with rows of nothing
                elif len(cells) == width:
                    yield line, cells
                else:
                    if before + reader.line_num > line:
                        _check_swallowed(lines, line + 1, width, delimiter)
                    reason = f"{len(cells)} cells, but the header has {width}"
                    yield line, RejectedError("", short(cells), reason)
                line = before + reader.line_num + 1
        except csv.Error as error:
            last = before + reader.line_num
            long += last - line >= LONG_SWALLOWED
            found = lines.again(line) if long <= MOST_LONG else None
            text = next(found, "") if found is not None else ""
            # Only the line itself is at fault: what its quote swallowed is read again.
            at_fault = line if found is not None else last
            yield (
                line,
                RejectedError("", short([text.rstrip("\r\n")]), _trouble(error, line, at_fault)),
            )
            if found is not None:
                reader, before = _reader(found, delimiter), line
            lines.fault = None
            line = at_fault + 1
        else:
            return


def _check_swallowed(lines: Lines, number: int, width: int, delimiter: str) -> None:
    """Raise csv.Error if a line of what became one row is a row by itself, as the header has it."""
    found = lines.again(number)
    cells: list[str] = []
    try:
        cells = next(_reader(found or (), delimiter), cells)
    except csv.Error:
        return
    if len(cells) == width:
        raise csv.Error("a quote has swallowed good rows")


def _trouble(error: csv.Error, line: int, last: int) -> str:
    where = "" if line == last else f"; lines {line} to {last} are lost with it"
    if "field larger" in str(error):
        return f"a cell of over {CELL_LENGTH:,} characters, or a quote that never closes{where}"
    return f"a quote in the wrong place, or one that never closes{where}"
