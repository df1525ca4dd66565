"""Pictures from object stores through fsspec; only below the prefixes that the settings name."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import fsspec
from fsspec.asyn import AsyncFileSystem, sync
from fsspec.exceptions import FSTimeoutError

from vitrine.errors import SourceUnavailableError
from vitrine.images.errors import (
    DeniedError,
    ForbiddenError,
    NotFoundError,
    TooLargeError,
)
from vitrine.images.fetched import Fetched, NotModified, Validators
from vitrine.images.hosts import HostHealth

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vitrine.images.limits import ImageLimits
    from vitrine.images.uri import StoreKey

__all__ = ["ObjectStores"]

RECENTLY = 60.0  # seconds


class ObjectStores:
    """Fetches objects below the allowed prefixes; safe to use from several threads."""

    def __init__(self, prefixes: Iterable[str], *, limits: ImageLimits) -> None:
        self._prefixes = tuple(prefixes)
        self._limits = limits
        self._health = HostHealth()
        self._lock = threading.Lock()
        self._opened: dict[str, fsspec.AbstractFileSystem] = {}

    def fetch(self, key: StoreKey, validators: Validators | None) -> Fetched | NotModified:
        """Fetch one object; ImageError for its faults, SourceUnavailableError for the store's."""
        if not key.url.startswith(self._prefixes):
            raise ForbiddenError(
                f"{key.url!r} is below no allowed store; name its prefix in VITRINE_IMAGE_STORES "
                "if it is yours"
            )
        store = f"{key.protocol}://{key.bucket}"
        self._health.check(store)
        try:
            result = self._read(key, validators)
        except FileNotFoundError as exc:
            self._health.answered(store, key.url)
            raise NotFoundError(f"there is no object {key.url!r}") from exc
        except PermissionError as exc:
            raise self._denied(store, key, exc) from exc
        except TooLargeError:
            self._health.answered(store, key.url)
            raise
        except Exception as exc:  # every store's library raises errors of its own
            raise self._health.failed(store, key.url, _outage(store, exc)) from exc
        self._health.answered(store, key.url)
        return result

    def _denied(self, store: str, key: StoreKey, exc: PermissionError) -> Exception:
        """One object's fault if the store just served others, else that of the credentials."""
        message = f"the store denies reading {key.url!r}: {exc}"
        if self._health.answered_within(store, RECENTLY):
            return DeniedError(message)
        outage = SourceUnavailableError(message, reason="credentials")
        return self._health.failed(store, key.url, outage)

    def _read(self, key: StoreKey, validators: Validators | None) -> Fetched | NotModified:
        until = time.monotonic() + self._limits.timeout
        system = self._system(key.protocol)
        path = f"{key.bucket}/{key.key}"
        info = _call(system, "info", until, path)
        found = _validators(info)
        if validators is not None and found.etag and found.etag == validators.etag:
            return NotModified(validators=validators)
        allowed = self._limits.max_bytes
        if found.size == 0:  # stores refuse a range of an empty object
            return Fetched.of(b"", etag=found.etag, last_modified=found.last_modified)
        # Asking for one byte more than allowed bounds the transfer, whatever the listing says.
        if (found.size or 0) <= allowed:
            data: bytes = _call(system, "cat_file", until, path, start=0, end=allowed + 1)
            if len(data) <= allowed:
                return Fetched.of(data, etag=found.etag, last_modified=found.last_modified)
        raise TooLargeError(f"{key.url!r} has more than the {allowed:,} bytes allowed")

    def _system(self, protocol: str) -> fsspec.AbstractFileSystem:
        with self._lock:
            if protocol not in self._opened:
                self._opened[protocol] = fsspec.filesystem(protocol, use_listings_cache=False)
            return self._opened[protocol]


def _call(
    system: fsspec.AbstractFileSystem, name: str, until: float, *args: Any, **kwargs: Any
) -> Any:
    """Call a method of the file system, bounded in time where it has a loop to be left waiting."""
    if not isinstance(system, AsyncFileSystem):
        return getattr(system, name)(*args, **kwargs)
    left = max(until - time.monotonic(), 0.001)
    return sync(system.loop, getattr(system, f"_{name}"), *args, timeout=left, **kwargs)


def _validators(info: dict[str, Any]) -> Validators:
    """What stores call these differs; the names are S3's, Google's, Azure's and the memory's."""
    etag = next((info[name] for name in ("ETag", "etag", "md5Hash") if info.get(name)), None)
    times = ("LastModified", "last_modified", "updated", "mtime")
    modified = next((info[name] for name in times if info.get(name)), None)
    size = info.get("size")
    return Validators(
        etag=str(etag) if etag else None,
        last_modified=str(modified) if modified else None,
        size=size if isinstance(size, int) else None,
    )


def _outage(store: str, exc: Exception) -> SourceUnavailableError:
    if isinstance(exc, ImportError):
        return SourceUnavailableError(
            f"reading {store} needs another package: {exc}", reason="missing_package"
        )
    reason = "timeout" if isinstance(exc, (FSTimeoutError, TimeoutError)) else "store"
    return SourceUnavailableError(
        f"the object store {store} failed: {type(exc).__name__}: {exc}", reason=reason
    )
