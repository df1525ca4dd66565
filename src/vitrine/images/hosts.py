"""How each host is doing, so that a dead one costs a few timeouts and not one for every picture."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from vitrine.errors import SourceUnavailableError

__all__ = ["HostHealth"]

FAILURES_IN_A_ROW = 3
FIRST_PAUSE = 15.0  # seconds; doubles with every further failure
LONGEST_PAUSE = 600.0
REMEMBERED_FAILURES = 10_000  # URIs
REMEMBERED_HOSTS = 10_000  # those that said something last; shoppers can name any number
# These can be one address's fault (a picture that its server stumbles over); the others cannot.
_ABOUT_ONE_URI = frozenset({"http_5xx", "timeout", "connection"})


@dataclass
class _Host:
    answered: float = float("-inf")  # when it last served anything, by the monotonic clock
    failures: int = 0  # in a row
    paused_until: float = 0.0
    reason: str = ""


@dataclass
class HostHealth:
    """Counts failures and answers for each host; safe to use from several threads."""

    _hosts: OrderedDict[str, _Host] = field(default_factory=OrderedDict)
    _failed_at: OrderedDict[str, float] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, host: str) -> None:
        """Raise SourceUnavailableError at once while the host is left alone."""
        with self._lock:
            state = self._hosts.get(host)
            pause = state.paused_until - time.monotonic() if state else 0.0
        if state and pause > 0:
            raise SourceUnavailableError(
                f"{host} failed {state.failures} times in a row ({state.reason}); "
                f"it is left alone for another {pause:.0f} s",
                reason=state.reason,
                host=host,
                retry_after=pause,
            )

    def answered(self, host: str, uri: str) -> None:
        """Note that the host served something, even if only a 404."""
        with self._lock:
            self._remember(host, _Host(answered=time.monotonic()))
            self._failed_at.pop(uri, None)

    def answered_within(self, host: str, seconds: float) -> bool:
        """Whether the host has served anything in the last `seconds`."""
        with self._lock:
            state = self._hosts.get(host)
            return state is not None and state.answered > time.monotonic() - seconds

    def failed(self, host: str, uri: str, error: SourceUnavailableError) -> SourceUnavailableError:
        """Note a failure; the same error with `host`, `retry_after` and `isolated` filled in."""
        now = time.monotonic()
        with self._lock:
            state = self._hosts.get(host) or _Host()
            self._remember(host, state)
            before = self._failed_at.pop(uri, None)
            self._failed_at[uri] = now
            if len(self._failed_at) > REMEMBERED_FAILURES:
                self._failed_at.popitem(last=False)
            error.isolated = (
                error.reason in _ABOUT_ONE_URI and before is not None and state.answered > before
            )
            # Requests that were on their way when the pause began say nothing new.
            if not error.isolated and now >= state.paused_until:
                _pause(state, error, now)
            error.host = host
            error.retry_after = max(state.paused_until - now, 0.0) or error.retry_after
        return error

    def _remember(self, host: str, state: _Host) -> None:
        self._hosts[host] = state
        self._hosts.move_to_end(host)
        if len(self._hosts) > REMEMBERED_HOSTS:
            self._hosts.popitem(last=False)


def _pause(state: _Host, error: SourceUnavailableError, now: float) -> None:
    state.failures += 1
    state.reason = error.reason
    excess = state.failures - FAILURES_IN_A_ROW
    pause = FIRST_PAUSE * 2 ** min(excess, 10) if excess >= 0 else 0.0
    pause = min(max(pause, error.retry_after or 0.0), LONGEST_PAUSE)
    state.paused_until = now + pause
