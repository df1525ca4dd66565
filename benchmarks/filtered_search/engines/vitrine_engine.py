"""Vitrine itself: the shop's own tables, its triggers on, and the one search function."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import numpy as np
import psycopg
from benchmarks.filtered_search.catalogue import CATEGORIES, DEPARTMENTS, Catalogue, Dataset
from benchmarks.filtered_search.engines.copying import copy_columns, copy_lines
from benchmarks.filtered_search.filters import (
    PER_DEPARTMENT,
    Filter,
    brand_name,
    department_name,
)
from benchmarks.filtered_search.groups import Array
from benchmarks.filtered_search.workplace import Workplace, timed

from vitrine.database import Connection, connect
from vitrine.migrate import upgrade
from vitrine.worker.sorting import sort_vectors

__all__ = ["VitrineEngine"]

SCHEMA = "vitrine"
VARIANT = ["product_id", "variant_id", "sku", "price", "stock", "options"]
ARGUMENTS = "terms => %s::jsonb, filters => %s::jsonb, k => %s::integer"
SEARCH = f"SELECT product_id, why FROM search({ARGUMENTS}) ORDER BY rank"
EXPLAIN = (
    f"SELECT why FROM search({ARGUMENTS}, options => '{{\"explain\": true}}') ORDER BY rank LIMIT 1"
)

# The router's choice, unless a setting of the session names a plan that can serve.
BY_HAND = """
CREATE OR REPLACE FUNCTION search_cheapest(
    by_districts double precision, by_cells double precision, by_prices double precision,
    by_terms double precision
) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE
        WHEN current_setting('bench.plan', true) = 'districts' AND by_districts < 'Infinity'
            OR current_setting('bench.plan', true) = 'cells' AND by_cells < 'Infinity'
            OR current_setting('bench.plan', true) IN ('prices', 'terms')
            THEN current_setting('bench.plan', true)
        WHEN by_districts <= least(by_cells, by_prices, by_terms) THEN 'districts'
        WHEN by_cells <= least(by_prices, by_terms) THEN 'cells'
        WHEN by_prices <= by_terms THEN 'prices' ELSE 'terms' END;
END $$
"""

UNEXPLAINED = ("VT001", "VT004")  # a version that does not know the option, or has yet to build it


class VitrineEngine:
    """Searches by a known picture, as a shop's page does once `CALL encode(image)` has answered."""

    def __init__(self, *, name: str, place: Workplace) -> None:
        self.name = name
        self._place = place

    def build(self, data: Dataset) -> dict[str, float]:
        """Fill the shop and its vector table, then let it arrange what its searches use."""
        url = self._place.url
        seconds = self._place.build_once(self.name, data.fingerprint, lambda: _load(url, data))
        upgrade(url, SCHEMA)  # a kept shop gets the present functions
        self._connection = self._place.closing.enter_context(connect(url, SCHEMA))
        _tune(self._connection)  # which may be due after an upgrade
        _know_queries(self._connection, data.queries)
        return seconds

    def search(self, number: int, vector: Array, wanted: Filter, k: int) -> list[int]:  # noqa: ARG002
        asked = _arguments(number, wanted, k)
        rows = self._connection.execute(SEARCH, asked, prepare=True).fetchall()
        return [row[0] - 1 for row in rows]

    @contextmanager
    def plans_by_hand(self) -> Iterator[None]:
        """In this block `force` names the plan of every search, in place of the router."""
        self._connection.execute(BY_HAND)
        try:
            yield
        finally:
            upgrade(self._place.url, SCHEMA)

    def force(self, plan: str) -> None:
        """Take this plan; "" for what the router would."""
        self._connection.execute("SELECT set_config('bench.plan', %s, false)", (plan,))

    def serves(self, plan: str, wanted: Filter, k: int) -> bool:
        """Whether a search can take this plan under such a filter."""
        if plan == "prices" and wanted.cents is None:
            return False
        self.force(plan)
        said = self.explain(0, wanted, k)
        taken = {"hnsw": "cells", "list": said.get("source", "terms")}
        return taken.get(said.get("plan", ""), said.get("plan")) == plan

    def explain(self, number: int, wanted: Filter, k: int) -> dict[str, Any]:
        """What the search says about its route to the pictures; {} where it says nothing."""
        try:
            row = self._connection.execute(EXPLAIN, _arguments(number, wanted, k)).fetchone()
        except psycopg.Error as error:
            if error.sqlstate not in UNEXPLAINED:
                raise
            return {}
        why = row[0] if row else {}
        return dict(why.get("search", {}).get("image", {}))


def _arguments(number: int, wanted: Filter, k: int) -> tuple[str, str, int]:
    return json.dumps([{"image": _key(number)}]), json.dumps(wanted.as_json()), k


