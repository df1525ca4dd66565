"""`vitrine events`: files of events, the quarantine and unknown products in the shell."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from vitrine.database import Connection

Run = Callable[..., subprocess.CompletedProcess[str]]
FILE = """event_id,timestamp,action_name,client_id,object_id,colour
e-1,2026-10-31T12:00:00Z,view,u-42,P1,red
e-2,1970-01-01T00:00:00Z,view,u-42,P1,red
e-3,2026-10-31T12:00:00Z,,u-42,P1,red
e-4,2030-10-31T12:00:00Z,view,u-42,P1,red
"""


def test_events_are_imported_and_what_was_absurd_is_released_or_dropped(
    run_vitrine: Run, database: str, connection: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "events.csv"
    path.write_text(FILE)

    def events(*arguments: str, code: int = 0) -> str:
        done = run_vitrine("events", *arguments, url=database)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    said = events("import", str(path))
    assert "4 rows" in said
    assert "1 events written, 0 were there" in said
    assert "mean nothing here: colour" in said
    assert "2 with absurd dates: see `vitrine events quarantine`" in said
    assert f"1 rejects: see {path}.rejects.csv" in said
    assert "0 events written, 3 were there" in events("import", str(path))
    held = json.loads(events("quarantine", "--json"))
    assert [record["reason"] for record in held] == ["too old", "future"]
    assert "future" in events("quarantine", "--reason", "future")
    assert events("quarantine", "--reason", "nope") == (
        "nothing in quarantine has the reason nope; the reasons there are: "
        "future (1), too old (1)\n"
    )
    first, second = (str(record["quarantine_id"]) for record in held)
    refused = events("release", first, code=1)
    assert "which is too old" in refused
    assert "cannot be used" in events("release", first, "--timestamp", "", code=1)
    both = ("--timestamp", "2026-10-30T12:00:00Z", "--days", "-1")
    assert "give one of them" in events("release", first, *both, code=1)
    assert "1 released" in events("release", first, "--timestamp", "2026-10-30T12:00:00Z")
    assert "1 dropped" in events("drop", second)
    assert "nothing is in quarantine" in events("quarantine", "--reason", "future")
    assert "nothing is in quarantine" in events("quarantine")
    assert events("import", ".", code=1).startswith("error: . is a folder: give a file in it")
    assert "P1" in events("unknown")
    connection.execute("INSERT INTO product (external_id) VALUES ('P1')")
    assert "every product of the events is known" in events("unknown")
