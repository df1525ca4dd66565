"""What every preset shares: its columns, and how a cell's fault becomes a rejected row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from operator import itemgetter
from typing import Any, ClassVar, TypeVar

from vitrine.catalogue.markup import to_line
from vitrine.catalogue.reading import Row
from vitrine.catalogue.records import Collected, RejectedError
from vitrine.catalogue.values import KEY_LENGTH, Prices
from vitrine.errors import CatalogueError

__all__ = ["Preset", "checked", "key_text", "title_text"]

TITLE_LENGTH = 2000
T = TypeVar("T")


class Preset(ABC):
    """Turns the rows of one platform's export into records."""

    name: ClassVar[str]
    required: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]]
    signature: ClassVar[tuple[str, ...]]  # columns that tell this platform's files from others
    provides: ClassVar[Mapping[str, tuple[str, ...]]]  # what a file sets, if any column is there
    columns_of: ClassVar[Mapping[str, str]]  # sku, product, parent, link, title → the file's column

    def __init__(self, prices: Prices, locales: Mapping[str, str], today: date) -> None:
        self.prices = prices
        self.locales = locales
        self.today = today

    @abstractmethod
    def add(self, line: int, cells: Sequence[str], out: Collected) -> None:
        """Take one row: its cells are those of `required`, then of `optional`, '' where missing."""

    def locale(self, code: str) -> str:
        """The locale of a store view or language, by --locale, else its own name."""
        return self.locales.get(code, code)

    def column(self, name: str) -> str:
        """The file's own name for what the SQL files check, for the rejects."""
        return self.columns_of.get(name, name)

    @classmethod
    def fits(cls, columns: Sequence[str]) -> bool:
        """Whether a file with these columns can be read by this preset."""
        return set(cls.required) <= set(columns)

    def fields(self, columns: Sequence[str]) -> frozenset[str]:
        """What a file with these columns says; the rest of a known product stays as it is."""
        here = set(columns)
        return frozenset(name for name, of in self.provides.items() if here.intersection(of))

    def picker(self, columns: Sequence[str]) -> Callable[[Sequence[str]], tuple[str, ...]]:
        """A function from a row, with one '' added at its end, to this preset's cells."""
        places = {name: number for number, name in reversed(list(enumerate(columns)))}
        wanted = (*self.required, *self.optional)
        return itemgetter(*(places.get(name, len(columns)) for name in wanted))

    def read(
        self, rows: Iterable[Row], columns: Sequence[str], out: Collected, start: int
    ) -> Iterable[int]:
        """Add each row after line `start` to `out` and yield its line."""
        pick: Any = self.picker(columns)
        for line, cells in rows:
            if line <= start:
                continue
            if isinstance(cells, RejectedError):
                out.reject_row(line, cells)
            else:
                chosen = pick((*cells, ""))
                try:
                    self.add(line, chosen, out)
                except RejectedError as error:
                    out.reject_row(line, error, **self.identify(chosen))
            yield line

    def identify(self, cells: Sequence[str]) -> dict[str, str | None]:
        """What a refused row was about, so that --full does not retire it."""
        return {"sku": cells[0].strip()[:KEY_LENGTH] or None}


def check_columns(
    preset: type[Preset], columns: Sequence[str], known: Iterable[type[Preset]]
) -> None:
    """Refuse a file that lacks a preset's columns, naming them and the preset that would fit."""
    missing = [name for name in preset.required if name not in columns]
    if missing:
        fitting = [other.name for other in known if other is not preset and other.fits(columns)]
        advice = (
            f"its columns fit --preset {' or '.join(fitting)}"
            if fitting
            else "use the preset of the platform that wrote it, or --map column=field"
        )
        raise CatalogueError(
            f"this is no {preset.name} export: it lacks the "
            f"column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; {advice}"
        )
    twice = sorted(
        {name for name in (*preset.required, *preset.optional) if list(columns).count(name) > 1}
    )
    if twice:
        raise CatalogueError(f"the header names a column twice: {', '.join(twice)}")


def checked(column: str, value: str, function: Callable[..., T], *arguments: Any) -> T:
    """Call a parser; its complaint becomes the rejection of this cell."""
    try:
        return function(*arguments)
    except ValueError as error:
        raise RejectedError(column, value[:200], str(error)) from error


def key_text(column: str, text: str) -> str:
    """A SKU or key: not empty, not too long."""
    text = text.strip()
    if not text:
        raise RejectedError(column, text, "empty")
    if len(text) > KEY_LENGTH:
        raise RejectedError(column, text[:200], f"over {KEY_LENGTH} characters")
    return text


def title_text(column: str, text: str) -> str:
    """A product's title: not empty, not too long, without markup."""
    title = to_line(text)
    if not title:
        raise RejectedError(column, text[:200], "empty")
    if len(title) > TITLE_LENGTH:
        raise RejectedError(column, text[:200], f"over {TITLE_LENGTH:,} characters")
    return title
