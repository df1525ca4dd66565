"""Pictures to search with that are given by their web address: fetched beside the other queries."""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from vitrine.errors import ImageError, SourceUnavailableError
from vitrine.images import Fetched

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image

    from vitrine.images import ImageLimits, ImageStore, SourceSettings
    from vitrine.worker.stages import AnyEncoder

__all__ = ["AddressFetches", "Request", "for_queries"]

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 8
LONGEST = 8.0  # seconds, so that a client that waits for 10 learns the reason


class Request(NamedTuple):
    """What a client waits for: words, a picture or a picture's address, exactly one of them."""

    kind: str
    key: str
    words: str | None
    picture: bytes | None
    address: str | None


def for_queries(places: SourceSettings) -> SourceSettings:
    """Where pictures to search with may come from: the web alone, under the catalogue's rules."""
    limits = replace(places.limits, timeout=min(places.limits.timeout, LONGEST))
    return replace(places, root=None, allowed_stores=(), limits=limits)


class AddressFetches:
    """Fetches and decodes a few pictures at once; each takes a place until its result is taken."""

    def __init__(
        self,
        source: ImageStore,
        encoder: AnyEncoder,
        limits: ImageLimits,
        *,
        done: Callable[[], None],
    ) -> None:
        """`source` should be one of its own: what shoppers ask for must not put the catalogue's
        hosts in a bad light. `done` is called after each.
        """
        self._source = source
        self._encoder = encoder
        self._limits = limits
        self._done = done
        self._places = MOST_AT_ONCE  # changed by the one thread that starts and takes
        self._results: queue.SimpleQueue[tuple[Request, Image | str]] = queue.SimpleQueue()
        # A large picture is a hundred times its file in memory.
        self._decoding = threading.Semaphore()

    @property
    def places(self) -> int:
        """How many more may be started."""
        return self._places

    def start(self, request: Request) -> None:
        """Fetch in a thread that nobody has to wait for, not even the end of the process."""
        self._places -= 1
        threading.Thread(
            target=self._fetch, args=(request,), name="vitrine-address", daemon=True
        ).start()

    def take(self) -> tuple[Request, Image | str] | None:
        """A request with its picture, or with the reason why there is none; None: wait for it."""
        try:
            result = self._results.get_nowait()
        except queue.Empty:
            return None
        self._places += 1
        return result

    def _fetch(self, request: Request) -> None:
        try:
            result: Image | str = self._picture(request.address or "")
        except (ImageError, SourceUnavailableError) as error:
            result = str(error)
        except Exception as error:
            logger.exception("a picture to search with cannot be fetched")
            result = f"the picture cannot be fetched: {error}"
        self._results.put((request, result))
        self._done()

    def _picture(self, address: str) -> Image:
        from vitrine.images.decode import decode

        fetched = self._source.fetch(address)
        if not isinstance(fetched, Fetched):
            raise SourceUnavailableError("the server says that nothing changed; nobody asked")
        side = self._encoder.image_min_side or None
        with self._decoding:
            return decode(fetched.data, min_side=side, limits=self._limits).image
