"""Total and eight facets under filters from none to a thousandth, beside plain SQL over the tables.

    python benchmarks/facets.py [--products 100000] [--rounds 40] [--updated 0] [--page]

A made-up shop of 100,000 products with some 400,000 variants, its changes folded. Each filter is
asked `rounds` times in one session, all filters in turn. `plain SQL` is the same page without
bitmaps: one statement per facet over the tables, with the conditions that the filter compiles to;
it runs once. With `--page` the page itself is asked for: `search_page` with the facets and 24
products by popularity. `--updated` prices are changed after the folding and stay unfolded. Times
are of the client, in milliseconds, and of the processor in the server's session, which other
programs of the machine disturb less; parallel workers are off.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path
from typing import Any, LiteralString

from temporary_shop import temporary_shop

from vitrine.database import Connection, connect

FACETS = [
    "category",
    "brand",
    "price",
    "in_stock",
    "options.color",
    "options.size",
    "attributes.material",
    "attributes.style",
]
FILTERS: list[dict[str, Any]] = [
    {},
    {"in_stock": True},
    {"category": "women"},
    {"price": {"lt": 50}},
    {"attributes": {"material": ["wool", "silk"]}},
    {"category": "women/shoes"},
    {"category": "women/shoes", "in_stock": True},
    {"price": {"gte": 20, "lt": 25}, "in_stock": True},
    {"options": {"color": "red", "size": "M"}, "in_stock": True},
    {"category": "women", "price": {"lt": 50}, "options": {"color": "red"}, "in_stock": True},
    {"brand": "Brand 7"},
    {"brand": "Brand 7", "in_stock": True},
    {"category": "women/shoes", "attributes": {"material": "silk"}},
    {"category": "men/bags/bags 3", "options": {"color": "black"}},
    {"brand": "Brand 300"},
]

SHOP: tuple[LiteralString, ...] = (
    "INSERT INTO category (name) VALUES ('Women'), ('Men'), ('Kids'), ('Home')",
    "INSERT INTO category (parent_id, name) SELECT c.category_id, n FROM category c, "
    "unnest('{Tops,Bottoms,Shoes,Bags,Sport,Sale}'::text[]) n WHERE c.parent_id IS NULL",
    "INSERT INTO category (parent_id, name) SELECT c.category_id, c.name || ' ' || n "
    "FROM category c, generate_series(1, 8) n WHERE cardinality(c.lineage) = 2",
    """INSERT INTO product (external_id, brand, attributes, popularity)
    SELECT 'P' || n, 'Brand ' || floor(500 * random() ^ 2)::int, jsonb_build_object(
        'material', (ARRAY['cotton', 'wool', 'silk', 'linen', 'polyester', 'leather', 'denim',
            'nylon'])[1 + floor(8 * random() ^ 1.5)::int],
        'season', (ARRAY['summer', 'winter', 'all'])[1 + floor(3 * random())::int],
        'style', 'style ' || floor(40 * random() ^ 2)::int, 'gift', random() < 0.1), random()
    FROM generate_series(1, %s) n""",
    "INSERT INTO product_category SELECT p.product_id, "
    "29 + floor(random() * 192)::int + 0 * p.product_id FROM product p",
    "INSERT INTO product_category SELECT p.product_id, "
    "29 + floor(random() * 192)::int + 0 * p.product_id FROM product p WHERE p.product_id % 5 = 0 "
    "ON CONFLICT DO NOTHING",
    """INSERT INTO variant (product_id, sku, price, stock, options)
    SELECT p.product_id, p.external_id || '-' || j,
        round((p.base * CASE WHEN random() < 0.3 THEN 0.9 + 0.2 * random() ELSE 1 END)::numeric, 2),
        CASE WHEN random() < 0.05 THEN NULL WHEN random() < 0.15 THEN 0
             ELSE 1 + floor(50 * random())::int END,
        jsonb_build_object('color', (ARRAY['Black', 'White', 'Red', 'Blue', 'Green', 'Grey', 'Navy',
            'Pink', 'Yellow', 'Brown', 'Purple', 'Orange'])[1 + (p.c + (j - 1) / 2 * 3) % 12],
            'size', (ARRAY['XS', 'S', 'M', 'L', 'XL', 'XXL'])[1 + (p.s + j) % 6])
    FROM (SELECT product_id, external_id, 5 + exp(2 + random() * 3) AS base,
        floor(12 * random() ^ 1.5)::int AS c, floor(6 * random())::int AS s,
        (1 + floor(7 * random()))::int AS variants FROM product) p
    CROSS JOIN LATERAL generate_series(1, p.variants) j""",
)

# What each facet groups by, over p and v; own filters are left out of the conditions.
PLAIN = {
    "category": "SELECT a, count(DISTINCT p.product_id) {} JOIN product_category pc USING "
    "(product_id) JOIN category c USING (category_id) CROSS JOIN unnest(c.lineage) a WHERE {} "
    "GROUP BY 1",
    "brand": "SELECT lower(p.brand), count(DISTINCT p.product_id) {} WHERE {} GROUP BY 1",
    "price": "SELECT floor(v.price / 20), count(DISTINCT p.product_id) {} WHERE {} GROUP BY 1",
    "in_stock": "SELECT coalesce(v.stock > 0, true), count(DISTINCT p.product_id) {} WHERE {} "
    "GROUP BY 1",
    "options.color": "SELECT lower(v.options ->> 'color'), count(DISTINCT p.product_id) {} "
    "WHERE {} GROUP BY 1",
    "options.size": "SELECT lower(v.options ->> 'size'), count(DISTINCT p.product_id) {} "
    "WHERE {} GROUP BY 1",
    "attributes.material": "SELECT lower(p.attributes ->> 'material'), count(DISTINCT "
    "p.product_id) {} WHERE {} GROUP BY 1",
    "attributes.style": "SELECT lower(p.attributes ->> 'style'), count(DISTINCT p.product_id) {} "
    "WHERE {} GROUP BY 1",
    "total": "SELECT count(DISTINCT p.product_id) {} WHERE {}",
}
TABLES = "FROM product p JOIN variant v USING (product_id)"


def without(wanted: dict[str, Any], facet: str) -> dict[str, Any]:
    """The filter without what it asks of the facet itself."""
    field, _, name = facet.partition(".")
    rest = {key: value for key, value in wanted.items() if name or key != field}
    if name and field in rest:
        rest[field] = {key: value for key, value in rest[field].items() if key != name}
        if not rest[field]:
            del rest[field]
    return rest


def plain(connection: Connection, wanted: dict[str, Any]) -> float:
    """Milliseconds of the same page by one statement per facet."""
    statements = []
    for facet, statement in PLAIN.items():
        row = connection.execute(
            "SELECT concat_ws(' AND ', c.on_product, c.on_variant) FROM compile_filter(%s) c",
            (json.dumps(without(wanted, facet)),),
        ).fetchone()
        assert row is not None
        shown = f"p.status = 'active' AND v.status = 'active' AND {row[0]}"
        statements.append(statement.format(TABLES, shown))
    began = time.perf_counter()
    for statement in statements:
        connection.execute(statement.encode()).fetchall()
    return (time.perf_counter() - began) * 1e3


def processor(connection: Connection) -> float:
    """Milliseconds that the server's session has had of a processor; 0 where Linux does not say."""
    account = Path(f"/proc/{connection.info.backend_pid}/schedstat")
    return int(account.read_text().split()[0]) / 1e6 if account.exists() else 0.0


