"""A stopped import is gone on with by the same call, and shows no product by half."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from vitrine.catalogue import ImportOptions, applying, import_catalogue, staging
from vitrine.database import Connection
from vitrine.errors import CatalogueError, DatabaseError

SCHEMA = "vitrine"
PRODUCTS = 40
HEADER = "sku,product_type,name,price,base_image,visibility,configurable_variations\n"
WHOLE = {"product": PRODUCTS, "variant": 2 * PRODUCTS, "image": 3 * PRODUCTS}
# Kills itself between two transactions, as the operator or the machine would.
KILLED = """
import os, signal, sys
from pathlib import Path
from vitrine.catalogue import applying, import_catalogue, staging
staging.CHUNK_ROWS = staging.WRITE_ROWS = 10
applying.BATCH_ROWS = 10
seen = {"reading": 0, "writing": 0}
def progress(stage, _):
    seen[stage] += 1
    if seen[sys.argv[3]] == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
import_catalogue(sys.argv[1], "vitrine", Path(sys.argv[2]), progress=progress)
"""


class StoppedError(Exception):
    """The test stops the import."""


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many chunks and batches of a small file."""
    monkeypatch.setattr(staging, "CHUNK_ROWS", 10)
    monkeypatch.setattr(staging, "WRITE_ROWS", 10)
    monkeypatch.setattr(applying, "BATCH_ROWS", 10)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Forty products with two variants and three pictures each, the products last."""
    path = tmp_path / "shop.csv"
    lines = [
        f"P{n}-{size},simple,x,5,/{n}{size}.jpg,Not Visible Individually,\n"
        for n in range(PRODUCTS)
        for size in "SM"
    ]
    lines += [
        f'P{n},configurable,Product {n},5,/{n}.jpg,,"sku=P{n}-S,size=S|sku=P{n}-M,size=M"\n'
        for n in range(PRODUCTS)
    ]
    path.write_text(HEADER + "".join(lines))
    return path


@pytest.fixture
def watched(connection: Connection) -> Iterator[Connection]:
    """A connection that, at the end, finds the whole catalogue and no product by half."""
    yield connection
    halves = connection.execute(
        "SELECT external_id FROM product p WHERE "
        "(SELECT count(*) FROM variant v WHERE v.product_id = p.product_id) <> 2 OR "
        "(SELECT count(*) FROM image i WHERE i.product_id = p.product_id) <> 3 OR "
        "(SELECT count(*) FROM caption c WHERE c.product_id = p.product_id) <> 1"
    ).fetchall()
    assert halves == []


def counts(connection: Connection) -> dict[str, int]:
    [row] = connection.execute(
        "SELECT (SELECT count(*) FROM product), (SELECT count(*) FROM variant), "
        "(SELECT count(*) FROM image)"
    )
    return dict(zip(WHOLE, row, strict=True))


@pytest.mark.parametrize(
    ("stage", "call", "products"),
    [("reading", 1, 0), ("reading", 6, 0), ("writing", 1, 4), ("writing", 5, 20)],
)
def test_a_killed_import_goes_on_where_it_was(
    database: str, source: Path, watched: Connection, stage: str, call: int, products: int
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, database, str(source), stage, str(call)],
        check=False, env=os.environ,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    done = counts(watched)
    # Two connections write side by side: the other one may have been a batch ahead or behind.
    assert abs(done["product"] - products) <= 8
    assert done["variant"] == 2 * done["product"]
    report = import_catalogue(database, SCHEMA, source)
    assert report.resumed
    assert report.rows == 3 * PRODUCTS
    assert report.counts["product", "new"] == PRODUCTS  # of the whole run
    assert counts(watched) == WHOLE
    assert import_catalogue(database, SCHEMA, source).changes == 0


@pytest.mark.parametrize("stage", ["reading", "writing"])
def test_a_database_that_goes_away_is_an_error_and_the_same_call_goes_on(
    database: str, source: Path, watched: Connection, stage: str
) -> None:
    def lose(now: str, _: int) -> None:
        if now == stage:
            watched.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )

    with pytest.raises(DatabaseError, match="database"):
        import_catalogue(database, SCHEMA, source, progress=lose)
    report = import_catalogue(database, SCHEMA, source)
    assert report.resumed
    assert counts(watched) == WHOLE


def test_another_file_does_not_go_on_with_a_stopped_one(
    database: str, source: Path, watched: Connection, tmp_path: Path
) -> None:
    def stop(stage: str, _: int) -> None:
        if stage == "writing":
            raise StoppedError

    with pytest.raises(StoppedError):
        import_catalogue(database, SCHEMA, source, progress=stop)
    other = tmp_path / "other.csv"
    other.write_text(HEADER + "ONE,simple,One,5,,,\n")
    report = import_catalogue(database, SCHEMA, other)
    assert not report.resumed
    assert report.counts["product", "new"] == 1
    watched.execute("DELETE FROM product WHERE external_id = 'ONE'")
    statuses = watched.execute("SELECT status FROM import_run ORDER BY import_run_id").fetchall()
    assert statuses == [("failed",), ("done",)]


def test_staged_rows_that_a_server_crash_took_are_read_again(
    database: str, source: Path, watched: Connection
) -> None:
    def stop(stage: str, _: int) -> None:
        if stage == "writing":
            raise StoppedError

    with pytest.raises(StoppedError):
        import_catalogue(database, SCHEMA, source, progress=stop)
    watched.execute("TRUNCATE import_row, import_link, import_member, import_reject")
    report = import_catalogue(database, SCHEMA, source)
    assert not report.resumed
    assert counts(watched) == WHOLE


def test_two_imports_at_once_are_refused(database: str, source: Path, watched: Connection) -> None:
    with psycopg.connect(database, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('vitrine.import', 0))")
        with pytest.raises(CatalogueError, match="another import"):
            import_catalogue(database, SCHEMA, source)
    import_catalogue(database, SCHEMA, source, ImportOptions(jobs=1))
    assert counts(watched) == WHOLE
