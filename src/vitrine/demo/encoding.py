"""Encodes the demo shop in this process: the worker, once, and its space serves the searches."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vitrine.database import connect
from vitrine.errors import SourceUnavailableError
from vitrine.vectors import Space, activate_space, ensure_space, list_spaces, reopen_space
from vitrine.work_queue import retry_dead
from vitrine.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vitrine.encoder import Encoder, SpaceIdentity
    from vitrine.settings import Settings
    from vitrine.worker import Snapshot

__all__ = ["encode_shop"]


def encode_shop(
    url: str, settings: Settings, encoder: Encoder, on_tick: Callable[[Snapshot], None]
) -> Snapshot:
    """Drain the queue and let the encoder's space serve; returns what was done.

    Raises:
        SourceUnavailableError: pictures are left that could not be read.
        SpaceError: some could not be encoded, so that searches would miss products.
        KeyboardInterrupt: it was stopped by a signal; what was encoded is kept.

    """
    with connect(url, settings.db_schema) as connection:
        known = _known_space(list_spaces(connection), encoder.identity)
        if known is not None and known.status == "retired":
            reopen_space(connection, known.name)
        retry_dead(connection)
    worker = Worker(url, settings, encoder, once=True, on_tick=on_tick)
    with _stopped_by_signals(worker):
        result = worker.run()
    if result.deferred:
        raise SourceUnavailableError(
            f"{result.deferred:,} entries could not be tried and still wait: {result.trouble}"
        )
    with connect(url, settings.db_schema) as connection:
        space = ensure_space(connection, encoder.identity)
        if space.status != "active":
            activate_space(connection, space.name)
    return result


def _known_space(spaces: list[Space], identity: SpaceIdentity) -> Space | None:
    wanted = (identity.model, identity.revision, identity.dimension, identity.preprocessing)
    for space in spaces:
        if (space.model, space.revision, space.dimension, space.preprocessing) == wanted:
            return space
    return None


@contextmanager
def _stopped_by_signals(worker: Worker) -> Iterator[None]:
    """Let the first Ctrl-C end the worker in order; then it is a KeyboardInterrupt as ever."""
    stopped = False

    def stop(number: int, _frame: Any) -> None:
        nonlocal stopped
        stopped = True
        signal.signal(number, signal.SIG_DFL)  # a second one ends it at once
        worker.stop()

    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    if stopped:
        raise KeyboardInterrupt
