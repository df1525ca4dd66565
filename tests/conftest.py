"""One template database a session, cloned per test; the server is real, with real pgvector."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from vitrine.database import Connection, set_search_path
from vitrine.embedded import start_embedded, stop_embedded
from vitrine.migrate import upgrade

SCHEMA = "vitrine"


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A PostgreSQL of the major VITRINE_TEST_POSTGRES (18 or 16), alone for this session."""
    version = int(os.environ.get("VITRINE_TEST_POSTGRES", "18"))
    with tempfile.TemporaryDirectory(prefix="vitrine-test-") as home:
        url = start_embedded(Path(home), version)
        with psycopg.connect(url, autocommit=True) as connection:
            for name, value in {"fsync": "off", "full_page_writes": "off"}.items():
                connection.execute(sql.SQL(f"ALTER SYSTEM SET {name} = {value}"))
            connection.execute("SELECT pg_reload_conf()")
        yield url
        stop_embedded(Path(home), version)


def with_database(url: str, name: str) -> str:
    """The same server's URL with another database."""
    return psycopg.conninfo.make_conninfo(url, dbname=name)


@pytest.fixture(scope="session")
def template_database(server_url: str) -> str:
    """The name of an upgraded, empty shop database to clone."""
    name = "vitrine_template"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    upgrade(with_database(server_url, name), SCHEMA)
    return name


@pytest.fixture
def make_database(server_url: str) -> Iterator[Callable[..., str]]:
    """Return a function that makes a database (cloned from a template) and returns its URL."""
    made: list[str] = []

    def make(template: str = "template1") -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        made.append(name)
        return with_database(server_url, name)

    yield make
    with psycopg.connect(server_url, autocommit=True) as connection:
        for name in made:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


@pytest.fixture
def empty_database(make_database: Callable[..., str]) -> str:
    """The URL of a database that Vitrine has never seen."""
    return make_database()


@pytest.fixture
def database(make_database: Callable[..., str], template_database: str) -> str:
    """The URL of an upgraded, empty shop."""
    return make_database(template_database)


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """An autocommit connection to an empty shop, its schema on the search path."""
    with psycopg.connect(database, autocommit=True) as opened:
        set_search_path(opened, SCHEMA)
        yield opened


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pictures and catalogues; a test that needs it fails clearly without."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("VITRINE_DATA", default))
    if not folder.is_dir():
        pytest.fail(f"the shared test data are missing: no folder {folder}; set VITRINE_DATA")
    return folder
