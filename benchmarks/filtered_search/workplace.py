"""Where a run's engines live: a folder, an embedded server, and what is already built there."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from vitrine.embedded import start_embedded, stop_embedded

__all__ = ["Workplace", "open_workplace", "timed"]


@dataclass(kw_only=True)
class Workplace:
    """A folder that is thrown away at the end, or kept so that the next run need not build."""

    folder: Path
    postgres: int
    rebuild: bool = False
    closing: ExitStack = field(default_factory=ExitStack)
    _url: str | None = None
    _built: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        """The embedded server's, started at the first use."""
        if self._url is None:
            self._url = start_embedded(self.folder, self.postgres)
            self.closing.callback(stop_embedded, self.folder, self.postgres)
        return self._url

    def build_once(
        self, name: str, fingerprint: str, build: Callable[[], dict[str, float]]
    ) -> dict[str, float]:
        """Seconds of a build's steps, those of an earlier one where it holds the same data."""
        record = self.folder / f"{name}.json"
        if record.exists() and (name in self._built or not self.rebuild):
            known = json.loads(record.read_text())
            if known["fingerprint"] == fingerprint:
                return {step: float(seconds) for step, seconds in known["seconds"].items()}
        record.unlink(missing_ok=True)
        seconds = build()
        self._built.add(name)
        record.write_text(json.dumps({"fingerprint": fingerprint, "seconds": seconds}))
        return seconds


@contextmanager
def open_workplace(keep: Path | None, postgres: int, *, rebuild: bool) -> Iterator[Workplace]:
    """A workplace in a folder to keep or in a temporary one; its server stops at the end."""
    with ExitStack() as stack:
        if keep is None:
            temporary = tempfile.TemporaryDirectory(prefix="vitrine-bench-")
            folder = Path(stack.enter_context(temporary))
        else:
            keep.mkdir(parents=True, exist_ok=True)
            folder = keep
        closing = stack.enter_context(ExitStack())
        yield Workplace(folder=folder, postgres=postgres, rebuild=rebuild, closing=closing)


@contextmanager
def timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    """Add the seconds of a block to a step."""
    began = time.perf_counter()
    yield
    seconds[step] = seconds.get(step, 0.0) + time.perf_counter() - began
