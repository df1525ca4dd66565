"""Plain pgvector: one flat table with the filter columns, B-trees on them and an HNSW index."""

from __future__ import annotations

import psycopg
from benchmarks.filtered_search.catalogue import Dataset
from benchmarks.filtered_search.engines.copying import copy_columns
from benchmarks.filtered_search.engines.flat import distinct_products, flat_columns, rows_for
from benchmarks.filtered_search.filters import Filter
from benchmarks.filtered_search.groups import Array
from benchmarks.filtered_search.workplace import Workplace, timed
from pgvector import HalfVector
from pgvector.psycopg import register_vector

from vitrine.database import Connection

__all__ = ["PgvectorEngine"]

MODES = {
    "default": (),
    "strict": ("SET hnsw.iterative_scan = strict_order",),
    "relaxed": ("SET hnsw.iterative_scan = relaxed_order", "SET hnsw.ef_search = 100"),
    "exact": ("SET enable_indexscan = off",),  # HNSW offers no other kind; B-trees give bitmaps
}
SCHEMA, TABLE = "plain_pgvector", "flat"
FILTERED = ("category", "department", "brand", "colour", "material", "cents")


class PgvectorEngine:
    """One way to search the flat table, which all the ways share."""

    def __init__(self, *, name: str, place: Workplace, mode: str) -> None:
        self.name = name
        self._place = place
        self._mode = mode

    def build(self, data: Dataset) -> dict[str, float]:
        connection = psycopg.connect(self._place.url, autocommit=True)
        self._connection = self._place.closing.enter_context(connection)
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}".encode())
        connection.execute(
            "SELECT set_config('search_path', %s || ', ' || n.nspname, false) FROM pg_extension e "
            "JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'",
            (SCHEMA,),
        )
        seconds = self._place.build_once(
            "pgvector", data.fingerprint, lambda: _load(connection, data)
        )
        register_vector(connection)
        connection.execute("SET jit = off")
        for statement in MODES[self._mode]:
            connection.execute(statement.encode())
        self._most = rows_for(data)
        return seconds

    def search(self, number: int, vector: Array, wanted: Filter, k: int) -> list[int]:  # noqa: ARG002
        statement = (
            f"SELECT product_id FROM {TABLE} WHERE {wanted.as_sql() or 'true'} "
            f"ORDER BY embedding <#> %b LIMIT {self._most(k)}"
        )
        rows = self._connection.execute(statement.encode(), (HalfVector(vector),)).fetchall()
        return distinct_products((row[0] for row in rows), k)


def _load(connection: Connection, data: Dataset) -> dict[str, float]:
    seconds: dict[str, float] = {}
    columns = dict.fromkeys(flat_columns(data), "integer")
    listed = ", ".join(f"{name} {kind} NOT NULL" for name, kind in columns.items())
    connection.execute("SET synchronous_commit = off")
    connection.execute(f"DROP TABLE IF EXISTS {TABLE}".encode())
    connection.execute(
        f"CREATE TABLE {TABLE} ({listed}, embedding halfvec({data.dimension}) NOT NULL)".encode()
    )
    with timed(seconds, "vectors"):
        copy_columns(connection, TABLE, {**flat_columns(data), "embedding": data.vectors})
    with timed(seconds, "B-trees"):
        for column in FILTERED:
            connection.execute(f"CREATE INDEX ON {TABLE} ({column})".encode())
    with timed(seconds, "hnsw"):
        connection.execute(
            f"CREATE INDEX ON {TABLE} USING hnsw (embedding halfvec_ip_ops) "
            "WITH (m = 16, ef_construction = 64)".encode()
        )
    with timed(seconds, "vacuum"):
        connection.execute(f"VACUUM (ANALYZE) {TABLE}".encode())
    return seconds
