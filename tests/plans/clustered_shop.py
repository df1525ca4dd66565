"""A shop of vectors in clusters, large enough for every plan, loaded and never analysed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tests.integration.searchable import know, know_picture, make_space
from vitrine.database import Connection

PRODUCTS, DIMENSION, CLUSTERS, QUERIES = 16_000, 128, 40, 20
IMAGE_INDEX, CAPTION_INDEX = "image_vector_1_hnsw_idx", "caption_vector_1_hnsw_idx"
LARGE = (
    "image_vector_1", "caption_vector_1", "image_sketch_1", "caption_sketch_1",
    "product", "variant", "image", "caption", "image_variant", "product_category",
)  # fmt: skip
BROAD = {"brand": "most"}
NARROW = {"category": "narrow"}
KEY = "{:064x}"


def fill(connection: Connection) -> Any:
    """Load the catalogue and its vectors; returns the vectors of the pictures, by product."""
    rng = np.random.default_rng(7)
    centres = rng.normal(size=(CLUSTERS, DIMENSION))
    make_space(connection, DIMENSION)
    # The server would analyse it within a minute, which tests may take or not.
    for table in LARGE:
        connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)".encode())
    # Triggers would queue every picture, which is beside the point here.
    connection.execute("SET session_replication_role = replica")
    for statement in (
        "INSERT INTO category (name, path, lineage) VALUES ('narrow', 'narrow', '{1}')",
        "INSERT INTO product (external_id, brand, popularity) SELECT 'p' || i, "
        f"CASE WHEN i % 4 <> 0 THEN 'Most' END, i FROM generate_series(1, {PRODUCTS}) i",
        "INSERT INTO product_category SELECT product_id, category_id FROM product, category "
        "WHERE product_id % 100 = 0",
        "INSERT INTO variant (product_id, sku, price) "
        "SELECT product_id, external_id, product_id % 1000 FROM product",
        "INSERT INTO image (product_id, uri) SELECT product_id, 'a.jpg' FROM product ORDER BY 1",
        "INSERT INTO caption (product_id, locale, source, text) "
        "SELECT product_id, 'en', 'catalogue', 'x' FROM product ORDER BY 1",
    ):
        connection.execute(statement.encode())
    made = {}
    for kind in ("image", "caption"):
        made[kind] = clustered(rng, PRODUCTS, centres)
        load_vectors(connection, kind, made[kind])
    connection.execute("RESET session_replication_role")
    connection.execute("SELECT sketch_products(array_agg(product_id)) FROM product")
    connection.execute("SELECT tune_search()")
    for number, query in enumerate(clustered(rng, QUERIES, centres)):
        know_picture(connection, KEY.format(number), query.tolist())
        know(connection, query.tolist(), words=f"words {number}")
    return made["image"]


def clustered(rng: np.random.Generator, count: int, centres: np.ndarray[Any, Any]) -> Any:
    """Unit vectors (count, DIMENSION) around centres, as those of a real encoder lie."""
    vectors = centres[rng.integers(0, len(centres), count)]
    vectors = vectors + 0.6 * rng.normal(size=vectors.shape)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def load_vectors(connection: Connection, kind: str, vectors: Any) -> None:
    table, index = f"{kind}_vector_1", f"{kind}_vector_1_hnsw_idx"
    connection.execute(f"DROP INDEX {index}".encode())
    copy = f"COPY {table} (product_id, {kind}_id, embedding, input_version, content) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(copy.encode()) as rows:
        for number, vector in enumerate(vectors, start=1):
            rows.write_row((number, number, str(vector.round(5).tolist()), 1, b"x"))
    build = f"CREATE INDEX {index} ON {table} USING hnsw (embedding halfvec_ip_ops)"
    connection.execute(build.encode())


def vector_plans(hits: list[dict[str, Any]]) -> dict[str, str | None]:
    """How the arms of pictures and captions found their rows."""
    return {arm: hits[0]["why"]["plan"].get(arm) for arm in ("image", "caption")}


def scans(connection: Connection, relation: str) -> int:
    """Index scans of an index, or sequential scans of a table, in this transaction."""
    row = connection.execute(
        "SELECT pg_stat_get_xact_numscans(%s::text::regclass)", (relation,)
    ).fetchone()
    assert row is not None
    return int(row[0])


def always_districts(connection: Connection) -> None:
    """Let the router choose districts, as it would by itself in a larger shop."""
    connection.execute(f"DROP INDEX {IMAGE_INDEX}".encode())
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_cheapest(by_districts double precision, "
        "by_cells double precision, by_prices double precision, by_terms double precision) "
        "RETURNS text LANGUAGE sql RETURN 'districts'"
    )


def query_of(connection: Connection, number: int) -> Any:
    """A query's vector."""
    row = connection.execute(
        "SELECT embedding::text FROM query_vector WHERE key = %s", (KEY.format(number),)
    ).fetchone()
    assert row is not None
    return np.array(json.loads(row[0]))


def true_order(vectors: Any, connection: Connection, number: int, keep: Any) -> list[str]:
    """The products that a filter keeps, the nearest first."""
    order = np.argsort(-(vectors @ query_of(connection, number))) + 1
    return [f"p{product}" for product in order if keep(product)]
