"""A shopper's data from Python: forgotten, found, exported, opted out, and under keyed hashes."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import vitrine
from tests.integration.searchable import Product, add_product
from tests.integration.whole_database import places
from vitrine.database import Connection
from vitrine.errors import QueryError, SettingsError
from vitrine.event_files import EventImport, import_events
from vitrine.privacy import ClientKeys, client_key
from vitrine.settings import load_settings
from vitrine.shop import Shop

ID = "u-42x7"
KEY, OLD = "a secret of the shop", "another older secret"


def stored(client: str, key: str = KEY) -> str:
    return hmac.new(key.encode(), client.encode(), hashlib.sha256).hexdigest()


@pytest.fixture
def shop(database: str) -> Iterator[Shop]:
    with vitrine.connect(database) as opened:
        yield opened


@pytest.fixture
def keyed(database: str) -> Iterator[Shop]:
    with vitrine.connect(database, client_key=f"{KEY}, {OLD}") as opened:
        yield opened


def add_history(connection: Connection, client: str, object_id: str = "P1") -> None:
    connection.execute(
        "INSERT INTO event (action_name, client_id, session_id, object_id)"
        " VALUES ('click', %s, 's-1', %s), ('view', NULL, 's-1', %s)",
        (client, object_id, object_id),
    )
    connection.execute("INSERT INTO query (client_id, user_query) VALUES (%s, 'hat')", (client,))


def test_export_traces_and_forget(connection: Connection, shop: Shop) -> None:
    add_history(connection, ID)
    connection.execute("INSERT INTO event (action_name, client_id) VALUES ('click', 'u-7')")
    data = shop.export(ID)
    assert data["client"] == ID
    assert {name: len(rows) for name, rows in data["tables"].items()} == {"event": 2, "query": 1}
    assert data["tables"]["query"][0]["user_query"] == "hat"
    assert sum(shop.traces(ID).values()) == 2
    assert sum(shop.forget(ID).values()) == 3
    assert shop.traces(ID) == {}
    assert shop.export(ID)["tables"] == {}
    assert shop.forget(ID) == {}
    assert places(connection, ID) == []


def test_an_export_holds_nothing_of_who_used_the_same_session(
    connection: Connection, shop: Shop
) -> None:
    add_history(connection, ID)
    add_history(connection, "u-7", "theirs")
    rows = shop.export(ID)["tables"]["event"]
    assert [row["client_id"] for row in rows] == [ID]


def test_sql_exports_the_same(connection: Connection, shop: Shop) -> None:
    add_history(connection, ID)
    row = connection.execute("SELECT export_client(%s)", (ID,)).fetchone()
    assert row
    assert row[0]["tables"] == shop.export(ID)["tables"]
    assert row[0]["opted_out"] is False


def test_after_an_opt_out_searches_go_on_and_nothing_is_written(
    connection: Connection, shop: Shop
) -> None:
    add_product(connection, Product("P1"))
    shop.opt_out(ID)
    shop.opt_out(session="s-9")
    assert [hit.external_id for hit in shop.search(k=5)] == ["P1"]
    add_history(connection, ID)
    connection.execute("INSERT INTO event (action_name, session_id) VALUES ('click', 's-9')")
    rows = connection.execute("SELECT client_id, session_id FROM event").fetchall()
    assert rows == [(None, "s-1")]
    assert connection.execute("SELECT FROM query").rowcount == 0
    assert shop.export(ID)["opted_out"] is True
    assert places(connection, ID) == []
    shop.opt_in(ID)
    add_history(connection, ID)
    assert sum(shop.traces(ID).values()) == 2


def test_an_opt_out_outlives_forgetting(connection: Connection, shop: Shop) -> None:
    shop.opt_out(ID)
    shop.forget(ID)
    add_history(connection, ID)
    assert shop.traces(ID) == {}


@pytest.mark.parametrize("given", [{}, {"client": "a", "session": "b"}, {"client": " "}])
def test_an_opt_out_of_nobody_is_refused(shop: Shop, given: dict[str, str]) -> None:
    with pytest.raises(QueryError, match="give a client or a session"):
        shop.opt_out(**given)


@pytest.mark.parametrize("client", ["", " ", "a\0b", "\ud800", 7, None])
def test_what_is_no_id_is_refused(shop: Shop, keyed: Shop, client: str) -> None:
    for one in (shop, keyed):
        for method in (one.forget, one.traces, one.export):
            with pytest.raises(QueryError):
                method(client)


def test_under_a_key_every_name_a_client_had_is_forgotten(
    connection: Connection, keyed: Shop
) -> None:
    for name in (ID, stored(ID), stored(ID, OLD), "u-7"):
        add_history(connection, name, name)
    assert len(keyed.export(ID)["tables"]["query"]) == 3
    assert sum(keyed.traces(ID).values()) == 9  # a click of each names the id as its object too
    keyed.forget(ID)
    assert keyed.traces(ID) == {}
    for name in (ID, stored(ID), stored(ID, OLD)):
        assert places(connection, name) == []
    assert places(connection, "u-7") != []


def test_under_a_key_an_opt_out_holds_for_every_name(connection: Connection, keyed: Shop) -> None:
    keyed.opt_out(ID)
    for name in (ID, stored(ID), stored(ID, OLD)):
        connection.execute("INSERT INTO query (client_id) VALUES (%s)", (name,))
    assert connection.execute("SELECT FROM query").rowcount == 0
    keyed.opt_in(ID)
    connection.execute("INSERT INTO query (client_id) VALUES (%s)", (stored(ID),))
    assert connection.execute("SELECT FROM query").rowcount == 1


def test_client_key_is_the_databases_client_hash(connection: Connection) -> None:
    row = connection.execute("SELECT client_hash(%s, %s)", (ID, KEY)).fetchone()
    assert row == (client_key(ID, KEY),) == (stored(ID),)


@pytest.mark.parametrize("nobody", [None, "", "  "])
def test_nobody_has_no_hash(nobody: str | None) -> None:
    assert client_key(nobody, KEY) == nobody


def test_without_a_key_an_id_is_itself() -> None:
    assert ClientKeys.read(None).name(ID) == ID
    assert ClientKeys.read(" , ").names(ID) == [ID]


def test_the_key_is_in_no_message_and_no_log(
    database: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("VITRINE_CLIENT_KEY", "too short")
    with pytest.raises(SettingsError, match="fewer than 16 bytes") as caught:
        load_settings()
    assert "too short" not in str(caught.value)
    monkeypatch.setenv("VITRINE_CLIENT_KEY", KEY)
    settings = load_settings(database_url=database)
    assert KEY not in f"{settings!r} {settings}"
    with vitrine.connect(database) as shop:
        assert KEY not in repr(vars(shop))
        shop.forget(ID)
        with pytest.raises(QueryError) as refused:
            shop.forget("")
        assert KEY not in str(refused.value)
    assert KEY not in caplog.text


def test_the_key_reaches_no_table(connection: Connection, keyed: Shop) -> None:
    keyed.opt_out(ID)
    keyed.forget(ID)
    assert places(connection, KEY) == []
    assert places(connection, ID) == []


def test_whatever_logs_stores_the_hash(
    connection: Connection, keyed: Shop, database: str, tmp_path: Path
) -> None:
    add_product(connection, Product("P1"))
    page = keyed.search(k=1)
    keyed.log_page(page, "hat", client=ID, session="s-77x9")
    keyed.log("click", client=ID, session="s-77x9", object_id="P1")
    keyed.log([{"action_name": "view", "client": ID}])
    file = tmp_path / "events.csv"
    file.write_text(f"timestamp,action_name,client,session\n2026-11-20,purchase,{ID},s-77x9\n")
    import_events(database, "vitrine", file, EventImport(client_keys=keyed.client_keys))
    rows = connection.execute("SELECT client_id, session_id FROM event").fetchall()
    assert {client for client, _ in rows} == {stored(ID)}
    assert {session for _, session in rows} == {stored("s-77x9"), None}
    assert len(rows) == 4
    assert places(connection, ID) == places(connection, "s-77x9") == []
    assert sum(keyed.forget(ID).values()) == 5
    assert keyed.traces(ID) == {}


def test_an_import_takes_the_key_of_the_settings(
    connection: Connection, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_CLIENT_KEY", KEY)
    file = tmp_path / "events.csv"
    file.write_text(f"timestamp,action_name,client\n2026-11-20,purchase,{ID}\n")
    import_events(database, "vitrine", file)
    assert connection.execute("SELECT client_id FROM event").fetchall() == [(stored(ID),)]


def test_an_import_that_began_before_brings_nobody_back(
    connection: Connection, shop: Shop, database: str, tmp_path: Path
) -> None:
    """The first chunk is written, the client forgotten, the next chunks come."""
    file = tmp_path / "events.csv"
    lines = (f"2026-11-{1 + n % 20:02},view,{ID if n % 2 else 'u-7'},P{n}" for n in range(45_000))
    file.write_text("timestamp,action_name,client,object_id\n" + "\n".join(lines))
    forgotten: list[dict[str, int]] = []

    def once(rows: int) -> None:
        if not forgotten:
            forgotten.append(shop.forget(ID))

    report = import_events(database, "vitrine", file, progress=once)
    assert sum(forgotten[0].values()) >= 10_000
    assert report.rows == 45_000
    assert shop.traces(ID) == {}
    assert connection.execute("SELECT count(*) FROM event").fetchone() == (22_500,)


def test_an_import_and_a_forgetting_never_wait_in_a_circle(
    connection: Connection, shop: Shop, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "events.csv"
    lines = (f"2026-11-20,view,{ID if n % 9 else f'u-{n}'},P{n}" for n in range(30_000))
    file.write_text("timestamp,action_name,client,object_id\n" + "\n".join(lines))
    with ThreadPoolExecutor(1) as pool:
        importing = pool.submit(import_events, database, "vitrine", file)
        while not importing.done():
            shop.forget(ID)
        importing.result(timeout=120)
    assert shop.traces(ID) == {}


def test_history_moves_to_the_present_key(connection: Connection, keyed: Shop) -> None:
    for name in (ID, stored(ID), stored(ID, OLD), "u-7"):
        connection.execute("INSERT INTO query (client_id) VALUES (%s)", (name,))
    assert sum(keyed.rekey(ID).values()) == 2
    rows = connection.execute("SELECT client_id, count(*) FROM query GROUP BY 1").fetchall()
    assert dict(rows) == {stored(ID): 3, "u-7": 1}
    assert keyed.rekey(ID) == {}


def test_the_wish_of_a_visit_moves_to_the_present_key(connection: Connection, keyed: Shop) -> None:
    connection.execute("SELECT opt_out(session => %s)", (stored("s-77", OLD),))
    keyed.log("view", object_id="P1", session="s-78")
    with pytest.raises(QueryError, match="give a client or a session"):
        keyed.rekey()
    assert keyed.rekey(session="s-77") == {}
    assert keyed.rekey(session="s-78") == {}
    for session in ("s-77", "s-78"):
        keyed.log("view", object_id="P1", session=session)
    rows = connection.execute("SELECT DISTINCT session_id FROM event").fetchall()
    assert rows == [(stored("s-78"),)]


def test_of_two_rows_where_there_is_room_for_one_the_present_stays(
    connection: Connection, keyed: Shop
) -> None:
    connection.execute("CREATE TABLE taste (client_id text PRIMARY KEY, likes text)")
    connection.execute("INSERT INTO taste VALUES (%s, 'new'), (%s, 'old')", (stored(ID), ID))
    keyed.rekey(ID)
    assert connection.execute("SELECT * FROM taste").fetchall() == [(stored(ID), "new")]
