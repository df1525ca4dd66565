"""Pairs of picture and caption in memory, with the facts that decide which captions hold."""

from __future__ import annotations

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from vitrine.errors import CatalogueError, ImageError
from vitrine.train.colours import COLOURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from random import Random

    from torch import Tensor

__all__ = ["FACTS", "Caption", "FactIndex", "PairSet", "Speaker", "load_pictures", "read_pairs"]

# What captions can assert, one column each.
FACTS = ("item", "category", "group", "colour", "shade", "pattern")
UNKNOWN = -1


@dataclass(frozen=True, kw_only=True)
class Caption:
    """Words, and what they assert: an index for each of FACTS, -1 for what is left unsaid."""

    text: str
    claims: tuple[int, ...]


class Speaker(Protocol):
    """Says one caption of picture `row`, whose colour word (or -1) may have been changed."""

    def __call__(self, row: int, colour: int, rng: Random) -> Caption:
        """Each call draws anew from `rng`."""
        ...


class FactIndex:
    """Numbers the words of each column, so that equal words of different sources are equal."""

    def __init__(self) -> None:
        self._words: dict[str, dict[str, int]] = {column: {} for column in FACTS}
        # Colours that are measured after a change of hue come as positions in COLOURS.
        self._words["colour"] = {colour: number for number, colour in enumerate(COLOURS)}

    def __call__(self, **facts: str | None) -> tuple[int, ...]:
        """Indexes (one for each of FACTS) of the words given; -1 where none is."""
        return tuple(self._number(column, facts.get(column)) for column in FACTS)

    def _number(self, column: str, word: str | None) -> int:
        if word is None:
            return UNKNOWN
        words = self._words[column]
        return words.setdefault(word, len(words))


@dataclass(frozen=True, kw_only=True)
class PairSet:
    """Pictures uint8 (N, S, S, 3), facts (N, K), garment colours (N, 3), sampling weights (N,)."""

    pixels: Tensor
    truths: Tensor
    colours: Tensor  # sRGB 0 to 1; NaN where unknown, and then never changed
    weights: Tensor
    speak: Speaker

    def __len__(self) -> int:
        return len(self.pixels)

    @staticmethod
    def join(sets: Sequence[PairSet]) -> PairSet:
        """All pairs of several sets; each row keeps its own speaker."""
        starts = np.cumsum([0, *(len(part) for part in sets)])

        def speak(row: int, colour: int, rng: Random) -> Caption:
            part = int(np.searchsorted(starts, row, side="right")) - 1
            return sets[part].speak(row - int(starts[part]), colour, rng)

        return PairSet(
            pixels=torch.cat([part.pixels for part in sets]),
            truths=torch.cat([part.truths for part in sets]),
            colours=torch.cat([part.colours for part in sets]),
            weights=torch.cat([part.weights for part in sets]),
            speak=speak,
        )


def load_pictures(paths: Sequence[Path], side: int, threads: int = 2) -> Tensor:
    """Decode and resize to uint8 (N, side, side, 3); raises ImageError naming the file."""
    with ThreadPoolExecutor(threads) as pool:
        rows = list(pool.map(lambda path: _load(path, side), paths))
    return torch.from_numpy(np.stack(rows))


def _load(path: Path, side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (2 * side, 2 * side))
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as exc:
        message = f"{path} cannot be read as a picture: {exc}; remove its row or mend the file"
        raise ImageError(message) from exc
    # Squashed to a square, as the packaged processor does: nothing is cut off.
    return np.asarray(upright.resize((side, side), Image.Resampling.BILINEAR))


def read_pairs(table: Path, side: int) -> PairSet:
    """The user's own pairs: CSV or JSON lines with `image` (relative to the file) and `caption`.

    Rows with equal captions count as positives of one another. Raises CatalogueError with
    file and line for a missing column or an empty value.
    """
    rows = list(_rows(table))
    if not rows:
        message = f"{table} has no rows; it needs the columns image and caption"
        raise CatalogueError(message)
    index = FactIndex()
    truths = [index(item=caption.casefold()) for _, caption in rows]

    def speak(row: int, colour: int, rng: Random) -> Caption:  # noqa: ARG001 - Speaker's shape
        return Caption(text=rows[row][1], claims=truths[row])

    return PairSet(
        pixels=load_pictures([table.parent / image for image, _ in rows], side),
        truths=torch.tensor(truths),
        colours=torch.full((len(rows), 3), torch.nan),
        weights=torch.ones(len(rows)),
        speak=speak,
    )


def _rows(table: Path) -> Iterator[tuple[str, str]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            records: Iterable[dict[str, str]]
            if table.suffix.lower() in {".jsonl", ".ndjson"}:
                records = (json.loads(line) for line in file if line.strip())
            else:
                records = csv.DictReader(file)
            for number, record in enumerate(records, start=1):
                image, caption = record.get("image"), record.get("caption")
                if not image or not caption:
                    missing = "caption" if image else "image"
                    message = f"{table}, row {number}: {missing} is missing or empty"
                    raise CatalogueError(message)
                yield image, caption
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as exc:
        message = f"{table} cannot be read as a table of image and caption: {exc}"
        raise CatalogueError(message) from exc
