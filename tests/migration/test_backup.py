"""A shop's dump, restored elsewhere and upgraded, is the shop."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.migration.catalog import difference, schema_lines
from tests.migration.test_steps import COUNTS, DATA
from vitrine.database import set_search_path
from vitrine.embedded import binaries
from vitrine.migrate import upgrade

VERSION = int(os.environ.get("VITRINE_TEST_POSTGRES", "18"))


def client_tool(name: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(binaries(VERSION) / name), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_shop_survives_dump_and_restore(
    database: str, make_database: Callable[[], str], tmp_path: Path
) -> None:
    with psycopg.connect(database) as connection:
        set_search_path(connection, "vitrine")
        for statements in DATA.values():
            connection.execute(statements.encode())
        connection.execute(
            "INSERT INTO image_vector_1 SELECT product_id, image_id, '[1,0,0,0]', 1, '' FROM image"
        )
        connection.execute("INSERT INTO event (action_name) VALUES ('click')")
        connection.execute("SELECT fold_facets()")
        connection.execute("UPDATE variant SET price = 3 WHERE product_id = 1")
    restored, dump = make_database(), str(tmp_path / "shop.dump")
    client_tool("pg_dump", "--schema=vitrine", "--format=custom", f"--file={dump}", database)
    with psycopg.connect(restored) as connection:
        connection.execute("CREATE EXTENSION vector SCHEMA public")
    client_tool("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={restored}", dump)
    upgrade(restored)
    lines, contents = [], []
    for url in (database, restored):
        with psycopg.connect(url, autocommit=True) as connection:
            set_search_path(connection, "vitrine")
            lines.append(schema_lines(connection, "vitrine"))
            contents.append(
                (
                    connection.execute(COUNTS).fetchone(),
                    connection.execute("TABLE product_text").fetchall(),
                    connection.execute("TABLE image_vector_1").fetchall(),
                    connection.execute("TABLE event").fetchall(),
                    connection.execute(
                        'SELECT product_id FROM search(filters => \'{"price": {"lt": 5}}\')'
                    ).fetchall(),
                    connection.execute("SELECT facet_counts('{\"price\": 3}')").fetchall(),
                )
            )
    assert contents[0] == contents[1]
    assert contents[1][4] == [(1,)]
    assert difference(*lines) == []
