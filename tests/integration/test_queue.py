"""The queue in the database: what queues work, who may take it, and who may end it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.integration.stub_encoder import StubEncoder, colour_vector
from tests.integration.workers import Shop, until
from vitrine.database import Connection, connect
from vitrine.errors import SpaceError
from vitrine.work_queue import Deferred, Encoded, Failed, Seen, WorkQueue

RED, GREEN, BLUE = (250, 0, 0), (0, 250, 0), (0, 0, 250)
CONTENT = b"\1" * 32


@pytest.fixture
def queue(shop: Shop) -> WorkQueue:
    """The queue of the stub encoder's space."""
    return WorkQueue(shop.connection, 1)


def encoded(entry: object, vector: np.ndarray | None = None) -> Encoded:
    """An outcome for an entry."""
    vector = colour_vector(RED) if vector is None else vector
    return Encoded(entry=entry, content=CONTENT, vector=vector, seen=Seen(width=6))  # type: ignore[arg-type]


def waiting(shop: Shop) -> list[tuple[object, ...]]:
    return shop.all("SELECT kind, item_id, input_version FROM work_queue ORDER BY 1, 2")


def test_only_inputs_queue_work(shop: Shop) -> None:
    product_id = shop.product(captions=["red shoe"])
    image_id = shop.image(product_id, RED)
    shop.connection.execute(
        "INSERT INTO variant (product_id, sku, price, stock) VALUES (%s, 's', 10, 5)", (product_id,)
    )
    assert waiting(shop) == [("caption", 1, 1), ("image", image_id, 1)]
    shop.work()

    for change in (
        "UPDATE variant SET price = price * 2",
        'UPDATE variant SET stock = 0, options = \'{"size": "M"}\'',
        "UPDATE product SET popularity = 7, brand = 'B', updated_at = now()",
        "UPDATE image SET position = 5, etag = 'x', sha256 = '\\x00'",
        "UPDATE image SET uri = uri",
        "UPDATE caption SET text = text",
    ):
        shop.connection.execute(change.encode())
        assert waiting(shop) == [], change

    shop.connection.execute("UPDATE caption SET text = 'blue shoe'")
    assert waiting(shop) == [("caption", 1, 2)]


def test_price_and_stock_updates_queue_nothing_in_single_rows_and_in_bulk(shop: Shop) -> None:
    shop.connection.execute(
        "INSERT INTO product (external_id) SELECT n::text FROM generate_series(1, 500) n"
    )
    shop.connection.execute(
        "INSERT INTO variant (product_id, sku, price, stock) "
        "SELECT product_id, external_id, 10, 5 FROM product"
    )
    for _ in range(10):
        shop.connection.execute("UPDATE variant SET price = price + 1, stock = 3 WHERE sku = '7'")
    shop.connection.execute("UPDATE variant SET price = price + 1, stock = stock - 1")
    assert waiting(shop) == []


def test_changes_to_what_waits_add_no_second_entry(shop: Shop) -> None:
    image_id = shop.image(shop.product(), RED)
    for name in ("b.png", "c.png"):
        shop.connection.execute("UPDATE image SET uri = %s", (name,))
    assert waiting(shop) == [("image", image_id, 3)]


def test_enqueueing_is_part_of_the_catalogues_transaction(shop: Shop) -> None:
    with connect(shop.url, "vitrine", autocommit=False) as importing:
        importing.execute("INSERT INTO product (external_id) VALUES ('x')")
        importing.execute("INSERT INTO image (product_id, uri) VALUES (1, 'x.png')")
        assert waiting(shop) == []
        importing.rollback()
    assert waiting(shop) == []


def test_deleted_items_leave_the_queue(shop: Shop) -> None:
    product_id = shop.product(captions=["red"])
    shop.image(product_id, RED)
    shop.connection.execute("DELETE FROM image")
    assert waiting(shop) == [("caption", 1, 1)]
    shop.connection.execute("DELETE FROM product")
    assert waiting(shop) == []


def test_a_picture_deleted_while_it_is_claimed_leaves_no_entry(shop: Shop) -> None:
    image_id = shop.image(shop.product(), RED)
    with connect(shop.url, "vitrine", autocommit=False) as worker:
        WorkQueue(worker, 1).claim(1, lease_seconds=60)
        delete = threading.Thread(
            target=lambda: shop.connection.execute(
                "DELETE FROM image WHERE image_id = %s", (image_id,)
            )
        )
        delete.start()
        waits = f"SELECT cardinality(pg_blocking_pids({shop.connection.info.backend_pid}))"
        until(lambda: worker.execute(waits).fetchone() == (1,), "the delete to wait")
        worker.commit()
        delete.join()
    assert waiting(shop) == []


def test_two_claims_in_open_transactions_share_nothing(shop: Shop, queue: WorkQueue) -> None:
    shop.colours(10)
    with connect(shop.url, "vitrine", autocommit=False) as other:
        first = WorkQueue(other, 1).claim(6, lease_seconds=60)
        second = queue.claim(6, lease_seconds=60)  # does not wait for the other transaction
        other.commit()
    assert len(first) == 6
    assert len(second) == 4
    assert not {entry.key for entry in first} & {entry.key for entry in second}
    assert queue.claim(6, lease_seconds=60) == []


def test_changes_of_the_day_come_before_the_backfill(shop: Shop, queue: WorkQueue) -> None:
    shop.image(shop.product("old"), RED)
    shop.connection.execute("UPDATE work_queue SET priority = 1")
    new = shop.image(shop.product("new"), GREEN)
    assert [entry.item_id for entry in queue.claim(1, lease_seconds=60)] == [new]


