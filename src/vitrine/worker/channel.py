"""A bounded queue between two stages of the worker, which can be closed from either end."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Generic, TypeVar

__all__ = ["Channel"]

T = TypeVar("T")


class Channel(Generic[T]):
    """Items in order from any number of threads to any number of threads."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._closed = False
        lock = threading.Lock()
        # Two conditions, so that each item wakes one thread and not all of them.
        self._filled = threading.Condition(lock)
        self._freed = threading.Condition(lock)

    def put(self, item: T) -> bool:
        """Wait for room and add; False if the channel is closed."""
        with self._freed:
            while len(self._items) >= self._capacity and not self._closed:
                self._freed.wait()
            if self._closed:
                return False
            self._items.append(item)
            self._filled.notify()
            return True

    def take(self, most: int = 1, *, wait: float | None = None) -> list[T]:
        """Up to `most` items; none only when `wait` s are over, or it is closed and empty."""
        until = None if wait is None else time.monotonic() + wait
        with self._filled:
            while not self._items and not self._closed:
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    break
                self._filled.wait(left)
            taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            self._freed.notify(len(taken))
            if self._items:
                self._filled.notify()  # more came than threads were woken for
            return taken

    @property
    def finished(self) -> bool:
        """Closed, and nothing is left to take."""
        with self._filled:
            return self._closed and not self._items

    def close(self, *, discard: bool = False) -> None:
        """Take no more; what is inside can still be taken unless it is to be discarded."""
        with self._filled:
            self._closed = True
            if discard:
                self._items.clear()
            self._filled.notify_all()
            self._freed.notify_all()
