"""Logins with few rights, and servers that lack something."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql


@pytest.fixture
def make_login(server_url: str) -> Iterator[Callable[..., str]]:
    """Return a function that makes a plain login with these attributes and returns its name."""
    made: list[sql.Identifier] = []

    def make(attributes: str = "") -> str:
        name = f"login_{uuid.uuid4().hex[:8]}"
        made.append(sql.Identifier(name))
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN {}").format(made[-1], sql.SQL(attributes))
            )
        return name

    yield make
    with psycopg.connect(server_url, autocommit=True) as connection:
        for name in made:
            # Databases of the test may still name it; they go with their own fixture.
            connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(name))


@pytest.fixture
def schema_name() -> str:
    """A shop's name that no other test uses: roles belong to the whole server."""
    return f"shop_{uuid.uuid4().hex[:8]}"
