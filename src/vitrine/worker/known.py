"""Contents that products have vectors of already, so that equal ones are copied, not encoded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vitrine.work_queue import Entry

__all__ = ["KnownContents"]

REMEMBERED = 20_000


class KnownContents:
    """Kind, product and SHA-256 of vectors in the database, as far as they were looked up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._contents: OrderedDict[tuple[str, int, bytes], None] = OrderedDict()

    def learn(self, contents: Iterable[tuple[str, int, bytes]]) -> None:
        """Remember contents; the ones learnt longest ago are forgotten."""
        with self._lock:
            for content in contents:
                self._contents[content] = None
                self._contents.move_to_end(content)
            while len(self._contents) > REMEMBERED:
                self._contents.popitem(last=False)

    def has(self, entry: Entry, content: bytes) -> bool:
        """Whether a vector of this content can be copied within the entry's product."""
        with self._lock:
            return (entry.kind, entry.product_id, content) in self._contents

    def forget(self, entry: Entry, content: bytes) -> None:
        """A vector to copy was not there after all."""
        with self._lock:
            self._contents.pop((entry.kind, entry.product_id, content), None)
