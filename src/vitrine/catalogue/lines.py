"""The lines of a text file; the last blocks of them are kept, so that they can be read again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO

from vitrine.catalogue.cells import CELL_LENGTH, NUL, is_text
from vitrine.errors import CatalogueError

__all__ = ["Lines"]

BLOCK_LENGTH = 2**18
KEPT = CELL_LENGTH // BLOCK_LENGTH + 2  # blocks: the longest cell, and where it began


class Lines:
    """Lines of a text file, remembering what cannot be stored of those just read."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self._path = path
        self._file = file
        self._kept: deque[tuple[int, list[str]]] = deque(maxlen=KEPT)
        self._next = 1
        self.fault: str | None = None
        self.invalid = (
            f"not valid {file.encoding.upper()}; save the file as UTF-8, or give --encoding"
        )

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._blocks())

    def again(self, number: int) -> Iterator[str] | None:
        """The lines from this one on, once more; None if it is not kept any longer."""
        kept = [block for block in self._kept if block[0] + len(block[1]) > number]
        if not kept or kept[0][0] > number:
            return None
        self.fault = None
        start, first = kept[0]
        blocks = [first[number - start :], *(lines for _, lines in kept[1:])]
        return chain(chain.from_iterable(map(self._checked, blocks)), iter(self))

    def _blocks(self) -> Iterator[Iterable[str]]:
        while lines := self._read():
            self._kept.append((self._next, lines))
            self._next += len(lines)
            yield self._checked(lines)

    def _read(self) -> list[str]:
        try:
            return self._file.readlines(BLOCK_LENGTH)
        except UnicodeError as error:
            # In encodings of several bytes a character, what follows a fault cannot be told.
            raise CatalogueError(
                f"{self._path}: the file is not in {self._file.encoding}: {error}; give the "
                "--encoding that it was saved in"
            ) from error
        except OSError as error:
            raise CatalogueError(
                f"{self._path}: the file cannot be read on: {error.strerror}"
            ) from error

    def _checked(self, lines: list[str]) -> Iterable[str]:
        # Faults are rare: they are looked for in whole blocks, then line by line.
        block = "".join(lines)
        faulty = "\0" in block or not (block.isascii() or is_text(block))
        return self._marked(lines) if faulty else lines

    def _marked(self, lines: list[str]) -> Iterator[str]:
        for line in lines:
            if not line.isascii() and not is_text(line):
                self.fault = self.invalid
            if "\0" in line:
                self.fault = NUL
            yield line
