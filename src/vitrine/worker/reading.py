"""Fetch, decode and preprocess: what comes before the model, in threads of their own."""

from __future__ import annotations

import errno
import hashlib
import logging
import threading
from typing import TYPE_CHECKING

from vitrine.errors import ImageError, SettingsError, SourceUnavailableError
from vitrine.images import NotModified, Validators
from vitrine.work_queue import Deferred, Encoded, Failed, Seen
from vitrine.worker.stages import Picture, Words

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.images import Fetched, ImageLimits, ImageStore
    from vitrine.work_queue import Entry
    from vitrine.worker.channel import Channel
    from vitrine.worker.known import KnownContents
    from vitrine.worker.stages import AnyEncoder

__all__ = ["Reader"]

logger = logging.getLogger(__name__)

Outcome = Encoded | Failed | Deferred

# Trying again cannot help as long as the catalogue and the settings stay as they are.
HOPELESS = frozenset(
    {"bad_uri", "broken", "forbidden", "too_large", "too_many_pixels", "unsupported_format"}
)
WORLD_PAUSE = 30.0  # seconds before what failed for the world's reasons is tried again
# This machine has run out of something; the picture has nothing to do with it.
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EIO})


class Reader:
    """Turns claimed entries into pictures and words for the model, or into outcomes at once."""

    def __init__(
        self,
        source: ImageStore,
        encoder: AnyEncoder,
        limits: ImageLimits,
        known: KnownContents,
        *,
        decoders: int,
        ready: Channel[Picture | Words],
        outcomes: Channel[Outcome],
    ) -> None:
        """Many threads may read, as many as wait for the network; `decoders` decode at once."""
        self._source = source
        self._encoder = encoder
        self._limits = limits
        self._known = known
        self._decoding = threading.BoundedSemaphore(decoders)
        self._ready = ready
        self._outcomes = outcomes

    def read(self, entry: Entry) -> None:
        """Make one entry's picture ready, or its words, which came with it."""
        if entry.text is not None:
            self._words(entry, entry.text)
        elif entry.uri is None:
            gone = "its picture or caption is not in the catalogue any more"
            self._outcomes.put(Failed(entry=entry, reason="gone", detail=gone, hopeless=True))
        else:
            uri = entry.uri
            self._guarded(entry, lambda: self._picture(entry, uri))

    def _words(self, entry: Entry, text: str) -> None:
        content = hashlib.sha256(text.encode()).digest()
        if content == entry.content or self._known.has(entry, content):
            self._outcomes.put(Encoded(entry=entry, content=content))
        else:
            self._ready.put(Words(entry=entry, content=content, text=text))

    def _picture(self, entry: Entry, uri: str) -> None:
        validators = None
        if entry.content is not None and (entry.etag or entry.last_modified):
            validators = Validators(
                etag=entry.etag, last_modified=entry.last_modified, size=entry.byte_size
            )
        found = self._source.fetch(uri, validators=validators, named=entry.images)
        if isinstance(found, NotModified) and entry.content is not None:
            seen = Seen(
                byte_size=entry.byte_size,
                width=entry.width,
                height=entry.height,
                etag=found.validators.etag or entry.etag,
                last_modified=found.validators.last_modified or entry.last_modified,
            )
            self._outcomes.put(Encoded(entry=entry, content=entry.content, seen=seen))
        elif isinstance(found, NotModified):
            raise SourceUnavailableError(f"{uri} is said to be unchanged, but nobody asked")
        elif found.sha256 == entry.content or self._known.has(entry, found.sha256):
            same = found.sha256 == entry.content
            size = (entry.width, entry.height) if same else (None, None)
            seen = _seen(found, *size)
            self._outcomes.put(Encoded(entry=entry, content=found.sha256, seen=seen))
        else:
            self._ready.put(self._decoded(entry, found))

    def _decoded(self, entry: Entry, fetched: Fetched) -> Picture:
        # Pillow is imported by the threads that decode, not with this package.
        from vitrine.images.decode import decode

        side = self._encoder.image_min_side or None
        with self._decoding:
            decoded = decode(fetched.data, min_side=side, limits=self._limits)
            pixels = self._encoder.preprocess([decoded.image])
        seen = _seen(fetched, decoded.width, decoded.height)
        return Picture(entry=entry, content=fetched.sha256, seen=seen, pixels=pixels)

    def _guarded(self, entry: Entry, action: Callable[[], None]) -> None:
        """Run one item's part; whatever goes wrong becomes that item's outcome."""
        try:
            action()
        except ImageError as error:
            self._outcomes.put(
                Failed(
                    entry=entry,
                    reason=error.reason,
                    detail=str(error),
                    hopeless=error.reason in HOPELESS,
                )
            )
        except SourceUnavailableError as error:
            self._outcomes.put(_unavailable(entry, error))
        except SettingsError:
            raise
        except Exception as error:  # noqa: BLE001 - one odd picture must not end the worker
            self._outcomes.put(_unexpected(entry, error))


def _seen(fetched: Fetched, width: int | None, height: int | None) -> Seen:
    return Seen(
        byte_size=len(fetched.data),
        width=width,
        height=height,
        etag=fetched.validators.etag,
        last_modified=fetched.validators.last_modified,
    )


def _unavailable(entry: Entry, error: SourceUnavailableError) -> Failed | Deferred:
    if error.isolated:  # its host serves other pictures, so it is this one after all
        return Failed(entry=entry, reason=error.reason, detail=str(error))
    return Deferred(
        entry=entry,
        delay=error.retry_after or WORLD_PAUSE,
        reason=error.reason,
        detail=str(error),
    )


def _unexpected(entry: Entry, error: Exception) -> Failed | Deferred:
    detail = f"{type(error).__name__}: {error}"
    exhausted = isinstance(error, OSError) and error.errno in EXHAUSTED
    if exhausted or isinstance(error, MemoryError):
        return Deferred(entry=entry, delay=WORLD_PAUSE, reason="exhausted", detail=detail)
    logger.error("%s %s cannot be read", entry.kind, entry.item_id, exc_info=error)
    return Failed(entry=entry, reason="unexpected", detail=detail)
