"""An upgrade that cannot be done says what to do, and leaves nothing half done."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.migration.catalog import database_lines, schema_lines
from vitrine import sql_files
from vitrine.errors import DatabaseError, DatabaseUnavailableError
from vitrine.migrate import upgrade


def as_login(url: str, login: str) -> str:
    return psycopg.conninfo.make_conninfo(url, user=login)


def as_administrator(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def everything(url: str) -> list[str]:
    with psycopg.connect(url, autocommit=True) as connection:
        return [*database_lines(connection), *schema_lines(connection, "public")]


def test_a_login_without_rights_is_told_what_an_administrator_runs(
    empty_database: str, make_login: Callable[..., str], schema_name: str
) -> None:
    login = make_login()
    url = as_login(empty_database, login)
    with pytest.raises(DatabaseError, match="CREATE EXTENSION vector SCHEMA public") as refused:
        upgrade(url, schema_name)
    as_administrator(empty_database, "CREATE EXTENSION vector SCHEMA public")
    with pytest.raises(DatabaseError, match="CREATE SCHEMA") as refused:
        upgrade(url, schema_name)
    as_administrator(empty_database, str(refused.value).partition("run in this database: ")[2])
    notes = upgrade(url, schema_name)
    (skipped,) = [note for note in notes if "CREATEROLE" in note]
    as_administrator(
        empty_database, skipped.partition("an administrator run: ")[2].partition("; then")[0]
    )
    assert not [note for note in upgrade(url, schema_name) if "CREATEROLE" in note]
    with psycopg.connect(empty_database) as connection:
        for role in ("app", "worker", "analyst"):
            assert connection.execute(
                "SELECT has_table_privilege(%s, %s, 'SELECT')",
                (f"{schema_name}_{role}", f"{schema_name}.product"),
            ).fetchone() == (True,)


def test_an_owner_with_createrole_needs_no_administrator_but_for_the_extension(
    empty_database: str, make_login: Callable[..., str], schema_name: str
) -> None:
    login = make_login("CREATEROLE")
    database = psycopg.conninfo.conninfo_to_dict(empty_database)["dbname"]
    as_administrator(
        empty_database,
        f"ALTER DATABASE {database} OWNER TO {login}",
        "CREATE EXTENSION vector SCHEMA public",
    )
    url = as_login(empty_database, login)
    notes = upgrade(url, schema_name)
    assert not [note for note in notes if "administrator" in note]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"SET search_path = {schema_name}, public".encode())
        connection.execute("SELECT create_space('model', 'revision', 4, 'plain')")
    upgrade(url, schema_name)


def test_another_login_upgrades_for_the_owner_or_not_at_all(
    empty_database: str, make_login: Callable[..., str], schema_name: str
) -> None:
    owner, other = make_login(), make_login()
    as_administrator(
        empty_database,
        "CREATE EXTENSION vector SCHEMA public",
        f"CREATE SCHEMA {schema_name} AUTHORIZATION {owner}",
    )
    with pytest.raises(DatabaseError, match=f"belongs to {owner}"):
        upgrade(as_login(empty_database, other), schema_name)
    upgrade(empty_database, schema_name)  # by the superuser
    upgrade(as_login(empty_database, owner), schema_name)
    with psycopg.connect(empty_database) as connection:
        owners = connection.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class "
            "WHERE relnamespace = %s::regnamespace "
            "UNION SELECT pg_get_userbyid(proowner) FROM pg_proc "
            "WHERE pronamespace = %s::regnamespace",
            (schema_name, schema_name),
        ).fetchall()
    assert owners == [(owner,)]


@pytest.mark.parametrize("last", [sql_files.names("functions")[-1], "grants/roles"])
def test_a_failure_in_the_last_file_leaves_nothing(
    empty_database: str, monkeypatch: pytest.MonkeyPatch, schema_name: str, last: str
) -> None:
    before = everything(empty_database)
    read = sql_files.read
    monkeypatch.setattr(
        sql_files, "read", lambda name: read(name) + (";SELECT 1 / 0;" if name == last else "")
    )
    with pytest.raises(DatabaseError, match="division by zero"):
        upgrade(empty_database, schema_name)
    assert everything(empty_database) == before
    monkeypatch.undo()
    upgrade(empty_database, schema_name)


def test_a_server_that_goes_away_midway_leaves_nothing(
    empty_database: str, monkeypatch: pytest.MonkeyPatch, schema_name: str
) -> None:
    before = everything(empty_database)
    read = sql_files.read
    dying = ";SELECT pg_terminate_backend(pg_backend_pid());"
    monkeypatch.setattr(
        sql_files, "read", lambda name: read(name) + (dying if name == "grants/roles" else "")
    )
    with pytest.raises(DatabaseUnavailableError, match=r"connection is lost|terminating"):
        upgrade(empty_database, schema_name)
    assert everything(empty_database) == before


def test_a_read_only_database_is_called_read_only(empty_database: str) -> None:
    database = psycopg.conninfo.conninfo_to_dict(empty_database)["dbname"]
    as_administrator(
        empty_database, f"ALTER DATABASE {database} SET default_transaction_read_only = on"
    )
    with pytest.raises(DatabaseError, match="read-only"):
        upgrade(empty_database)


def test_a_server_that_is_down_is_unavailable(tmp_path: object) -> None:
    with pytest.raises(DatabaseUnavailableError, match="is it running"):
        upgrade(f"postgresql:///shop?host={tmp_path}")


def test_a_schema_of_somebody_else_is_refused(empty_database: str) -> None:
    as_administrator(empty_database, "CREATE SCHEMA office CREATE TABLE office.customer (id int)")
    before = everything(empty_database)
    with pytest.raises(DatabaseError, match=r"office .*customer.* VITRINE_SCHEMA"):
        upgrade(empty_database, "office")
    assert everything(empty_database) == before


def test_the_schema_of_the_extension_is_no_shop(empty_database: str) -> None:
    """It is on the path of every shop: one would find the tables of the other."""
    before = everything(empty_database)
    with pytest.raises(DatabaseError, match=r"public holds the extension.* VITRINE_SCHEMA"):
        upgrade(empty_database, "public")
    assert everything(empty_database) == before


def test_a_schema_of_another_alembic_is_refused(empty_database: str) -> None:
    as_administrator(
        empty_database,
        "CREATE SCHEMA shop CREATE TABLE shop.alembic_version (version_num text)",
        "INSERT INTO shop.alembic_version VALUES ('0001')",
    )
    with pytest.raises(DatabaseError, match="alembic_version"):
        upgrade(empty_database, "shop")


def test_a_schema_of_a_newer_vitrine_is_left_alone(database: str) -> None:
    as_administrator(database, "UPDATE vitrine.alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseError, match="update the vitrine package"):
        upgrade(database)


def test_what_weakens_the_schema_from_outside_is_said(
    empty_database: str, schema_name: str
) -> None:
    as_administrator(
        empty_database,
        "CREATE SCHEMA hidden",
        "CREATE EXTENSION vector SCHEMA hidden",
    )
    (blocked,) = [note for note in upgrade(empty_database, schema_name) if "GRANT USAGE" in note]
    as_administrator(empty_database, blocked.partition("administrator run: ")[2])
    as_administrator(empty_database, "GRANT CREATE ON SCHEMA hidden TO PUBLIC")
    (open_to_all,) = [note for note in upgrade(empty_database, schema_name) if "REVOKE" in note]
    as_administrator(empty_database, open_to_all.partition("administrator run: ")[2])
    assert not [note for note in upgrade(empty_database, schema_name) if "administrator" in note]


def test_a_table_in_use_for_long_is_not_waited_for(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever came after a waiting upgrade would wait as well: the whole shop."""
    monkeypatch.setattr("vitrine.migrate.LOCK_TIMEOUT", "200ms")
    with psycopg.connect(database) as shop:
        shop.execute("LOCK TABLE vitrine.image IN SHARE ROW EXCLUSIVE MODE")
        with pytest.raises(DatabaseError, match="in use by another transaction"):
            upgrade(database)
    upgrade(database)


def test_an_upgrade_waits_for_another_one(database: str) -> None:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory'"
    with (
        psycopg.connect(database, autocommit=True) as first,
        ThreadPoolExecutor(1) as pool,
    ):
        first.execute("SELECT pg_advisory_lock(hashtextextended('vitrine.upgrade', 0))")
        second = pool.submit(upgrade, database)
        deadline = time.monotonic() + 60
        while first.execute(waiting).fetchone() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not second.done()
        first.execute("SELECT pg_advisory_unlock_all()")
        second.result(timeout=60)
