"""Answers the queries that clients wait for, beside the backfill and before it."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pgvector import HalfVector

from vitrine import sql_files
from vitrine.errors import ImageError
from vitrine.worker.threads import use_threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vitrine.database import Connection
    from vitrine.images import ImageLimits
    from vitrine.worker.progress import Progress
    from vitrine.worker.session import Session
    from vitrine.worker.stages import AnyEncoder

__all__ = ["LiveQueries"]

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 16
POLL = 1.0  # seconds, if a notification was lost
GIVE_WAY = 0.2  # seconds that the backfill waits for queries at most

Request = tuple[str, str, str | None, bytes | None]  # kind, key, words, picture


class LiveQueries:
    """Takes every waiting query at once, encodes, and answers in one transaction."""

    def __init__(
        self,
        session: Session[Connection],
        encoder: AnyEncoder,
        limits: ImageLimits,
        *,
        space_id: int,
        request: threading.Event,
        progress: Progress,
        most_threads: int,
    ) -> None:
        """`most_threads` is how many of torch's threads a query may use while nothing else runs."""
        self._session = session
        self._encoder = encoder
        self._limits = limits
        self._space_id = space_id
        self._request = request
        self._progress = progress
        self._most_threads = most_threads
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
        values = {"space_id": self._space_id, "limit": MOST_AT_ONCE}
        take = sql_files.read("queue/take_requests").encode()
        requests: list[Request] = self._session.run(lambda c: c.execute(take, values).fetchall())
        if not requests:
            return False
        self._quiet.clear()
        # Two full teams of threads on the same cores wait for each other at every barrier.
        use_threads(1 if self._in_backfill else self._most_threads)
        try:
            words = [request for request in requests if request[2] is not None]
            pictures = [request for request in requests if request[3] is not None]
            results = self._encode_words(words) + [self._encode_picture(r) for r in pictures]
        finally:
            self._quiet.set()
        self._store(list(zip(words + pictures, results, strict=True)))
        return True

    def _encode_words(self, requests: Sequence[Request]) -> list[NDArray[np.float32] | str]:
        """A vector for each request, or the reason why there is none."""
        if not requests:
            return []
        try:
            return list(self._encoder.encode_texts([str(request[2]) for request in requests]))
        except Exception as error:
            if len(requests) > 1:
                return [self._encode_words([request])[0] for request in requests]
            logger.exception("the query %r cannot be encoded", requests[0][2])
            return [f"the words cannot be encoded: {error}"]

    def _encode_picture(self, request: Request) -> NDArray[np.float32] | str:
        from vitrine.images.decode import decode

        side = self._encoder.image_min_side or None
        try:
            decoded = decode(request[3] or b"", min_side=side, limits=self._limits)
            vectors: list[NDArray[np.float32]] = list(self._encoder.encode_images([decoded.image]))
            return vectors[0]
        except ImageError as error:
            return str(error)
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
        "kinds": [request[0] for request in requests],
        "keys": [request[1] for request in requests],
        "queries": [request[2] for request in requests],
        **more,
    }
