"""`vitrine work`: drain the queue, and keep answering queries until stopped."""

from __future__ import annotations

import logging
import os
import signal
import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from vitrine.cli._options import DatabaseUrl, Schema, connection_settings
from vitrine.database import connect
from vitrine.errors import SourceUnavailableError
from vitrine.vectors import list_spaces

if TYPE_CHECKING:
    from vitrine.worker import Snapshot, Worker

LOG_EVERY = 10.0  # seconds between plain lines of progress

Once = Annotated[bool, typer.Option("--once", help="Stop when nothing is left that can be done.")]
Images = Annotated[
    str | None,
    typer.Option(help="Folder, web address or store of relative image paths; VITRINE_IMAGES."),
]
Model = Annotated[str | None, typer.Option(help="starter, a folder or a hub id; VITRINE_MODEL.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda; default VITRINE_DEVICE.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Log every failure as it happens.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(work)


def work(
    *,
    once: Once = False,
    images: Images = None,
    model: Model = None,
    device: Device = None,
    verbose: Verbose = False,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Encode what waits in the queue and answer queries; run as many as you like."""
    url, settings = connection_settings(database_url, schema)
    changes = {"images": images, "model": model, "device": device}
    settings = settings.model_copy(update={k: v for k, v in changes.items() if v is not None})
    console = Console(stderr=True)
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    # torch and the model take seconds to load, so a wrong database is found out first.
    with connect(url, settings.db_schema) as connection:
        list_spaces(connection)
    from vitrine.worker.threads import calm_waiting

    calm_waiting()
    from vitrine.encoder import load_encoder
    from vitrine.worker import Worker

    encoder = load_encoder(settings.model, revision=settings.model_revision, device=settings.device)
    display = _Bar(console) if console.is_terminal else _Lines()
    worker = Worker(url, settings, encoder, once=once, on_tick=display)
    with display.shown():
        _stop_on_signals(worker)
        result = worker.run()
    _report(result, once=once)
    _say_how_to_activate(url, settings.db_schema, encoder.identity.revision)


def _stop_on_signals(worker: Worker) -> None:
    """The first signal ends the work in order, a second one at once."""

    def force(number: int, _frame: Any) -> None:
        os._exit(128 + number)

    def stop(_number: int, _frame: Any) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, force)
        worker.stop()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)


def _report(result: Snapshot, *, once: bool) -> None:
    """Sum up; an unfinished `--once` is an error that says what was in the way."""
    parts = [f"{result.encoded:,} encoded"]
    for count, word in (
        (result.copied, "unchanged or copied"),
        (result.dead, "failed for good (see `vitrine status`)"),
        (result.failed, "failed, to be tried again"),
        (result.deferred, "put off"),
        (result.answered, "queries answered"),
    ):
        if count:
            parts.append(f"{count:,} {word}")
    typer.echo(", ".join(parts))
    if once and result.deferred and result.trouble:
        raise SourceUnavailableError(
            f"{result.deferred:,} entries could not be tried and still wait: {result.trouble}"
        )


def _say_how_to_activate(url: str, schema: str, revision: str) -> None:
    """A model other than the one that serves changes no search until it is told to."""
    with connect(url, schema) as connection:
        for space in list_spaces(connection):
            if space.status == "building" and space.revision == revision:
                typer.echo(
                    f"the searches are still served by another model; to let {space.name} serve "
                    f"them, run `vitrine space activate {space.name}`"
                )


class _Bar:
    """A progress bar with rate and time left, for a terminal."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[left]}"),
            console=console,
        )
        self._task = self._progress.add_task("encoding", total=None, rate="", left="")

    def shown(self) -> AbstractContextManager[object]:
        return self._progress

    def __call__(self, snapshot: Snapshot) -> None:
        idle = snapshot.done >= snapshot.total
        self._progress.update(
            self._task,
            description="waiting for work" if idle else "encoding",
            completed=snapshot.done,
            total=snapshot.total or None,
            rate=f"{snapshot.rate:.1f}/s",
            left="" if idle else _time_left(snapshot.seconds_left),
        )


class _Lines:
    """A plain line now and then, for a log."""

    def __init__(self) -> None:
        self._due = time.monotonic() + LOG_EVERY
        self._done = 0

    def shown(self) -> AbstractContextManager[object]:
        return nullcontext()

    def __call__(self, snapshot: Snapshot) -> None:
        if time.monotonic() < self._due or snapshot.done == self._done:
            return
        self._due = time.monotonic() + LOG_EVERY
        self._done = snapshot.done
        typer.echo(
            f"{snapshot.done:,} of {snapshot.total:,} done, {snapshot.rate:.1f}/s, "
            f"{_time_left(snapshot.seconds_left)}"
        )


def _time_left(seconds: float | None) -> str:
    if seconds is None:
        return "time left unknown"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} left" if hours else f"{minutes}:{rest:02} left"
