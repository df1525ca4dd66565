"""The history's monthly partitions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from vitrine.database import Connection, set_search_path

PARTITIONS = """
    SELECT count(*) FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass"""


def count(connection: Connection, parent: str) -> int:
    row = connection.execute(PARTITIONS, (parent,)).fetchone()
    assert row
    return int(row[0])


def test_an_upgrade_makes_last_month_to_a_year_ahead(connection: Connection) -> None:
    assert count(connection, "event") == count(connection, "query") == 14
    for interval in ("-1 month", "0", "12 months"):
        connection.execute(
            "INSERT INTO event (action_name, timestamp)"
            " VALUES ('click', date_trunc('month', now(), 'UTC') + %s::interval)",
            (interval,),
        )


def test_old_events_are_imported_into_months_of_their_own(connection: Connection) -> None:
    old = "INSERT INTO event (action_name, timestamp) VALUES ('purchase', '2019-02-28T23:59:59Z')"
    with pytest.raises(psycopg.errors.CheckViolation, match="no partition"):
        connection.execute(old)
    connection.execute("SELECT ensure_partitions('2018-11-15', '2019-02-01')")
    assert count(connection, "event") == 14 + 4
    connection.execute(old)
    row = connection.execute("SELECT tableoid::regclass::text FROM event").fetchone()
    assert row == ("event_2019_02",)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
def test_months_are_cut_in_utc_wherever_the_session_is(connection: Connection, zone: str) -> None:
    connection.execute("SELECT set_config('timezone', %s, false)", (zone,))
    connection.execute("SET datestyle = 'SQL, DMY'")
    connection.execute("SELECT ensure_partitions('2018-12-31', '2019-01-01')")
    connection.execute("SET timezone = 'UTC'; SET datestyle = 'ISO'")
    row = connection.execute(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'query_2019_01'"
    ).fetchone()
    assert row == ("FOR VALUES FROM ('2019-01-01 00:00:00+00') TO ('2019-02-01 00:00:00+00')",)


def test_a_wider_partition_of_the_operators_own_is_left_alone(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE event_before_2020 PARTITION OF event"
        " FOR VALUES FROM (MINVALUE) TO ('2020-01-01T00:00:00Z')"
    )
    connection.execute("SELECT ensure_partitions('2019-12-01', '2020-01-31')")
    assert count(connection, "event") == 14 + 2
    assert count(connection, "query") == 14 + 2


def test_searches_and_events_go_on_while_a_month_is_made(
    connection: Connection, database: str
) -> None:
    with psycopg.connect(database) as shopper:
        set_search_path(shopper, "vitrine")
        shopper.execute("INSERT INTO event (action_name) VALUES ('click')")
        connection.execute("SET lock_timeout = '2s'")
        connection.execute("SELECT ensure_partitions('2019-01-01', '2019-01-31')")


def test_many_may_make_the_same_months_at_once(connection: Connection, database: str) -> None:
    def make() -> None:
        with psycopg.connect(database, autocommit=True) as opened:
            set_search_path(opened, "vitrine")
            opened.execute("SELECT ensure_partitions('2017-01-01', '2017-06-30')")

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(make) for _ in range(4)]:
            done.result(timeout=60)
    assert count(connection, "event") == 14 + 6


@pytest.mark.parametrize(
    ("first", "last"),
    [("2020-02-01", "2020-01-01"), ("0001-01-01", "2020-01-01"), ("2020-01-01", "9999-12-31")],
)
def test_senseless_months_are_refused(connection: Connection, first: str, last: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="no partitions from"):
        connection.execute("SELECT ensure_partitions(%s, %s)", (first, last))
