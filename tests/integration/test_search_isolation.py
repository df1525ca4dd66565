"""A search keeps to itself: read-only, no setting left behind, least rights, one schema."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from tests.integration.searchable import (
    WORDS,
    Picture,
    Product,
    add_product,
    ask,
    know,
    make_space,
    names,
)
from vitrine.database import Connection, set_search_path
from vitrine.migrate import upgrade


@pytest.fixture(autouse=True)
def shop(connection: Connection) -> None:
    make_space(connection)
    know(connection, (1, 0, 0, 0))
    add_product(connection, Product("P1", brand="A", pictures=[Picture((1, 0, 0, 0))]))


def test_a_read_only_transaction_is_enough(connection: Connection) -> None:
    with connection.transaction():
        connection.execute("SET TRANSACTION READ ONLY")
        assert names(ask(connection, query=WORDS, filters={"brand": "a"})) == ["P1"]
        assert names(ask(connection, terms=[{"product": "P1"}])) == []
        assert names(ask(connection)) == ["P1"]


def test_no_setting_is_left_behind(connection: Connection) -> None:
    settings = (
        "SELECT name, setting FROM pg_settings UNION ALL "
        "SELECT 'path', current_setting('search_path') ORDER BY 1"
    )
    with connection.transaction():
        connection.execute("SET LOCAL hnsw.ef_search = 77")
        before = connection.execute(settings.encode()).fetchall()
        ask(connection, query=WORDS, filters={"brand": "a"})
        with pytest.raises(psycopg.Error), connection.transaction():
            ask(connection, query="unknown")
        assert connection.execute(settings.encode()).fetchall() == before


def test_it_does_not_depend_on_the_callers_search_path(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as plain:
        plain.execute("CREATE SCHEMA decoy; SET search_path = decoy, public")
        plain.execute("CREATE TABLE decoy.product (product_id bigint)")
        row = plain.execute("SELECT external_id FROM vitrine.search(%s)", (WORDS,)).fetchone()
        assert row == ("P1",)


def test_two_shops_in_one_database_do_not_see_each_other(
    database: str, connection: Connection
) -> None:
    upgrade(database, "other shop")
    with psycopg.connect(database, autocommit=True) as other:
        set_search_path(other, "other shop")
        make_space(other)
        assert ask(other) == []
        with pytest.raises(psycopg.Error) as caught:
            ask(other, query=WORDS)
        assert 'CALL "other shop".encode' in str(caught.value.diag.message_hint)
        know(other, (0, 1, 0, 0))
        add_product(other, Product("theirs", pictures=[Picture((0, 1, 0, 0))]))
        assert names(ask(other, query=WORDS)) == ["theirs"]
    assert names(ask(connection, query=WORDS)) == ["P1"]


@pytest.fixture
def login(database: str, connection: Connection) -> Iterator[str]:
    """A login without rights of its own, to be granted one of the roles."""
    name = f"login_{os.getpid()}"
    connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
    yield name
    connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.mark.parametrize("role", ["app", "worker", "analyst"])
def test_each_role_may_search_and_ask_for_an_encoding(
    database: str, connection: Connection, login: str, role: str
) -> None:
    connection.execute(
        sql.SQL("GRANT {} TO {}").format(sql.Identifier(f"vitrine_{role}"), sql.Identifier(login))
    )
    with psycopg.connect(database, autocommit=True, user=login) as theirs:
        query = 'SELECT external_id FROM vitrine.search(%s, filters => \'{"brand": "a"}\')'
        assert theirs.execute(query, (WORDS,)).fetchall() == [("P1",)]
        with pytest.raises(psycopg.Error) as caught:
            theirs.execute("CALL vitrine.encode('something new', timeout_ms => 1)")
        assert caught.value.sqlstate == "VT006"
    waiting = connection.execute("SELECT query FROM encoding_request").fetchall()
    assert waiting == [("something new",)]


def test_an_analyst_may_write_nothing_and_a_stranger_may_not_search(
    database: str, connection: Connection, login: str
) -> None:
    refused = psycopg.errors.InsufficientPrivilege
    with psycopg.connect(database, autocommit=True, user=login) as theirs:
        for statement in ("SELECT vitrine.search()", "CALL vitrine.encode('x')"):
            with pytest.raises(refused):
                theirs.execute(statement.encode())
        connection.execute(sql.SQL("GRANT vitrine_analyst TO {}").format(sql.Identifier(login)))
        for statement in (
            "DELETE FROM vitrine.product",
            "UPDATE vitrine.variant SET price = 0",
            "INSERT INTO vitrine.query_vector VALUES (1, 'text', 'x', 'x', '[1,0,0,0]')",
            "SELECT picture FROM vitrine.encoding_request",
            "SELECT vitrine.create_space('m', 'r', 3, 'p')",
        ):
            with pytest.raises(refused):
                theirs.execute(statement.encode())
