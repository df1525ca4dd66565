"""What the searching commands share: options, the table, the encoder when no worker answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from psycopg import sql
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vitrine import database
from vitrine.cli._options import connection_settings
from vitrine.errors import UnknownQueryError
from vitrine.filters import parse_filters
from vitrine.shop import Shop, connect

if TYPE_CHECKING:
    from vitrine.query_encoding import QueryEncoder
    from vitrine.search import Hit, Page
    from vitrine.settings import Settings

__all__ = ["AsJson", "Count", "Filters", "open_shop", "read_filters", "show"]

Filters = Annotated[
    str | None,
    typer.Option(help='Filters as JSON: \'{"category": "Women", "price": {"lt": 80}}\'.'),
]
Count = Annotated[int, typer.Option("--k", "-k", help="How many products, 1 to 1,000.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def read_filters(text: str | None) -> Mapping[str, Any]:
    """The filters of the option `--filters`."""
    return {} if text is None else parse_filters(text, "--filters")


def open_shop(database_url: str | None, schema: str | None) -> Shop:
    """The shop; what is unknown is encoded in this process when no worker answers."""
    url, settings = connection_settings(database_url, schema)
    loader = _encoder_loader(url, settings)
    return connect(url, schema=settings.db_schema, encoder=loader, worker_first=True)


def show(shop: Shop, page: Page, *, as_json: bool) -> None:
    """Print the hits with what a shopper would see of them."""
    details = _details(shop, page)
    if not as_json:
        _show_notes(page)
    if as_json:
        rows = [asdict(hit) | details[hit.product_id] for hit in page]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False, default=float))
        return
    if not page:
        Console().print("no product matches")
        for unknown in page.suggestions:
            nearest = ", ".join(unknown["nearest"]) or "none"
            line = f"no category is called {unknown['category']!r}; the nearest: {nearest}"
            Console(soft_wrap=True, highlight=False).print(line, markup=False)
        return
    table = Table("", "title", "brand", "price", "variant", "score", "why", box=None)
    for hit in page:
        seen = details[hit.product_id]
        table.add_row(
            str(hit.rank),
            Text(seen["title"]),
            Text(seen["brand"] or ""),
            Text("" if seen["price"] is None else f"{seen['price']:.2f}", justify="right"),
            Text(_options_text(seen["options"])),
            f"{hit.score:.3f}",
            Text(_why_text(hit), style="dim"),
        )
    Console().print(table)


def _show_notes(page: Page) -> None:
    """What became of the words, and what was counted."""
    console = Console(soft_wrap=True, highlight=False)
    for correction in page.corrections:
        line = f"no {correction['written']!r} here: searched for {correction['meant']!r}"
        console.print(line, markup=False)
    if page.understood is not None:
        chips = page.understood["chips"]
        labels = ", ".join(f"[{chip['label']}]" for chip in chips)
        console.print(f"understood: {labels}", markup=False)
    if page.redirect is not None:
        console.print(f"a rule leads to {page.redirect}", markup=False)
    if page.total is not None:
        console.print(f"{page.total:,} products match")
    for name, values in (page.facets or {}).items():
        console.print(f"{name}: {_facet_text(values)}", markup=False)


def _facet_text(facet: Any) -> str:
    """A facet's values with their counts, on one line."""
    values = facet.get("buckets", []) if isinstance(facet, dict) else facet
    return ", ".join(
        f"{value.get('value', _bucket_text(value))} ({value['count']:,})" for value in values
    )


def _bucket_text(bucket: Mapping[str, Any]) -> str:
    return f"{bucket.get('gte', '')}–{bucket.get('lt', '')}"


def _encoder_loader(url: str, settings: Settings) -> Callable[[], QueryEncoder]:
    def load() -> QueryEncoder:
        # Before the model, which takes seconds to load.
        if not _may_store_vectors(url, settings.db_schema):
            raise UnknownQueryError(
                "no worker answers, and this login may not store the vectors of new words itself: "
                "start `vitrine work`, or search with a login that has the role …_worker"
            )
        from vitrine.encoder import load_encoder

        note = (
            "note: no worker answers, so this process encodes the query; `vitrine work` is faster"
        )
        Console(stderr=True, soft_wrap=True).print(note, style="dim", markup=False)
        return load_encoder(
            settings.model, revision=settings.model_revision, device=settings.device
        )

    return load


def _may_store_vectors(url: str, schema: str) -> bool:
    with database.connect(url, schema) as connection:
        row = connection.execute("SELECT has_table_privilege('query_vector', 'INSERT')").fetchone()
    return row == (True,)


def _details(shop: Shop, page: Page) -> dict[int, dict[str, Any]]:
    """Title, brand, sku, price, options and picture of each hit, by product_id."""
    ids = [
        [getattr(hit, name) for hit in page] for name in ("product_id", "variant_id", "image_id")
    ]
    names = ("title", "brand", "sku", "price", "options", "uri")
    statement = sql.SQL(
        "SELECT product_id, title, brand, sku, price, options, uri "
        "FROM {}.hit_details(%s::bigint[], %s::bigint[], %s::bigint[])"
    ).format(sql.Identifier(shop.schema))
    with shop.connection() as connection:
        rows = connection.execute(statement, ids).fetchall()
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}


def _options_text(options: Mapping[str, Any] | None) -> str:
    return ", ".join(str(value) for value in (options or {}).values())


def _why_text(hit: Hit) -> str:
    """The similarity from each arm in a few words."""
    if hit.why.get("waiting"):
        return "not encoded yet"
    arms = [
        f"{arm} {hit.why[arm][measure]:.2f} (#{hit.why[arm].get('rank', '–')})"
        for arm, measure in (("image", "similarity"), ("caption", "similarity"), ("text", "score"))
        if arm in hit.why
    ]
    if "pinned" in hit.why:
        arms.insert(0, "pinned")
    if hit.why.get("beyond"):
        arms.append("beyond the wishes")
    return ", ".join(arms) or "popular"
