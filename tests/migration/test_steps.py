"""A shop that was upgraded from version to version is the same as one made today."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from tests.integration.facet_reference import facet_counts
from tests.integration.facet_shop import fold
from tests.migration.catalog import difference, schema_lines
from vitrine import models, provision, sql_files
from vitrine.database import set_search_path
from vitrine.migrate import alembic_configuration, driver_connection, open_schema, upgrade

# What a shop of each revision holds when the next one comes.
DATA = {
    "0001": """
        INSERT INTO category (name, path) VALUES ('Women', 'women');
        INSERT INTO product (external_id, brand) VALUES ('P1', 'Acme'), ('P2', NULL);
        INSERT INTO product_text (product_id, locale, title)
        SELECT product_id, 'en', 'Jacket' FROM product;
        INSERT INTO product_category SELECT product_id, category_id FROM product, category;
        INSERT INTO variant (product_id, sku, price)
        SELECT product_id, external_id || '-S', 10 FROM product;
        INSERT INTO image (product_id, uri) SELECT product_id, external_id || '.jpg' FROM product;
        INSERT INTO image_variant
        SELECT product_id, image_id, variant_id FROM image JOIN variant USING (product_id)""",
    "0002": """
        SELECT create_space('model', 'revision', 4, 'plain');
        INSERT INTO image (product_id, uri)
        SELECT product_id, external_id || '-2.jpg' FROM product""",
}
# The same, in tables that have had other columns since. All had been folded, in the way of then:
# prices are other bitmaps today, and columns shorter.
DATA_OF_THEN = {
    "0023": """
        DELETE FROM facet_change;
        INSERT INTO facet_column (field, name, block, firsts, seconds)
        SELECT 'brand', '', 0, array_fill(1023, ARRAY[8192]), array_fill(0, ARRAY[8192])""",
}
# What search functions hand to each other, and no table's columns say.
TYPES = {
    "facet_patch",
    "personal_history",
    "recommendation",
    "search_answer",
    "search_arms",
    "search_filter",
    "search_finds",
    "search_hit",
    "search_look",
    "search_question",
    "search_route",
}
# Spaces had no sketches before 0004.
NOT_YET = """
    CREATE FUNCTION create_sketch_table(kind text, space_id integer, dimension integer) RETURNS void
    LANGUAGE sql AS '';
    CREATE FUNCTION create_price_table(kind text, space_id integer, dimension integer) RETURNS void
    LANGUAGE sql AS '';
    CREATE FUNCTION keep_unfiltered(kind text, space_id integer) RETURNS void
    LANGUAGE sql AS '';
    CREATE FUNCTION wait_for_vectors(only_space integer DEFAULT NULL) RETURNS void
    LANGUAGE sql AS ''"""
COUNTS = """
    SELECT (SELECT count(*) FROM product), (SELECT count(*) FROM image),
        (SELECT count(*) FROM caption), (SELECT count(*) FROM work_queue),
        (SELECT count(*) FROM image_variant)"""


def upgrade_step_by_step(url: str, until: str = "head") -> None:
    """As if each revision had been a release, with the functions that could exist by then."""
    with psycopg.connect(url, autocommit=True) as connection:
        provision.create_extension(connection)
        provision.create_schema(connection, "vitrine")
        provision.create_roles(connection, "vitrine")
    with open_schema(url, "vitrine") as connection:
        script = ScriptDirectory.from_config(alembic_configuration(connection, "vitrine"))
        revisions = [step.revision for step in script.walk_revisions(head=until)][::-1]
    assert len(revisions) >= 3
    for revision in revisions:
        with open_schema(url, "vitrine") as connection:
            command.upgrade(alembic_configuration(connection, "vitrine"), revision)
            replay_what_applies(connection)
            if revision == "0001":
                driver_connection(connection).execute(NOT_YET.encode())
            statements = (DATA | DATA_OF_THEN).get(revision, "SELECT 1")
            driver_connection(connection).execute(statements.encode())


def replay_what_applies(connection: sa.Connection) -> None:
    """Every file that names no table, type, column or attribute of a later revision."""
    tables = {table.name: table for table in models.Base.metadata.sorted_tables}
    inspector = sa.inspect(connection)
    here = set(inspector.get_table_names())
    later = tables.keys() - here
    columns = {
        column.name
        for name in here & tables.keys()
        for column in tables[name].columns
        if column.name not in {found["name"] for found in inspector.get_columns(name)}
    }
    made = (
        driver_connection(connection)
        .execute("SELECT typname FROM pg_type UNION ALL SELECT relname FROM pg_class")
        .fetchall()
    )
    types = TYPES - {name for (name,) in made}
    using = re.compile(
        rf"\b(FROM|JOIN|INTO|UPDATE|TABLE|ON|RETURNS) ({'|'.join(later)})\b"
        rf"|\b({'|'.join(columns | types) or '-'})\b"
    )
    driver_connection(connection).execute("SET LOCAL check_function_bodies = off")
    for name in [*sql_files.names("functions"), *sql_files.names("grants")]:
        text = sql_files.read(name)
        if not (later or types) or not using.search(text):
            # An attribute that a type gets later is known to nobody but the type.
            with (
                suppress(psycopg.errors.UndefinedColumn),
                driver_connection(connection).transaction(),
            ):
                driver_connection(connection).execute(text.encode())


def lines_of(url: str) -> list[str]:
    with psycopg.connect(url, autocommit=True) as connection:
        return schema_lines(connection, "vitrine")


def test_a_fresh_schema_equals_a_migrated_one(make_database: Callable[[], str]) -> None:
    fresh, migrated = make_database(), make_database()
    upgrade_step_by_step(migrated)
    with psycopg.connect(migrated) as connection:
        set_search_path(connection, "vitrine")
        before = connection.execute(COUNTS).fetchone()
        assert before == (2, 4, 2, 6, 2)
    upgrade(migrated)
    upgrade(fresh)
    with psycopg.connect(fresh) as connection:
        set_search_path(connection, "vitrine")
        connection.execute("SELECT create_space('model', 'revision', 4, 'plain')")
    upgrade(fresh)
    assert difference(lines_of(fresh), lines_of(migrated)) == []
    with psycopg.connect(migrated) as connection:
        set_search_path(connection, "vitrine")
        assert connection.execute(COUNTS).fetchone() == before


def test_facets_of_an_old_shop_are_those_of_its_catalogue(make_database: Callable[[], str]) -> None:
    url = make_database()
    upgrade_step_by_step(url)
    upgrade(url)
    with psycopg.connect(url, autocommit=True) as connection:
        set_search_path(connection, "vitrine")
        fold(connection)
        assert connection.execute("SELECT count(*) FROM facet_change").fetchone() == (0,)
        for asked in ({}, {"price": {"gte": 10}}, {"category": "women"}):
            answer = facet_counts(connection, asked, ["brand", "category", "price"])
            assert answer["total"] == 2
            assert answer["facets"]["brand"] == [{"value": "Acme", "count": 1}]
            assert [v["count"] for v in answer["facets"]["category"]] == [2]
            assert (answer["facets"]["price"]["min"], answer["facets"]["price"]["max"]) == (10, 10)


def test_prices_are_listed_and_noted_as_they_were_folded(make_database: Callable[[], str]) -> None:
    """Until 0029 some had a note, and of others the row alone said that it was written since."""
    url = make_database()
    upgrade_step_by_step(url, "0028")
    with psycopg.connect(url, autocommit=True) as connection:
        set_search_path(connection, "vitrine")
        for statement in (
            "INSERT INTO product (external_id) VALUES ('P3'), ('P4')",
            "INSERT INTO variant (product_id, sku, price) VALUES (3, 'P3-S', NULL), (4, 'P4-S', 5)",
            "DELETE FROM facet_change",
            "INSERT INTO facet_change (product_id, prices_only) VALUES (1, true), (4, false)",
            "INSERT INTO facet_bitmap (value_id, plane, block, bits) "
            "VALUES (1, 0, 0, 0::bit(32000))",
            "INSERT INTO facet_horizon (transaction_id, server) SELECT "
            "pg_snapshot_xmin(pg_current_snapshot())::text::bigint, system_identifier "
            "FROM pg_control_system()",
            "UPDATE variant SET price = 12 WHERE product_id = 2",
        ):
            connection.execute(statement.encode())
    upgrade(url)
    with psycopg.connect(url, autocommit=True) as connection:
        set_search_path(connection, "vitrine")
        noted, changed, listed = (
            connection.execute(statement.encode()).fetchall()
            for statement in (
                "SELECT product_id FROM price_change ORDER BY 1",
                "SELECT product_id FROM facet_change",
                "SELECT price, product_id FROM listed_price ORDER BY 1",
            )
        )
    assert noted == [(1,), (2,)]
    assert changed == [(4,)]
    assert listed == [(5, 4), (10, 1), (12, 2)]


def test_a_second_upgrade_changes_nothing(database: str) -> None:
    with psycopg.connect(database) as connection:
        set_search_path(connection, "vitrine")
        connection.execute("SELECT create_space('model', 'revision', 4, 'plain')")
        connection.execute("SELECT ensure_partitions('2020-01-01', '2020-02-01')")
    before = lines_of(database)
    upgrade(database)
    assert difference(before, lines_of(database)) == []


def test_a_right_that_was_given_by_hand_in_the_schema_is_taken_back(database: str) -> None:
    before = lines_of(database)
    with psycopg.connect(database) as connection:
        connection.execute("GRANT UPDATE ON vitrine.variant TO vitrine_worker")
        connection.execute("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA vitrine TO PUBLIC")
    assert lines_of(database) != before
    upgrade(database)
    assert difference(before, lines_of(database)) == []
