"""The file of what was not imported, which an editor or a spreadsheet can work through."""

from __future__ import annotations

import csv
from pathlib import Path

from vitrine.database import Connection

__all__ = ["rejects_path", "write_rejects"]

HEADER = ("line", "column", "value", "reason")


def rejects_path(source: Path) -> Path:
    """Where the rejects of a source go unless the user says otherwise."""
    return source.with_name(f"{source.name}.rejects.csv")


def write_rejects(connection: Connection, path: Path) -> int:
    """Write the staged rejects in the order of the file; an old file is removed if there are none.

    Returns how many there are.
    """
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
