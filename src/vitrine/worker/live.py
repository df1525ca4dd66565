"""Answers the queries that clients wait for, beside the backfill and before it."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pgvector import HalfVector

from vitrine import sql_files
from vitrine.errors import ImageError
from vitrine.worker.fetching import AddressFetches, Request
from vitrine.worker.threads import use_threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from vitrine.database import Connection
    from vitrine.images import ImageLimits, ImageStore
    from vitrine.worker.progress import Progress
    from vitrine.worker.session import Session
    from vitrine.worker.stages import AnyEncoder

__all__ = ["LiveQueries"]

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 16
POLL = 1.0  # seconds, if a notification was lost
GIVE_WAY = 0.2  # seconds that the backfill waits for queries at most


class LiveQueries:
    """Takes every waiting query at once, encodes and answers; words are answered first."""

    def __init__(
        self,
        session: Session[Connection],
        encoder: AnyEncoder,
        limits: ImageLimits,
        web: ImageStore,
        *,
        space_id: int,
        request: threading.Event,
        progress: Progress,
        most_threads: int,
    ) -> None:
        """`web` fetches pictures by their address, and nothing else.

        `most_threads` is how many of torch's threads a query may use while nothing else runs.
        """
        self._session = session
        self._encoder = encoder
        self._limits = limits
        self._space_id = space_id
        self._request = request
        self._progress = progress
        self._most_threads = most_threads
        self._fetches = AddressFetches(web, encoder, limits, done=request.set)
        self._in_backfill = 0  # batches in the model now
        self._count_lock = threading.Lock()
        self._quiet = threading.Event()
        self._quiet.set()

    @contextmanager
    def backfilling(self) -> Iterator[None]:
        """Around each batch of the backfill, which waits first while queries are being encoded."""
        self._quiet.wait(GIVE_WAY)
        with self._count_lock:
            self._in_backfill += 1
        try:
            yield
        finally:
            with self._count_lock:
                self._in_backfill -= 1

    def run(self, ended: threading.Event) -> None:
        """Answer until the worker has ended."""
        while not ended.is_set():
            self._request.wait(POLL)
            self._request.clear()
            while not ended.is_set() and self._answer_waiting():
                pass

    def _answer_waiting(self) -> bool:
        """Answer what waits, and one picture that was fetched; False if there was nothing."""
        values = {
            "space_id": self._space_id,
            "limit": MOST_AT_ONCE,
            "addresses": self._fetches.places,
        }
        take = sql_files.read("queue/take_requests").encode()
        rows = self._session.run(lambda c: c.execute(take, values).fetchall())
        requests = [Request._make(row) for row in rows]
        for request in requests:
            if request.address is not None:
                self._fetches.start(request)
        # One at a time, so that words that come meanwhile wait for one picture at most.
        fetched = self._fetches.take()
        words = [request for request in requests if request.words is not None]
        pictures = [request for request in requests if request.picture is not None]
        if words or pictures or fetched:
            self._answer(words, pictures, fetched)
        return bool(requests or fetched)

    def _answer(
        self,
        words: Sequence[Request],
        pictures: Sequence[Request],
        fetched: tuple[Request, Image | str] | None,
    ) -> None:
        self._quiet.clear()
        # Two full teams of threads on the same cores wait for each other at every barrier.
        use_threads(1 if self._in_backfill else self._most_threads)
        try:
            if words:
                self._store(list(zip(words, self._encode_words(words), strict=True)))
            results = [(request, self._encode_bytes(request)) for request in pictures]
            if fetched is not None:
                request, found = fetched
                result = found if isinstance(found, str) else self._encode_picture(found)
                results.append((request, result))
        finally:
            self._quiet.set()
        if results:
            self._store(results)

    def _encode_words(self, requests: Sequence[Request]) -> list[NDArray[np.float32] | str]:
        """A vector for each request, or the reason why there is none."""
        if not requests:
            return []
        try:
            return list(self._encoder.encode_texts([str(request.words) for request in requests]))
        except Exception as error:
            if len(requests) > 1:
                return [self._encode_words([request])[0] for request in requests]
            logger.exception("the query %r cannot be encoded", requests[0].words)
            return [f"the words cannot be encoded: {error}"]

    def _encode_bytes(self, request: Request) -> NDArray[np.float32] | str:
        from vitrine.images.decode import decode

        side = self._encoder.image_min_side or None
        try:
            decoded = decode(request.picture or b"", min_side=side, limits=self._limits)
        except ImageError as error:
            return str(error)
        except Exception as error:
            logger.exception("a query picture cannot be decoded")
            return f"the picture cannot be decoded: {error}"
        return self._encode_picture(decoded.image)

    def _encode_picture(self, picture: Image) -> NDArray[np.float32] | str:
        try:
            vectors: list[NDArray[np.float32]] = list(self._encoder.encode_images([picture]))
            return vectors[0]
        except Exception as error:
            logger.exception("a query picture cannot be encoded")
            return f"the picture cannot be encoded: {error}"

    def _store(self, results: Sequence[tuple[Request, NDArray[np.float32] | str]]) -> None:
        good = [(r, HalfVector(v)) for r, v in results if not isinstance(v, str)]
        bad = [(r, error) for r, error in results if isinstance(error, str)]

        def store(connection: Connection) -> None:
            with connection.transaction():
                if good:
                    columns = _columns([r for r, _ in good], embeddings=[v for _, v in good])
                    self._execute(connection, "answer_requests", columns)
                if bad:
                    columns = _columns([r for r, _ in bad], errors=[error for _, error in bad])
                    self._execute(connection, "refuse_requests", columns)

        self._session.run(store)
        self._progress.add(answered=len(results))

    def _execute(self, connection: Connection, name: str, columns: dict[str, list[Any]]) -> None:
        statement = sql_files.read(f"queue/{name}").encode()
        connection.execute(statement, {**columns, "space_id": self._space_id})


def _columns(requests: Sequence[Request], **more: list[Any]) -> dict[str, list[Any]]:
    return {
        "kinds": [request.kind for request in requests],
        "keys": [request.key for request in requests],
        "queries": [request.words for request in requests],
        **more,
    }
