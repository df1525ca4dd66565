"""Connections, and what a user is told when there is none to be had."""

from __future__ import annotations

import psycopg
import pytest

from vitrine import database as module
from vitrine.database import check_server, connect, driver_errors
from vitrine.errors import DatabaseError, DatabaseUnavailableError


def test_a_connection_finds_the_shop_the_extension_and_temporary_tables_last(
    database: str,
) -> None:
    with connect(database, "vitrine") as connection:
        assert connection.execute("SHOW search_path").fetchone() == ("vitrine, public, pg_temp",)
        connection.execute("SELECT * FROM product")


def test_the_path_survives_a_rollback(database: str) -> None:
    with connect(database, "vitrine", autocommit=False) as connection:
        connection.rollback()
        connection.execute("SELECT * FROM product")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"host": "/nowhere"}, "is it running"),
        ({"dbname": "no_such_database"}, "no_such_database.*does not exist"),
        ({"user": "no_such_login"}, "no_such_login.*does not exist"),
    ],
)
def test_no_connection_is_explained(database: str, change: dict[str, str], message: str) -> None:
    url = psycopg.conninfo.make_conninfo(database, **change)
    with pytest.raises(DatabaseUnavailableError, match=message) as error, connect(url, "vitrine"):
        pass
    assert isinstance(error.value.__cause__, psycopg.OperationalError)


def test_a_schema_without_a_shop_is_refused(database: str) -> None:
    with pytest.raises(DatabaseError, match="vitrin holds no shop"), connect(database, "vitrin"):
        pass


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELECT * FROM no_such_table", "run `vitrine upgrade`"),
        ("SELECT no_such_function()", "run `vitrine upgrade`"),
        ("SET transaction_read_only = on; DELETE FROM product", "read-only"),
        ("SET ROLE vitrine_analyst; DELETE FROM product", "grant the login the shop's role"),
        ("SELECT 1 / 0", "^division by zero$"),
        ("SET statement_timeout = 1; SELECT pg_sleep(9)", "^canceling statement"),
    ],
)
def test_what_a_statement_meets_is_explained(database: str, statement: str, message: str) -> None:
    with (
        pytest.raises(DatabaseError, match=message) as error,
        connect(database, "vitrine", autocommit=False) as connection,
    ):
        connection.execute(statement.encode())
    assert error.value.sqlstate
    assert isinstance(error.value.__cause__, psycopg.Error)


def test_a_connection_that_dies_is_unavailable(database: str) -> None:
    with pytest.raises(DatabaseUnavailableError), connect(database, "vitrine") as connection:
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_another_error_passes_through() -> None:
    with pytest.raises(KeyError), driver_errors():
        raise KeyError


def test_an_old_server_is_refused(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MINIMUM_SERVER", 990_000)
    with pytest.raises(DatabaseError, match=r"PostgreSQL \d+ is too old"):
        check_server(connection)


def test_a_pgvector_with_known_damage_is_warned_about(connection: psycopg.Connection) -> None:
    (warning,) = check_server(connection)
    assert "0.8.6" in warning
