"""Imports a catalogue file into a shop: stage, link, apply; the same again finds nothing to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from vitrine.catalogue import applying
from vitrine.catalogue.presets import Preset, choose_preset
from vitrine.catalogue.reading import open_source
from vitrine.catalogue.rejects import check_rejects, rejects_path, write_rejects
from vitrine.catalogue.retiring import RETIRE_LIMIT
from vitrine.catalogue.runs import Run, open_run
from vitrine.catalogue.staging import stage
from vitrine.catalogue.values import Prices
from vitrine.database import Connection, connect, driver_errors
from vitrine.errors import CatalogueError

__all__ = ["ImportOptions", "ImportReport", "import_catalogue"]

DEFAULT_LOCALE = "en"
LOCK_WAIT = "3s"


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """How a file is read; the defaults are those of `vitrine import`."""

    preset: str | None = None  # None: the one preset that the columns fit
    mapping: Mapping[str, str] = field(default_factory=dict)  # column → field
    images: str | None = None  # where relative picture paths belong; kept for the workers
    currency: str | None = None  # ISO code; kept as the shop's
    locale: str | None = None  # of the texts without one; kept as the shop's
    locales: Mapping[str, str] = field(default_factory=dict)  # store view or language → locale
    full: bool = False  # retire what the file does not name
    retire_limit: float = RETIRE_LIMIT  # share of the active products that `full` may retire
    refresh: bool = False  # ask for the pictures again
    rejects: Path | None = None
    encoding: str = "utf-8"
    jobs: int = 2  # connections that apply batches side by side

    def __post_init__(self) -> None:
        if not 0 <= self.retire_limit <= 1:
            raise CatalogueError(f"--retire-limit {self.retire_limit}: give a share from 0 to 1")


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What an import did; `counts` are by noun and outcome, such as `("product", "new")`."""

    counts: Mapping[tuple[str, str], int]
    rows: int
    rejects: int
    unreadable: int  # of them rows that do not even tell their product
    rejects_file: Path | None
    seconds: float
    preset: str
    resumed: bool
    currency: str | None

    @property
    def changes(self) -> int:
        """New, changed, removed and retired things, all together."""
        return sum(number for (_, what), number in self.counts.items() if what != "unchanged")


def import_catalogue(
    url: str,
    schema: str,
    path: Path,
    options: ImportOptions | None = None,
    progress: Callable[[str, int], None] = lambda _stage, _done: None,
) -> ImportReport:
    """Import a file. A run that was stopped midway is resumed by the same call.

    `progress` is called with "reading" and the rows staged, then with "writing" and the batches'
    last row.

    Raises:
        CatalogueError: the file as a whole cannot be imported, or another import is running.
        DatabaseUnavailableError: the database went away; call again to go on.

    """
    options = options or ImportOptions()
    started = time.monotonic()
    with (
        driver_errors(),
        open_source(path, options.encoding) as source,
        connect(url, schema) as connection,
    ):
        _lock(connection)
        rejects = options.rejects or rejects_path(path)
        check_rejects(rejects)
        preset_class = choose_preset(source.columns, options.preset, options.mapping)
        settings = _Settings.read(connection, options)
        run = open_run(connection, path, _identity(options, preset_class, settings))
        currency = settings.currency or run.currency
        preset = preset_class(
            source.columns, Prices(currency), options.locales, settings.locale, date.today()
        )
        parameters = _parameters(preset, options, settings, run)
        if run.status == "staging":
            stage(connection, run, source, preset, lambda rows: progress("reading", rows))
            applying.link(connection, run, parameters, options.retire_limit)
        settings.keep(connection, preset.prices.currency)
        applying.apply(
            lambda: connect(url, schema),
            run, parameters, options.jobs, lambda record: progress("writing", record),
        )  # fmt: skip
        number = write_rejects(connection, rejects)
        [(unreadable,)] = connection.execute("SELECT import_unreadable()")
        connection.execute("SELECT import_clear()")
        return ImportReport(
            counts=_counts(run.counts),
            rows=run.staged_rows,
            rejects=number,
            unreadable=unreadable,
            rejects_file=rejects if number else None,
            seconds=time.monotonic() - started,
            preset=preset.name,
            resumed=run.resumed,
            currency=preset.prices.currency,
        )