def test_a_lease_that_ran_out_goes_to_the_next_and_the_first_can_write_no_more(
    shop: Shop, queue: WorkQueue
) -> None:
    shop.image(shop.product(), RED)
    (late,) = queue.claim(1, lease_seconds=60)
    shop.connection.execute("UPDATE work_queue SET available_at = now()")
    (second,) = queue.claim(1, lease_seconds=60)

    assert queue.complete([encoded(late)]) == set()
    assert queue.extend([late], lease_seconds=60) == set()
    queue.release([Deferred(entry=late)])
    queue.fail([Failed(entry=late, reason="x", detail="x")], max_attempts=1)
    assert queue.why_unwritten([encoded(late)]) == {}

    assert shop.entry(second.item_id, "lease_token, attempts") == (second.lease_token, 0)
    assert queue.complete([encoded(second)]) == {second.key}
    assert queue.complete([encoded(second)]) == set()  # nothing is written twice


def test_a_changed_input_cannot_be_completed(shop: Shop, queue: WorkQueue) -> None:
    image_id = shop.image(shop.product(captions=["red"]), RED)
    entries = queue.claim(2, lease_seconds=60)
    shop.connection.execute("UPDATE image SET uri = 'new.png'")
    shop.connection.execute("UPDATE caption SET text = 'blue'")

    assert queue.complete([encoded(entry) for entry in entries]) == set()
    assert shop.vectors() == shop.vectors("caption") == {}
    assert waiting(shop) == [("caption", 1, 2), ("image", image_id, 2)]
    assert len(queue.claim(2, lease_seconds=60)) == 2


def test_a_vector_to_copy_that_is_gone_is_said_to_be(shop: Shop, queue: WorkQueue) -> None:
    shop.image(shop.product(), RED)
    (entry,) = queue.claim(1, lease_seconds=60)
    copy = Encoded(entry=entry, content=CONTENT)
    assert queue.complete([copy]) == set()
    assert queue.why_unwritten([copy]) == {entry.key: "no_source"}


def test_the_model_its_space_and_the_vector_are_one_statement(shop: Shop, queue: WorkQueue) -> None:
    """A vector that cannot be written leaves the entry and the picture as they were."""
    image_id = shop.image(shop.product(), RED)
    (entry,) = queue.claim(1, lease_seconds=60)
    with pytest.raises(SpaceError, match="expected 8 dimensions, not 5"):
        queue.complete([encoded(entry, np.array([1, 0, 0, 0, 0], dtype=np.float32))])
    with pytest.raises(SpaceError, match="image_vector_1_unit_length"):
        queue.complete([encoded(entry, np.full(8, 0.5, dtype=np.float32))])
    assert waiting(shop) == [("image", image_id, 1)]
    assert shop.one("SELECT sha256 FROM image") is None
    assert queue.complete([encoded(entry)]) == {entry.key}


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        ("[1,0,0]", "a vector of 3 dimensions does not belong in space 1, which has 8"),
        ("[2,0,0,0,0,0,0,0]", "length 2, not 1"),
    ],
)
def test_a_querys_vector_must_fit_its_space(shop: Shop, vector: str, message: str) -> None:
    import psycopg

    with pytest.raises(psycopg.errors.DataException, match=message):
        shop.connection.execute(
            "INSERT INTO query_vector (space_id, kind, key, embedding) "
            "VALUES (1, 'text', 'k', %s::halfvec)",
            (vector,),
        )


def test_a_new_space_queues_the_whole_active_catalogue(shop: Shop, connection: Connection) -> None:
    shop.image(shop.product("a", captions=["red"]), RED)
    shop.image(shop.product("b"), GREEN)
    connection.execute("UPDATE product SET status = 'retired' WHERE external_id = 'b'")
    shop.work(StubEncoder(model="next"))
    assert len(shop.vectors(space_id=2)) == 1
    connection.execute("UPDATE product SET status = 'active'")
    missing = shop.all("SELECT space_id, item_id FROM work_queue WHERE kind = 'image' ORDER BY 1")
    assert (2, 2) in missing
    shop.work(StubEncoder(model="next"))
    assert len(shop.vectors(space_id=2)) == 2


def test_enqueue_missing_finds_what_was_lost(shop: Shop, connection: Connection) -> None:
    shop.colours(3)
    connection.execute("DELETE FROM work_queue WHERE item_id < 3")
    assert shop.one("SELECT enqueue_missing()") == 2
    assert shop.one("SELECT enqueue_missing()") == 0


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("price = -1", "variant_price_valid"),
        ("price = 'NaN'", "variant_price_valid"),
        ("price = 'Infinity'", "variant_price_valid"),
        ("status = 'sold'", "variant_status_known"),
        ("sku = ''", "variant_sku_not_empty"),
        ("options = '[]'", "variant_options_object"),
    ],
)
def test_a_variant_that_makes_no_sense_is_refused(shop: Shop, change: str, constraint: str) -> None:
    """Price updates pay for no check but the price's; nothing else may slip through for that."""
    import psycopg

    product_id = shop.product()
    shop.connection.execute("INSERT INTO variant (product_id, sku) VALUES (%s, 's')", (product_id,))
    with pytest.raises(psycopg.errors.CheckViolation) as error:
        shop.connection.execute(f"UPDATE variant SET {change}".encode())
    assert error.value.diag.constraint_name == constraint
    column, value = change.split(" = ")
    columns, values = ("sku", value) if column == "sku" else (f"sku, {column}", f"'t', {value}")
    with pytest.raises(psycopg.errors.CheckViolation):
        shop.connection.execute(
            f"INSERT INTO variant (product_id, {columns}) VALUES ({product_id}, {values})".encode()
        )
