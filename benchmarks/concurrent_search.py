"""Many clients searching while prices change, products come and products go.

    python benchmarks/concurrent_search.py [--clients 64] [--seconds 60] [--products 20000]

An embedded PostgreSQL of its own, a shop of clustered vectors, cells trained. Each asks under
one of several filters, again and again, and judges every answer:

- it has k products (k = 10), each once, and all of them satisfy the filter's category;
- a product whose deletion was committed before the question is not in it;
- a product that was made to equal the question, and committed before it, is the first;
- the answer under the filter of a brand that nobody touches has a recall of 0.7, and of 0.98 in
  the mean, against the exact one.

Ends with a failure status if an answer is wrong or a statement fails. Prints p50, p95 and p99.
"""

from __future__ import annotations

import argparse
import json
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg
from psycopg import sql
from temporary_shop import temporary_shop

from vitrine.database import Connection, connect

DIMENSION, QUERIES, CATEGORIES, K = 128, 400, 20, 10
STEADY = 10  # of a hundred products have the brand that nobody touches
SEARCH = "SELECT product_id, why FROM search(terms => %s, filters => %s, k => %s) ORDER BY rank"
Array = np.ndarray[Any, Any]


@dataclass
class Shop:
    """What the clients know of the shop: exact answers, and what was committed so far."""

    url: str
    queries: Array
    steady: Array  # product_ids of the brand that nobody touches
    truth: list[list[int]]  # exact answers under that brand, by query
    category_of: dict[int, int]
    alive: list[int]
    gone: set[int] = field(default_factory=set)
    twins: list[tuple[int, int]] = field(default_factory=list)  # query, product equal to it
    ended: threading.Event = field(default_factory=threading.Event)
    milliseconds: list[float] = field(default_factory=list)
    recalls: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def unit(vectors: Array) -> Array:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def add_products(
    connection: Connection, vectors: Array, category: list[int], brand: list[str]
) -> list[int]:
    """Products with one variant and one encoded picture each; returns their product_ids."""
    with connection.transaction():
        rows = connection.execute(
            "INSERT INTO product (external_id, brand) SELECT gen_random_uuid()::text, b "
            "FROM unnest(%s::text[]) WITH ORDINALITY u (b, n) ORDER BY n RETURNING product_id",
            (brand,),
        ).fetchall()
        ids = [row[0] for row in rows]
        connection.execute(
            "INSERT INTO product_category SELECT * FROM unnest(%s::bigint[], %s::bigint[])",
            (ids, category),
        )
        connection.execute(
            "INSERT INTO variant (product_id, sku, price, stock) "
            "SELECT p, 'sku-' || p, 10 + p %% 90, 5 FROM unnest(%s::bigint[]) p",
            (ids,),
        )
        connection.execute(
            "WITH i AS (INSERT INTO image (product_id, uri) "
            "SELECT p, 'x' FROM unnest(%s::bigint[]) p RETURNING product_id, image_id) "
            "INSERT INTO image_vector_1 (product_id, image_id, embedding, input_version, content) "
            "SELECT i.product_id, i.image_id, v.e::halfvec, 1, 'x' FROM i "
            "JOIN unnest(%s::bigint[], %s::text[]) v (p, e) ON v.p = i.product_id",
            (ids, ids, [str(vector.tolist()) for vector in vectors]),
        )
    return ids


def fill(url: str, products: int) -> Shop:
    rng = np.random.default_rng(11)
    centres = rng.normal(size=(200, DIMENSION))
    of = rng.integers(0, len(centres), products)
    vectors = unit(centres[of] + 0.7 * rng.normal(size=(products, DIMENSION)))
    vectors = vectors.round(4)
    queries = unit(
        centres[rng.integers(0, 200, QUERIES)] + 0.7 * rng.normal(size=(QUERIES, DIMENSION))
    )
    with connect(url, "vitrine") as connection:
        connection.execute("SELECT create_space('bench/model', '1', %s, 'none')", (DIMENSION,))
        names = [f"c{n}" for n in range(CATEGORIES)]
        made = connection.execute(
            "INSERT INTO category (name) SELECT unnest(%s::text[]) RETURNING category_id", (names,)
        ).fetchall()
        category = [made[n % CATEGORIES][0] for n in of]
        brand = ["steady" if n % 100 < STEADY else "moving" for n in range(products)]
        ids: list[int] = []
        for start in range(0, products, 2000):
            part = slice(start, start + 2000)
            ids += add_products(connection, vectors[part], category[part], brand[part])
        connection.execute("SELECT tune_search()")
        for number, query in enumerate(queries):
            connection.execute(
                "INSERT INTO query_vector (space_id, kind, key, embedding) "
                "VALUES (1, 'image', %s, %s)",
                (f"{number:064x}", str(query.round(4).tolist())),
            )
    chosen = np.array([n for n in range(products) if brand[n] == "steady"])
    order = np.argsort(-(queries @ vectors[chosen].T), axis=1)[:, :K]
    number = {row[0]: place for place, row in enumerate(made)}
    return Shop(
        url=url,
        queries=queries,
        steady=np.array(ids)[chosen],
        truth=[[ids[chosen[n]] for n in row] for row in order],
        category_of={p: number[c] for p, c in zip(ids, category, strict=True)},
        alive=[ids[n] for n in range(products) if brand[n] == "moving"],
    )


