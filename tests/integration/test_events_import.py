"""Files of events: in every format, as often as anybody likes, with what is refused in a file."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pytest
from pyarrow import parquet

from tests.integration.catalogue_files import Writer
from vitrine.database import Connection
from vitrine.errors import CatalogueError
from vitrine.event_files import EventImport, EventReport, import_events, importing

Import = Callable[..., EventReport]
ROW = {
    "event_id": "e-1",
    "timestamp": "2026-10-31T12:00:00+01:00",
    "action_name": "purchase",
    "client_id": "u-42",
    "object_id": "P1",
    "position": "3",
    "propensity": "0.5",
    "quantity": "2",
    "amount": "39.80",
    "currency": "eur",
    "event_attributes": '{"page": "home"}',
}


@pytest.fixture
def run(database: str, write_rows: Writer) -> Import:
    """Return a function that imports rows as a CSV file, or a file."""

    def run(*rows: dict[str, Any], path: Path | None = None, **options: Any) -> EventReport:
        path = path or write_rows(*rows)
        return import_events(database, "vitrine", path, EventImport(**options))

    return run


def events(connection: Connection, columns: str = "event_id") -> list[tuple[Any, ...]]:
    return connection.execute(
        f"SELECT {columns} FROM event ORDER BY timestamp, event_id".encode()
    ).fetchall()


def rejected(report: EventReport) -> list[tuple[str, str, str]]:
    assert report.rejects_file
    with report.rejects_file.open(encoding="utf-8") as file:
        return [(row["line"], row["column"], row["reason"]) for row in csv.DictReader(file)]


def write(path: Path, form: str) -> Path:
    path = path / f"events.{form}"
    if form == "parquet":
        row = {**ROW, "timestamp": datetime.fromisoformat(ROW["timestamp"]), "position": 3}
        parquet.write_table(arrow.Table.from_pylist([row]), path)
    elif form == "jsonl":
        row = {**ROW, "position": 3, "propensity": 0.5, "event_attributes": {"page": "home"}}
        path.write_text(json.dumps(row) + "\n")
    else:
        with path.open("w", newline="") as file:
            writer = csv.writer(file, delimiter="\t" if form == "tsv" else ",")
            writer.writerows([ROW.keys(), ROW.values()])
    return path


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_gives_the_same_event(
    connection: Connection, run: Import, tmp_path: Path, form: str
) -> None:
    report = run(path=write(tmp_path, form))
    assert (report.rows, report.written, report.rejects, report.ignored) == (1, 1, 0, ())
    row = connection.execute(
        "SELECT event_id = event_uuid('e-1'), timestamp = '2026-10-31T11:00:00Z', action_name, "
        "client_id, object_id, object_id_field, position, propensity, quantity, amount, currency, "
        "event_attributes FROM event"
    ).fetchone()
    assert row is not None
    assert row[:9] == (True, True, "purchase", "u-42", "P1", "external_id", 3, 0.5, 2)
    assert (float(row[9]), *row[10:]) == (39.8, "EUR", {"page": "home"})


def test_the_same_file_again_writes_nothing(connection: Connection, run: Import) -> None:
    rows = [
        {"timestamp": f"2026-10-{day:02} 10:00", "action_name": "view", "client": "u", "n": day}
        for day in range(1, 29)
    ]
    first = run(*rows)
    assert (first.written, first.skipped, first.ignored) == (28, 0, ("n",))
    again = run(*rows[5:], {**rows[0], "client": "other"})
    assert (again.written, again.skipped) == (1, 23)


def test_equal_rows_of_one_moment_are_several_events_and_stay_so(
    connection: Connection, run: Import
) -> None:
    row = {"timestamp": "2026-10-01", "action_name": "purchase", "client": "u", "object_id": "P"}
    assert run(row, row, {**row, "object_id": "Q"}).written == 3
    assert run(row, row, {**row, "object_id": "Q"}).written == 0
    assert run(row, row, row).written == 1


def test_an_import_that_was_stopped_is_finished_by_the_same_call(
    connection: Connection,
    run: Import,
    write_rows: Writer,
    monkeypatch: pytest.MonkeyPatch,
    database: str,
) -> None:
    monkeypatch.setattr(importing, "CHUNK_ROWS", 3)
    rows = [
        {"timestamp": f"2026-10-01 10:{minute:02}", "action_name": "view"} for minute in range(10)
    ]

    def stop(done: int) -> None:
        if done == 6:
            raise KeyboardInterrupt

    file = write_rows(*rows)
    with pytest.raises(KeyboardInterrupt):
        import_events(database, "vitrine", file, None, stop)
    assert len(events(connection)) == 6
    report = run(path=file)
    assert (report.written, report.skipped) == (4, 6)
    assert len(events(connection)) == 10
    assert connection.execute("SELECT count(*) FROM event_row").fetchone() == (0,)


def test_what_is_refused_says_where_and_why(connection: Connection, run: Import) -> None:
    report = run(
        ROW,
        {**ROW, "timestamp": "yesterday"},
        {**ROW, "timestamp": ""},
        {**ROW, "action_name": ""},
        {**ROW, "position": "first"},
        {**ROW, "position": "0"},
        {**ROW, "propensity": "2"},
        {**ROW, "currency": "Euro"},
        {**ROW, "client_id": "x" * 10_000},
        {**ROW, "event_attributes": "[]"},
        {**ROW, "event_attributes": '{"a": "\\u0000"}'},
        {**ROW, "event_attributes": '{"a": "\\ud800"}'},
        {**ROW, "amount": "NaN"},
        {**ROW, "event_id": "e-2", "object_id": "'; DROP TABLE event; --"},
    )
    assert (report.rows, report.written, report.rejects) == (14, 2, 12)
    assert report.skipped == report.quarantined == 0
    found = rejected(report)
    assert [(line, column) for line, column, _ in found] == [
        ("3", "timestamp"), ("4", "timestamp"), ("5", "action_name"), ("6", "position"),
        ("7", "position"), ("8", "propensity"), ("9", "currency"), ("10", "client_id"),
        ("11", "event_attributes"), ("12", "event_attributes"), ("13", "event_attributes"),
        ("14", "amount"),
    ]  # fmt: skip
    assert found[0][2] == "no moment such as 2026-11-21T14:05:00+01:00"
    assert found[4][2] == "the position is 0. Count positions from 1."
    assert "10000 bytes" in found[7][2]
    assert run(ROW).rejects_file is None
    assert not report.rejects_file.exists()  # type: ignore[union-attr]


def test_a_row_with_a_nul_is_refused_alone(
    connection: Connection, run: Import, tmp_path: Path
) -> None:
    path = tmp_path / "nul.csv"
    path.write_bytes(
        b"timestamp,action_name,client_id\n2026-10-01,view,a\0b\n2026-10-01,view,\xff\n"
        b"2026-10-01,view,u\n"
    )
    report = run(path=path)
    assert (report.written, report.rejects) == (1, 2)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-10-31T12:00:00Z", "2026-10-31T12:00:00+00:00"),
        ("2026-10-31 12:00:00", "2026-10-31T12:00:00+00:00"),
        ("2026-10-31", "2026-10-31T00:00:00+00:00"),
        ("20261031", "2026-10-31T00:00:00+00:00"),
        ("1793448000", "2026-10-31T12:00:00+00:00"),
        ("1793448000000", "2026-10-31T12:00:00+00:00"),
        ("1793448000000000", "2026-10-31T12:00:00+00:00"),
        ("1793448000.5", "2026-10-31T12:00:00.500000+00:00"),
    ],
)
def test_moments_as_shops_write_them(
    connection: Connection, run: Import, text: str, moment: str
) -> None:
    assert run({"timestamp": text, "action_name": "view"}).written == 1
    assert events(connection, "timestamp") == [(datetime.fromisoformat(moment),)]


def test_months_are_made_and_absurd_dates_set_apart(connection: Connection, run: Import) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    dates = ["2026-10-31", "2012-02-29", "1926-11-21", tomorrow, "2008-07-01", "9999-12-31"]
    rows = [{"event_id": d, "timestamp": d, "action_name": "view"} for d in dates]
    report = run(*rows)
    assert (report.written, report.quarantined, report.rejects) == (3, 3, 0)
    assert [stamp.year for (stamp,) in events(connection, "timestamp")] == [2008, 2012, 2026]
    again = run(*rows)
    assert (again.written, again.quarantined, again.skipped) == (0, 0, 6)


def test_columns_of_another_name(connection: Connection, run: Import) -> None:
    rows = [{"Household": "7", "product": "P1", "day": "2026-10-01", "Quantity": "2.0"}]
    with pytest.raises(CatalogueError, match=r"no column timestamp: .*--map COLUMN=timestamp"):
        run(*rows)
    mapping = {"Household": "client", "product": "object_id", "day": "timestamp"}
    with pytest.raises(CatalogueError, match=r"no column action_name.*--action"):
        run(*rows, mapping=mapping)
    run(*rows, mapping=mapping, action="purchase")
    assert events(connection, "client_id, object_id, action_name, quantity::int") == [
        ("7", "P1", "purchase", 2)
    ]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"x": "object_id"}, "the file has no such column"),
        ({"client": "who"}, "there is no such field"),
        ({"client": "object_id"}, "two columns are the object_id"),
    ],
)
def test_a_bad_map_is_refused(
    connection: Connection, run: Import, mapping: dict[str, str], message: str
) -> None:
    row = {"timestamp": "2026-10-01", "action_name": "view", "client": "u", "object_id": "P"}
    with pytest.raises(CatalogueError, match=message):
        run(row, mapping=mapping)


def test_events_as_user_behavior_insights_collects_them(
    connection: Connection, run: Import, tmp_path: Path
) -> None:
    path = tmp_path / "ubi.jsonl"
    event = {
        "action_name": "click",
        "client_id": "u-42",
        "query_id": "00112233-4455-6677-8899-aabbccddeeff",
        "timestamp": "2026-10-31T12:00:00.000Z",
        "event_attributes": {
            "object": {"object_id": "P1", "object_id_field": "external_id"},
            "position": {"ordinal": 3, "x": 1, "y": 2},
        },
    }
    path.write_text(json.dumps(event) + "\n" + json.dumps({**event, "event_attributes": 7}) + "\n")
    report = run(path=path)
    assert (report.written, report.rejects) == (1, 1)
    assert events(connection, "object_id, position, client_id") == [("P1", 3, "u-42")]
    attributes = events(connection, "event_attributes")
    assert attributes == [(event["event_attributes"],)]


def test_two_imports_at_once_are_refused(connection: Connection, run: Import) -> None:
    connection.execute(
        "SELECT pg_advisory_lock(hashtextextended(current_schema() || '.event_files', 0))"
    )
    with pytest.raises(CatalogueError, match="another import of events"):
        run(ROW)


@pytest.mark.parametrize("folder", ["/", ".", "events.csv"])
def test_a_folder_is_no_file_of_events(
    run: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "events.csv").mkdir()
    with pytest.raises(CatalogueError, match=rf"^{re.escape(folder)} is a folder: give a file in"):
        run(path=Path(folder))
    with pytest.raises(CatalogueError, match="is a folder"):
        run(path=Path(folder), rejects=tmp_path / "rejects.csv")
