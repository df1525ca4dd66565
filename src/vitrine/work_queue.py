"""The work queue: entries are claimed under a lease, and every outcome is one statement."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector
from psycopg import sql
from psycopg.rows import class_row

from vitrine import sql_files
from vitrine.errors import SpaceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vitrine.database import Connection

__all__ = [
    "LOST_AFTER",
    "Deferred",
    "Encoded",
    "Entry",
    "Failed",
    "Key",
    "Seen",
    "Waiting",
    "WorkQueue",
    "retry_dead",
]

Key = tuple[int, str, int]  # product_id, kind, item_id

SUSPECT_AFTER = 3  # claims without an outcome after which an entry is tried alone
LOST_AFTER = 5  # and after which it is a dead letter
FIRST_PAUSE = 30.0  # seconds before the second attempt; doubles with each
LONGEST_PAUSE = 3600.0


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A claimed picture or caption, as it was at the claim.

    `content` is the SHA-256 behind the vector that this item has already in this space, if any;
    `etag` and `last_modified` are set only if they vouch for that very content. `images` is where
    the shop's setting of that name says that relative paths belong.
    """

    product_id: int
    kind: Literal["image", "caption"]
    item_id: int
    lease_token: uuid.UUID
    attempts: int
    input_version: int | None
    uri: str | None
    text: str | None
    content: bytes | None
    etag: str | None
    last_modified: str | None
    byte_size: int | None
    width: int | None
    height: int | None
    images: str | None

    @property
    def key(self) -> Key:
        """What identifies the entry within its space."""
        return self.product_id, self.kind, self.item_id


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the worker saw of a picture: bytes, upright pixels and the source's validators."""

    byte_size: int | None = None
    width: int | None = None
    height: int | None = None
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """An outcome: the content's vector (D,) of unit length.

    Without a vector the content is one of which the product has a vector already: it is kept if
    it is this item's own, else copied.
    """

    entry: Entry
    content: bytes
    vector: NDArray[np.float32] | None = None
    seen: Seen | None = None


@dataclass(frozen=True, kw_only=True)
class Failed:
    """An outcome: the item's own fault; `hopeless` ones become dead letters at once."""

    entry: Entry
    reason: str
    detail: str
    hopeless: bool = False


