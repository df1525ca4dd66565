"""A later file touches only what changed, and queues only new inputs."""

from __future__ import annotations

from tests.integration.catalogue_files import (
    MAGENTO,
    Importer,
    Writer,
    hoodie,
    make_space,
    one,
)
from vitrine.database import Connection


def test_changes_touch_only_what_changed_and_queue_only_new_inputs(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    make_space(connection)
    run_import(write_rows(*hoodie(), columns=MAGENTO))
    connection.execute("DELETE FROM work_queue")
    rows = hoodie()
    rows[0]["price"] = "12.50"
    rows[0]["qty"] = "0"
    report = run_import(write_rows(*rows, columns=MAGENTO))
    assert report.changes == report.counts["variant", "changed"] == 1
    assert one(connection, "SELECT price, stock FROM variant WHERE sku = 'H-S'") == (12.5, 0)
    assert one(connection, "SELECT count(*) FROM work_queue") == 0
    rows = hoodie(name="Better hoodie", additional_images="/new.jpg")
    report = run_import(write_rows(*rows, columns=MAGENTO))
    assert report.counts["product", "changed"] == 1
    assert report.counts["image", "new"] == 1
    queued = connection.execute("SELECT kind FROM work_queue ORDER BY 1").fetchall()
    assert queued == [("caption",), ("image",)]


def test_a_picture_that_left_the_file_is_removed_with_its_work(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    make_space(connection)
    run_import(write_rows(*hoodie(), columns=MAGENTO))
    report = run_import(write_rows(*hoodie(base_image="/s.jpg"), columns=MAGENTO))
    assert report.counts["image", "removed"] == 1
    assert one(connection, "SELECT count(*) FROM image WHERE uri = '/h.jpg'") == 0
    assert one(connection, "SELECT count(*) FROM work_queue WHERE kind = 'image'") == 3


def test_refresh_asks_for_known_pictures_again(
    run_import: Importer, write_rows: Writer, connection: Connection
) -> None:
    make_space(connection)
    path = write_rows(*hoodie(), columns=MAGENTO)
    run_import(path)
    connection.execute("UPDATE image SET sha256 = 'seen', etag = 'x'")
    connection.execute("DELETE FROM work_queue")
    report = run_import(path, refresh=True)
    assert report.counts["image", "changed"] == 4
    assert one(connection, "SELECT count(*) FROM work_queue WHERE kind = 'image'") == 4
    # The worker compares with what it saw before.
    assert one(connection, "SELECT count(*) FROM image WHERE input_version = 2 AND etag = 'x'") == 4
