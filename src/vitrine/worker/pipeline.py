"""The stages from a claimed entry to its written vector, each in threads of its own.

claimed → read (fetch and decode) → model → write, with bounded channels between them, so that the
slowest (the model, if all is well) never waits for the others, and they never run far ahead of it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vitrine.work_queue import Deferred
from vitrine.worker.batching import ModelStage
from vitrine.worker.channel import Channel
from vitrine.worker.encoding import BatchEncoder
from vitrine.worker.feeding import MOST_IN_FLIGHT
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

    from vitrine.images import ImageLimits, ImageStore
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
CPU_BATCH = 16
GPU_BATCH = 64
MOST_MODELS = 4


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
        size = self.batch_size * self.models_at_once
        self.claimed = Channel(MOST_IN_FLIGHT)
        self.in_flight = InFlight(self.settings.lease_seconds)
        self._ready: Channel[Picture | Words] = Channel(size)
        self._outcomes: Channel[Outcome] = Channel(MOST_IN_FLIGHT)

    @property
    def least_in_flight(self) -> int:
        """What is in the model, as much ready, as much being written, and twice that on its way."""
        return 5 * max(self.batch_size * self.models_at_once, 16)

    @property
    def batch_size(self) -> int:
        """The setting, else what is enough to use the device fully.

        Larger batches gain a processor nothing (their tensors fall out of its caches), and make
        queries and a stop wait for longer.
        """
        return self.settings.batch_size or (CPU_BATCH if self.on_cpu else GPU_BATCH)

    @property
    def models_at_once(self) -> int:
        """How many batches are in the model at once.

        On a processor one batch on each core beats one batch on all of them: its threads would
        wait for each other after every layer, the longer the more cores decoding takes away.
        """
        return min(self.model_threads, MOST_MODELS) if self.on_cpu else 1

    @property
    def on_cpu(self) -> bool:
        """Whether the model shares the processor with everything else."""
        return str(getattr(self.encoder, "device", "cpu")).startswith("cpu")

    def start(self) -> None:
        """Start the threads of every stage."""
        decoders = self.settings.decode_threads or available_cores()
        reader = Reader(
            self.source,
            self.encoder,
            self.limits,
            self.known,
            decoders=decoders,
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
        readers = max(self.settings.fetch_threads, decoders)
        self.threads.start("read", lambda: self._read(reader), readers)
        self.threads.start("model", lambda: self._run_model(model), self.models_at_once)
        self.threads.start("write", writer.run)

    def close(self) -> None:
        """End every stage: what is encoded is written, everything else is given back."""
        self.claimed.close(discard=True)
        self._ready.close(discard=True)
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

    def _read(self, reader: Reader) -> None:
        use_threads(1)
        while not self.claimed.finished:
            for entry in self.claimed.take():
                reader.read(entry)

    def _run_model(self, model: ModelStage) -> None:
        use_threads(max(self.model_threads // self.models_at_once, 1))
        model.run()
