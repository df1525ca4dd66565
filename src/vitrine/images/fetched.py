"""What fetching a picture gives: its bytes with their digest, or the news that nothing changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

__all__ = ["Fetched", "NotModified", "Validators"]


@dataclass(frozen=True, kw_only=True)
class Validators:
    """By what a later fetch can tell that a picture is still the same.

    `etag` and `last_modified` are verbatim what the source said (for a file: made from its time
    and size); `size` is in bytes.
    """

    etag: str | None = None
    last_modified: str | None = None
    size: int | None = None


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A picture's bytes, their SHA-256 (32 bytes), and the validators for the next time."""

    data: bytes
    sha256: bytes
    validators: Validators

    @classmethod
    def of(cls, data: bytes, *, etag: str | None, last_modified: str | None) -> Fetched:
        """Digest the bytes and note their size."""
        validators = Validators(etag=etag, last_modified=last_modified, size=len(data))
        return cls(data=data, sha256=hashlib.sha256(data).digest(), validators=validators)


@dataclass(frozen=True, kw_only=True)
class NotModified:
    """The source vouches that the picture is the one that the validators came from."""

    validators: Validators