COUNTS: LiteralString = "SELECT facet_counts(%s, %s)"
PAGE: LiteralString = (
    "SELECT search_page(filters => %s, options => jsonb_build_object('facets', %s::jsonb))"
)


def facets(
    connection: Connection, wanted: dict[str, Any], statement: LiteralString
) -> tuple[float, float, int]:
    """Milliseconds of one call, those of the processor, and the call's total."""
    before = processor(connection)
    began = time.perf_counter()
    row = connection.execute(statement, (json.dumps(wanted), json.dumps(FACETS))).fetchone()
    took = (time.perf_counter() - began) * 1e3
    assert row is not None
    return took, processor(connection) - before, row[0]["total"]


def fill(connection: Connection, products: int) -> None:
    connection.execute("SELECT setseed(0.4)")
    for statement in SHOP:
        connection.execute(statement, (products,) if "%s" in statement else None)
    connection.execute("VACUUM ANALYZE")
    began = time.perf_counter()
    while connection.execute("SELECT fold_facets()").fetchone() != (0,):
        pass
    print(f"folded in {time.perf_counter() - began:.1f} s")
    connection.execute("VACUUM ANALYZE")


def update(connection: Connection, products: int, updated: int) -> None:
    chosen = random.Random(3).sample(range(1, products + 1), updated)
    for product in chosen:
        connection.execute(
            "UPDATE variant SET price = price + 1 WHERE product_id = %s", (product,), prepare=True
        )


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--updated", type=int, default=0)
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--postgres", type=int, default=18)
    args = parser.parse_args()
    with temporary_shop(args.postgres) as url, connect(url, "vitrine") as connection:
        connection.execute("SET max_parallel_workers_per_gather = 0")
        fill(connection, args.products)
        update(connection, args.products, args.updated)
        answers: list[list[tuple[float, float, int]]] = [[] for _ in FILTERS]
        for _ in range(args.rounds):
            for answer, wanted in zip(answers, FILTERS, strict=True):
                answer.append(facets(connection, wanted, PAGE if args.page else COUNTS))
        beside = [plain(connection, wanted) for wanted in FILTERS]
    report(args.products, answers, beside)


def report(
    products: int, answers: list[list[tuple[float, float, int]]], beside: list[float]
) -> None:
    print("| filter | total | p50 | p95 | processor, p50 | p95 | plain SQL |")
    print("|---|---|---|---|---|---|---|")
    for wanted, answer, other in zip(FILTERS, answers, beside, strict=True):
        print(f"| `{json.dumps(wanted)}` | {answer[0][2]:,} | {columns(answer)} | {other:,.0f} |")
    for name, narrow in (("a tenth or less passes", True), ("more passes", False)):
        some = [a for answer in answers for a in answer if (a[2] <= products / 10) == narrow]
        print(f"| {name} | | {columns(some)} | |")


def columns(answer: list[tuple[float, float, int]]) -> str:
    """The times of some calls and those of the processor, each at p50 and p95."""
    measured = ([a[0] for a in answer], [a[1] for a in answer])
    return " | ".join(f"{percentile(times, p):.0f}" for times in measured for p in (0.5, 0.95))


if __name__ == "__main__":
    main()
