"""Run the model over batches, and find out which item is at fault when it fails."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TypeVar

from vitrine.errors import ModelError, VectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BatchEncoder", "OutOfMemoryError"]

logger = logging.getLogger(__name__)

T = TypeVar("T")


class OutOfMemoryError(Exception):
    """Not even one item fits into memory now; the world's fault."""


class BatchEncoder:
    """Encodes sequences in batches whose size shrinks when memory runs out."""

    def __init__(self, batch_size: int, probe: Callable[[], object]) -> None:
        """`probe` encodes something harmless; it tells a broken encoder from a bad item."""
        self.batch_size = batch_size
        self._probe = probe

    def encode(
        self, items: Sequence[T], encode: Callable[[Sequence[T]], NDArray[np.float32]]
    ) -> list[NDArray[np.float32] | Exception]:
        """A vector (D,) for each item, or the exception that this one item causes.

        Raises:
            OutOfMemoryError: there is no memory even for one item.
            ModelError: the encoder fails with everything; nothing is the items' fault.

        """
        results: list[NDArray[np.float32] | Exception] = []
        while len(results) < len(items):
            batch = items[len(results) : len(results) + self.batch_size]
            try:
                results += self._isolate(batch, encode)
            except _MemoryFullError as error:
                self._shrink(len(batch), error)
        if any(_is_unexplained(result) for result in results):
            self._check_encoder()
        return results

    def _isolate(
        self, batch: Sequence[T], encode: Callable[[Sequence[T]], NDArray[np.float32]]
    ) -> list[NDArray[np.float32] | Exception]:
        """Encode, and on failure halve until the items at fault are alone."""
        try:
            return list(encode(batch))
        except VectorError as error:
            if len(batch) == 1 or not error.rows:
                return [error] * len(batch)
            good = [item for row, item in enumerate(batch) if row not in error.rows]
            rest = iter(self._isolate(good, encode) if good else [])
            return [error if row in error.rows else next(rest) for row in range(len(batch))]
        except Exception as error:
            if _is_out_of_memory(error):
                raise _MemoryFullError from error
            if len(batch) == 1:
                return [error]
            middle = len(batch) // 2
            return self._isolate(batch[:middle], encode) + self._isolate(batch[middle:], encode)

    def _shrink(self, size: int, error: _MemoryFullError) -> None:
        """Halve the batch for good: what did not fit once will not fit again."""
        _free_cache()
        if size == 1:
            raise OutOfMemoryError(str(error.__cause__)) from error
        self.batch_size = max(size // 2, 1)
        logger.warning("out of memory; the batch is %d from now on", self.batch_size)

    def _check_encoder(self) -> None:
        try:
            self._probe()
        except Exception as error:
            message = f"the encoder is broken, even a plain input fails: {error}"
            raise ModelError(message) from error


class _MemoryFullError(Exception):
    """The batch does not fit."""


def _is_unexplained(result: object) -> bool:
    return isinstance(result, Exception) and not isinstance(result, VectorError)


def _is_out_of_memory(error: Exception) -> bool:
    # By name, so that this module needs no torch; CPU allocators raise a plain RuntimeError.
    text = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "out of memory" in text)
        or (isinstance(error, RuntimeError) and "can't allocate memory" in text)
    )


def _free_cache() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
