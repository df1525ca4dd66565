"""Opens a catalogue file of any of the formats; its rows come one by one, in constant memory."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from vitrine.catalogue.records import RejectedError
from vitrine.errors import CatalogueError

__all__ = ["CELL_LENGTH", "FORMATS", "Row", "Source", "open_source"]

CELL_LENGTH = 2**20  # characters; a longer cell is a quote that never closes, or no catalogue
FORMATS = {
    ".csv": "csv", ".txt": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl",
    ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
BLOCK_LENGTH = 2**18
Row = tuple[int, Sequence[str] | RejectedError]


@dataclass(frozen=True, kw_only=True)
class Source:
    """An open file: its columns, and its rows as (line, cells in the order of the columns).

    A row that cannot be read comes as the error that says why. Cells are texts; in JSON lines and
    Parquet, lists and objects come as their JSON.
    """

    path: Path
    format: str
    columns: tuple[str, ...]
    rows: Iterator[Row]


@contextmanager
def open_source(path: Path, encoding: str = "utf-8") -> Iterator[Source]:
    """Open a catalogue file; its name's ending says the format.

    Raises:
        CatalogueError: the file is missing, empty, of no known format, or has no usable header.

    """
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise CatalogueError(
            f"{path}: the ending {path.suffix!r} is no known format; "
            f"known are {', '.join(sorted(FORMATS))}"
        )
    if not path.is_file():
        raise CatalogueError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise CatalogueError(f"{path}: the file is empty")
    if form == "parquet":
        yield _open_parquet(path)
        return
    with _open_text(path, encoding) as file:
        yield (_open_json if form == "jsonl" else _open_table)(path, form, file)


def _open_text(path: Path, encoding: str) -> TextIO:
    try:
        # Bytes that are no text become surrogates, so that only their own row is refused.
        return path.open(encoding=encoding, errors="surrogateescape", newline="")
    except LookupError as error:
        raise CatalogueError(
            f"--encoding {encoding}: no such encoding; known are utf-8, latin-1, cp1252, utf-16 "
            "and all others that Python has"
        ) from error
    except OSError as error:
        raise CatalogueError(f"{path}: the file cannot be read: {error.strerror}") from error


class _Lines:
    """Lines of a text file, remembering what cannot be stored of those just read."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self._path = path
        self._file = file
        self.fault: str | None = None
        self.invalid = (
            f"not valid {file.encoding.upper()}; save the file as UTF-8, or give --encoding"
        )

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._blocks())

    def _blocks(self) -> Iterator[Iterable[str]]:
        # Faults are rare: they are looked for in whole blocks, then line by line.
        while lines := self._read():
            block = "".join(lines)
            faulty = "\0" in block or not (block.isascii() or _is_text(block))
            yield self._checked(lines) if faulty else lines

    def _read(self) -> list[str]:
        try:
            return self._file.readlines(BLOCK_LENGTH)
        except UnicodeError as error:
            # In encodings of several bytes a character, what follows a fault cannot be told.
            raise CatalogueError(
                f"{self._path}: the file is not in {self._file.encoding}: {error}; give the "
                "--encoding that it was saved in"
            ) from error
        except OSError as error:
            raise CatalogueError(
                f"{self._path}: the file cannot be read on: {error.strerror}"
            ) from error

    def _checked(self, lines: list[str]) -> Iterator[str]:
        for line in lines:
            if not line.isascii() and not _is_text(line):
                self.fault = self.invalid
            if "\0" in line:
                self.fault = "a NUL character, which PostgreSQL cannot store"
            yield line


