"""Every error that Vitrine raises on purpose: what happened, and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "CatalogueError",
    "DatabaseError",
    "DatabaseUnavailableError",
    "EncodingTimeoutError",
    "FilterError",
    "ImageError",
    "ModelError",
    "NotYetError",
    "QueryError",
    "SettingsError",
    "SourceUnavailableError",
    "SpaceError",
    "UnknownQueryError",
    "VectorError",
    "VitrineError",
]


class VitrineError(Exception):
    """Something went wrong; the message says what, where, and what to do."""


class SettingsError(VitrineError):
    """A setting has a value that cannot be used; correct the variable that the message names."""


class DatabaseError(VitrineError):
    """The database refused; the message carries its reason, the cause the driver's error."""

    def __init__(self, message: str, *, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class DatabaseUnavailableError(DatabaseError):
    """The database cannot be reached or went away; check that it runs and retry."""


class CatalogueError(VitrineError):
    """The catalogue file cannot be imported as a whole; the message names file and column."""


class ImageError(VitrineError):
    """A picture cannot be used; the fault is the picture's, so retrying as it is will not help."""

    reason: str = "image"  # a dead letter's reason: short, stable, one per subclass


class SourceUnavailableError(VitrineError):
    """The place that keeps a picture does not answer; nothing is wrong with the picture, so wait.

    `host` names the one host or store (None: the image folder, hence all of it), `reason` is a
    short stable code, `retry_after` the seconds to leave it alone, and `isolated` says that the
    same host served other pictures between two failures of this one.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "unavailable",
        host: str | None = None,
        retry_after: float | None = None,
        isolated: bool = False,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.host = host
        self.retry_after = retry_after
        self.isolated = isolated


class ModelError(VitrineError):
    """A model cannot be loaded; give a hub id with a revision or a folder with safetensors."""


class VectorError(ModelError):
    """A model gave NaN or infinite values; `rows` are their positions in the batch."""

    def __init__(self, message: str, *, rows: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.rows = rows


class SpaceError(VitrineError):
    """An embedding space is missing or does not fit the vectors; `vitrine space` lists them."""


class QueryError(VitrineError):
    """The search was asked something that it cannot answer; the message names the argument.

    `sqlstate` is the database's code where it was the database that said so (see docs/search.md).
    """

    def __init__(self, message: str, *, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class FilterError(QueryError):
    """A filter has an unknown field, operator or value; the message lists the valid ones."""


class NotYetError(QueryError):
    """A part of the search interface that is fixed but not built yet was used; leave it out."""


class UnknownQueryError(QueryError):
    """The words or picture have no vector yet; run `CALL encode(…)` or use the Python client.

    `unknown` is what needs a vector: `{"words": …}` or `{"image": <key or web address>}`.
    """

    def __init__(
        self, message: str, *, sqlstate: str | None = None, unknown: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, sqlstate=sqlstate)
        self.unknown = dict(unknown or {})


class EncodingTimeoutError(QueryError):
    """No worker answered in time; start one with `vitrine work` and ask again."""
