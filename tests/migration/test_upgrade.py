"""`upgrade` beside other upgrades, and in a database that belongs to somebody already."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg

from tests.migration.catalog import database_lines, difference, schema_lines
from vitrine.database import set_search_path
from vitrine.migrate import upgrade

SHOP = """
    CREATE SCHEMA extensions;
    CREATE EXTENSION vector SCHEMA extensions;
    GRANT USAGE ON SCHEMA extensions TO PUBLIC;
    CREATE SCHEMA shop;
    CREATE TABLE shop.product (id int PRIMARY KEY, name text, embedding extensions.vector(3));
    CREATE INDEX ON shop.product USING hnsw (embedding extensions.vector_cosine_ops);
    CREATE TABLE public.customer (id int GENERATED ALWAYS AS IDENTITY, mail text UNIQUE);
    CREATE TABLE public.alembic_version (version_num text PRIMARY KEY);
    INSERT INTO public.alembic_version VALUES ('a1b2c3');
    CREATE FUNCTION public.search(query text) RETURNS int LANGUAGE sql RETURN 1;
    CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER touch BEFORE UPDATE ON shop.product FOR EACH ROW EXECUTE FUNCTION shop.touch();
    COMMENT ON SCHEMA public IS 'the shop''s own';
    REVOKE ALL ON SCHEMA shop FROM PUBLIC"""


def lines_outside(url: str) -> list[str]:
    with psycopg.connect(url, autocommit=True) as connection:
        return [
            *database_lines(connection),
            *schema_lines(connection, "public"),
            *schema_lines(connection, "shop"),
            *schema_lines(connection, "extensions"),
        ]


def test_an_existing_shop_keeps_everything_as_it_was(empty_database: str) -> None:
    name = f"laden_{uuid.uuid4().hex[:6]}"
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(SHOP)
        connection.execute(
            psycopg.sql.SQL("ALTER DATABASE {} SET search_path = shop, public").format(
                psycopg.sql.Identifier(connection.info.dbname)
            )
        )
    before = lines_outside(empty_database)
    upgrade(empty_database, name)
    found = difference(before, lines_outside(empty_database))
    assert len(found) == 4
    for wanted in (
        f"+ namespace: ('{name}'",
        f"+ role: ('{name}_app'",
        f"+ role: ('{name}_worker'",
        f"+ role: ('{name}_analyst'",
    ):
        assert any(line.startswith(wanted) for line in found), wanted
    with psycopg.connect(empty_database) as connection:
        set_search_path(connection, name)
        path = connection.execute("SHOW search_path").fetchone()
        assert path == (f"{name}, extensions, pg_temp",)
        connection.execute("SELECT create_space('model', 'revision', 4, 'plain')")


def test_many_upgrades_at_once_make_one_schema(make_database: Callable[[], str]) -> None:
    """Of the same new shop, of a second one beside it, and of one in another database."""
    one, other = make_database(), make_database()
    name = f"race_{uuid.uuid4().hex[:6]}"
    jobs = [(one, name), (one, name), (one, f"{name}_2"), (other, name), (one, name)]
    with ThreadPoolExecutor(len(jobs)) as pool:
        for done in [pool.submit(upgrade, url, schema) for url, schema in jobs]:
            done.result(timeout=120)
    lines = []
    for url, schema in ((one, name), (other, name), (one, f"{name}_2")):
        with psycopg.connect(url, autocommit=True) as connection:
            found = schema_lines(connection, schema)
            lines.append([line for line in found if "FOR VALUES" not in line])
    assert difference(lines[0], lines[1]) == []
    assert difference(lines[0], lines[2]) == []


def test_two_shops_in_one_database_do_not_see_each_other(empty_database: str) -> None:
    names = [f"shop_{uuid.uuid4().hex[:6]}" for _ in range(2)]
    for name in names:
        upgrade(empty_database, name)
    with psycopg.connect(empty_database, autocommit=True) as connection:
        set_search_path(connection, names[0])
        connection.execute("SELECT create_space('model', 'revision', 4, 'plain')")
        set_search_path(connection, names[1])
        connection.execute("SELECT create_space('model', 'revision', 7, 'plain')")
        connection.execute("LISTEN " + names[0] + "_work; LISTEN " + names[1] + "_work")
        connection.execute("INSERT INTO product (external_id) VALUES ('only here')")
        connection.execute(
            "INSERT INTO image (product_id, uri) SELECT product_id, 'x.jpg' FROM product"
        )
        heard = {note.channel for note in connection.notifies(timeout=2, stop_after=1)}
        assert heard == {f"{names[1]}_work"}
        counts = "SELECT (SELECT count(*) FROM product), (SELECT count(*) FROM work_queue)"
        assert connection.execute(counts).fetchone() == (1, 1)
        set_search_path(connection, names[0])
        assert connection.execute(counts).fetchone() == (0, 0)
        # A trigger's schema is its own, whatever the caller's path.
        connection.execute(
            psycopg.sql.SQL("INSERT INTO {}.category (name) VALUES ('Women')").format(
                psycopg.sql.Identifier(names[1])
            )
        )
        assert connection.execute("SELECT count(*) FROM category").fetchone() == (0,)
        row = connection.execute(
            "SELECT string_agg(pg_get_functiondef(p.oid), '') FROM pg_proc p "
            "WHERE p.pronamespace = to_regnamespace(%s) AND p.prokind <> 'a'",
            (names[1],),
        ).fetchone()
        assert row
        assert names[0] not in row[0]
        for role in ("app", "worker", "analyst"):
            rights = connection.execute(
                "SELECT array_agg(has_schema_privilege(%s, name, 'USAGE')) "
                "FROM unnest(%s::text[]) n (name)",
                (f"{names[0]}_{role}", names),
            ).fetchone()
            assert rights == ([True, False],)
