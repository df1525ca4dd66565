"""What an import needs of the shop around it: its settings, its roles, its folders."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.integration.catalogue_files import (
    MAGENTO,
    Importer,
    Writer,
    hoodie,
    one,
)
from vitrine.catalogue import import_catalogue
from vitrine.database import Connection
from vitrine.errors import CatalogueError


def test_a_missing_folder_of_pictures_is_an_error_and_a_real_one_is_kept(
    run_import: Importer, write_rows: Writer, connection: Connection, tmp_path: Path
) -> None:
    path = write_rows(*hoodie(), columns=MAGENTO)
    with pytest.raises(CatalogueError, match="no such folder"):
        run_import(path, images=str(tmp_path / "none"))
    run_import(path, images=str(tmp_path))
    assert one(connection, "SELECT value FROM setting WHERE name = 'images'") == str(tmp_path)


def test_the_shops_own_role_may_import(
    database: str, write_rows: Writer, connection: Connection
) -> None:
    connection.execute("CREATE ROLE shop_login LOGIN IN ROLE vitrine_app")
    try:
        url = psycopg.conninfo.make_conninfo(database, user="shop_login")
        report = import_catalogue(url, "vitrine", write_rows(*hoodie(), columns=MAGENTO))
        assert report.counts["product", "new"] == 1
    finally:
        connection.execute("DROP ROLE shop_login")
