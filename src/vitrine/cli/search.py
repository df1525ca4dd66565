"""`vitrine search`: products for words or for a picture."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from vitrine.cli._hits import AsJson, Count, Filters, open_shop, read_filters, show
from vitrine.cli._options import DatabaseUrl, Schema


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(search)


def search(
    words: Annotated[
        str | None, typer.Argument(help="What to look for; nothing lists the most popular.")
    ] = None,
    *,
    image: Annotated[
        str | None,
        typer.Option(help="Search with this picture: a file, or an https address."),
    ] = None,
    filters: Filters = None,
    k: Count = 24,
    sort: Annotated[
        str | None, typer.Option(help="relevance, price, -price, newest or popularity.")
    ] = None,
    cutoff: Annotated[
        bool, typer.Option("--cutoff", help="Show only what is relevant to the words.")
    ] = False,
    facet: Annotated[
        list[str] | None,
        typer.Option(help="Count the values of this facet, such as brand; repeatable."),
    ] = None,
    understand: Annotated[
        bool, typer.Option(help="Read prices, brands and the like in the words as filters.")
    ] = True,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Search the shop by words or by a picture, under filters."""
    conditions = read_filters(filters)
    options: dict[str, Any] = {"understand": understand}
    if sort is not None:
        options["sort"] = sort
    if cutoff:
        options["cutoff"] = True
    if facet:
        options |= {"facets": facet, "total": True}
    with open_shop(database_url, schema) as shop:
        page = shop.search(words, image=image, filters=conditions, k=k, options=options)
        show(shop, page, as_json=as_json)
