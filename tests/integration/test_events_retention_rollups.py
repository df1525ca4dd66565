"""Retention beside the rollups: no month is dropped before what analysts read of it is counted."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.integration.workers import Shop
from vitrine.database import Connection, set_search_path
from vitrine.worker.chores import CHORES, Chores
from vitrine.worker.session import Session

TODAY = datetime.now(UTC).date()
NOON = timedelta(hours=12)


def month(back: int) -> date:
    number = TODAY.year * 12 + TODAY.month - 1 - back
    return date(number // 12, number % 12 + 1, 1)


def log(connection: Connection, at: datetime, client: str, words: str = "red dress") -> None:
    """A search whose two products were shown; one was clicked at once and bought the next day."""
    query_id = str(uuid.uuid4())
    connection.execute(
        "SELECT log_query(%s, %s, ARRAY['P1', 'P2'], query_id => %s, \"timestamp\" => %s)",
        (words, client, query_id, at),
    )
    deeds = [("impression", "P1", 1, 0), ("impression", "P2", 2, 0), ("click", "P2", 2, 0)]
    for action, product, position, hours in [*deeds, ("purchase", "P2", 2, 20)]:
        connection.execute(
            'SELECT log_event(%s, %s, %s, query_id => %s, "position" => %s, amount => 10, '
            '"timestamp" => %s)',
            (action, client, product, query_id, position, at + timedelta(hours=hours)),
        )


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def fill(connection: Connection) -> None:
    """30 searches of 6 months ago, its first and last day too, and some of the month after.

    By six shoppers each month, so that there are aggregates; of the later searches by one, of words
    that are common only because of the month before.
    """
    connection.execute("INSERT INTO category (name) VALUES ('women')")
    connection.execute("INSERT INTO product (external_id) VALUES ('P1'), ('P2')")
    connection.execute(
        "INSERT INTO product_category SELECT product_id, category_id FROM product, category"
    )
    last = month(5) - timedelta(days=1)
    for n in range(10):
        for day in (month(6), month(6) + timedelta(days=9), last):
            log(connection, noon(day), f"u-{n % 6}")
    for n in range(3):
        log(connection, noon(month(5) + timedelta(days=8 + n)), "u-1")
    log(connection, noon(TODAY - timedelta(days=4)), "u-1")


@pytest.fixture
def old_shop(shop: Shop) -> Connection:
    fill(shop.connection)
    return shop.connection


@pytest.fixture
def kept(make_database: Callable[..., str], template_database: str) -> dict[str, list[Any]]:
    """The rollups of the same shop without a retention."""
    with psycopg.connect(make_database(template_database), autocommit=True) as connection:
        set_search_path(connection, "vitrine")
        fill(connection)
        connection.execute("SELECT tend_rollups(1000)")
        found = rollups(connection)
    assert all(found.values())
    return found


def rollups(connection: Connection) -> dict[str, list[Any]]:
    tables = ("query_day", "position_day", "category_day", "rollup_day")
    return {
        name: connection.execute(
            f"SELECT to_jsonb(t) - 'rolled_at' FROM {name} t ORDER BY to_jsonb(t)::text".encode()
        ).fetchall()
        for name in tables
    }


def retain(connection: Connection, queries: int | None = 2, events: int | None = 3) -> None:
    connection.execute("SELECT set_retention('query', %s)", (queries,))
    connection.execute("SELECT set_retention('event', %s)", (events,))


def tend(connection: Connection) -> bool:
    row = connection.execute("SELECT tend_events()").fetchone()
    assert row
    return bool(row[0])


def old_rows(connection: Connection) -> tuple[int, int]:
    row = connection.execute(
        "SELECT (SELECT count(*) FROM query WHERE timestamp < now() - interval '4 months'), "
        "(SELECT count(*) FROM event WHERE timestamp < now() - interval '4 months')"
    ).fetchone()
    assert row
    return int(row[0]), int(row[1])


def chores_round(url: str) -> None:
    stop = threading.Event()
    session = Session(url, "vitrine", lambda connection: connection, stop=stop)
    assert Chores(session, stop).run()
    session.close()


def test_a_worker_counts_a_month_before_it_drops_it(
    old_shop: Connection, database: str, kept: dict[str, list[Any]]
) -> None:
    retain(old_shop)
    assert "tend_events" in {chore.call for chore in CHORES}
    chores_round(database)
    assert old_rows(old_shop) == (0, 0)
    assert rollups(old_shop) == kept


@pytest.mark.parametrize(("queries", "events"), [(2, 3), (3, 2), (2, None), (None, 2), (1, 1)])
def test_tending_alone_counts_what_it_drops(
    old_shop: Connection, kept: dict[str, list[Any]], queries: int | None, events: int | None
) -> None:
    retain(old_shop, queries, events)
    while tend(old_shop):
        pass
    left = old_rows(old_shop)
    assert (left[0] == 0, left[1] == 0) == (queries is not None, events is not None)
    old_shop.execute("SELECT tend_rollups(1000)")
    assert rollups(old_shop) == kept


def test_words_that_the_month_before_made_common_stay_so(old_shop: Connection) -> None:
    retain(old_shop)
    while tend(old_shop):
        pass
    rows = old_shop.execute(
        "SELECT kind, sum(searches) FROM query_day WHERE day BETWEEN %s AND %s GROUP BY kind",
        (month(5), month(4)),
    ).fetchall()
    assert rows == [("words", 3)]


def test_a_month_stays_until_its_days_are_counted_and_the_next_call_goes_on(
    old_shop: Connection, kept: dict[str, list[Any]]
) -> None:
    slow = month(6) + timedelta(days=2)
    old_shop.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_sleep(2.1); RETURN new; END'"
    )
    old_shop.execute(
        f"CREATE TRIGGER slow BEFORE INSERT ON rollup_day FOR EACH ROW "
        f"WHEN (new.day = '{slow}') EXECUTE FUNCTION slow()".encode()
    )
    retain(old_shop)
    before = old_rows(old_shop)
    assert tend(old_shop)
    assert old_rows(old_shop) == before
    assert old_shop.execute("SELECT max(day) FROM rollup_day").fetchone() == (slow,)
    while tend(old_shop):
        pass
    assert old_rows(old_shop) == (0, 0)
    old_shop.execute("SELECT tend_rollups(1000)")
    assert rollups(old_shop) == kept


def test_what_was_counted_stays_so_although_somebody_reads(
    old_shop: Connection, database: str
) -> None:
    retain(old_shop)
    with psycopg.connect(database) as reader:
        set_search_path(reader, "vitrine")
        reader.execute("SELECT count(*) FROM event")
        assert not tend(old_shop)
        assert old_rows(old_shop) != (0, 0)
        assert rollups(old_shop)["query_day"]
    while tend(old_shop):
        pass
    assert old_rows(old_shop) == (0, 0)


def test_while_another_rolls_up_nothing_is_dropped(old_shop: Connection, database: str) -> None:
    retain(old_shop)
    before = old_rows(old_shop)
    with psycopg.connect(database) as other:
        set_search_path(other, "vitrine")
        # The lock of tend_rollups alone: what it reads would keep a month from being dropped too.
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('vitrine.tend_rollups', 0))")
        assert not tend(old_shop)
        assert old_rows(old_shop) == before


def test_rows_that_no_rollup_noticed_are_counted_first(old_shop: Connection) -> None:
    """An import while no worker ran: more than two days ago, of days before the last rolled up."""
    old_shop.execute("SELECT tend_rollups(1000)")
    days = (month(6) + timedelta(days=9), month(6) + timedelta(days=10))
    for day in days:
        log(old_shop, noon(day), "late")
    for table in ("query", "event"):
        old_shop.execute(f"UPDATE {table} SET received_at = now() - interval '9 days'".encode())
    retain(old_shop)
    while tend(old_shop):
        pass
    rows = old_shop.execute(
        "SELECT day, sum(searches) FROM query_day WHERE day = ANY (%s) GROUP BY day ORDER BY day",
        (list(days),),
    ).fetchall()
    assert rows == [(days[0], 11), (days[1], 1)]


def test_who_was_forgotten_is_not_counted(old_shop: Connection) -> None:
    old_shop.execute("SELECT tend_rollups(1000)")
    old_shop.execute("SELECT forget('u-1')")
    retain(old_shop)
    while tend(old_shop):
        pass
    row = old_shop.execute("SELECT sum(searches) FROM query_day WHERE day < %s", (month(5),))
    assert row.fetchone() == (24,)


def test_nothing_is_counted_anew_when_the_rows_are_gone(
    old_shop: Connection, kept: dict[str, list[Any]]
) -> None:
    retain(old_shop)
    while tend(old_shop):
        pass
    old_shop.execute("SELECT tend_rollups(1000)")
    assert rollups(old_shop) == kept
    # The retention is lifted, and one row of the month comes late: all that is left of that day.
    retain(old_shop, None, None)
    log(old_shop, noon(month(6)), "late")
    for _ in range(2):
        old_shop.execute("SELECT tend_rollups(1000)")
        assert rollups(old_shop)["query_day"] == kept["query_day"]
        assert rollups(old_shop)["position_day"] == kept["position_day"]
        retain(old_shop)
        while tend(old_shop):
            pass
    assert old_rows(old_shop) == (0, 0)


def test_what_waits_in_quarantine_ages_too(connection: Connection) -> None:
    retain(connection)
    for n in range(2):
        log(connection, noon(month(9)) + n * NOON, f"u-{n}")
    connection.execute(
        "UPDATE quarantine SET quarantined_at = %s WHERE client_id = 'u-0'",
        (noon(month(2)) - timedelta(days=1),),
    )
    tend(connection)
    held = "SELECT DISTINCT relation, client_id FROM quarantine ORDER BY 1, 2"
    # Events are kept for a month longer than searches.
    assert connection.execute(held).fetchall() == [
        ("event", "u-0"), ("event", "u-1"), ("query", "u-1"),
    ]  # fmt: skip
    connection.execute("UPDATE quarantine SET quarantined_at = now() - interval '5 months'")
    retain(connection, None, None)
    tend(connection)
    assert len(connection.execute(held).fetchall()) == 3
    retain(connection)
    tend(connection)
    assert connection.execute(held).fetchall() == []


def test_a_worker_may_tend(old_shop: Connection) -> None:
    retain(old_shop)
    old_shop.execute("SET ROLE vitrine_worker")
    while tend(old_shop):
        pass
    for call in ("roll_up_before_drop(current_date)", "drop_aged_quarantine()"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            old_shop.execute(f"SELECT {call}".encode())
    old_shop.execute("RESET ROLE")
    assert old_rows(old_shop) == (0, 0)
