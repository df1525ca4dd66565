"""The entries that this worker holds, each until its outcome is written or its lease is lost."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vitrine.work_queue import Entry, Key

__all__ = ["InFlight"]


class InFlight:
    """Held entries with the end of their leases; safe to use from several threads."""

    def __init__(self, lease_seconds: float) -> None:
        self._lease_seconds = lease_seconds
        self._held: dict[Key, tuple[Entry, float]] = {}
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, entries: Iterable[Entry]) -> None:
        """Note entries whose lease begins now; a lease held before on the same item is history."""
        until = self._end_of_lease()
        with self._changed:
            self._held.update({entry.key: (entry, until) for entry in entries})

    def extend(self, entries: Iterable[Entry]) -> None:
        """Note leases that were moved now."""
        until = self._end_of_lease()
        with self._changed:
            for entry in entries:
                if self._is_held(entry):
                    self._held[entry.key] = (entry, until)

    def let_go(self, entries: Iterable[Entry]) -> None:
        """Forget leases: their outcome is written, or somebody else has the entries."""
        with self._changed:
            for entry in entries:
                # The same item may be held anew by now, because its input changed.
                if self._is_held(entry):
                    del self._held[entry.key]
            self._changed.notify_all()

    def entries(self) -> list[Entry]:
        """All that is held."""
        with self._changed:
            return [entry for entry, _ in self._held.values()]

    def holds(self, entry: Entry) -> bool:
        """Whether the entry is still held under the very lease that it was claimed with."""
        with self._changed:
            return self._is_held(entry)

    def expiring(self) -> list[Entry]:
        """Those of whose lease less than half is left."""
        soon = time.monotonic() + self._lease_seconds / 2
        with self._changed:
            return [entry for entry, until in self._held.values() if until < soon]

    def wait_until_at_most(self, count: int, timeout: float) -> bool:
        """Wait until no more than `count` entries are held; False if time ran out first."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._held) <= count, timeout)

    def _end_of_lease(self) -> float:
        return time.monotonic() + self._lease_seconds

    def _is_held(self, entry: Entry) -> bool:
        found = self._held.get(entry.key)
        return found is not None and found[0].lease_token == entry.lease_token
