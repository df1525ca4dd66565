"""Events: written once each, whatever their ids, dates and strings."""

from __future__ import annotations

from vitrine.database import Connection


def test_an_event_is_written(connection: Connection) -> None:
    row = connection.execute(
        "SELECT log_event('click', 'u-42', 'MH01', \"position\" => 3, propensity => 0.5)"
    ).fetchone()
    found = connection.execute("SELECT event_id, client_id, position FROM event").fetchone()
    assert found == (row[0], "u-42", 3)
