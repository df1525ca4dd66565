"""The stages from a claimed entry to its written vector, each in threads of its own.

claimed → fetch → decode → model → write: bounded channels between them, so that the slowest (the
model, if all is well) never waits for the others and the others never run far ahead of it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vitrine.work_queue import Deferred
from vitrine.worker.batching import ModelStage
from vitrine.worker.channel import Channel
from vitrine.worker.encoding import BatchEncoder
from vitrine.worker.in_flight import InFlight
from vitrine.worker.known import KnownContents
from vitrine.worker.progress import Progress
from vitrine.worker.reading import Reader
from vitrine.worker.threads import available_cores, use_threads
from vitrine.worker.writing import Writer

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from vitrine.images import Fetched, ImageLimits, ImageStore
    from vitrine.settings import Settings
    from vitrine.work_queue import Entry, WorkQueue
    from vitrine.worker.reading import Outcome
    from vitrine.worker.session import Session
    from vitrine.worker.stages import AnyEncoder, Picture, Words
    from vitrine.worker.thread_group import ThreadGroup

__all__ = ["Pipeline"]

logger = logging.getLogger(__name__)

MODEL_PATIENCE = 20.0  # seconds that a stop waits for the batch in the model
WRITE_PATIENCE = 10.0  # and for what is encoded to be written
PROBE = "shoe"
CPU_BATCH = 8
GPU_BATCH = 64


@dataclass(kw_only=True)
class Pipeline:
    """Encodes what is put into `claimed`; every entry ends in one outcome that is written."""

    encoder: AnyEncoder
    settings: Settings
    limits: ImageLimits
    source: ImageStore
    session: Session[WorkQueue]  # for the thread that writes
    threads: ThreadGroup
    stop: threading.Event
    model_threads: int
    turn: Callable[[], AbstractContextManager[None]]
    progress: Progress
    claimed: Channel[Entry] = field(init=False)
    in_flight: InFlight = field(init=False)
    known: KnownContents = field(default_factory=KnownContents)

    def __post_init__(self) -> None:
        size = self.batch_size
        self.claimed = Channel(self.most_in_flight)
        self.in_flight = InFlight(self.settings.lease_seconds)
        self._fetched: Channel[tuple[Entry, Fetched]] = Channel(8)
        self._ready: Channel[Picture | Words] = Channel(size)
        self._outcomes: Channel[Outcome] = Channel(self.most_in_flight)

    @property
    def most_in_flight(self) -> int:
        """A batch in the model, one ready, one being written, and two on their way."""
        return 5 * max(self.batch_size, 16)

    @property
    def batch_size(self) -> int:
        """The setting, else what is enough to use the device fully.

        Larger batches gain a processor nothing (their tensors fall out of its caches), and make
        queries and a stop wait for longer.
        """
        on_cpu = str(getattr(self.encoder, "device", "cpu")).startswith("cpu")
        return self.settings.batch_size or (CPU_BATCH if on_cpu else GPU_BATCH)

    def start(self) -> None:
        """Start the threads of every stage."""
        reader = Reader(
            self.source,
            self.encoder,
            self.limits,
            self.known,
            fetched=self._fetched,
            ready=self._ready,
            outcomes=self._outcomes,
        )
        model = ModelStage(
            self.encoder,
            BatchEncoder(self.batch_size, lambda: self.encoder.encode_texts([PROBE])),
            ready=self._ready,
            outcomes=self._outcomes,
            turn=self.turn,
            stop=self.stop,
        )
        writer = Writer(
            self.session,
            outcomes=self._outcomes,
            in_flight=self.in_flight,
            known=self.known,
            progress=self.progress,
            max_attempts=self.settings.max_attempts,
        )
        decoders = self.settings.decode_threads or available_cores()
        self.threads.start("fetch", lambda: self._fetch(reader), self.settings.fetch_threads)
        self.threads.start("decode", lambda: self._decode(reader), decoders)
        self.threads.start("model", lambda: self._run_model(model))
        self.threads.start("write", writer.run)

    def close(self) -> None:
        """End every stage: what is encoded is written, everything else is given back."""
        for channel in (self.claimed, self._fetched, self._ready):
            channel.close(discard=True)
        if not self.threads.join("model", MODEL_PATIENCE):
            logger.warning("the batch in the model is given back after %.0f s", MODEL_PATIENCE)
        self._outcomes.close()
        if not self.threads.join("write", WRITE_PATIENCE):
            logger.warning("the last vectors are not written; they are encoded again")
            return
        held = self.in_flight.entries()
        if held:
            self.session.run(lambda queue: queue.release([Deferred(entry=e) for e in held]))
            self.in_flight.let_go(held)
            logger.info("gave %d entries back", len(held))

    def _fetch(self, reader: Reader) -> None:
        while not self.claimed.finished:
            for entry in self.claimed.take():
                reader.fetch(entry)

    def _decode(self, reader: Reader) -> None:
        use_threads(1)
        while not self._fetched.finished:
            for entry, fetched in self._fetched.take():
                reader.decode(entry, fetched)

    def _run_model(self, model: ModelStage) -> None:
        use_threads(self.model_threads)
        model.run()