@dataclass(frozen=True, kw_only=True)
class Deferred:
    """An outcome: the world's fault, or none; the entry goes back and is tried after `delay` s."""

    entry: Entry
    delay: float = 0.0
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Entries of one space without a vector: claimable now, alone only, under a lease, put off."""

    ready: int
    suspect: int
    leased: int
    deferred: int


class WorkQueue:
    """The queue entries of one space; every method is one statement and leaves nothing open."""

    def __init__(self, connection: Connection, space_id: int) -> None:
        """Use an autocommit connection whose search path is the shop's schema."""
        self._connection = connection
        self._space_id = space_id
        register_vector(connection)

    def claim(self, limit: int, *, lease_seconds: float, suspects: bool = False) -> list[Entry]:
        """Take up to `limit` entries that are due, under one new lease.

        Entries on which workers died again and again come only with `suspects`.
        """
        least, most = (SUSPECT_AFTER, LOST_AFTER - 1) if suspects else (0, SUSPECT_AFTER - 1)
        values = {
            "space_id": self._space_id,
            "limit": limit,
            "lease_seconds": lease_seconds,
            "lease_token": uuid.uuid4(),
            "least_claims": least,
            "most_claims": most,
        }
        with self._connection.cursor(row_factory=class_row(Entry)) as cursor:
            return cursor.execute(self.statement("claim"), values).fetchall()

    def known_contents(self, product_ids: Sequence[int]) -> set[tuple[str, int, bytes]]:
        """Kind, product and SHA-256 of every vector that these products have in this space."""
        rows = self._run("known_contents", {"product_ids": sorted(set(product_ids))})
        return {(kind, product_id, content) for kind, product_id, content in rows}

    def complete(self, outcomes: Sequence[Encoded]) -> set[Key]:
        """Write vectors, what was seen of the pictures, and the end of their entries.

        Returns the keys written: those whose lease and input version still were the claimed ones.

        Raises:
            SpaceError: a vector does not have the space's dimension or is not of unit length.

        """
        written: set[Key] = set()
        for kind in ("image", "caption"):
            chosen = [outcome for outcome in outcomes if outcome.entry.kind == kind]
            if chosen:
                rows = self._complete(kind, chosen)
                written.update((product_id, kind, item_id) for product_id, item_id in rows)
        return written

    def why_unwritten(self, outcomes: Sequence[Encoded]) -> dict[Key, str]:
        """Of outcomes that `complete` did not write, the cause for each lease still held.

        "locked": somebody else has a row locked now; "changed": the input is another one now;
        "no_source": the vector to copy is gone.
        """
        columns = _columns(
            [outcome.entry for outcome in outcomes],
            input_versions=lambda entry: entry.input_version,
        )
        columns["contents"] = [outcome.content for outcome in outcomes]
        columns["has_vectors"] = [outcome.vector is not None for outcome in outcomes]
        rows = self._run("unwritten", columns)
        return {(product_id, kind, item_id): cause for product_id, kind, item_id, cause in rows}

    def extend(self, entries: Sequence[Entry], *, lease_seconds: float) -> set[Key]:
        """Hold entries for longer; returns the keys that were still ours."""
        rows = self._run("extend", {**_columns(entries), "lease_seconds": lease_seconds})
        return {(product_id, kind, item_id) for product_id, kind, item_id in rows}

    def release(self, outcomes: Sequence[Deferred]) -> None:
        """Give entries back without charging them an attempt."""
        columns: dict[str, object] = {
            "delays": [outcome.delay for outcome in outcomes],
            "reasons": [outcome.reason for outcome in outcomes],
            "details": [_storable(outcome.detail) for outcome in outcomes],
        }
        self._run("release", {**_columns([o.entry for o in outcomes]), **columns})

    def fail(self, outcomes: Sequence[Failed], *, max_attempts: int) -> int:
        """Charge failures to their entries; returns how many became dead letters."""
        columns: dict[str, object] = {
            "reasons": [outcome.reason for outcome in outcomes],
            "details": [_storable(outcome.detail) for outcome in outcomes],
            "hopeless": [outcome.hopeless for outcome in outcomes],
            "max_attempts": max_attempts,
            "first_pause": FIRST_PAUSE,
            "longest_pause": LONGEST_PAUSE,
        }
        rows = self._run("fail", {**_columns([o.entry for o in outcomes]), **columns})
        return sum(dead for (dead,) in rows)

    def bury_lost(self) -> list[Key]:
        """Make dead letters of entries on which too many workers died; returns their keys."""
        rows = self._run("bury_lost", {"claims": LOST_AFTER})
        return [(product_id, kind, item_id) for product_id, kind, item_id in rows]

    def waiting(self) -> Waiting:
        """Count what waits for a vector of this space."""
        rows = self._run("waiting", {"suspect_after": SUSPECT_AFTER})
        ready, suspect, leased, deferred = rows[0]
        return Waiting(ready=ready, suspect=suspect, leased=leased, deferred=deferred)

    def _complete(self, kind: str, outcomes: Sequence[Encoded]) -> list[tuple[Any, ...]]:
        seen = [outcome.seen or Seen() for outcome in outcomes]
        columns: dict[str, object] = {
            "contents": [outcome.content for outcome in outcomes],
            "embeddings": [
                None if outcome.vector is None else HalfVector(outcome.vector)
                for outcome in outcomes
            ],
        }
        if kind == "image":
            for name in ("byte_size", "width", "height", "etag", "last_modified"):
                columns[f"{name}s"] = [getattr(item, name) for item in seen]
        versions = _columns([o.entry for o in outcomes], input_versions=lambda e: e.input_version)
        try:
            return self._run(f"complete_{kind}", {**versions, **columns})
        except (psycopg.errors.DataException, psycopg.errors.CheckViolation) as error:
            raise SpaceError(
                f"the vectors do not fit space {self._space_id}: {error.diag.message_primary}"
            ) from error

    def _run(self, name: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        statement = self.statement(name)
        return self._connection.execute(
            statement, {**values, "space_id": self._space_id}
        ).fetchall()

    def statement(self, name: str) -> sql.Composed:
        """One of the statements under `sql/queue`, with this space's tables in their places."""
        # Files of this package are trusted text.
        text = sql_files.read(f"queue/{name}")
        return sql.SQL(text).format(
            image_vector=sql.Identifier(f"image_vector_{self._space_id}"),
            caption_vector=sql.Identifier(f"caption_vector_{self._space_id}"),
        )


def retry_dead(
    connection: Connection, *, reason: str | None = None, product: str | None = None
) -> int:
    """Queue dead letters anew, of one reason or one product (external_id or SKU) if given."""
    statement = sql_files.read("queue/retry").encode()
    with connection.transaction():
        cursor = connection.execute(statement, {"reason": reason, "product": product})
        connection.execute("SELECT notify_work()")
    return cursor.rowcount


def _columns(entries: Sequence[Entry], **more: Callable[[Entry], object]) -> dict[str, object]:
    """Entries as the arrays that a statement unnests."""
    columns: dict[str, object] = {
        "product_ids": [entry.product_id for entry in entries],
        "kinds": [entry.kind for entry in entries],
        "item_ids": [entry.item_id for entry in entries],
        "lease_tokens": [entry.lease_token for entry in entries],
    }
    return columns | {name: [value(entry) for entry in entries] for name, value in more.items()}


def _storable(detail: str | None) -> str | None:
    """A detail that PostgreSQL can hold: without NUL and of readable length."""
    return detail if detail is None else detail.replace("\x00", "\ufffd")[:1000]
