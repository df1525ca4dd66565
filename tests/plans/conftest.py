"""The clustered shop, filled once a session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Postgres
from tests.plans.clustered_shop import fill
from vitrine.database import Connection


@pytest.fixture(scope="session")
def filled(postgres: Postgres, template_database: str) -> Iterator[tuple[Connection, Any]]:
    with postgres.clone(template_database) as name, postgres.open(name) as connection:
        yield connection, fill(connection)


@pytest.fixture
def connection(filled: tuple[Connection, Any]) -> Iterator[Connection]:
    """In a transaction, whose scans are counted from zero and whose changes are undone."""
    filled[0].execute("SELECT pg_stat_force_next_flush()")
    with filled[0].transaction(force_rollback=True):
        yield filled[0]