def _is_text(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


def _open_table(path: Path, form: str, file: TextIO) -> Source:
    csv.field_size_limit(CELL_LENGTH)
    lines = _Lines(path, file)
    iterator = iter(lines)
    first = next(iterator, "").removeprefix("\ufeff")
    if "\0" in first:
        raise CatalogueError(f"{path}: this is no text file (is it UTF-16? save it as UTF-8)")
    if lines.fault:
        raise CatalogueError(f"{path}: line 1 is {lines.fault}")
    try:
        delimiter = "\t" if form == "tsv" else _delimiter(first)
        reader = csv.reader(chain((first,), iterator), delimiter=delimiter)
        header = next(reader)
    except csv.Error as error:
        raise CatalogueError(f"{path}: the header cannot be read: {error}") from error
    columns = tuple(name.strip() for name in header)
    if not any(columns):
        raise CatalogueError(f"{path}: the first line holds no column names")
    return Source(path=path, format=form, columns=columns, rows=_rows(reader, lines, columns))


def _delimiter(header: str) -> str:
    """The separator of a header line: spreadsheets write semicolons where the comma is decimal."""
    counts = {mark: len(next(csv.reader([header], delimiter=mark), [])) for mark in ",;\t|"}
    return max(counts, key=lambda mark: counts[mark])


def _rows(reader: Any, lines: _Lines, columns: tuple[str, ...]) -> Iterator[Row]:
    width = len(columns)
    line = reader.line_num + 1
    while True:
        try:
            for cells in reader:
                if lines.fault is not None:
                    yield line, _fault(cells, columns, lines.fault)
                    lines.fault = None
                elif len(cells) == width:
                    yield line, cells
                elif cells:
                    yield (
                        line,
                        RejectedError(
                            "", _short(cells), f"{len(cells)} cells, but the header has {width}"
                        ),
                    )
                line = reader.line_num + 1
        except csv.Error:
            yield line, RejectedError(
                "", "", f"a cell of over {CELL_LENGTH:,} characters, or a quote that never "
                f"closes, in lines {line} to {reader.line_num}"
            )  # fmt: skip
            lines.fault = None
            line = reader.line_num + 1
        else:
            return


def _fault(cells: Sequence[str], columns: Sequence[str], reason: str) -> RejectedError:
    """Name the first cell that cannot be stored, with what can be shown of it."""
    for column, cell in zip(columns, cells, strict=False):
        if "\0" in cell or not _is_text(cell):
            return RejectedError(column, _short([cell]), reason)
    return RejectedError("", _short(cells), reason)


def _short(cells: Sequence[str]) -> str:
    text = ",".join(cells)[:200]
    return text.encode(errors="replace").decode().replace("\0", "␀")


def _open_json(path: Path, form: str, file: TextIO) -> Source:
    """JSON lines: the columns are the keys of the first thousand objects."""
    start: list[str] = []
    lines = _Lines(path, file)
    iterator = iter(lines)
    columns: dict[str, None] = {}
    for text in iterator:
        start.append(text.removeprefix("\ufeff"))
        parsed = _parse_object(start[-1], None)
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
            yield from _json_row(line, text, names, None if _is_text(text) else lines.invalid)
        for text in iterator:
            line += 1
            fault, lines.fault = lines.fault, None
            yield from _json_row(line, text, names, fault)

    return Source(path=path, format=form, columns=names, rows=rows())


def _json_row(line: int, text: str, columns: Sequence[str], fault: str | None) -> Iterator[Row]:
    if not text.strip():
        return
    parsed = _parse_object(text, fault)
    if isinstance(parsed, RejectedError):
        yield line, parsed
        return
    cells = [cell_text(parsed.get(column)) for column in columns]
    if any("\0" in cell for cell in cells):
        yield line, _fault(cells, columns, "a NUL character, which PostgreSQL cannot store")
    elif any(len(cell) > CELL_LENGTH for cell in cells):
        yield line, RejectedError("", "", f"a value of over {CELL_LENGTH:,} characters")
    else:
        yield line, cells


def _parse_object(text: str, fault: str | None) -> dict[str, Any] | RejectedError:
    if fault is not None:
        return RejectedError("", _short([text]), fault)
    try:
        # Numbers stay as they are written: a price must not become a float on its way.
        parsed = json.loads(text, parse_float=str, parse_int=str, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return RejectedError("", _short([text.strip()]), f"not valid JSON: {error}")
    if not isinstance(parsed, dict):
        return RejectedError("", _short([text.strip()]), "not a JSON object")
    return parsed


def _no_constant(name: str) -> str:
    raise ValueError(f"{name} is no JSON")


def cell_text(value: object) -> str:
    """A value of a typed format as the text that a CSV cell would hold."""
    if isinstance(value, str):
        return (
            value if value.isascii() or _is_text(value) else value.encode(errors="replace").decode()
        )
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _open_parquet(path: Path) -> Source:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise CatalogueError(f"{path}: Parquet needs pyarrow; install vitrine[parquet]") from error
    try:
        file = parquet.ParquetFile(path)
    except (arrow.ArrowException, OSError) as error:
        raise CatalogueError(f"{path}: this is no Parquet file: {error}") from error
    return Source(
        path=path,
        format="parquet",
        columns=tuple(file.schema_arrow.names),
        rows=_parquet_rows(path, file),
    )


def _parquet_rows(path: Path, file: Any) -> Iterator[Row]:
    import pyarrow as arrow

    names = file.schema_arrow.names
    line = 0
    try:
        for batch in file.iter_batches(batch_size=4096):
            columns = [
                [cell_text(value) for value in column.to_pylist()] for column in batch.columns
            ]
            for cells in zip(*columns, strict=True):
                line += 1
                if any("\0" in cell for cell in cells):
                    reason = "a NUL character, which PostgreSQL cannot store"
                    yield line, _fault(cells, names, reason)
                else:
                    yield line, cells
    except (arrow.ArrowException, OSError) as error:
        raise CatalogueError(f"{path}: row {line + 1} cannot be read: {error}") from error
