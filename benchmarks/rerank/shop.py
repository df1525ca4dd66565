"""The households' shop: a catalogue and a file of events, through the imports that shops use."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.rerank.histories import Goods, Histories

from vitrine.catalogue import ImportOptions, import_catalogue
from vitrine.database import Connection, connect
from vitrine.event_files import EventImport, import_events

__all__ = ["SCHEMA", "category_of", "file_by_kind", "fill_shop"]

SCHEMA = "vitrine"
PRODUCT_COLUMNS = (
    "sku", "title", "brand", "category", "price",
    "attribute.kind", "attribute.package", "attribute.manufacturer", "attribute.department",
)  # fmt: skip
EVENT_COLUMNS = ("event_id", "timestamp", "client_id", "object_id", "quantity", "amount")


def category_of(name: str) -> str:
    """The name as one node of the tree: no bar, slash or angle bracket is left in it."""
    return " ".join(re.sub(r"[/>|\\]+", " and ", name).split())


def fill_shop(url: str, histories: Histories, folder: Path) -> None:
    """Everything before the cut, and the sales of it as popularity."""
    catalogue, events = folder / "products.csv", folder / "events.csv"
    _write(catalogue, PRODUCT_COLUMNS, _product_rows(histories, lambda goods: goods.category))
    _write(events, EVENT_COLUMNS, _event_rows(histories))
    imported = import_catalogue(url, SCHEMA, catalogue, ImportOptions())
    written = import_events(url, SCHEMA, events, EventImport(action="purchase"))
    if imported.rejects or written.rejects or written.quarantined:
        raise SystemExit(f"{imported.rejects} products and {written.rejects} events were refused")
    with connect(url, SCHEMA) as connection:
        _tend(connection, histories)


def file_by_kind(url: str, histories: Histories, folder: Path) -> None:
    """File every product under its kind instead, and count which kinds households buy from."""
    catalogue = folder / "kinds.csv"
    _write(catalogue, PRODUCT_COLUMNS, _product_rows(histories, lambda goods: goods.kind))
    if rejects := import_catalogue(url, SCHEMA, catalogue, ImportOptions()).rejects:
        raise SystemExit(f"{rejects} products were refused")
    with connect(url, SCHEMA) as connection:
        connection.execute("SELECT count_category_pairs(as_of => %s)", (histories.cut,))
        connection.execute("ANALYZE")


def _tend(connection: Connection, histories: Histories) -> None:
    """What a worker does now and then."""
    connection.execute(
        "UPDATE product p SET popularity = s.sold "
        "FROM unnest(%s::text[], %s::real[]) s (external_id, sold) "
        "WHERE p.external_id = s.external_id",
        (list(histories.goods), [histories.sold[product] for product in histories.goods]),
    )
    connection.execute("SELECT tend_shares('0 seconds', 1000000)")
    while connection.execute("SELECT fold_facets()").fetchone() != (0,):
        pass
    connection.execute("ANALYZE")


def _product_rows(
    histories: Histories, filed_in: Callable[[Goods], str]
) -> Iterable[Iterable[object]]:
    for product, goods in histories.goods.items():
        yield (
            product, _title(goods), goods.brand, category_of(filed_in(goods)),
            f"{histories.prices[product]:.2f}" if product in histories.prices else "",
            *(value.replace("|", " ") for value in
              (goods.kind, goods.size, goods.manufacturer, goods.department)),
        )  # fmt: skip


def _title(goods: Goods) -> str:
    return f"{goods.kind or goods.category} {goods.size}".strip().capitalize()


def _event_rows(histories: Histories) -> Iterable[Iterable[object]]:
    for number, line in enumerate(histories.before):
        yield (
            f"line-{number}", line.moment.isoformat(), line.household, line.product,
            max(line.quantity, 1), line.amount,
        )  # fmt: skip


def _write(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
