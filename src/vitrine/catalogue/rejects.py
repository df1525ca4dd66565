"""The file of what was not imported, which an editor or a spreadsheet can work through."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self, TextIO

from vitrine.database import Connection
from vitrine.errors import CatalogueError

__all__ = ["RejectsFile", "check_rejects", "rejects_path", "write_rejects"]

HEADER = ("line", "column", "value", "reason")


def rejects_path(source: Path) -> Path:
    """Where the rejects of a source go unless the user says otherwise."""
    return source.with_name(f"{source.name}.rejects.csv")


def check_rejects(path: Path) -> None:
    """Refuse, before anything is done, a place where no file can be written at the end."""
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise CatalogueError(
            f"{path}: what is refused cannot be written there; give --rejects another file"
        )


def write_rejects(connection: Connection, path: Path) -> int:
    """Write the staged rejects in the order of the file; an old file is removed if there are none.

    Returns how many there are.

    Raises:
        CatalogueError: the file cannot be written. The rest of the import is done.

    """
    try:
        return _write(connection, path)
    except OSError as error:
        raise CatalogueError(
            f"the catalogue is imported, but {path} cannot be written: {error.strerror}; "
            "import the file once more with --rejects and another file to see what was refused"
        ) from error


def _write(connection: Connection, path: Path) -> int:
    found = connection.execute("SELECT EXISTS (SELECT FROM import_reject)").fetchone()
    if found is None or not found[0]:
        path.unlink(missing_ok=True)
        return 0
    number = 0
    partial = path.with_name(f"{path.name}.part")
    with connection.transaction(), partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        with connection.cursor(name="rejects") as cursor:
            cursor.itersize = 10_000
            cursor.execute(
                "SELECT line, column_name, value, reason FROM import_reject "
                "ORDER BY line, column_name, value"
            )
            for row in cursor:
                writer.writerow(row)
                number += 1
    partial.replace(path)
    return number


class RejectsFile:
    """The same file, written while rows are read; it takes its name when all went well."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f"{path.name}.part")
        self._file: TextIO | None = None
        self.number = 0

    def write(self, rows: Iterable[Sequence[object]]) -> None:
        """Add rows of line, column, value and reason."""
        for row in rows:
            if self._file is None:
                self._file = self._partial.open("w", newline="", encoding="utf-8")
                csv.writer(self._file).writerow(HEADER)
            csv.writer(self._file).writerow(row)
            self.number += 1

    def __enter__(self) -> Self:
        """The file itself; nothing is written before there is something to write."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        """Put the file in its place; an old one is removed if there is nothing to say."""
        if self._file is not None:
            self._file.close()
        if kind is not None:
            self._partial.unlink(missing_ok=True)
        elif self._file is not None:
            self._partial.replace(self._path)
        else:
            self._path.unlink(missing_ok=True)
