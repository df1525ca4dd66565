"""The import's own record: which file, how far it came, what it changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg.types.json import Jsonb

from vitrine.database import Connection

__all__ = ["Run", "fingerprint", "open_run"]

SAMPLE = 2**20


@dataclass(kw_only=True)
class Run:
    """A row of `import_run`, as far as this process knows it."""

    import_run_id: int
    status: str = "staging"
    staged_line: int = 0
    staged_rows: int = 0
    staged_records: int = 0
    currency: str | None = None
    resumed: bool = False
    counts: dict[str, int] = field(default_factory=dict)

    def save_staged(self, connection: Connection) -> None:
        """Record in the chunk's transaction how far the file is staged."""
        progress = {
            "line": self.staged_line,
            "rows": self.staged_rows,
            "records": self.staged_records,
            "currency": self.currency,
        }
        connection.execute(
            "UPDATE import_run SET progress = %s WHERE import_run_id = %s",
            (Jsonb(progress), self.import_run_id),
        )

    def start_applying(self, connection: Connection, batches: list[tuple[int, int]]) -> None:
        """Record, in the transaction that linked the rows, the batches that follow."""
        self.status = "applying"
        connection.execute(
            "UPDATE import_run SET status = 'applying', progress = progress || %s "
            "WHERE import_run_id = %s",
            (Jsonb({"batches": batches}), self.import_run_id),
        )

    def add_counts(
        self, connection: Connection, counts: dict[str, int], done: tuple[int, int] | None = None
    ) -> None:
        """Add a transaction's counts in that transaction, and strike out its batch."""
        [(known, waiting)] = connection.execute(
            "SELECT counts, progress -> 'batches' FROM import_run "
            "WHERE import_run_id = %s FOR UPDATE",
            (self.import_run_id,),
        )
        total = {name: known.get(name, 0) + counts.get(name, 0) for name in {*known, *counts}}
        batches = [batch for batch in waiting or [] if tuple(batch) != done]
        connection.execute(
            "UPDATE import_run SET counts = %s, "
            "progress = jsonb_set(progress, '{batches}', %s) WHERE import_run_id = %s",
            (Jsonb(total), Jsonb(batches), self.import_run_id),
        )
        self.counts = total

    def batches(self, connection: Connection) -> list[tuple[int, int]]:
        """The batches that are still to be applied, as ranges of anchors."""
        [(waiting, self.counts)] = connection.execute(
            "SELECT progress -> 'batches', counts FROM import_run WHERE import_run_id = %s",
            (self.import_run_id,),
        )
        return [(low, high) for low, high in waiting]

    def finish(self, connection: Connection) -> None:
        """Record the end."""
        self.status = "done"
        connection.execute(
            "UPDATE import_run SET status = 'done', finished_at = now(), "
            "progress = progress - 'batches' WHERE import_run_id = %s",
            (self.import_run_id,),
        )


def fingerprint(path: Path, options: dict[str, Any]) -> str:
    """What tells a file and the way it is imported from others, without reading all of it."""
    status = path.stat()
    digest = hashlib.sha256(f"{status.st_size} {status.st_mtime_ns}\n".encode())
    digest.update(json.dumps(options, sort_keys=True).encode())
    with path.open("rb") as file:
        digest.update(file.read(SAMPLE))
        file.seek(max(0, status.st_size - SAMPLE))
        digest.update(file.read(SAMPLE))
    return digest.hexdigest()


def open_run(connection: Connection, path: Path, options: dict[str, Any]) -> Run:
    """The unfinished run of this very file and options, else a new one with nothing staged."""
    mark = fingerprint(path, options)
    with connection.transaction():
        row = connection.execute(
            "SELECT import_run_id, status, fingerprint, progress, counts FROM import_run "
            "WHERE status IN ('staging', 'applying') ORDER BY import_run_id DESC LIMIT 1"
        ).fetchone()
        if row is not None and row[2] == mark and _staged_intact(connection, row[3]):
            run = Run(import_run_id=row[0], status=row[1], resumed=True, counts=row[4])
            run.staged_line = row[3].get("line", 0)
            run.staged_rows = row[3].get("rows", 0)
            run.staged_records = row[3].get("records", 0)
            run.currency = row[3].get("currency")
            return run
        connection.execute(
            "UPDATE import_run SET status = 'failed', finished_at = now() "
            "WHERE status IN ('staging', 'applying')"
        )
        connection.execute("SELECT import_clear()")
        [(made,)] = connection.execute(
            "INSERT INTO import_run (source, fingerprint, options) VALUES (%s, %s, %s) "
            "RETURNING import_run_id",
            (str(path), mark, Jsonb(options)),
        )
        return Run(import_run_id=made)


def _staged_intact(connection: Connection, progress: dict[str, Any]) -> bool:
    """Whether the staged rows survived: a crash of the server empties unlogged tables."""
    [(staged,)] = connection.execute("SELECT count(*) FROM import_row")
    return bool(staged == progress.get("records", 0))
