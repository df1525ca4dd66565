"""The stage of the model: fills batches by size, encodes equal content once, hands vectors on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from vitrine.errors import VectorError
from vitrine.work_queue import Deferred, Encoded, Failed
from vitrine.worker.encoding import OutOfMemoryError
from vitrine.worker.equal_contents import EqualContents, Ready, content_key
from vitrine.worker.stages import Picture, Words

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from vitrine.worker.channel import Channel
    from vitrine.worker.encoding import BatchEncoder
    from vitrine.worker.reading import Outcome
    from vitrine.worker.stages import AnyEncoder

__all__ = ["ModelStage"]

logger = logging.getLogger(__name__)

LINGER = 0.05  # seconds that a batch not yet full waits for more
MEMORY_PAUSE = 30.0  # seconds before a batch that found no memory is tried again


class ModelStage:
    """Takes what is ready, runs the model, and puts an outcome for every item.

    Several threads may `run` one stage.
    """

    def __init__(
        self,
        encoder: AnyEncoder,
        batches: BatchEncoder,
        *,
        ready: Channel[Ready],
        outcomes: Channel[Outcome],
        turn: Callable[[], AbstractContextManager[None]],
        stop: threading.Event,
    ) -> None:
        """`turn` is held around each batch; it lets waiting queries go first."""
        self._encoder = encoder
        self._batches = batches
        self._ready = ready
        self._outcomes = outcomes
        self._turn = turn
        self._stop = stop
        self._contents = EqualContents()

    def run(self) -> None:
        """Encode until the channel is closed and empty, or the worker is to stop."""
        pictures: list[Picture] = []
        words: list[Words] = []
        while not self._stop.is_set():
            size = self._batches.batch_size
            arrived = self._ready.take(size, wait=LINGER if pictures or words else None)
            pictures += [item for item in arrived if isinstance(item, Picture)]
            words += [item for item in arrived if isinstance(item, Words)]
            idle = not arrived
            if len(pictures) >= size or (idle and pictures):
                self._encode(pictures[:size])
                del pictures[:size]
            elif len(words) >= size or (idle and words):
                # Texts of like length together need little padding.
                words.sort(key=lambda item: len(item.text))
                self._encode(words[:size])
                del words[:size]
            if not pictures and not words and self._ready.finished:
                return

    def _encode(self, items: Sequence[Ready]) -> None:
        new, known = self._contents.divide(items)
        for item, vector in known:
            self._outcomes.put(_outcome(item, vector))
        if not new:
            return
        results: list[NDArray[np.float32] | Exception]
        try:
            with self._turn():
                results = self._run_model(new)
        except OutOfMemoryError as error:
            results = [error] * len(new)
        by_content = dict(zip(map(content_key, new), results, strict=True))
        for item, result in self._contents.settle(by_content):
            self._outcomes.put(_outcome(item, result))

    def _run_model(self, items: list[Ready]) -> list[NDArray[np.float32] | Exception]:
        pictures = [item for item in items if isinstance(item, Picture)]
        if pictures:
            return self._batches.encode(pictures, self._encode_pictures)
        words = [item for item in items if isinstance(item, Words)]
        return self._batches.encode(words, self._encode_words)

    def _encode_pictures(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        batches = [picture.pixels for picture in pictures]
        return self._encoder.encode_pixels(type(batches[0]).join(batches))

    def _encode_words(self, words: Sequence[Words]) -> NDArray[np.float32]:
        return self._encoder.encode_texts([item.text for item in words])


def _outcome(item: Ready, result: NDArray[np.float32] | Exception) -> Encoded | Failed | Deferred:
    entry = item.entry
    if isinstance(result, OutOfMemoryError):
        return Deferred(entry=entry, delay=MEMORY_PAUSE, reason="out_of_memory", detail=str(result))
    if isinstance(result, Exception):
        reason = "not_finite" if isinstance(result, VectorError) else "encoder"
        detail = f"{type(result).__name__}: {result}"
        logger.error("the encoder fails with %s %s: %s", entry.kind, entry.item_id, detail)
        return Failed(entry=entry, reason=reason, detail=detail)
    seen = item.seen if isinstance(item, Picture) else None
    return Encoded(entry=entry, content=item.content, vector=result, seen=seen)
