"""`vitrine understand`: what a query is understood as."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vitrine.cli._hits import open_shop
from vitrine.cli._options import DatabaseUrl, Schema


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(understand)


def understand(
    words: Annotated[str, typer.Argument(help="What a shopper typed.")],
    *,
    without: Annotated[
        list[str] | None, typer.Option(help="A part that stays plain words; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Show which parts of a query become filters, and which words are left."""
    with open_shop(database_url, schema) as shop:
        understood = shop.understand(words, without=without or ())
    if as_json:
        typer.echo(json.dumps(asdict(understood), indent=2, ensure_ascii=False))
        return
    table = Table("part", "understood as", "filter", box=None)
    for chip in understood.chips:
        table.add_row(
            Text(chip.text), Text(chip.label), Text(json.dumps(chip.filter, ensure_ascii=False))
        )
    console = Console()
    if understood.chips:
        console.print(table)
    console.print(Text.assemble(("words    ", "dim"), understood.words or "none: browse"))
    console.print(
        Text.assemble(("filters  ", "dim"), json.dumps(understood.filters, ensure_ascii=False)),
        soft_wrap=True,
    )
