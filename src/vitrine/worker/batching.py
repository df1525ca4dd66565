"""The stage of the model: fills batches by size, encodes equal content once, hands vectors on."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING

from vitrine.errors import VectorError
from vitrine.work_queue import Deferred, Encoded, Failed
from vitrine.worker.encoding import OutOfMemoryError
from vitrine.worker.stages import Picture, Words

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from vitrine.worker.channel import Channel
    from vitrine.worker.encoding import BatchEncoder
    from vitrine.worker.reading import Outcome
    from vitrine.worker.stages import AnyEncoder

__all__ = ["ModelStage"]

logger = logging.getLogger(__name__)

Ready = Picture | Words
ContentKey = tuple[str, int, bytes]  # kind, product_id, SHA-256

LINGER = 0.05  # seconds that a batch not yet full waits for more
LATEST = 1000  # vectors kept for equal content that comes soon after
MEMORY_PAUSE = 30.0  # seconds before a batch that found no memory is tried again


class ModelStage:
    """Takes what is ready, runs the model, and puts an outcome for every item."""

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
        """`turn` is held during each batch; it lets waiting queries go first."""
        self._encoder = encoder
        self._batches = batches
        self._ready = ready
        self._outcomes = outcomes
        self._turn = turn
        self._stop = stop
        self._latest: OrderedDict[ContentKey, NDArray[np.float32]] = OrderedDict()

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
        wanted = {_content_key(item): item for item in items}
        results: dict[ContentKey, NDArray[np.float32] | Exception] = {
            key: self._latest[key] for key in wanted if key in self._latest
        }
        new = [item for key, item in wanted.items() if key not in results]
        try:
            with self._turn():
                results.update(zip(map(_content_key, new), self._run_model(new), strict=True))
        except OutOfMemoryError as error:
            for item in items:
                self._outcomes.put(_no_memory(item, error))
            return
        for item in items:
            self._outcomes.put(_outcome(item, results[_content_key(item)]))
        self._remember(results)

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

    def _remember(self, results: Mapping[ContentKey, NDArray[np.float32] | Exception]) -> None:
        for key, result in results.items():
            if not isinstance(result, Exception):
                self._latest[key] = result
        while len(self._latest) > LATEST:
            self._latest.popitem(last=False)


def _content_key(item: Ready) -> ContentKey:
    return item.entry.kind, item.entry.product_id, item.content


def _outcome(item: Ready, result: NDArray[np.float32] | Exception) -> Encoded | Failed:
    entry = item.entry
    if isinstance(result, Exception):
        reason = "not_finite" if isinstance(result, VectorError) else "encoder"
        detail = f"{type(result).__name__}: {result}"
        logger.error("the encoder fails with %s %s: %s", entry.kind, entry.item_id, detail)
        return Failed(entry=entry, reason=reason, detail=detail)
    seen = item.seen if isinstance(item, Picture) else None
    return Encoded(entry=entry, content=item.content, vector=result, seen=seen)


def _no_memory(item: Ready, error: OutOfMemoryError) -> Deferred:
    return Deferred(entry=item.entry, delay=MEMORY_PAUSE, reason="out_of_memory", detail=str(error))
