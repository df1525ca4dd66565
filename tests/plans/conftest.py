"""The clustered shop, filled once a session and copied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Postgres
from tests.plans.clustered_shop import fill
from vitrine.database import Connection


@pytest.fixture(scope="session")
def filled_database(postgres: Postgres, template_database: str) -> Iterator[tuple[str, Any]]:
    """The name of the shop that is copied, and the vectors of its pictures, by product."""
    with postgres.clone(template_database) as name:
        with postgres.open(name) as connection:
            vectors = fill(connection)
        yield name, vectors


@pytest.fixture
def filled(
    postgres: Postgres, filled_database: tuple[str, Any]
) -> Iterator[tuple[Connection, Any]]:
    """A shop of its own: what a test takes back still makes tables larger, and plans others."""
    with postgres.clone(filled_database[0]) as name, postgres.open(name) as connection:
        yield connection, filled_database[1]


@pytest.fixture
def connection(filled: tuple[Connection, Any]) -> Iterator[Connection]:
    """In a transaction, whose scans are counted from zero."""
    with filled[0].transaction(force_rollback=True):
        yield filled[0]
