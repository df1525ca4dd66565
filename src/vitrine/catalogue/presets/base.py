"""What every preset shares: its columns, and how a cell's fault becomes a rejected row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from operator import itemgetter
from typing import Any, ClassVar, TypeVar

from vitrine.catalogue.cells import Row
from vitrine.catalogue.markup import to_line, to_text
from vitrine.catalogue.records import Collected, RejectedError
from vitrine.catalogue.values import KEY_LENGTH, Prices
from vitrine.errors import CatalogueError

__all__ = [
    "OPTION_NAMES",
    "Preset",
    "check_columns",
    "checked",
    "description_text",
    "key_text",
    "title_text",
]

TITLE_LENGTH = 2000
DESCRIPTION_LENGTH = 100_000  # a full-text document holds at most 1 MB
# Attributes that are an option of a product sold in one variant too, so that filters find it.
OPTION_NAMES = frozenset({"color", "colour", "size"})
T = TypeVar("T")


class Preset(ABC):
    """Turns the rows of one platform's export into records."""

    name: ClassVar[str]
    required: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]]
    provides: ClassVar[Mapping[str, tuple[str, ...]]]  # what a file sets, if any column is there
    columns_of: ClassVar[Mapping[str, str]]  # sku, product, parent, link, title → the file's column
    stateful: ClassVar[bool] = False  # a row's meaning depends on those before it

    def __init__(
        self,
        columns: Sequence[str],
        prices: Prices,
        locales: Mapping[str, str],
        default_locale: str,
        today: date,
    ) -> None:
        self.columns = columns
        self.dynamic_columns = self.dynamic(columns)
        self.prices = prices
        self.locales = locales
        self.default_locale = default_locale
        self.today = today

    @abstractmethod
    def add(self, line: int, cells: Sequence[str], out: Collected) -> None:
        """Take one row: its cells are those of `required`, then of `optional`, '' where missing."""

    def locale(self, code: str) -> str:
        """The locale of a store view or language, by --locale, else its own name."""
        return self.locales.get(code, code)

    @classmethod
    def dynamic(cls, _columns: Sequence[str]) -> tuple[str, ...]:
        """More columns of this file that are read, after the optional ones."""
        return ()

    def column(self, name: str) -> str:
        """The file's own name for what the SQL files check, for the rejects."""
        return self.columns_of.get(name, name)

    @classmethod
    def fits(cls, columns: Sequence[str]) -> bool:
        """Whether a file with these columns can be read by this preset."""
        return set(cls.required) <= set(columns)

    def fields(self) -> frozenset[str]:
        """What this file says of a product; the rest of a known one stays as it is."""
        here = set(self.columns)
        return frozenset(name for name, of in self.provides.items() if here.intersection(of))

    def picker(self) -> Callable[[Sequence[str]], tuple[str, ...]]:
        """A function from a row to this preset's cells, '' where the file lacks the column."""
        places = {name: number for number, name in reversed(list(enumerate(self.columns)))}
        nowhere = len(self.columns)
        wanted = (*self.required, *self.optional, *self.dynamic_columns)
        numbers = [places.get(name, nowhere) for name in wanted]
        if len(numbers) == 1:
            return lambda cells: (cells[numbers[0]],)
        pick: Callable[[Sequence[str]], tuple[str, ...]] = itemgetter(*numbers)
        return (lambda cells: pick((*cells, ""))) if nowhere in numbers else pick

    def read(self, rows: Iterable[Row], out: Collected, start: int) -> Iterable[int]:
        """Add each row after line `start` to `out` and yield its line."""
        pick = self.picker()
        for line, cells in rows:
            if line <= start:
                if self.stateful and not isinstance(cells, RejectedError):
                    with suppress(RejectedError):
                        self.add(line, pick(cells), Collected())
                continue
            if isinstance(cells, RejectedError):
                out.reject_row(line, cells)
            else:
                chosen = pick(cells)
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


def description_text(column: str, markup: str) -> str:
    """A description's text: not too long to be searched."""
    text = to_text(markup)
    if len(text) > DESCRIPTION_LENGTH:
        raise RejectedError(column, text[:200], f"over {DESCRIPTION_LENGTH:,} characters of text")
    return text
