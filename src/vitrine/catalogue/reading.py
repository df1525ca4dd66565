"""Opens a catalogue file of any of the formats; its rows come one by one, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from vitrine.catalogue.cells import Row
from vitrine.catalogue.json_lines import open_json
from vitrine.catalogue.parquet import open_parquet
from vitrine.catalogue.tables import open_table
from vitrine.errors import CatalogueError

__all__ = ["FORMATS", "Source", "open_source", "refuse_folder"]

FORMATS = {
    ".csv": "csv", ".txt": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl",
    ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip


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
def open_source(path: Path, encoding: str = "utf-8", *, numbers: bool = False) -> Iterator[Source]:
    """Open a catalogue file; its name's ending says the format.

    With `numbers`, those within the objects of JSON lines stay numbers.

    Raises:
        CatalogueError: the file is missing, empty, of no known format, or has no usable header.

    """
    refuse_folder(path)
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
        columns, rows = open_parquet(path)
        yield Source(path=path, format=form, columns=columns, rows=rows)
        return
    with _open_text(path, encoding) as file:
        if form == "jsonl":
            columns, rows = open_json(path, file, numbers=numbers)
        else:
            columns, rows = open_table(path, form, file)
        yield Source(path=path, format=form, columns=columns, rows=rows)


def refuse_folder(path: Path) -> None:
    """Say so where a folder was given for a file.

    Raises:
        CatalogueError: the path is a folder.

    """
    if path.is_dir():
        raise CatalogueError(
            f"{path} is a folder: give a file in it, whose name ends with "
            f"{', '.join(sorted(FORMATS))}"
        )


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