@dataclass(kw_only=True)
class _Settings:
    """The shop's own settings that an import needs or sets."""

    currency: str | None
    locale: str
    wanted: dict[str, str]  # what this import sets, once nothing speaks against it

    @classmethod
    def read(cls, connection: Connection, options: ImportOptions) -> _Settings:
        rows = connection.execute(
            "SELECT name, value #>> '{}' FROM setting "
            "WHERE name IN ('currency', 'locale', 'images')"
        )
        known: dict[str, str] = dict(rows.fetchall())
        currency = options.currency.upper() if options.currency else None
        if currency and known.get("currency", currency) != currency:
            raise CatalogueError(
                f"the shop's currency is {known['currency']}, so prices in {currency} cannot be "
                "imported; one schema holds one currency"
            )
        images = _images(options.images)
        if images == known.get("images"):
            images = None
        if images is not None:
            _check_may_name(connection, images)
        wanted = {"currency": currency, "locale": options.locale, "images": images}
        return cls(
            currency=currency or known.get("currency"),
            locale=options.locale or known.get("locale", DEFAULT_LOCALE),
            wanted={name: value for name, value in wanted.items() if value},
        )

    def keep(self, connection: Connection, currency: str | None) -> None:
        """Store what the user or the file decided; rows that say so already are not written."""
        wanted = {**self.wanted, **({"currency": currency} if currency else {})}
        for name, value in wanted.items():
            connection.execute(
                "INSERT INTO setting AS s (name, value) VALUES (%s, %s) ON CONFLICT (name) "
                "DO UPDATE SET value = excluded.value, updated_at = now() "
                "WHERE s.value <> excluded.value",
                (name, Jsonb(value)),
            )


def _images(place: str | None) -> str | None:
    """The folder of the pictures as an absolute path, or a store's prefix as it is."""
    if place is None or "://" in place:
        return place
    folder = Path(place)
    if not folder.is_dir():
        raise CatalogueError(f"--images {place}: no such folder")
    return str(folder.resolve())


def _check_may_name(connection: Connection, images: str) -> None:
    """Say before any work that this login may not tell the workers what to read."""
    if connection.execute("SELECT may_name_images()").fetchone() != (True,):
        raise CatalogueError(
            f"--images {images}: which folder the workers read is for the schema's owner, or a "
            "login with the worker's role, to say; leave --images out here and start the worker "
            f"with `vitrine work --images {images}` (or VITRINE_IMAGES)"
        )


def _lock(connection: Connection) -> None:
    """Hold the shop's import lock until this connection ends."""
    # The server may still be busy with the last statement of an import that was just killed.
    connection.execute("SELECT set_config('lock_timeout', %s, false)", (LOCK_WAIT,))
    try:
        connection.execute(
            "SELECT pg_advisory_lock(hashtextextended(current_schema() || '.import', 0))"
        )
    except psycopg.errors.LockNotAvailable as error:
        raise CatalogueError(
            "another import into this shop is running; wait until it is done"
        ) from error
    connection.execute("SELECT set_config('lock_timeout', '0', false)")


def _identity(options: ImportOptions, preset: type[Preset], settings: _Settings) -> dict[str, Any]:
    """What must be equal for a stopped run to be gone on with.

    Not the limit of what is retired: a run that it stopped goes on with another limit.
    """
    return {
        "preset": preset.name,
        "mapping": dict(options.mapping),
        "currency": settings.currency,
        "locale": settings.locale,
        "locales": dict(options.locales),
        "full": options.full,
        "refresh": options.refresh,
        "encoding": options.encoding,
    }


def _parameters(
    preset: Preset, options: ImportOptions, settings: _Settings, run: Run
) -> dict[str, Any]:
    """The values that the importer's SQL files take."""
    has = preset.fields()
    names = ("brand", "attributes", "description", "categories", "price", "stock", "images")
    return {
        **{f"has_{name}": name in has for name in names},
        **{
            f"{name}_column": preset.column(name)
            for name in ("sku", "product", "parent", "link", "title")
        },
        "full": options.full,
        "refresh": options.refresh,
        "locale": settings.locale,
        "run": run.import_run_id,
    }


def _counts(found: Mapping[str, int]) -> dict[tuple[str, str], int]:
    """Outcomes by noun, with what was seen but neither new nor changed as unchanged."""
    counts: dict[tuple[str, str], int] = {}
    for noun in ("product", "variant", "image", "category", "caption"):
        here = {
            outcome: found.get(f"{noun}.{outcome}", 0)
            for outcome in ("new", "changed", "removed", "retired")
        }
        seen = found.get(f"{noun}.seen", 0)
        here["unchanged"] = max(0, seen - here["new"] - here["changed"])
        counts.update({(noun, outcome): number for outcome, number in here.items()})
    return counts