def _load(url: str, data: Dataset) -> dict[str, float]:
    seconds: dict[str, float] = {}
    with _connect_fresh(url) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute(
            "SELECT create_space('bench/model', '1', %s, 'none', 'bench')", (data.dimension,)
        )
        with timed(seconds, "catalogue"):
            _fill_shop(connection, data.catalogue)
        _fill_vectors(url, connection, data, seconds)
        with timed(seconds, "tune"):
            _tune(connection)
        with timed(seconds, "vacuum"):
            connection.execute("VACUUM (ANALYZE)")
    return seconds


def _connect_fresh(url: str) -> AbstractContextManager[Connection]:
    """A connection to an empty shop: one that an earlier run left is dropped."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE".encode())
    upgrade(url, SCHEMA)
    return connect(url, SCHEMA)


def _fill_shop(connection: Connection, shop: Catalogue) -> None:
    """Everything but vectors, with every trigger on; one variant each."""
    for department in range(DEPARTMENTS):
        _add_category(connection, CATEGORIES + 1 + department, None, department_name(department))
    for category in range(CATEGORIES):
        parent = CATEGORIES + 1 + category // PER_DEPARTMENT
        _add_category(connection, category + 1, parent, f"category {category}")
    ids = range(1, shop.products + 1)
    copy_lines(connection, "product", ["product_id", "external_id", "brand", "attributes"], [
        f'{n}\tp{n}\t{brand_name(b)}\t{{"material": "Material {m}"}}'
        for n, b, m in zip(ids, shop.brand, shop.material, strict=True)
    ])  # fmt: skip
    copy_columns(connection, "product_category", {
        "product_id": np.array(ids, np.int64),
        "category_id": shop.category.astype(np.int64) + 1,
    })  # fmt: skip
    copy_lines(connection, "variant", VARIANT, [
        f'{n}\t{n}\ts{n}\t{c / 100:.2f}\t5\t{{"color": "Colour {o}", "size": "{s}"}}'
        for n, c, o, s in zip(ids, shop.cents, shop.colour, shop.size, strict=True)
    ])  # fmt: skip
    copy_lines(connection, "image", ["product_id", "image_id", "uri"], [
        f"{product + 1}\t{n}\t{n}.jpg" for n, product in enumerate(shop.owner, start=1)
    ])  # fmt: skip
    connection.execute("TRUNCATE work_queue")  # a worker's part, which the vectors below stand for


def _add_category(connection: Connection, number: int, parent: int | None, name: str) -> None:
    connection.execute(
        "INSERT INTO category (category_id, parent_id, name) OVERRIDING SYSTEM VALUE "
        "VALUES (%s, %s, %s)",
        (number, parent, name),
    )


def _fill_vectors(
    url: str, connection: Connection, data: Dataset, seconds: dict[str, float]
) -> None:
    """Rows first, on two connections, and the HNSW index after them, which takes both cores too."""
    indexes = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = %s "
        "AND tablename = 'image_vector_1' AND indexdef LIKE '%% USING hnsw %%'",
        (SCHEMA,),
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}".encode())
    first = data.catalogue.first
    middle = int(first[len(first) // 2])  # a product's vectors stay together
    with timed(seconds, "vectors"), ThreadPoolExecutor(2) as pool:
        halves = [slice(0, middle), slice(middle, len(data.vectors))]
        list(pool.map(partial(_copy_vectors, url, data), halves))
    with timed(seconds, "hnsw"):
        for _, definition in indexes:
            connection.execute(definition.encode())


def _copy_vectors(url: str, data: Dataset, part: slice) -> None:
    with connect(url, SCHEMA) as connection:
        connection.execute("SET synchronous_commit = off")
        count = part.stop - part.start
        copy_columns(connection, "image_vector_1", {
            "product_id": data.catalogue.owner[part] + 1,
            "image_id": np.arange(part.start + 1, part.stop + 1),
            "embedding": data.vectors[part],
            "input_version": np.ones(count, np.int64),
            "content": np.full(count, b"x" * 32),
        })  # fmt: skip


def _tune(connection: Connection) -> None:
    """What a worker does after a bulk load. The one place to change when that gets another name."""
    for kind in ("image", "caption"):
        sort_vectors(lambda action: action(connection), kind, 1, lambda: False)
    connection.execute("SELECT tune_search()")


def _key(number: int) -> str:
    return f"{number:064x}"


def _know_queries(connection: Connection, queries: Array) -> None:
    """Store the queries' vectors, as a worker does when it answers."""
    connection.execute("DELETE FROM query_vector")
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO query_vector (space_id, kind, key, embedding) "
            "VALUES (1, 'image', %s, %s::halfvec)",
            [(_key(n), str(query.tolist())) for n, query in enumerate(queries)],
        )
    connection.execute("VACUUM (ANALYZE) query_vector")
