"""Asks the demo shop through the client that a shop's back end would use."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import dict_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

    from vitrine.demo.showcase import Search
    from vitrine.search import Hit, Page
    from vitrine.shop import Shop

__all__ = ["Answer", "Found", "ask", "found_products"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """A hit with what a shopper sees of it; `picture` is the file of the picture that is shown."""

    hit: Hit
    title: str
    brand: str
    price: Decimal | None
    options: Mapping[str, str]
    picture: Path | None

    @property
    def price_text(self) -> str:
        """Such as `$1,290.00`."""
        return "" if self.price is None else f"${self.price:,.2f}"

    @property
    def variant_text(self) -> str:
        """The colour and the size of the variant found, those that it has."""
        return ", ".join(self.options[name] for name in ("color", "size") if name in self.options)

    def similarity(self, arm: str) -> str:
        """Cosine similarity and rank from one arm of the search, `image` or `caption`."""
        found = self.hit.why.get(arm)
        if found is None:
            return ""
        rank = f" #{found['rank']}" if "rank" in found else ""
        return f"{found['similarity']:.2f}{rank}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a search found; times in seconds, `encoding` None where nothing was to be encoded."""

    search: Search
    found: Sequence[Found]
    encoding: float | None
    seconds: float


def ask(shop: Shop, search: Search, images: Path, k: int) -> Answer:
    """Search for at most `k` products; their pictures lie below `images`."""
    encoding = None
    if search.product is None:
        started = time.perf_counter()
        shop.encode(search.words, image=search.picture)
        encoding = time.perf_counter() - started
    started = time.perf_counter()
    if search.product is not None:
        page = shop.similar(search.product, filters=search.filters, k=k)
    else:
        page = shop.search(search.words, image=search.picture, filters=search.filters, k=k)
    seconds = time.perf_counter() - started
    return Answer(
        search=search, found=found_products(shop, page, images), encoding=encoding, seconds=seconds
    )


def found_products(shop: Shop, page: Page, images: Path) -> list[Found]:
    """The hits of a page with what a shopper sees of them."""
    ids = [
        [getattr(hit, name) for hit in page] for name in ("product_id", "variant_id", "image_id")
    ]
    statement = sql.SQL(
        "SELECT product_id, title, brand, price, options, uri "
        "FROM {}.hit_details(%s::bigint[], %s::bigint[], %s::bigint[])"
    ).format(sql.Identifier(shop.schema))
    with shop.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        details = {row["product_id"]: row for row in cursor.execute(statement, ids)}
    return [_seen(hit, details[hit.product_id], images) for hit in page]


def _seen(hit: Hit, details: Mapping[str, Any], images: Path) -> Found:
    uri = details["uri"]
    return Found(
        hit=hit,
        title=details["title"],
        brand=details["brand"] or "",
        price=details["price"],
        options={name: str(value) for name, value in (details["options"] or {}).items()},
        picture=None if uri is None else images / uri.lstrip("/"),
    )
