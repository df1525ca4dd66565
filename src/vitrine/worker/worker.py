"""One worker process: the pipeline, what feeds and keeps it, and how all of it ends."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from pgvector.psycopg import register_vector

from vitrine.database import connect
from vitrine.images import SourceSettings, open_source
from vitrine.vectors import ensure_space
from vitrine.work_queue import WorkQueue
from vitrine.worker.feeding import Feeder
from vitrine.worker.fetching import for_queries
from vitrine.worker.keeping import Keeper, Registration
from vitrine.worker.listening import Listener
from vitrine.worker.live import LiveQueries
from vitrine.worker.pipeline import Pipeline
from vitrine.worker.progress import Progress
from vitrine.worker.session import Session, StoppedError
from vitrine.worker.thread_group import ThreadGroup
from vitrine.worker.threads import torch_threads
from vitrine.worker.tuning import Tuner

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrine.database import Connection
    from vitrine.images import ImageStore
    from vitrine.settings import Settings
    from vitrine.vectors import Space
    from vitrine.worker.progress import Snapshot
    from vitrine.worker.stages import AnyEncoder

__all__ = ["Worker"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

TICK = 0.2  # seconds between calls of `on_tick`
PATIENCE = 3.0  # seconds that the end waits for threads that only have to notice it


class Worker:
    """Drains the queue of one space and answers its queries, until stopped or done.

    `encoder` is a `vitrine.encoder.Encoder` or anything of its shape. An object runs once.
    """

    def __init__(
        self,
        url: str,
        settings: Settings,
        encoder: AnyEncoder,
        *,
        once: bool = False,
        on_tick: Callable[[Snapshot], None] = lambda _: None,
    ) -> None:
        self._url = url
        self._settings = settings
        self._encoder = encoder
        self._once = once
        self._on_tick = on_tick
        self._progress = Progress()
        self._stop = threading.Event()  # claim no more, return what is held
        self._ended = threading.Event()  # all is written: heartbeat and listening end too
        self._finished = threading.Event()  # the end may begin
        self._work = threading.Event()
        self._request = threading.Event()
        self._threads = ThreadGroup(self.stop)
        self._closing = ExitStack()

    def stop(self) -> None:
        """Finish the batch in the model, give the rest back and end; callable from a signal."""
        self._stop.set()
        self._work.set()
        self._request.set()
        self._finished.set()

    def run(self) -> Snapshot:
        """Work until `stop`, or with `once` until nothing is due; returns what was done.

        A database that goes away meanwhile is waited for; one that is not there at the start is
        an error.

        Raises:
            SpaceError: the model's space is retired.
            DatabaseError: the database cannot be reached, or refuses for good.
            ModelError: the encoder fails with every input.

        """
        places = SourceSettings.of(self._settings)
        with connect(self._url, self._settings.db_schema) as connection:
            space = ensure_space(connection, self._encoder.identity)
        logger.info("working for space %s: %s", space.name, self._encoder.identity)
        with (
            self._closing,
            open_source(places) as source,
            open_source(for_queries(places)) as web,
        ):
            pipeline = self._start(space, source, web)
            while not self._finished.wait(TICK):
                self._on_tick(self._progress.snapshot())
            stopped = self._stop.is_set()
            self._end(pipeline)
            if self._once and not stopped:
                # What was written last may have made the cells due.
                tuner = self._tuner(space, stop=threading.Event())
                tuner.tune()
                tuner.fold()
        result = self._progress.snapshot()
        self._on_tick(result)
        if self._threads.failure is not None:
            raise self._threads.failure
        return result

    def _start(self, space: Space, source: ImageStore, web: ImageStore) -> Pipeline:
        limits = SourceSettings.of(self._settings).limits
        live = LiveQueries(
            self._session(_with_vectors, {"synchronous_commit": "off"}),
            self._encoder,
            limits,
            web,
            space_id=space.space_id,
            request=self._request,
            progress=self._progress,
            most_threads=torch_threads(),
        )
        pipeline = Pipeline(
            encoder=self._encoder,
            settings=self._settings,
            limits=limits,
            source=source,
            session=self._session(lambda c: WorkQueue(c, space.space_id)),
            threads=self._threads,
            stop=self._stop,
            model_threads=torch_threads(),
            turn=live.backfilling,
            progress=self._progress,
        )
        self._threads.start("keep", lambda: self._keeper(space, pipeline).run(self._ended))
        self._threads.start("listen", lambda: self._listener().run(self._ended))
        self._threads.start("live", lambda: live.run(self._ended))
        self._threads.start("tune", lambda: self._tuner(space, stop=self._ended).run(self._ended))
        pipeline.start()
        self._threads.start("feed", lambda: self._feed(self._feeder(space, pipeline)))
        return pipeline

    def _end(self, pipeline: Pipeline) -> None:
        """Write what is encoded, give the rest back, say good-bye."""
        self._stop.set()
        self._threads.join("feed", PATIENCE)
        try:
            pipeline.close()
        except StoppedError:
            logger.warning("the database does not answer; what was held comes back by its lease")
        self._ended.set()
        self._request.set()
        for name in ("live", "listen", "keep", "tune"):
            self._threads.join(name, PATIENCE)

    def _feed(self, feeder: Feeder) -> None:
        feeder.run()
        self._finished.set()

    def _feeder(self, space: Space, pipeline: Pipeline) -> Feeder:
        return Feeder(
            self._session(lambda c: WorkQueue(c, space.space_id)),
            claimed=pipeline.claimed,
            in_flight=pipeline.in_flight,
            known=pipeline.known,
            progress=self._progress,
            work=self._work,
            stop=self._stop,
            least=pipeline.least_in_flight,
            lease_seconds=self._settings.lease_seconds,
            once=self._once,
        )

    def _keeper(self, space: Space, pipeline: Pipeline) -> Keeper:
        return Keeper(
            self._session(lambda c: (c, WorkQueue(c, space.space_id))),
            Registration.here(space.space_id, str(getattr(self._encoder, "device", "cpu"))),
            in_flight=pipeline.in_flight,
            progress=self._progress,
            lease_seconds=self._settings.lease_seconds,
            known_queries=self._settings.known_queries,
        )

    def _tuner(self, space: Space, *, stop: threading.Event) -> Tuner:
        return Tuner(self._session(lambda c: c), space.space_id, stop=stop)

    def _listener(self) -> Listener:
        return Listener(
            self._session(lambda c: c),
            self._settings.db_schema,
            work=self._work,
            request=self._request,
        )

    def _session(
        self, prepare: Callable[[Connection], T], settings: dict[str, str] | None = None
    ) -> Session[T]:
        session = Session(
            self._url, self._settings.db_schema, prepare, stop=self._stop, settings=settings
        )
        self._closing.callback(session.close)
        return session


def _with_vectors(connection: Connection) -> Connection:
    register_vector(connection)
    return connection
