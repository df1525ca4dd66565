"""Absurd dates: kept in quarantine with the reason, released with a better date, or dropped."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from vitrine.database import Connection
from vitrine.errors import QueryError
from vitrine.quarantine import (
    drop_quarantined,
    list_quarantine,
    quarantine_reasons,
    release_quarantined,
)

LOG = "SELECT log_event('click', 'u-42', 'P1', \"timestamp\" => %s, event_id => %s)"
LOG_QUERY = "SELECT log_query('red', 'u-42', ARRAY['P1'], \"timestamp\" => %s)"
NOW = datetime.now(UTC)


def held(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT relation, reason, client_id FROM quarantine ORDER BY quarantine_id"
    ).fetchall()


def written(connection: Connection) -> tuple[int, int]:
    row = connection.execute("SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM query)")
    found = row.fetchone()
    assert found
    return int(found[0]), int(found[1])


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        ("1926-11-21T00:00:00Z", "too old"),
        ("1970-01-01T00:00:00Z", "too old"),
        ("0044-03-15 00:00:00Z BC", "too old"),
        ("-infinity", "too old"),
        pytest.param((NOW + timedelta(hours=1)).isoformat(), "future", id="an hour ahead"),
        ("9999-12-31T00:00:00Z", "future"),
        ("294276-12-31T00:00:00Z", "future"),
        ("infinity", "future"),
    ],
)
def test_absurd_dates_are_kept_apart_and_no_error(
    connection: Connection, date: str, reason: str
) -> None:
    for _ in range(3):
        connection.execute(LOG, (date, "e-1"))
    connection.execute(LOG_QUERY, (date,))
    assert held(connection) == [("event", reason, "u-42"), ("query", reason, "u-42")]
    assert written(connection) == (0, 0)
    (first, _) = list_quarantine(connection)
    assert first.record["object_id"] == "P1"
    assert first.record["event_id"] == str(first.record_id)


def test_a_clock_that_is_a_little_ahead_is_believed(connection: Connection) -> None:
    connection.execute(LOG, (NOW + timedelta(minutes=2), "e-1"))
    connection.execute(LOG, (NOW - timedelta(days=19 * 365), "e-2"))
    assert held(connection) == []
    assert written(connection) == (2, 0)


def test_what_is_absurd_is_a_setting(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO setting VALUES ('history_future_seconds', '7200'), "
        "('history_oldest_years', '2')"
    )
    connection.execute(LOG, (NOW + timedelta(hours=1), "e-1"))
    connection.execute(LOG, (NOW - timedelta(days=3 * 365), "e-2"))
    assert held(connection) == [("event", "too old", "u-42")]
    connection.execute("UPDATE setting SET value = '\"nonsense\"'")
    connection.execute(LOG, (NOW + timedelta(hours=1), "e-3"))
    assert len(held(connection)) == 2


def test_a_record_is_released_with_its_true_date(connection: Connection) -> None:
    connection.execute(LOG, ("1970-01-01T00:00:00Z", "e-1"))
    connection.execute(LOG_QUERY, ("1970-01-01T00:00:00Z",))
    found = list_quarantine(connection, reason="too old")
    true = NOW - timedelta(days=2)
    ids = [record.quarantine_id for record in found]
    assert release_quarantined(connection, [*ids, 999], timestamp=true) == 2
    rows = connection.execute(
        "SELECT event_id, timestamp, client_id, object_id FROM event UNION ALL "
        "SELECT query_id, timestamp, client_id, object_ids[1] FROM query"
    ).fetchall()
    assert rows == [(record.record_id, true, "u-42", "P1") for record in found]
    assert held(connection) == []


def test_a_clock_that_was_a_year_off_is_put_right_for_all_at_once(connection: Connection) -> None:
    for n in range(3):
        connection.execute(LOG, (NOW + timedelta(days=365 - n), f"e-{n}"))
    ids = [record.quarantine_id for record in list_quarantine(connection)]
    assert release_quarantined(connection, ids, shift=timedelta(days=-365)) == 3
    dates = connection.execute("SELECT timestamp FROM event ORDER BY timestamp DESC").fetchall()
    assert dates == [(NOW - timedelta(days=n),) for n in range(3)]


def test_a_date_that_is_still_absurd_releases_nothing(connection: Connection) -> None:
    for date in ("1970-01-01T00:00:00Z", "-infinity"):
        connection.execute(LOG, (date, "e-1"))
    ids = [record.quarantine_id for record in list_quarantine(connection)]
    for change in ({}, {"shift": timedelta(days=9)}, {"timestamp": NOW + timedelta(days=9)}):
        with pytest.raises(QueryError, match="of the quarantine would be of"):
            release_quarantined(connection, ids, **change)  # type: ignore[arg-type]
    assert len(held(connection)) == 2


def test_a_timestamp_and_a_shift_at_once_release_nothing(connection: Connection) -> None:
    connection.execute(LOG, ("1970-01-01T00:00:00Z", "e-1"))
    ids = [record.quarantine_id for record in list_quarantine(connection)]
    with pytest.raises(QueryError, match=r"a timestamp and a shift .* Give one of them"):
        release_quarantined(connection, ids, timestamp=NOW, shift=timedelta(days=-1))
    assert len(held(connection)) == 1


def test_the_reasons_there_are_are_counted(connection: Connection) -> None:
    assert quarantine_reasons(connection) == {}
    for n, date in enumerate(("9999-12-31T00:00:00Z", "1970-01-01", "1971-01-01")):
        connection.execute(LOG, (date, f"e-{n}"))
    assert quarantine_reasons(connection) == {"too old": 2, "future": 1}


def test_a_record_released_twice_is_one_event(connection: Connection) -> None:
    true = NOW - timedelta(days=2)
    connection.execute(LOG, (true, "e-1"))
    connection.execute(LOG, ("1970-01-01T00:00:00Z", "e-1"))
    ids = [record.quarantine_id for record in list_quarantine(connection)]
    assert release_quarantined(connection, ids, timestamp=true) == 1
    assert written(connection) == (1, 0)


def test_dropped_records_are_gone(connection: Connection) -> None:
    for n in range(3):
        connection.execute(LOG, ("1970-01-01T00:00:00Z", f"e-{n}"))
    ids = [record.quarantine_id for record in list_quarantine(connection)]
    assert drop_quarantined(connection, ids[:2]) == 2
    assert [record.quarantine_id for record in list_quarantine(connection)] == ids[2:]


def test_the_app_releases_and_drops_and_the_worker_sees_nothing(
    connection: Connection, database: str
) -> None:
    for n in range(2):
        connection.execute(LOG, ("1970-01-01T00:00:00Z", f"e-{n}"))
    first, second = (record.quarantine_id for record in list_quarantine(connection))
    login = f"login_{uuid.uuid4().hex[:8]}"
    connection.execute(f"CREATE ROLE {login} LOGIN IN ROLE vitrine_app".encode())
    try:
        url = psycopg.conninfo.make_conninfo(
            database, user=login, options="-c search_path=vitrine,public"
        )
        with psycopg.connect(url, autocommit=True) as app:
            app.execute(LOG, ("1970-01-01T00:00:00Z", "e-9"))
            app.execute(LOG, ("2011-01-01T00:00:00Z", "e-8"))
            assert release_quarantined(app, [first], timestamp=NOW - timedelta(days=800)) == 1
            assert drop_quarantined(app, [second]) == 1
        row = connection.execute(
            "SELECT has_table_privilege('vitrine_worker', 'quarantine', 'SELECT'), "
            "has_table_privilege('vitrine_worker', 'event_row', 'SELECT')"
        ).fetchone()
        assert row == (False, False)
    finally:
        connection.execute(f"DROP ROLE {login}".encode())
    assert written(connection) == (2, 0)
