"""Logging from Python: `shop.log` and `shop.log_page`."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import vitrine
from tests.integration.searchable import Product, add_product
from vitrine.database import Connection
from vitrine.errors import DatabaseError, QueryError
from vitrine.events import Logged
from vitrine.search import Page
from vitrine.shop import Shop


@pytest.fixture
def shop(connection: Connection, database: str) -> Iterator[Shop]:
    for n in range(5):
        add_product(connection, Product(f"p{n}", popularity=9 - n))
    with vitrine.connect(database) as shop:
        yield shop


def count(connection: Connection, table: str = "event") -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row
    return int(row[0])


def test_one_event(shop: Shop, connection: Connection) -> None:
    moment = datetime(2026, 10, 31, 12, tzinfo=UTC)
    search = shop.log_page(shop.search(k=2), client="u-42")
    found = shop.log(
        "purchase",
        client="u-42",
        session="s-1",
        object_id="p1",
        query_id=search,
        position=2,
        propensity=0.5,
        sku="P1-S",
        quantity=Decimal("2"),
        amount=39.8,
        currency="EUR",
        order_id="order-7",
        event_id="order-7-line-1",
        timestamp=moment,
        event_attributes={"page": "home"},
        application="web",
    )
    row = connection.execute(
        "SELECT event_id, client_id, object_id, query_id, timestamp, event_attributes "
        "FROM event WHERE action_name = 'purchase'"
    ).fetchone()
    assert row == (found, "u-42", "p1", search, moment, {"page": "home"})


def test_a_list_in_one_round_trip_and_again(shop: Shop, connection: Connection) -> None:
    events: list[Any] = [
        {
            "action_name": "view",
            "client": "u-42",
            "object_id": f"p{n}",
            "event_id": uuid.uuid4(),
            "timestamp": datetime(2026, 10, n + 1, tzinfo=UTC),
            "amount": Decimal("1.50"),
        }
        for n in range(4)
    ]
    assert shop.log(iter(events)) == Logged(written=4, skipped=0, quarantined=0)
    assert shop.log(events) == Logged(written=0, skipped=4, quarantined=0)
    absurd = {"action_name": "view", "timestamp": datetime(1926, 1, 1, tzinfo=UTC)}
    assert shop.log([absurd]) == Logged(written=0, skipped=0, quarantined=1)  # type: ignore[list-item]
    assert shop.log([]) == Logged(written=0, skipped=0, quarantined=0)
    assert count(connection) == 4


def test_more_than_one_statement_holds_are_written_all_or_none(
    shop: Shop, connection: Connection
) -> None:
    many: list[Any] = [{"action_name": "view", "client": "u"} for _ in range(10_001)]
    with pytest.raises(QueryError, match=r"event 1 of the list: the propensity is 7"):
        shop.log([*many[:10_000], {"action_name": "view", "propensity": 7}])
    assert count(connection) == 0
    assert shop.log(many).written == 10_001


def test_a_page_is_logged_with_its_positions(shop: Shop, connection: Connection) -> None:
    page = shop.search(k=2)
    search = shop.log_page(page, "red dress", client="u-42", filters={"brand": "A"})
    following = shop.search(k=2, cursor=page.cursor)
    assert shop.log_page(following, "red dress", client="u-42", query_id=search) == search
    rows = connection.execute(
        "SELECT object_id, position, propensity FROM event WHERE query_id = %s ORDER BY position",
        (search,),
    ).fetchall()
    assert rows == [(f"p{n}", n + 1, 1.0) for n in range(4)]
    assert count(connection, "query") == 1
    shop.log_page(Page(()), "nothing like it")
    assert count(connection, "query") == 2


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"client": "u\0"}, "client holds a NUL"),
        ({"client": "\ud800"}, "client holds half a character"),
        ({"client": 42}, "client must be text"),
        ({"client": "x" * 10_000}, "10000 bytes"),
        ({"object": "p1"}, "an event has no 'object'"),
        ({"timestamp": datetime(2026, 1, 1)}, "timestamp .* with a time zone"),
        ({"timestamp": "today"}, "timestamp .* with a time zone"),
        ({"query_id": "seven"}, "a value cannot be used"),
        ({"position": "first"}, "position is 'first': give a whole number"),
        ({"position": 2.5}, r"position is 2\.5: give a whole number from 1 to 2,147,483,647"),
        ({"position": 2**40}, "position is 1099511627776: give a whole number"),
        ({"position": float("inf")}, "position is inf"),
        ({"position": float("nan")}, "position is nan"),
        ({"position": True}, "position is True"),
        ({"position": [1]}, r"position is \[1\]"),
        ({"position": 0}, "the position is 0"),
        ({"event_attributes": {"a": "\0"}}, "event_attributes holds a NUL"),
        ({"event_attributes": []}, "no JSON object"),
        ({"amount": float("nan")}, "no finite number"),
    ],
)
def test_what_cannot_be_kept_is_a_clear_error(
    shop: Shop, connection: Connection, event: dict[str, Any], message: str
) -> None:
    with pytest.raises(QueryError, match=message):
        shop.log("view", **event)
    assert count(connection) == 0


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([{"action_name": "view"}, "view"], "an event must be a mapping"),
        ([{"action_name": "view", "client": "u\0"}], "client holds a NUL"),
        ([{"action_name": "view", "amount": float("inf")}], "cannot be written as JSON"),
        ([{"action_name": "view", "position": 2.5}], r"position is 2\.5: give a whole number"),
        ([{"action_name": "view", "position": 2**40}], "position is 1099511627776"),
        ([{"client": "u"}], "event 1 of the list: an event needs an action_name"),
    ],
)
def test_a_list_with_a_fault_is_a_clear_error(
    shop: Shop, connection: Connection, events: list[Any], message: str
) -> None:
    with pytest.raises(QueryError, match=message):
        shop.log(events)
    assert count(connection) == 0


def test_a_whole_position_may_come_as_another_type(shop: Shop, connection: Connection) -> None:
    """As spreadsheets, data frames and web forms give it."""
    for position in (3.0, Decimal(3), np.int64(3), "3"):
        shop.log("click", position=position)  # type: ignore[arg-type]
        shop.log([{"action_name": "click", "position": position}])  # type: ignore[list-item]
    rows = connection.execute("SELECT position, count(*) FROM event GROUP BY 1").fetchall()
    assert rows == [(3, 8)]


def test_a_list_takes_no_fields_of_its_own(shop: Shop) -> None:
    with pytest.raises(QueryError, match="belong into each"):
        shop.log([], client="u-42")  # type: ignore[call-overload]


def test_a_server_that_went_away_between_two_events_costs_none(
    shop: Shop, connection: Connection
) -> None:
    shop.log("view", client="u-42")
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    shop.log("view", client="u-42")
    assert count(connection) == 2


def test_an_analyst_may_not_log(shop: Shop, connection: Connection, database: str) -> None:
    login = f"login_{uuid.uuid4().hex[:8]}"
    connection.execute(f"CREATE ROLE {login} LOGIN IN ROLE vitrine_analyst".encode())
    try:
        with (
            vitrine.connect(make_conninfo(database, user=login)) as analyst,
            pytest.raises(DatabaseError, match="refuses"),
        ):
            analyst.log("view", client="u-42")
    finally:
        connection.execute(f"DROP ROLE {login}".encode())


def test_a_whole_transaction_of_the_shops_own_holds_the_event(
    connection: Connection, database: str
) -> None:
    """The order and its events are written together, or neither is."""
    with psycopg.connect(database, options="-c search_path=vitrine,public") as order:
        order.execute("SELECT log_event('purchase', 'u-42', 'p1')")
        order.rollback()
    assert count(connection) == 0
