"""Embedding spaces: registered by workers, switched by operators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg.rows import class_row

from vitrine.errors import SpaceError

if TYPE_CHECKING:
    from vitrine.database import Connection
    from vitrine.encoder import SpaceIdentity

__all__ = [
    "Space",
    "activate_space",
    "drop_space",
    "ensure_space",
    "list_spaces",
    "reopen_space",
    "retire_space",
]


@dataclass(frozen=True, kw_only=True)
class Space:
    """One embedding space; `status` is building, active (it serves searches) or retired."""

    space_id: int
    name: str
    model: str
    revision: str
    dimension: int
    preprocessing: str
    status: str


def ensure_space(connection: Connection, identity: SpaceIdentity) -> Space:
    """The space of an encoder, made if it is new; the first of a shop is active at once.

    Raises:
        SpaceError: the space exists and is retired.

    """
    parts = (identity.model, identity.revision, identity.dimension, identity.preprocessing)
    rows = connection.execute("SELECT create_space(%s, %s, %s, %s)", parts).fetchall()
    space = next(space for space in list_spaces(connection) if space.space_id == rows[0][0])
    if space.status == "retired":
        raise SpaceError(
            f"the space {space.name} of model {identity} is retired; work for another model, or "
            f"take it up again with `vitrine space reopen {space.name}`"
        )
    return space


def list_spaces(connection: Connection) -> list[Space]:
    """Every space, the oldest first."""
    with connection.cursor(row_factory=class_row(Space)) as cursor:
        return cursor.execute(
            "SELECT space_id, name, model, revision, dimension, preprocessing, status "
            "FROM space ORDER BY space_id"
        ).fetchall()


def activate_space(connection: Connection, name: str, *, force: bool = False) -> None:
    """Let a space serve the searches; the one before is retired in the same transaction.

    Raises:
        SpaceError: there is no such space, or it lacks vectors and `force` is not set.

    """
    with _space_errors():
        connection.execute("SELECT activate_space(%s, %s)", (name, force))


def retire_space(connection: Connection, name: str) -> None:
    """Stop work for a space that does not serve; its vectors stay. Raises SpaceError."""
    with _space_errors():
        connection.execute("SELECT retire_space(%s)", (name,))


def reopen_space(connection: Connection, name: str) -> None:
    """Take a retired space up again; what changed meanwhile is queued. Raises SpaceError."""
    with _space_errors():
        connection.execute("SELECT reopen_space(%s)", (name,))


def drop_space(connection: Connection, name: str) -> None:
    """Delete a retired space with all its vectors. Raises SpaceError."""
    with _space_errors():
        connection.execute("SELECT drop_space(%s)", (name,))


@contextmanager
def _space_errors() -> Iterator[None]:
    """The database's own words for what does not fit; they are written for the reader."""
    try:
        yield
    except (
        psycopg.errors.UndefinedObject,
        psycopg.errors.ObjectNotInPrerequisiteState,
        psycopg.errors.ObjectInUse,
    ) as error:
        hint = error.diag.message_hint
        raise SpaceError(f"{error.diag.message_primary}{f'. {hint}' if hint else ''}") from error
