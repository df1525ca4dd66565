"""Retention: old months are summed up and dropped, and nothing of a shopper is left of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest

from vitrine.database import Connection, set_search_path

THIS_MONTH = datetime.now(UTC).date().replace(day=1)


def month(back: int) -> date:
    number = THIS_MONTH.year * 12 + THIS_MONTH.month - 1 - back
    return date(number // 12, number % 12 + 1, 1)


def add(
    connection: Connection, day: date, client: str | None, product: str = "P1", **more: Any
) -> None:
    connection.execute(
        "SELECT log_event(%s, %s, %s, quantity => %s, "
        "\"timestamp\" => %s::timestamp AT TIME ZONE 'UTC')",
        (more.get("action", "purchase"), client, product, more.get("quantity", 1), day),
    )


def tend(connection: Connection) -> list[bool]:
    found = []
    while not found or found[-1]:
        row = connection.execute("SELECT tend_events()").fetchone()
        assert row
        found.append(row[0])
    return found


def days(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT day, object_id, action_name, events, clients, quantity FROM event_day "
        "ORDER BY day, object_id, action_name"
    ).fetchall()


def months(connection: Connection, table: str) -> list[str]:
    rows = connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass "
        "ORDER BY 1",
        (table,),
    ).fetchall()
    return [name for (name,) in rows]


def test_without_a_retention_everything_is_kept(connection: Connection) -> None:
    add(connection, month(200), "u-1")
    before = months(connection, "event")
    assert tend(connection) == [False]
    assert months(connection, "event") == before
    assert days(connection) == []


def test_months_past_their_age_are_dropped_one_a_call(connection: Connection) -> None:
    for back in (1, 2, 3, 4, 9):
        add(connection, month(back), "u-1")
        connection.execute("SELECT ensure_partitions(%s, %s)", (month(back), month(back)))
    connection.execute("SELECT set_retention('event', 2), set_retention('query', 3)")
    assert tend(connection) == [True, True, True, True, False]
    kept = connection.execute("SELECT timestamp::date FROM event ORDER BY 1").fetchall()
    assert kept == [(month(2),), (month(1),)]
    assert f"event_{month(3):%Y_%m}" not in months(connection, "event")
    assert f"query_{month(3):%Y_%m}" in months(connection, "query")
    assert f"query_{month(4):%Y_%m}" not in months(connection, "query")
    assert tend(connection) == [False]


def test_what_stays_is_by_day_where_enough_shoppers_were_else_by_month(
    connection: Connection,
) -> None:
    first, second = month(5), month(5).replace(day=2)
    for n in range(5):
        add(connection, second, f"u-{n}", "many", quantity=2)
        add(connection, first.replace(day=n + 3), f"u-{n}", "spread")
    for n in range(4):
        add(connection, second, f"u-{n}", "few")
        add(connection, second, "u-1", "one", quantity=n)
    for _ in range(3):
        add(connection, second, None, "nobody", action="view")
    connection.execute("SELECT set_retention('event', 2)")
    tend(connection)
    assert days(connection) == [
        (first, "spread", "purchase", 5, 5, 5),
        (second, "many", "purchase", 5, 5, 10),
        (second, "nobody", "view", 3, 0, 3),
    ]


def test_the_fewest_shoppers_are_a_setting(connection: Connection) -> None:
    connection.execute("INSERT INTO setting VALUES ('aggregate_clients', '1')")
    add(connection, month(5), "u-1")
    connection.execute("SELECT set_retention('event', 2)")
    tend(connection)
    assert days(connection) == [(month(5), "P1", "purchase", 1, 1, 1)]


def test_nothing_of_a_shopper_is_in_what_stays(connection: Connection) -> None:
    columns = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'event_day'"
    ).fetchall()
    assert sorted(name for (name,) in columns) == [
        "action_name", "clients", "day", "events", "object_id", "quantity",
    ]  # fmt: skip


def test_an_event_of_a_dropped_month_is_quarantined_and_makes_no_partition(
    connection: Connection,
) -> None:
    connection.execute("SELECT set_retention('event', 2), set_retention('query', 2)")
    add(connection, month(3), "u-1")
    connection.execute(
        "SELECT log_query('x', \"timestamp\" => %s::timestamp AT TIME ZONE 'UTC')", (month(3),)
    )
    rows = connection.execute("SELECT relation, reason FROM quarantine ORDER BY 1").fetchall()
    assert rows == [("event", "past retention"), ("query", "past retention")]
    assert f"event_{month(3):%Y_%m}" not in months(connection, "event")


def test_a_reader_is_never_kept_waiting_for_the_drop(connection: Connection, database: str) -> None:
    add(connection, month(5), "u-1")
    connection.execute("SELECT set_retention('event', 2)")
    with psycopg.connect(database) as reader:
        set_search_path(reader, "vitrine")
        reader.execute("SELECT count(*) FROM event")
        assert tend(connection) == [False]
        assert f"event_{month(5):%Y_%m}" in months(connection, "event")
        assert days(connection) == []
    tend(connection)
    assert f"event_{month(5):%Y_%m}" not in months(connection, "event")


def test_two_that_tend_at_once_do_not_wait_for_each_other(
    connection: Connection, database: str
) -> None:
    connection.execute("SELECT set_retention('event', 2)")
    add_months = connection.execute("SELECT ensure_partitions(%s, %s)", (month(5), month(4)))
    assert add_months
    with psycopg.connect(database) as other:
        set_search_path(other, "vitrine")
        other.execute("SELECT tend_events()")
        assert tend(connection) == [False]


@pytest.mark.parametrize(
    ("relation", "given", "message"),
    [("product", 3, "no retention of"), (None, 3, "no retention of"), ("event", 0, "is 0 months")],
)
def test_a_senseless_retention_is_refused(
    connection: Connection, relation: str | None, given: int, message: str
) -> None:
    with pytest.raises(psycopg.DatabaseError, match=message):
        connection.execute("SELECT set_retention(%s, %s)", (relation, given))


def test_a_retention_is_lifted_again(connection: Connection) -> None:
    connection.execute("SELECT set_retention('event', 2), set_retention('event', NULL)")
    add(connection, month(30), "u-1")
    assert tend(connection) == [False]
    row = connection.execute("SELECT count(*) FROM event").fetchone()
    assert row == (1,)
