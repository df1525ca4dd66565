"""Which variants a picture shows: triggers keep the table true as two foreign keys would."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from tests.integration.workers import Shop, until
from vitrine.database import Connection, connect

RED = (250, 0, 0)
LINK = "INSERT INTO image_variant VALUES (%s, %s, %s)"


@pytest.fixture
def linked(shop: Shop) -> Shop:
    """Product 1 with image 1 and variant 1, linked; product 2 with image 2 and variant 2."""
    for sku in ("a", "b"):
        product_id = shop.product(sku)
        shop.image(product_id, RED, f"{sku}.png")
        shop.connection.execute(
            "INSERT INTO variant (product_id, sku) VALUES (%s, %s)", (product_id, sku)
        )
    shop.connection.execute(LINK, (1, 1, 1))
    return shop


@pytest.fixture
def other(shop: Shop, database: str) -> Iterator[Connection]:
    """A second session."""
    with connect(database, "vitrine") as connection:
        yield connection


def links(shop: Shop) -> list[tuple[object, ...]]:
    return shop.all("SELECT * FROM image_variant ORDER BY 1, 2, 3")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ((1, 9, 1), "product 1 has no image 9"),
        ((1, 2, 1), "product 1 has no image 2"),
        ((1, 1, 2), "product 1 has no variant 2"),
        ((9, 1, 1), "product 9 has no image 1"),
    ],
)
def test_a_link_to_what_is_not_there_is_refused(
    linked: Shop, row: tuple[int, int, int], said: str
) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match=said):
        linked.connection.execute(LINK, row)
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match=said):
        linked.connection.execute(
            "UPDATE image_variant SET product_id = %s, image_id = %s, variant_id = %s", row
        )
    assert links(linked) == [(1, 1, 1)]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM image WHERE image_id = 1",
        "DELETE FROM variant WHERE variant_id = 1",
        "DELETE FROM product WHERE product_id = 1",
    ],
)
def test_a_link_goes_with_its_picture_variant_or_product(linked: Shop, statement: str) -> None:
    linked.connection.execute(LINK, (2, 2, 2))
    linked.connection.execute(statement.encode())
    assert links(linked) == [(2, 2, 2)]


@pytest.mark.parametrize("table", ["image", "variant"])
def test_what_is_linked_does_not_move_to_another_product(linked: Shop, table: str) -> None:
    move = f"UPDATE {table} SET product_id = 2 WHERE product_id = 1".encode()
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match=f"refers to {table} 1"):
        linked.connection.execute(move)
    linked.connection.execute("DELETE FROM image_variant")
    linked.connection.execute(move)


@pytest.mark.parametrize("table", ["image", "variant"])
def test_emptying_a_table_empties_what_refers_to_it(linked: Shop, table: str) -> None:
    linked.connection.execute(f"TRUNCATE {table} CASCADE".encode())
    assert links(linked) == []
    waiting = linked.all("SELECT item_id FROM work_queue ORDER BY 1")
    assert waiting == ([] if table == "image" else [(1,), (2,)])


@pytest.mark.parametrize("table", ["image", "variant"])
def test_a_delete_waits_for_a_link_that_is_being_made(
    linked: Shop, other: Connection, table: str
) -> None:
    """The second link is not visible to the delete's snapshot, and yet it goes too."""
    done = threading.Event()

    def delete() -> None:
        other.execute(f"DELETE FROM {table} WHERE product_id = 2".encode())
        done.set()

    with linked.connection.transaction():
        linked.connection.execute(LINK, (2, 2, 2))
        thread = threading.Thread(target=delete)
        thread.start()
        assert_waits_for_a_lock(linked, other)
        assert not done.is_set()
    thread.join()
    assert links(linked) == [(1, 1, 1)]


def test_a_space_is_not_dropped_under_a_picture_that_is_being_queued(
    linked: Shop, other: Connection
) -> None:
    def drop() -> None:
        other.execute("DELETE FROM space")

    with linked.connection.transaction():
        linked.image(1, RED)
        thread = threading.Thread(target=drop)
        thread.start()
        assert_waits_for_a_lock(linked, other)
    thread.join()
    assert linked.all("SELECT * FROM work_queue") == []


def assert_waits_for_a_lock(shop: Shop, other: Connection) -> None:
    """Look until the other session waits for this one."""
    query = f"SELECT pg_backend_pid() = ANY (pg_blocking_pids({other.info.backend_pid}))"
    until(lambda: shop.one(query), "the other session to wait for this one")
