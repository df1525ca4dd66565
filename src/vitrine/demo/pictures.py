"""Draws the demo shop's pictures on all cores."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from vitrine.demo.drawing import draw
from vitrine.errors import VitrineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vitrine.demo.products import Picture

__all__ = ["draw_pictures"]

_CHUNK = 16


def draw_pictures(
    pictures: Sequence[Picture], folder: Path, *, size: int = 320, processes: int | None = None
) -> Iterator[int]:
    """Draw pictures as JPEG files `size` pixels wide below `folder`; yields how many are done.

    Uses as many processes as this one may use cores, unless told otherwise; with 1 it draws here.

    Raises:
        OSError: the folder cannot be written, or its disk is full.
        VitrineError: a process was killed.

    """
    for parent in {(folder / picture.path).parent for picture in pictures}:
        parent.mkdir(parents=True, exist_ok=True)
    chunks = [pictures[at : at + _CHUNK] for at in range(0, len(pictures), _CHUNK)]
    count = processes or _cores()
    done = 0
    if count == 1 or len(chunks) == 1:
        for chunk in chunks:
            done += _draw_chunk(chunk, folder, size)
            yield done
        return
    # Spawned, not forked: the caller may hold threads and connections that a fork would copy.
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_ignore_ctrl_c)
    try:
        repeated = (chunks, [folder] * len(chunks), [size] * len(chunks))
        for drawn in pool.map(_draw_chunk, *repeated):
            done += drawn
            yield done
    except BrokenProcessPool as error:
        raise VitrineError(
            "a process that draws pictures was killed, perhaps for want of memory; run it again"
        ) from error
    finally:
        # Stopped halfway, what nobody waits for any more is not drawn.
        pool.shutdown(cancel_futures=True)


def _ignore_ctrl_c() -> None:
    """A terminal sends Ctrl-C to all its processes; the one that asked for pictures decides."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _draw_chunk(pictures: Sequence[Picture], folder: Path, size: int) -> int:
    """Draw and save; returns how many."""
    for picture in pictures:
        image = draw(picture.look, size, view=picture.view, worn=picture.worn, supersample=3)
        target = folder / picture.path
        # Under another name until whole, so that a killed run leaves no half picture behind.
        unfinished = target.with_suffix(f".{os.getpid()}.part")
        image.save(unfinished, "JPEG", quality=88, optimize=True)
        unfinished.replace(target)
    return len(pictures)


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
