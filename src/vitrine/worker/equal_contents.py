"""Equal content of one product is encoded once, whichever thread its copies come to."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from vitrine.worker.stages import Picture, Words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["EqualContents", "Ready", "content_key"]

Ready = Picture | Words
ContentKey = tuple[str, int, bytes]  # kind, product_id, SHA-256

LATEST = 1000  # vectors kept for equal content that comes soon after


class EqualContents:
    """What is in the model now, what waits for it, and the latest vectors."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_model: dict[ContentKey, list[Ready]] = {}
        self._latest: OrderedDict[ContentKey, NDArray[np.float32]] = OrderedDict()

    def divide(
        self, items: Sequence[Ready]
    ) -> tuple[list[Ready], list[tuple[Ready, NDArray[np.float32]]]]:
        """Items to encode, and items whose vector is known; the others wait for `settle`."""
        new: list[Ready] = []
        known = []
        with self._lock:
            for item in items:
                key = content_key(item)
                if key in self._latest:
                    known.append((item, self._latest[key]))
                elif key in self._in_model:
                    self._in_model[key].append(item)
                else:
                    self._in_model[key] = [item]
                    new.append(item)
        return new, known

    def settle(
        self, results: Mapping[ContentKey, NDArray[np.float32] | Exception]
    ) -> list[tuple[Ready, NDArray[np.float32] | Exception]]:
        """Every item, encoded or waiting, whose content has a result now."""
        with self._lock:
            for key, result in results.items():
                if not isinstance(result, Exception):
                    self._latest[key] = result
            while len(self._latest) > LATEST:
                self._latest.popitem(last=False)
            return [
                (item, result)
                for key, result in results.items()
                for item in self._in_model.pop(key)
            ]


def content_key(item: Ready) -> ContentKey:
    """Kind, product and SHA-256: what two items have in common that share a vector."""
    return item.entry.kind, item.entry.product_id, item.content
