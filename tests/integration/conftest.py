"""Fixtures that several integration tests share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.catalogue_files import Importer, Writer, write_csv
from tests.integration.stub_encoder import StubEncoder
from tests.integration.workers import Shop
from vitrine.catalogue import ImportOptions, ImportReport, import_catalogue
from vitrine.database import Connection
from vitrine.vectors import ensure_space


@pytest.fixture
def shop(connection: Connection, database: str, tmp_path: Path) -> Shop:
    """An empty shop with the stub encoder's space, and a folder for its pictures."""
    ensure_space(connection, StubEncoder().identity)
    return Shop(connection, tmp_path, database)


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
