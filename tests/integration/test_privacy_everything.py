"""After everything that a shop does with a shopper, and after forgetting her, the id is nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg import sql

import vitrine
from tests.integration.searchable import Product, add_product, make_space
from tests.integration.whole_database import places
from vitrine.database import Connection
from vitrine.event_files import EventImport, import_events

ID = "u-42x7"
KEY = "a secret of the shop"
# Whatever works in the background, also what is added later.
TENDING = """
    SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'vitrine'::regnamespace
        AND p.proname LIKE 'tend\\_%' AND p.pronargs = p.pronargdefaults ORDER BY p.proname"""


def tend(connection: Connection) -> None:
    names = [name for (name,) in connection.execute(TENDING).fetchall()]
    assert names
    for name in names:
        for _ in range(3):
            connection.execute(sql.SQL("SELECT * FROM {}()").format(sql.Identifier(name)))


@pytest.mark.parametrize("key", [None, KEY])
def test_nothing_in_any_table_holds_the_id(
    connection: Connection, database: str, tmp_path: Path, key: str | None
) -> None:
    make_space(connection)
    for number in range(12):
        add_product(connection, Product(f"P{number}"))
    connection.execute("SELECT ensure_partitions('2024-01-01', '2024-12-31')")
    file = tmp_path / "old.csv"
    lines = [
        f"2024-{month:02}-05,{action},{client},s-{client},P{month % 12}"
        for month in range(1, 13)
        for client in (ID, *(f"u-{n}" for n in range(6)))
        for action in ("view", "click", "purchase")
    ]
    lines += [f"2199-01-01,view,{ID},s-{ID},P1"]
    file.write_text("timestamp,action_name,client,session,object_id\n" + "\n".join(lines))
    with vitrine.connect(database, client_key=key) as shop:
        import_events(database, "vitrine", file, EventImport(client_keys=shop.client_keys))
        for client in (ID, *(f"u-{n}" for n in range(6))):
            page = shop.search(k=5)
            shown = shop.log_page(page, "jackets", client=client, session=f"s-{client}")
            shop.log("click", client=client, query_id=shown, object_id="P1", position=1)
            shop.log("purchase", client=client, object_id="P1", amount=10, order_id="o-1")
        shop.log_page(page, f"a present for {ID}", client=ID)
        shop.log("view", client="u-1", message=f"sent by {ID}", event_attributes={"by": ID})
        tend(connection)
        connection.execute("ANALYZE")
        stored = shop.client_keys.name(ID) or ""
        assert set(places(connection, stored)) >= {
            "event",
            "query",
            "quarantine",
            "event_2024_03",
            "kept_history",
        }
        assert shop.traces(ID).keys() >= {"event_2024_03", "kept_history", "quarantine"}
        exported = shop.export(ID)["tables"]
        assert {table: len(rows) for table, rows in exported.items()} == {
            "event": 36 + 5 + 1 + 1 + 5,
            "kept_history": 1,
            "query": 2,
            "quarantine": 1,
        }
        shop.forget(ID)
        tend(connection)
        connection.execute("ANALYZE")
        assert places(connection, ID) == places(connection, stored) == []
        assert shop.traces(ID) == {}
        rows = connection.execute("SELECT count(DISTINCT client_id) FROM event").fetchone()
        assert rows == (6,)
        statistics = connection.execute(
            "SELECT tablename FROM pg_stats s"
            " WHERE strpos(s::text, %s) > 0 OR strpos(s::text, %s) > 0",
            (ID, stored),
        ).fetchall()
        assert statistics == []
