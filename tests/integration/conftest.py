"""Fixtures that several integration tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.stub_encoder import StubEncoder
from tests.integration.workers import Shop
from vitrine.database import Connection
from vitrine.vectors import ensure_space


@pytest.fixture
def shop(connection: Connection, database: str, tmp_path: Path) -> Shop:
    """An empty shop with the stub encoder's space, and a folder for its pictures."""
    ensure_space(connection, StubEncoder().identity)
    return Shop(connection, tmp_path, database)
