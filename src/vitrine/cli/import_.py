"""`vitrine import`: bring a catalogue file into the shop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from vitrine.cli._options import DatabaseUrl, Schema, connection_settings
from vitrine.errors import CatalogueError

if TYPE_CHECKING:
    from vitrine.catalogue import ImportReport


File = Annotated[Path, typer.Argument(help="CSV, TSV, JSON lines or Parquet.")]
PresetName = Annotated[
    str | None,
    typer.Option(
        help="Who wrote the file: magento, shopify, woocommerce; default: by its columns."
    ),
]
Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="COLUMN=FIELD", help="Read a column as a field; repeatable."),
]
Images = Annotated[
    str | None,
    typer.Option(help="Folder or store prefix that relative picture paths belong to."),
]
Currency = Annotated[str | None, typer.Option(help="The shop's currency, such as EUR.")]
Locale = Annotated[
    str | None, typer.Option(help="Locale of texts without one; default the shop's, else en.")
]
StoreView = Annotated[
    list[str] | None,
    typer.Option(metavar="CODE=LOCALE", help="Locale of a store view or language; repeatable."),
]
Full = Annotated[
    bool, typer.Option("--full", help="Retire the products and variants that the file lacks.")
]
RetireLimit = Annotated[
    float,
    typer.Option(
        min=0, max=1, help="Share of the active products that --full may retire; else it stops."
    ),
]
Refresh = Annotated[
    bool, typer.Option("--refresh", help="Look at the file's pictures again, even known ones.")
]
Rejects = Annotated[
    Path | None, typer.Option(help="File for what is refused; default FILE.rejects.csv.")
]
Encoding = Annotated[str, typer.Option(help="Encoding of a text file.")]
Jobs = Annotated[int, typer.Option(min=1, max=32, help="Connections that write side by side.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import")(import_file)


def import_file(  # noqa: PLR0917 - typer takes options as arguments
    file: File,
    preset: PresetName = None,
    map_: Map = None,
    images: Images = None,
    currency: Currency = None,
    locale: Locale = None,
    store_view: StoreView = None,
    full: Full = False,
    retire_limit: RetireLimit = 0.5,
    refresh: Refresh = False,
    rejects: Rejects = None,
    encoding: Encoding = "utf-8",
    jobs: Jobs = 2,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Import a catalogue file; the same file again changes nothing, a stopped import goes on."""
    from vitrine.catalogue import ImportOptions, import_catalogue

    options = ImportOptions(
        preset=preset,
        mapping=pairs("--map", map_),
        images=images,
        currency=currency,
        locale=locale,
        locales=pairs("--store-view", store_view),
        full=full,
        retire_limit=retire_limit,
        refresh=refresh,
        rejects=rejects,
        encoding=encoding,
        jobs=jobs,
    )
    url, settings = connection_settings(database_url, schema)
    console = Console(stderr=True)
    with console.status("reading") as status:
        report = import_catalogue(
            url,
            settings.db_schema,
            file,
            options,
            lambda stage, rows: status.update(f"{stage}: {rows:,} rows"),
        )
    show(report, Console())
    if full and report.unreadable:
        raise CatalogueError(
            f"{report.unreadable:,} rows cannot be told to any product, so nothing was retired, "
            "although --full asks for it; mend them and import again"
        )


def show(report: ImportReport, console: Console) -> None:
    """Print what an import did."""
    table = Table("", "new", "changed", "unchanged", "removed", "retired", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for noun in ("product", "variant", "image", "caption", "category"):
        plural = "categories" if noun == "category" else f"{noun}s"
        outcomes = ("new", "changed", "unchanged", "removed", "retired")
        table.add_row(plural, *(f"{report.counts.get((noun, what), 0):,}" for what in outcomes))
    console.print(table)
    rate = report.rows / report.seconds
    console.print(
        f"{report.rows:,} rows of a {report.preset} file in {report.seconds:.1f} s "
        f"({rate:,.0f} rows/s), {report.changes:,} changes"
        + (", resumed" if report.resumed else ""),
        highlight=False,
    )
    if report.rejects_file:
        console.print(
            f"{report.rejects:,} rejects: see {report.rejects_file}", style="bold yellow",
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip
    else:
        console.print("0 rejects", highlight=False)


def pairs(option: str, texts: list[str] | None) -> dict[str, str]:
    """`A=B` texts as a dict, split at the last equals sign: a column's name may hold one."""
    pairs = {}
    for text in texts or []:
        name, equals, value = text.rpartition("=")
        if not equals or not name or not value:
            raise CatalogueError(f"{option} {text}: write it as {option} NAME=VALUE")
        pairs[name] = value
    return pairs
