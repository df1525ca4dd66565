"""Events and searches as SQL logs them: each once, whatever their ids, order and strings."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from vitrine.database import Connection, set_search_path

ALL = "SELECT count(*) FROM event"


def one(connection: Connection, statement: str, *values: object) -> Any:
    row = connection.execute(statement.encode(), values).fetchone()
    assert row
    return row[0] if len(row) == 1 else row


def test_an_event_holds_all_that_was_said_of_it(connection: Connection) -> None:
    search = one(connection, "SELECT log_query('red dress', 'u-42', ARRAY['P1'])")
    event = one(
        connection,
        "SELECT log_event('purchase', 'u-42', 'P1', 's-1', %s, 3, 0.5, 'P1-S', 2, 39.80, 'EUR', "
        "'order-7', 'order-7-line-1', '2026-01-31T23:59:59Z', 'by phone', '{\"page\": \"home\"}', "
        "'web', 'external_id')",
        search,
    )
    row = one(connection, "SELECT to_jsonb(e) - 'received_at' FROM event e")
    assert row == {
        "event_id": str(event),
        "timestamp": "2026-01-31T23:59:59+00:00",
        "application": "web",
        "action_name": "purchase",
        "query_id": str(search),
        "client_id": "u-42",
        "session_id": "s-1",
        "object_id": "P1",
        "object_id_field": "external_id",
        "position": 3,
        "propensity": 0.5,
        "sku": "P1-S",
        "quantity": 2,
        "amount": 39.8,
        "currency": "EUR",
        "order_id": "order-7",
        "message": "by phone",
        "event_attributes": {"page": "home"},
    }


def test_a_search_holds_all_that_was_said_of_it(connection: Connection) -> None:
    given = str(uuid.uuid4())
    found = one(
        connection,
        "SELECT log_query('red dress', 'u-42', ARRAY['P2', 'P1'], 's-1', '{\"brand\": \"A\"}', "
        "'{\"total\": 2}', %s, '2026-01-31T23:59:59Z', 'web')",
        given,
    )
    row = one(connection, "SELECT to_jsonb(q) - 'received_at' FROM query q")
    assert str(found) == given
    assert row == {
        "query_id": given,
        "timestamp": "2026-01-31T23:59:59+00:00",
        "application": "web",
        "client_id": "u-42",
        "session_id": "s-1",
        "user_query": "red dress",
        "filters": {"brand": "A"},
        "query_attributes": {"total": 2},
        "object_ids": ["P2", "P1"],
    }


def test_a_flood_of_one_id_writes_one_row(connection: Connection) -> None:
    dated = "SELECT log_event('click', event_id => 'e-1', \"timestamp\" => '2026-11-01T10:00:00Z')"
    undated = "SELECT log_event('click', event_id => 'e-2')"
    ids = {one(connection, dated) for _ in range(20)} | {one(connection, undated) for _ in "12345"}
    assert len(ids) == 2
    assert one(connection, ALL) == 2


def test_one_id_at_once_from_many_writes_one_row(connection: Connection, database: str) -> None:
    def flood() -> None:
        with psycopg.connect(database, autocommit=True) as opened:
            set_search_path(opened, "vitrine")
            for n in range(20):
                opened.execute("SELECT log_event('click', event_id => %s)", (f"e-{n}",))
                opened.execute("SELECT log_query('x', query_id => %s)", (f"q-{n}",))

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(flood) for _ in range(4)]:
            done.result(timeout=60)
    assert one(connection, ALL) == 20
    assert one(connection, "SELECT count(*) FROM query") == 20


def test_an_event_without_an_id_gets_one_of_its_own(connection: Connection) -> None:
    ids = {one(connection, "SELECT log_event('click', 'u-42', 'P1')") for _ in range(3)}
    assert len(ids) == one(connection, ALL) == 3


def test_the_same_id_at_another_time_is_another_event(connection: Connection) -> None:
    for day in ("2026-10-01", "2026-10-02"):
        connection.execute(
            "SELECT log_event('click', event_id => 'e', \"timestamp\" => %s)", (day,)
        )
    assert one(connection, ALL) == 2


@pytest.mark.parametrize("text", ["order-7-line-1", "ORDER 7", "7", "é" * 5000, "'; DROP TABLE x"])
def test_a_text_always_stands_for_the_same_uuid(connection: Connection, text: str) -> None:
    first = one(connection, "SELECT event_uuid(%s)", text)
    assert first == one(connection, "SELECT event_uuid(%s)", text)
    assert first != one(connection, "SELECT event_uuid(%s)", text + "x")
    assert first.variant == uuid.RFC_4122
    assert first.version == 8


def test_a_uuid_stands_for_itself(connection: Connection) -> None:
    given = uuid.uuid4()
    assert one(connection, "SELECT event_uuid(%s)", str(given).upper()) == given
    assert one(connection, "SELECT event_uuid('')") is None


def test_events_may_come_in_any_order_and_months_are_made_for_them(connection: Connection) -> None:
    dates = ["2026-11-01", "2019-02-28T23:59:59Z", "2026-10-31", "2011-07-01", "2026-11-02"]
    for date in dates:
        connection.execute(
            "SELECT log_event('click', 'u-42', \"timestamp\" => %s), "
            "log_query('x', 'u-42', \"timestamp\" => %s)",
            (date, date),
        )
    for table in ("event", "query"):
        years = connection.execute(
            f"SELECT extract(year FROM timestamp)::int FROM {table} ORDER BY timestamp".encode()
        ).fetchall()
        assert years == [(2011,), (2019,), (2026,), (2026,), (2026,)]
    assert one(connection, "SELECT to_regclass('event_2011_07') IS NOT NULL")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("NULL", "needs an action_name"),
        ("' '", "needs an action_name"),
        ("'click', repeat('x', 10000)", "client id has 10000 bytes"),
        ("'click', session => repeat('x', 513)", "session id has 513 bytes"),
        ("'click', object_id => repeat('x', 1001)", "more than 1,000 bytes"),
        ("'click', \"position\" => 0", "position is 0"),
        ("'click', propensity => 0", "propensity is 0"),
        ("'click', propensity => 1.5", "propensity is 1.5"),
        ("'click', propensity => 'NaN'", "propensity is NaN"),
        ("'click', amount => 'NaN'", "no finite number"),
        ("'click', quantity => 'Infinity'", "no finite number"),
        ("'click', currency => 'Euro'", "currency is"),
        ("'click', event_attributes => '[]'", "no JSON object"),
    ],
)
def test_what_no_reader_could_use_is_refused(
    connection: Connection, arguments: str, message: str
) -> None:
    with pytest.raises(psycopg.DatabaseError, match=message) as caught:
        connection.execute(f"SELECT log_event({arguments})".encode())
    assert caught.value.sqlstate == "VT001"
    assert caught.value.diag.message_hint
    assert one(connection, ALL) == 0


def test_a_client_id_of_10_kb_cannot_break_a_search_either(connection: Connection) -> None:
    with pytest.raises(psycopg.DatabaseError, match="10000 bytes"):
        connection.execute("SELECT log_query('x', repeat('x', 10000))")
    connection.execute("SELECT log_query(repeat('word ', 100000), 'u-42')")
    assert one(connection, "SELECT length(user_query) FROM query") == 1000


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u00a0", "\u3000 \u2003\v"])
def test_nobodies_do_not_become_one_shopper(connection: Connection, blank: str) -> None:
    connection.execute("SELECT log_event('click', %s, %s, %s)", (blank, blank, blank))
    connection.execute("SELECT log_query('x', %s, session => %s)", (blank, blank))
    connection.execute(
        "SELECT * FROM log_events(%s)", (Jsonb([{"action_name": "a", "client": blank}]),)
    )
    rows = connection.execute(
        "SELECT client_id, session_id, object_id FROM event UNION ALL "
        "SELECT client_id, session_id, NULL FROM query"
    ).fetchall()
    assert rows == [(None, None, None)] * 3


def test_what_is_blank_is_blank_to_python_and_to_sql(connection: Connection) -> None:
    every = [chr(code) for code in range(1, 0x10000) if not 0xD800 <= code < 0xE000]
    found = connection.execute(
        "SELECT c FROM unnest(%s::text[]) c WHERE known_id(c) IS NULL", (every,)
    ).fetchall()
    assert sorted(row[0] for row in found) == [one for one in every if one.isspace()]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(client=TEXTS, product=TEXTS, event_id=TEXTS)
def test_strings_of_shoppers_are_kept_as_they_are(
    connection: Connection, client: str, product: str, event_id: str
) -> None:
    connection.execute("TRUNCATE event")
    found = one(
        connection, "SELECT log_event('click', %s, %s, event_id => %s)", client, product, event_id
    )
    listed = one(
        connection,
        "SELECT written + skipped FROM log_events(%s)",
        Jsonb(
            [{"action_name": "click", "client": client, "object_id": product, "event_id": event_id}]
        ),
    )
    row = one(connection, "SELECT client_id, object_id FROM event WHERE event_id = %s", found)
    assert row == (client if client.strip() else None, product if product.strip() else None)
    assert listed == 1


def test_sql_in_a_client_id_is_a_client_id(connection: Connection) -> None:
    evil = "u'); DROP TABLE event; --"
    connection.execute("SELECT log_event('click', %s)", (evil,))
    assert one(connection, "SELECT client_id FROM event") == evil


def test_a_list_is_written_in_one_go(connection: Connection) -> None:
    events = [
        {"action_name": "view", "client": "u-1", "object_id": f"P{n}", "event_id": f"e-{n % 3}"}
        for n in range(5)
    ]
    events.append({"action_name": "view", "timestamp": "1926-01-01T00:00:00Z"})
    found = one(connection, "SELECT * FROM log_events(%s)", Jsonb(events))
    assert found == (3, 2, 1)
    assert one(connection, "SELECT * FROM log_events(%s)", Jsonb(events[:5])) == (0, 5, 0)
    assert one(connection, ALL) == 3
    assert one(connection, "SELECT * FROM log_events('[]')") == (0, 0, 0)


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ("{}", "must be a JSON array"),
        ("null", "must be a JSON array"),
        ('[{"action_name": "view"}, 7]', "event 2 of the list is no object"),
        ('[{"action_name": "view"}, {"action": "view"}]', 'event 2 .* unknown key "action"'),
        ('[{"action_name": "view", "position": "first"}]', "event 1 .* cannot be read: .*first"),
        ('[{"action_name": "view", "timestamp": "soon"}]', "event 1 .* cannot be read: .*soon"),
        ('[{"action_name": "view"}, {"action_name": "view", "propensity": 2}]', "event 2 .* is 2"),
    ],
)
def test_a_list_with_a_fault_writes_nothing_and_says_where_it_is(
    connection: Connection, events: str, message: str
) -> None:
    with pytest.raises(psycopg.DatabaseError, match=message) as caught:
        connection.execute("SELECT * FROM log_events(%s)", (events,))
    assert caught.value.sqlstate == "VT001"
    assert one(connection, ALL) == 0


PAGE = {
    "hits": [
        {"rank": 1, "external_id": "P1", "why": {"plan": {}}},
        {"rank": 2, "external_id": "P2", "why": {"propensity": 0.98}},
    ],
    "total": 40,
    "complete": True,
    "cursor": "x",
}


def test_a_shown_page_becomes_a_search_and_its_impressions(connection: Connection) -> None:
    search = one(
        connection,
        "SELECT log_page(%s, 'red dress', 'u-42', 's-1', '{\"brand\": \"A\"}')",
        Jsonb(PAGE),
    )
    row = one(
        connection,
        "SELECT user_query, client_id, session_id, filters, query_attributes, object_ids FROM query"
        " WHERE query_id = %s",
        search,
    )
    assert row == ("red dress", "u-42", "s-1", {"brand": "A"}, {"total": 40}, ["P1", "P2"])
    shown = connection.execute(
        "SELECT action_name, object_id, position, propensity, client_id, session_id "
        "FROM event WHERE query_id = %s ORDER BY position",
        (search,),
    ).fetchall()
    assert shown == [
        ("impression", "P1", 1, 1.0, "u-42", "s-1"),
        ("impression", "P2", 2, 0.98, "u-42", "s-1"),
    ]


def test_a_page_logged_again_with_its_id_is_written_once(connection: Connection) -> None:
    for _ in range(3):
        connection.execute("SELECT log_page(%s, 'x', 'u-42', query_id => 'q-1')", (Jsonb(PAGE),))
    assert one(connection, "SELECT count(*) FROM query") == 1
    assert one(connection, ALL) == 2


def test_the_next_page_adds_impressions_to_the_same_search(connection: Connection) -> None:
    search = one(connection, "SELECT log_page(%s, 'x')", Jsonb(PAGE))
    following = {"hits": [{"rank": 3, "external_id": "P3", "why": {}}]}
    again = one(
        connection, "SELECT log_page(%s, 'x', query_id => %s)", Jsonb(following), str(search)
    )
    assert again == search
    assert one(connection, "SELECT count(*) FROM query") == 1
    assert one(connection, "SELECT array_agg(position ORDER BY position) FROM event") == [1, 2, 3]


def test_a_page_without_hits_is_a_search_that_found_nothing(connection: Connection) -> None:
    connection.execute("SELECT log_page('{\"hits\": []}', 'zzz')")
    assert one(connection, "SELECT object_ids FROM query") == []
    assert one(connection, ALL) == 0
    with pytest.raises(psycopg.DatabaseError, match="what search_page answered"):
        connection.execute("SELECT log_page(%s)", (json.dumps({"rows": []}),))


def test_events_of_unknown_products_are_listed_until_the_product_comes(
    connection: Connection,
) -> None:
    for product in ("P1", "P1", "P2"):
        connection.execute("SELECT log_event('view', 'u-42', %s)", (product,))
    connection.execute("SELECT log_event('view', 'u-42', 'women', object_id_field => 'category')")
    unknown = "SELECT object_id, events FROM unknown_object ORDER BY object_id"
    joined = "SELECT count(*) FROM event e JOIN product p ON p.external_id = e.object_id"
    assert connection.execute(unknown).fetchall() == [("P1", 2), ("P2", 1)]
    assert one(connection, joined) == 0
    connection.execute("INSERT INTO product (external_id) VALUES ('P1')")
    assert connection.execute(unknown).fetchall() == [("P2", 1)]
    assert one(connection, joined) == 2
