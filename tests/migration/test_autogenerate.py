"""The models and the schema say the same, and alembic sees where they do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tests.migration.catalog import difference, schema_lines
from vitrine import models
from vitrine.database import set_search_path
from vitrine.migrate import autogenerate_options, driver_connection, open_schema, upgrade


def found_differences(url: str, schema: str = "vitrine", metadata: Any = None) -> list[Any]:
    options = autogenerate_options()
    with open_schema(url, schema) as connection:
        context = MigrationContext.configure(connection, opts=options)
        return compare_metadata(context, metadata or options["target_metadata"])


def make_space(url: str, dimension: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        set_search_path(connection, "vitrine")
        connection.execute("SELECT create_space('model', 'revision', %s, 'plain')", (dimension,))


def test_alembic_finds_no_difference_even_beside_vector_tables_and_partitions(
    database: str,
) -> None:
    make_space(database, 512)
    with psycopg.connect(database, autocommit=True) as connection:
        set_search_path(connection, "vitrine")
        connection.execute("SELECT ensure_partitions('2019-01-01', '2019-12-31')")
    assert found_differences(database) == []


def test_alembic_finds_no_difference_in_a_shop_of_another_name(empty_database: str) -> None:
    upgrade(empty_database, "Zweiter Laden")
    assert found_differences(empty_database, "Zweiter Laden") == []


CHANGES = {
    "a column's type": "ALTER TABLE variant ALTER stock TYPE bigint",
    "a vector's dimension": "DROP TRIGGER IF EXISTS query_vector_fits ON query_vector;"
    "ALTER TABLE query_vector ALTER embedding TYPE halfvec(3)",
    "a domain": "ALTER TABLE variant ALTER price TYPE numeric",
    "a default": "ALTER TABLE image ALTER position SET DEFAULT 7",
    "a missing default": "ALTER TABLE product ALTER popularity DROP DEFAULT",
    "NULL": "ALTER TABLE product ALTER brand SET NOT NULL",
    "a missing column": "ALTER TABLE image DROP COLUMN etag",
    "a column too many": "ALTER TABLE image ADD COLUMN colour text",
    "a missing index": "DROP INDEX category_path_prefix_idx",
    "an index too many": "CREATE INDEX more ON variant (price)",
    "a missing key": "ALTER TABLE variant DROP CONSTRAINT variant_sku_key",
    "nulls in a key": "ALTER TABLE caption DROP CONSTRAINT caption_origin_key;"
    "ALTER TABLE caption ADD CONSTRAINT caption_origin_key"
    " UNIQUE (product_id, locale, source, image_id)",
    "a foreign key": "ALTER TABLE caption DROP CONSTRAINT caption_product_id_image_id_fkey",
    "what a deletion takes along": "ALTER TABLE caption"
    " DROP CONSTRAINT caption_product_id_image_id_fkey,"
    " ADD CONSTRAINT caption_product_id_image_id_fkey"
    " FOREIGN KEY (product_id, image_id) REFERENCES image",
    "a table's comment": "COMMENT ON TABLE variant IS 'other'",
    "a column's comment": "COMMENT ON COLUMN variant.stock IS 'other'",
    "a table too many": "CREATE TABLE image_vectors (id int)",
    "a missing table": "DROP TABLE worker CASCADE",
}


def test_alembic_finds_every_kind_of_change(database: str) -> None:
    options = autogenerate_options()
    missed = []
    with open_schema(database, "vitrine") as connection:
        for name, change in CHANGES.items():
            with connection.begin_nested() as savepoint:
                driver_connection(connection).execute(change.encode())
                context = MigrationContext.configure(connection, opts=options)
                if not compare_metadata(context, options["target_metadata"]):
                    missed.append(name)
                savepoint.rollback()
    assert missed == []


def test_alembic_never_proposes_to_drop_what_the_shop_makes_itself(database: str) -> None:
    make_space(database, 8)
    found = str(found_differences(database, metadata=sa.MetaData()))
    assert "remove_table" in found
    assert "vector_1" not in found
    assert "event_2" not in found


def test_the_models_make_the_very_schema_that_the_migrations_make(
    make_database: Callable[[], str],
) -> None:
    """Also what alembic does not compare: checks, predicates, generated columns, persistence."""
    migrated, modelled = make_database(), make_database()
    upgrade(migrated)
    with psycopg.connect(migrated) as connection:
        row = connection.execute(
            "SELECT pg_get_functiondef('vitrine.text_configuration'::regproc)"
        ).fetchone()
    assert row
    with psycopg.connect(modelled, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector SCHEMA public; CREATE SCHEMA vitrine")
    with open_schema(modelled, "vitrine") as connection:
        driver_connection(connection).execute(row[0].encode())
        models.Base.metadata.create_all(connection)
    parts = ("column", "constraint", "index", "sequence")
    lines = [
        [line for line in _plain(url) if line.startswith(parts)] for url in (migrated, modelled)
    ]
    assert difference(*lines) == []


def _plain(url: str) -> list[str]:
    """A schema's lines without the migrations' own table, partitions and rights."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS vitrine.alembic_version CASCADE")
        # Of columns, too.
        connection.execute(
            "REVOKE ALL ON ALL TABLES IN SCHEMA vitrine"
            " FROM vitrine_app, vitrine_worker, vitrine_analyst"
        )
        # What only functions hand to each other, and views, have no models.
        connection.execute(
            "DO $$ DECLARE gone text; BEGIN FOR gone IN "
            "SELECT format('DROP %s IF EXISTS vitrine.%I CASCADE', "
            "CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TYPE' END, c.relname) FROM pg_class c "
            "WHERE c.relnamespace = 'vitrine'::regnamespace AND c.relkind IN ('v', 'c') "
            "LOOP EXECUTE gone; END LOOP; END $$"
        )
        set_search_path(connection, "vitrine")
        partitions = connection.execute(
            "SELECT format('DROP TABLE vitrine.%I', c.relname) FROM pg_class c"
            " WHERE c.relispartition AND c.relkind = 'r'"
        ).fetchall()
        for (drop,) in partitions:
            connection.execute(drop.encode())
        connection.execute("REVOKE UPDATE ON image FROM vitrine_worker")
        return schema_lines(connection, "vitrine")


@pytest.mark.parametrize("kind", ["image", "caption"])
def test_the_vector_models_make_the_very_tables_that_a_space_makes(
    database: str, kind: str
) -> None:
    make_space(database, 6)
    model = models.image_vector(1, 6) if kind == "image" else models.caption_vector(1, 6)
    table = f"{kind}_vector_1"
    parts = ("column", "constraint", "index")
    lines = []
    for _ in ("by create_space", "by the model"):
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("SET search_path = vitrine, public")
            lines.append(
                [
                    line
                    for line in schema_lines(connection, "vitrine")
                    if line.startswith(parts) and table in line
                ]
            )
            connection.execute(f"DROP TABLE {table}".encode())
        with open_schema(database, "vitrine") as connection:
            model.__table__.metadata.create_all(connection, tables=[model.__table__])
    assert lines[0]
    assert difference(*lines) == []
