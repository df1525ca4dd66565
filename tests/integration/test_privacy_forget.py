"""Forgetting a shopper: what goes, what stays, and the proof."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.integration.whole_database import places
from vitrine.database import Connection

ID = "u-42x7"


def add_event(connection: Connection, **columns: Any) -> None:
    columns = {"action_name": "click"} | columns
    values = [Jsonb(v) if isinstance(v, dict) else v for v in columns.values()]
    marks = ", ".join(["%s"] * len(values))
    connection.execute(
        f"INSERT INTO event ({', '.join(columns)}) VALUES ({marks})".encode(), values
    )


def add_query(connection: Connection, **columns: Any) -> None:
    values = [Jsonb(v) if isinstance(v, dict) else v for v in columns.values()]
    marks = ", ".join(["%s"] * len(values))
    connection.execute(
        f"INSERT INTO query ({', '.join(columns)}) VALUES ({marks})".encode(), values
    )


def forget(connection: Connection, client: str) -> dict[str, int]:
    return dict(connection.execute("SELECT * FROM forget(%s)", (client,)).fetchall())


def traces(connection: Connection, client: str) -> dict[str, int]:
    return dict(connection.execute("SELECT * FROM traces(%s)", (client,)).fetchall())


def left(connection: Connection) -> list[Any]:
    rows = connection.execute("SELECT object_id FROM event ORDER BY object_id").fetchall()
    return [object_id for (object_id,) in rows]


def test_forgetting_says_what_it_removed_in_which_month(connection: Connection) -> None:
    connection.execute("SELECT ensure_partitions('2020-02-01', '2020-03-31')")
    for day in ("2020-02-03", "2020-03-01", "2020-03-02"):
        add_event(connection, client_id=ID, timestamp=day)
        add_event(connection, client_id="u-42", timestamp=day, object_id="stays")
    add_query(connection, client_id=ID, timestamp="2020-02-03", user_query="hat")
    found = {"event_2020_02": 1, "event_2020_03": 2, "query_2020_02": 1}
    assert traces(connection, ID) == found
    assert forget(connection, ID) == found
    assert traces(connection, ID) == {}
    assert forget(connection, ID) == {}
    assert left(connection) == ["stays"] * 3
    assert places(connection, ID) == []


def test_rows_without_a_client_go_with_their_session_or_search(connection: Connection) -> None:
    query = "00000000-0000-0000-0000-00000000000a"
    add_query(connection, query_id=query, client_id=ID, session_id="s-1")
    add_event(connection, object_id="a", client_id=ID, session_id="s-2")
    for object_id, columns in {
        "of the session": {"session_id": "s-1"},
        "of the other session": {"session_id": "s-2"},
        "of the search": {"query_id": query},
        "stays, of nobody": {},
        "stays, of another": {"client_id": "u-7", "session_id": "s-1"},
        "stays, of another session": {"session_id": "s-3"},
    }.items():
        add_event(connection, object_id=object_id, **columns)
    forget(connection, ID)
    assert left(connection) == [
        "stays, of another",
        "stays, of another session",
        "stays, of nobody",
    ]


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"event_attributes": {"by": ID}}, True),
        ({"event_attributes": {ID: 1}}, True),
        ({"event_attributes": {"deep": [{"er": f"mail to {ID}, now"}]}}, True),
        ({"message": f"see {ID}."}, True),
        ({"order_id": f"{ID}/1"}, True),
        ({"object_id": ID}, True),
        ({"event_attributes": {"by": f"{ID}1"}}, False),
        ({"message": f"see x{ID}"}, False),
    ],
)
def test_the_id_inside_rows_of_others_is_found_and_struck_out(
    connection: Connection, columns: dict[str, Any], found: bool
) -> None:
    add_event(connection, client_id="u-7", **columns)
    add_event(connection, **columns)
    before = connection.execute("SELECT sum(traced.found) FROM traces(%s) traced", (ID,)).fetchone()
    assert before == (2 if found else None,)
    forget(connection, ID)
    assert traces(connection, ID) == {}
    rows = connection.execute("SELECT client_id FROM event ORDER BY 1").fetchall()
    assert rows == ([("u-7",)] if found else [("u-7",), (None,)])
    assert bool(places(connection, ID)) is not found


def test_an_id_that_is_a_plain_word_or_number_is_found_where_something_names_it(
    connection: Connection,
) -> None:
    add_event(connection, client_id="u-7", event_attributes={"size": "42", "customer_id": 42})
    add_query(connection, client_id="u-7", user_query="size 42")
    assert traces(connection, "42") == {"event_" + month(connection): 1}
    forget(connection, "42")
    assert traces(connection, "42") == {}
    row = connection.execute("SELECT event_attributes FROM event").fetchone()
    assert row == ({"size": "42"},)
    row = connection.execute("SELECT user_query FROM query").fetchone()
    assert row == ("size 42",)


def month(connection: Connection) -> str:
    row = connection.execute("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')").fetchone()
    assert row
    return str(row[0])


def test_products_whose_key_is_the_id_stay(connection: Connection) -> None:
    connection.execute("INSERT INTO product (external_id) VALUES (%s)", (ID,))
    add_event(connection, client_id="u-7", object_id=ID)
    add_event(connection, client_id=ID, object_id=ID)
    forget(connection, ID)
    assert left(connection) == [ID]
    assert traces(connection, ID) == {}


def test_what_is_left_for_a_person_to_see_is_told(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO rule (name, kind, url, query, note) VALUES"
        " ('help', 'redirect', '/help', 'help', %s)",
        (f"asked for by {ID}",),
    )
    forget(connection, ID)
    assert traces(connection, ID) == {"rule": 1}


def test_quarantined_records_go(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO quarantine (relation, record_id, timestamp, client_id, reason, record)"
        " VALUES ('event', gen_random_uuid(), now(), %s, 'future', %s)",
        (ID, Jsonb({"client_id": ID})),
    )
    connection.execute(
        "INSERT INTO quarantine (relation, record_id, timestamp, reason, record)"
        " VALUES ('event', gen_random_uuid(), now(), 'future', %s)",
        (Jsonb({"message": ID}),),
    )
    assert forget(connection, ID) == {"quarantine": 2}
    assert places(connection, ID) == []


def test_a_table_of_tomorrow_is_found_by_its_column(connection: Connection) -> None:
    connection.execute("CREATE TABLE taste (client_id text PRIMARY KEY, likes text[])")
    connection.execute("CREATE TABLE seen (who text)")
    connection.execute(
        "INSERT INTO taste VALUES (%s, '{red}'), ('u-7', ARRAY['like', %s])", (ID, ID)
    )
    connection.execute("INSERT INTO taste SELECT client_pseudonym(%s)", (ID,))
    connection.execute("INSERT INTO seen VALUES (%s)", (ID,))
    assert traces(connection, ID) == {"taste": 3, "seen": 1}
    assert forget(connection, ID) == {"taste": 2, "taste (named in)": 1}
    assert connection.execute("SELECT * FROM taste").fetchall() == [
        ("u-7", ["like", "[forgotten]"])
    ]
    assert traces(connection, ID) == {"seen": 1}


def known(connection: Connection) -> set[str]:
    return {q for (q,) in connection.execute("SELECT coalesce(query, key) FROM query_vector")}


def test_words_and_pictures_that_only_this_shopper_asked_for_leave_the_cache(
    connection: Connection,
) -> None:
    connection.execute("SELECT create_space('model', 'revision', 2, 'plain')")
    own, shared = "a" * 64, "b" * 64
    for kind, key, words in [
        ("text", "gift for anna meier", "gift for anna meier"),
        ("text", "red hat", "red hat"),
        ("text", "never logged", "never logged"),
        ("image", own, None),
        ("image", shared, None),
        ("image", "https://shop.example/me.jpg", None),
    ]:
        connection.execute(
            "INSERT INTO query_vector (space_id, kind, key, query, embedding) VALUES"
            " (1, %s, CASE %s WHEN 'text' THEN query_key(%s) ELSE picture_key(%s) END,"
            " %s, '[1,0]')",
            (kind, kind, key, key, words),
        )
    connection.execute(
        "INSERT INTO encoding_request (space_id, kind, key, query)"
        " VALUES (1, 'text', query_key('gift for anna meier'), 'gift for anna meier')"
    )
    add_query(connection, client_id=ID, user_query="Gift for  Anna Meier")
    add_query(
        connection,
        client_id=ID,
        user_query="red hat",
        query_attributes={
            "terms": [{"image": own}, {"image": shared}, {"image": "https://shop.example/me.jpg"}]
        },
    )
    add_query(connection, client_id="u-7", user_query=" Red hat")
    add_query(connection, client_id="u-7", query_attributes={"image": shared})
    removed = forget(connection, ID)
    assert removed["query_vector"] == 3
    assert removed["encoding_request"] == 1
    assert known(connection) == {"red hat", "never logged", shared}


def test_the_planners_statistics_forget_too(connection: Connection) -> None:
    for _ in range(30):
        add_event(connection, client_id=ID)
        add_event(connection, client_id="u-7")
    connection.execute("ANALYZE event")
    assert any(place.startswith("pg_stats of event") for place in traces(connection, ID))
    forget(connection, ID)
    assert traces(connection, ID) == {}
    rows = connection.execute("SELECT s::text FROM pg_stats s WHERE schemaname = 'vitrine'")
    assert not [row for (row,) in rows if ID in row]


def test_the_statistics_of_what_became_empty_forget_too(connection: Connection) -> None:
    for number in range(30):
        add_event(connection, client_id=ID, session_id=f"{ID} {number % 3}")
    connection.execute(
        "INSERT INTO event_row (line, event_id, timestamp, action_name, client_id) "
        "SELECT n, n::text, now(), 'click', %s FROM generate_series(1, 30) n",
        (ID,),
    )
    connection.execute("ANALYZE event")
    connection.execute("ANALYZE event_row")
    connection.execute("SELECT clear_event_rows()")
    forget(connection, ID)
    assert traces(connection, ID) == {}
    rows = connection.execute("SELECT s::text FROM pg_stats s WHERE schemaname = 'vitrine'")
    assert not [row for (row,) in rows if ID in row]


@pytest.mark.parametrize(
    "client",
    ["'; DROP TABLE event; --", "x" * 10_000, 'a"b\\c%d_e{f}', "Zoë 鞋 🙂", "{}", ".*", "  u "],
)
def test_strange_ids_are_forgotten_and_harm_nothing(connection: Connection, client: str) -> None:
    add_event(connection, client_id=client[:500])
    add_event(connection, client_id="u-7", event_attributes={"by": client}, object_id="stays")
    forget(connection, client)
    forget(connection, client[:500])
    assert traces(connection, client) == {}
    assert left(connection) == ["stays"]


@pytest.mark.parametrize("client", [None, "", " \t", "\u00a0"])
def test_no_id_is_refused(connection: Connection, client: str | None) -> None:
    for function in ("forget", "traces", "export_client"):
        with pytest.raises(psycopg.Error, match="no client is given") as caught:
            connection.execute(f"SELECT * FROM {function}(%s)".encode(), (client,))
        assert caught.value.sqlstate == "VT001"


def test_forgetting_refuses_a_snapshot_that_cannot_see_others(connection: Connection) -> None:
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    with pytest.raises(psycopg.Error, match="cannot run in a transaction that is repeatable read"):
        connection.execute("SELECT forget('u-42')")


def test_forgetting_is_one_transaction(connection: Connection) -> None:
    add_event(connection, client_id=ID)
    add_query(connection, client_id=ID)
    with connection.transaction() as transaction:
        forget(connection, ID)
        raise psycopg.Rollback(transaction)
    assert sum(traces(connection, ID).values()) == 2
    add_event(connection, client_id=ID)
    assert sum(traces(connection, ID).values()) == 3


def test_who_comes_back_begins_a_new_history(connection: Connection) -> None:
    add_event(connection, client_id=ID)
    forget(connection, ID)
    add_event(connection, client_id=ID, object_id="new")
    assert left(connection) == ["new"]


def test_marks_of_the_forgotten_go_after_two_days(connection: Connection) -> None:
    forget(connection, ID)
    connection.execute("UPDATE forgotten SET forgotten_at = now() - interval '3 days'")
    forget(connection, "u-7")
    assert connection.execute("SELECT count(*) FROM forgotten").fetchone() == (2,)