def search(connection: Connection, query: int, filters: dict[str, Any]) -> list[int]:
    terms = json.dumps([{"image": f"{query:064x}"}])
    rows = connection.execute(SEARCH, (terms, json.dumps(filters), K), prepare=True).fetchall()
    return [row[0] for row in rows]


def judge(shop: Shop, query: int, chance: random.Random, connection: Connection) -> None:
    """One question and what must be true of its answer."""
    gone = set(shop.gone)
    twin = dict(shop.twins).get(query)
    kind = chance.choice(["all", "steady", "category", "price", "both"])
    category = chance.randrange(CATEGORIES)
    filters: dict[str, Any] = {
        "all": {},
        "steady": {"brand": "steady"},
        "category": {"category": f"c{category}"},
        "price": {"price": {"gte": 20, "lt": 60}},
        "both": {"category": f"c{category}", "in_stock": True},
    }[kind]
    began = time.perf_counter()
    found = search(connection, query, filters)
    shop.milliseconds.append((time.perf_counter() - began) * 1000)
    if len(found) != K or len(set(found)) != K:
        shop.faults.append(f"{filters}: {len(found)} products, {len(set(found))} different")
    if gone & set(found):
        shop.faults.append(f"{filters}: deleted products {sorted(gone & set(found))}")
    if "category" in filters:
        wrong = [p for p in found if shop.category_of.get(p, category) != category]
        if wrong:
            shop.faults.append(f"{filters}: products of other categories {wrong}")
    if kind == "all" and twin is not None and twin not in shop.gone and found[0] != twin:
        shop.faults.append(f"query {query}: product {twin} equals it and is not the first")
    if kind == "steady":
        shop.recalls.append(len(set(found) & set(shop.truth[query])) / K)


def client(shop: Shop, seed: int) -> None:
    chance = random.Random(seed)
    try:
        with connect(shop.url, "vitrine") as connection:
            while not shop.ended.is_set():
                judge(shop, chance.randrange(QUERIES), chance, connection)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault
        shop.faults.append(f"client {seed}: {error!r}")


def change(shop: Shop, chance: random.Random, connection: Connection, made: set[int]) -> None:
    """One change of the catalogue, told to the clients once it is committed."""
    kind = chance.random()
    if kind < 0.6:
        connection.execute(
            "UPDATE variant SET price = 10 + (price + %s) %% 90 WHERE product_id = ANY (%s)",
            (chance.randrange(1, 90), chance.sample(shop.alive, 20)),
        )
    elif kind < 0.8:
        query = chance.randrange(QUERIES)
        if query not in made:
            made.add(query)
            category = connection.execute("SELECT min(category_id) FROM category").fetchone()
            assert category
            vector = shop.queries[query : query + 1].round(4)
            (product,) = add_products(connection, vector, [category[0]], ["moving"])
            shop.category_of[product] = 0
            shop.twins.append((query, product))
    else:
        product = shop.alive.pop(chance.randrange(len(shop.alive)))
        connection.execute("DELETE FROM product WHERE product_id = %s", (product,))
        shop.gone.add(product)


def writer(shop: Shop) -> None:
    chance, made = random.Random(5), set[int]()
    try:
        with connect(shop.url, "vitrine") as connection:
            while not shop.ended.is_set():
                change(shop, chance, connection, made)
                shop.ended.wait(0.01)
    except Exception as error:  # noqa: BLE001 - as above
        shop.faults.append(f"writer: {error!r}")


def report(shop: Shop, clients: int, seconds: float) -> None:
    times = np.array(shop.milliseconds)
    p50, p95, p99 = np.percentile(times, [50, 95, 99])
    print(
        f"{clients} clients, {seconds:.0f} s: "
        f"{len(times):,} searches ({len(times) / seconds:,.0f}/s), "
        f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms; {len(shop.gone)} products deleted, "
        f"{len(shop.twins)} new; recall beside it {np.mean(shop.recalls):.4f}, "
        f"worst {min(shop.recalls):.2f}; {len(shop.faults)} faults"
    )
    for fault in shop.faults[:20]:
        print(" ", fault)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--postgres", type=int, default=18)
    args = parser.parse_args()
    with temporary_shop(args.postgres) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            name = sql.Identifier(connection.info.dbname)
            setting = sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(name)
            connection.execute(setting)
        shop = fill(url, args.products)
        threads = [threading.Thread(target=client, args=(shop, n)) for n in range(args.clients)]
        threads.append(threading.Thread(target=writer, args=(shop,)))
        for thread in threads:
            thread.start()
        time.sleep(args.seconds)
        shop.ended.set()
        for thread in threads:
            thread.join()
    report(shop, args.clients, args.seconds)
    if shop.faults or np.mean(shop.recalls) < 0.98 or min(shop.recalls) < 0.7:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
