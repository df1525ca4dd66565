"""Fixtures that several integration tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import SCHEMA, Postgres
from tests.integration import random_shop as random_catalogue
from tests.integration.catalogue_files import Importer, Writer, write_csv
from tests.integration.searchable import Product
from tests.integration.stub_encoder import StubEncoder
from tests.integration.web_server import Server
from tests.integration.workers import Shop
from vitrine.catalogue import ImportOptions, ImportReport, import_catalogue
from vitrine.database import Connection, set_search_path
from vitrine.images import ImageLimits, ImageStore, SourceSettings, open_source
from vitrine.vectors import ensure_space


@pytest.fixture
def shop(connection: Connection, database: str, tmp_path: Path) -> Shop:
    """An empty shop with the stub encoder's space, and a folder for its pictures."""
    ensure_space(connection, StubEncoder().identity)
    return Shop(connection, tmp_path, database)


@pytest.fixture(scope="module")
def random_database(
    postgres: Postgres, template_database: str
) -> Iterator[tuple[str, list[Product], random_catalogue.Vectors]]:
    """The database of a whole shop that is made by chance, to be cloned."""
    with postgres.clone(template_database) as name:
        with postgres.open(name) as connection:
            products, queries = random_catalogue.prepare(connection)
            random_catalogue.load(connection, products)
            random_catalogue.train(connection)
        yield name, products, queries


@pytest.fixture(scope="module")
def random_shop(
    postgres: Postgres, random_database: tuple[str, list[Product], random_catalogue.Vectors]
) -> Iterator[random_catalogue.Shop]:
    """That shop, for tests that leave it as it is."""
    with postgres.clone(random_database[0]) as name, postgres.open(name) as connection:
        yield random_catalogue.Shop(connection, *random_database[1:])


@pytest.fixture
def undone(random_shop: random_catalogue.Shop) -> Iterator[random_catalogue.Shop]:
    """That shop in a transaction whose changes are undone."""
    with random_shop.connection.transaction(force_rollback=True):
        yield random_shop


@pytest.fixture
def run_import(database: str) -> Importer:
    """Return a function that imports a file into the test's shop."""

    def run(path: Path, **options: Any) -> ImportReport:
        return import_catalogue(database, "vitrine", path, ImportOptions(**options))

    return run


@pytest.fixture
def write_rows(tmp_path: Path) -> Writer:
    """Return a function that writes rows (dicts) as a CSV file with these columns."""

    def write(*rows: dict[str, str], columns: list[str] | None = None, name: str = "a.csv") -> Path:
        columns = columns or list(dict.fromkeys(name for row in rows for name in row))
        return write_csv(tmp_path / name, columns, *rows)

    return write


@pytest.fixture
def server() -> Iterator[Server]:
    """A web server on this machine."""
    running = Server()
    yield running
    running.close()


@pytest.fixture
def other() -> Iterator[Server]:
    """A second web server."""
    running = Server()
    yield running
    running.close()


@pytest.fixture
def opened(server: Server) -> Iterator[Callable[..., ImageStore]]:
    """A factory of stores that may reach the test's server (and nothing else that is private)."""
    stores: list[ImageStore] = []

    def open_it(*allowed: str, resolver: Any = None, **limits: Any) -> ImageStore:
        settings = SourceSettings(
            allowed_hosts=allowed or (f"127.0.0.1:{server.port}",), limits=ImageLimits(**limits)
        )
        stores.append(open_source(settings, resolver=resolver))
        return stores[-1]

    yield open_it
    for store in stores:
        store.close()


@pytest.fixture
def session(database: str) -> Iterator[Callable[[], Connection]]:
    """A factory of sessions that commit only when told to."""
    opened: list[Connection] = []

    def open_one() -> Connection:
        made = psycopg.connect(database)
        set_search_path(made, SCHEMA)
        made.commit()
        opened.append(made)
        return made

    yield open_one
    for made in opened:
        made.close()
