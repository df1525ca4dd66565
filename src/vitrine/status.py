"""The shop's state, as the view `status` tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from psycopg.rows import class_row, dict_row

from vitrine import sql_files
from vitrine.database import driver_errors

if TYPE_CHECKING:
    from vitrine.database import Connection

__all__ = ["DeadLetter", "ShopStatus", "dead_letters", "shop_status"]


@dataclass(frozen=True, kw_only=True)
class ShopStatus:
    """One space of the shop, and the shop itself; `space` is None before any worker ran.

    `dead_letters` and `delays` count entries by reason; `rate` is items a second of all workers.
    """

    space_id: int | None
    space: str | None
    status: str | None
    model: str | None
    revision: str | None
    dimension: int | None
    preprocessing: str | None
    images: int | None
    images_encoded: int | None
    images_waiting: int | None
    images_failed: int | None
    captions: int | None
    captions_encoded: int | None
    captions_waiting: int | None
    captions_failed: int | None
    retrying: int
    delays: dict[str, int]
    oldest_waiting: timedelta | None
    dead_letters: dict[str, int]
    workers: int
    rate: float
    worker_versions: list[str]
    indexes_valid: bool | None
    invalid_indexes: list[str] | None
    products: int
    schema_revision: str | None
    server_version: str
    pgvector_version: str


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """One entry that failed for good, with the product and what was to be encoded."""

    external_id: str
    kind: str
    what: str | None
    reason: str
    detail: str | None


def shop_status(connection: Connection) -> list[ShopStatus]:
    """A row for each space, the oldest first; one with `space` None if there is none yet."""
    with driver_errors(), connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute("SELECT * FROM status").fetchall()
    return [ShopStatus(**row) for row in rows]


def dead_letters(connection: Connection, limit: int) -> list[DeadLetter]:
    """The latest dead letters of active products in spaces that are in use."""
    with driver_errors(), connection.cursor(row_factory=class_row(DeadLetter)) as cursor:
        statement = sql_files.read("queue/dead_letters").encode()
        return cursor.execute(statement, {"limit": limit}).fetchall()
