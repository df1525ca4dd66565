"""`vitrine similar`: products that look like another."""

from __future__ import annotations

from typing import Annotated

import typer

from vitrine.cli._hits import AsJson, Count, Filters, open_shop, read_filters, show
from vitrine.cli._options import DatabaseUrl, Schema


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(similar)


def similar(
    sku: Annotated[str, typer.Argument(help="external_id of a product, or SKU of a variant.")],
    *,
    filters: Filters = None,
    k: Count = 24,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Show the products most like one of the shop's, under filters."""
    conditions = read_filters(filters)
    with open_shop(database_url, schema) as shop:
        show(shop, shop.similar(sku, filters=conditions, k=k), as_json=as_json)
