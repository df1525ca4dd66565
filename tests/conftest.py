"""One template database a session, cloned per test; the server is real, with real pgvector."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from vitrine.database import Connection, set_search_path
from vitrine.embedded import start_embedded, stop_embedded
from vitrine.migrate import upgrade

SCHEMA = "vitrine"
FilledOnce = Callable[..., tuple[str, Any]]
CopyOf = Callable[..., tuple[Connection, Any]]
MEMORY = Path("/dev/shm")
ROOM = 2 * 2**30  # bytes; two sessions were seen to take a quarter of it together


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--servers-only", action="store_true", help="only tests that need PostgreSQL")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Another major of PostgreSQL is no news to tests that have no server."""
    if config.getoption("--servers-only"):
        left = [item for item in items if not needs_server(item)]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if needs_server(item)]


def needs_server(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", [])
    return "server_url" in fixtures or item.get_closest_marker("own_server") is not None


def fastest_folder() -> Path | None:
    """Memory, where there is enough of it: a database is a thousand files to make and to delete."""
    usable = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    return MEMORY if usable else None


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A PostgreSQL of the major VITRINE_TEST_POSTGRES (18 or 16), alone for this session."""
    version = int(os.environ.get("VITRINE_TEST_POSTGRES", "18"))
    with tempfile.TemporaryDirectory(prefix="vitrine-test-", dir=fastest_folder()) as home:
        url = start_embedded(Path(home), version)
        with psycopg.connect(url, autocommit=True) as connection:
            for name, value in {"fsync": "off", "full_page_writes": "off"}.items():
                connection.execute(sql.SQL(f"ALTER SYSTEM SET {name} = {value}"))
            connection.execute("SELECT pg_reload_conf()")
        yield url
        stop_embedded(Path(home), version)


@dataclass(frozen=True)
class Postgres:
    """The session's server, and the one connection that makes and drops databases."""

    server_url: str
    caretaker: Connection

    def url(self, name: str) -> str:
        """The URL of one of its databases."""
        return psycopg.conninfo.make_conninfo(self.server_url, dbname=name)

    @contextmanager
    def clone(self, template: str = "template1") -> Iterator[str]:
        """A copy of a database that nobody is connected to; yields its name and drops it."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        # To copy files takes half the time of writing their pages to the log.
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        self.caretaker.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        yield name
        self._see_off(name)
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self.caretaker.execute(drop.format(sql.Identifier(name)))

    def _see_off(self, name: str) -> None:
        """Wait for servers of closed connections, as DROP does, but not a tenth of a second."""
        connected = "SELECT FROM pg_stat_activity WHERE datname = %s"
        end = time.monotonic() + 0.1
        while self.caretaker.execute(connected, (name,)).rowcount and time.monotonic() < end:
            time.sleep(0.002)

    @contextmanager
    def open(self, name: str) -> Iterator[Connection]:
        """An autocommit connection to a shop's database, its schema on the search path."""
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            set_search_path(connection, SCHEMA)
            yield connection


@pytest.fixture(scope="session")
def postgres(server_url: str) -> Iterator[Postgres]:
    """The session's server."""
    with psycopg.connect(server_url, autocommit=True) as caretaker:
        yield Postgres(server_url, caretaker)


@pytest.fixture(scope="session")
def template_database(postgres: Postgres) -> Iterator[str]:
    """The name of an upgraded, empty shop database to clone."""
    with postgres.clone() as name:
        upgrade(postgres.url(name), SCHEMA)
        yield name


@pytest.fixture
def make_database(postgres: Postgres) -> Iterator[Callable[..., str]]:
    """Return a function that makes a database (cloned from a template) and returns its URL."""
    with ExitStack() as made:

        def make(template: str = "template1") -> str:
            return postgres.url(made.enter_context(postgres.clone(template)))

        yield make


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


@pytest.fixture(scope="module")
def filled_once(postgres: Postgres, template_database: str) -> Iterator[FilledOnce]:
    """Return a function that names a shop's database, and what `fill(connection, …)` returned.

    Each shop is filled once a module; nobody else connects to it, so that it can be copied.
    """
    known: dict[Any, tuple[str, Any]] = {}
    with ExitStack() as made:

        def name_of(fill: Callable[..., Any], *arguments: Any) -> tuple[str, Any]:
            key = (fill, *arguments)
            if key not in known:
                name = made.enter_context(postgres.clone(template_database))
                with postgres.open(name) as connection:
                    known[key] = name, fill(connection, *arguments)
            return known[key]

        yield name_of


@pytest.fixture
def copy_of(postgres: Postgres, filled_once: FilledOnce) -> Iterator[CopyOf]:
    """Return a function that opens a copy of a shop that `fill(connection, …)` fills once a module.

    It returns the connection and what `fill` returned.
    """
    with ExitStack() as opened:

        def open_copy(fill: Callable[..., Any], *arguments: Any) -> tuple[Connection, Any]:
            template, returned = filled_once(fill, *arguments)
            name = opened.enter_context(postgres.clone(template))
            return opened.enter_context(postgres.open(name)), deepcopy(returned)

        yield open_copy


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pictures and catalogues; a test that needs it fails clearly without."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("VITRINE_DATA", default))
    if not folder.is_dir():
        pytest.fail(f"the shared test data are missing: no folder {folder}; set VITRINE_DATA")
    return folder
