"""What the view `status` says of a shop."""

from __future__ import annotations

from tests.integration.stub_encoder import StubEncoder
from tests.integration.workers import Shop, paint, until
from vitrine.database import Connection
from vitrine.status import ShopStatus, dead_letters, shop_status

RED, GREEN = (250, 0, 0), (0, 250, 0)


def only(shop: Shop) -> ShopStatus:
    (status,) = shop_status(shop.connection)
    return status


def test_an_empty_shop_without_a_space_has_a_status(connection: Connection) -> None:
    (status,) = shop_status(connection)
    assert (status.space, status.products, status.images, status.workers) == (None, 0, None, 0)
    assert status.dead_letters == {}
    assert status.schema_revision
    assert status.server_version.split(".")[0] in {"16", "17", "18"}
    assert status.pgvector_version.startswith("0.8")


def test_a_space_without_items_is_empty_but_valid(shop: Shop) -> None:
    status = only(shop)
    assert (status.space, status.status, status.images, status.captions) == (
        "stub-1",
        "active",
        0,
        0,
    )
    assert status.oldest_waiting is None
    assert status.indexes_valid is True


def test_coverage_counts_encoded_waiting_and_failed(shop: Shop) -> None:
    product_id = shop.product("a", captions=["red", "green"])
    shop.image(product_id, RED)
    shop.image_at(product_id, "nowhere.png")
    paint(shop.folder, "unrelated.png", RED)

    status = only(shop)
    assert (status.images, status.images_waiting, status.captions_waiting) == (2, 2, 2)
    assert status.oldest_waiting is not None

    shop.work()
    status = only(shop)
    assert (status.images_encoded, status.images_waiting, status.images_failed) == (1, 1, 0)
    assert (status.captions, status.captions_encoded) == (2, 2)
    assert (status.retrying, status.delays) == (1, {"not_found": 1})

    shop.connection.execute("UPDATE work_queue SET available_at = now()")
    shop.work(max_attempts=2)
    status = only(shop)
    assert (status.images_encoded, status.images_waiting, status.images_failed) == (1, 0, 1)
    assert status.dead_letters == {"not_found": 1}
    assert status.oldest_waiting is None
    (letter,) = dead_letters(shop.connection, 10)
    assert (letter.external_id, letter.kind, letter.what) == ("a", "image", "nowhere.png")


def test_a_stale_vector_counts_as_waiting(shop: Shop) -> None:
    shop.image(shop.product(), RED)
    shop.work()
    paint(shop.folder, "new.png", GREEN)
    shop.connection.execute("UPDATE image SET uri = 'new.png'")
    status = only(shop)
    assert (status.images, status.images_encoded, status.images_waiting) == (1, 0, 1)


def test_only_active_products_count(shop: Shop) -> None:
    shop.image(shop.product("a"), RED)
    shop.image(shop.product("b"), GREEN)
    shop.connection.execute("UPDATE product SET status = 'retired' WHERE external_id = 'b'")
    status = only(shop)
    assert (status.products, status.images, status.images_waiting) == (1, 1, 1)


def test_each_space_has_its_row(shop: Shop) -> None:
    shop.image(shop.product(), RED)
    shop.work(StubEncoder(model="next"))
    first, second = shop_status(shop.connection)
    assert (first.status, first.images_encoded, first.images_waiting) == ("active", 0, 1)
    assert (second.status, second.images_encoded, second.images_waiting) == ("building", 1, 0)


def test_workers_are_alive_by_their_heartbeat(shop: Shop) -> None:
    with shop.working():
        status = until(lambda: (s := only(shop)).workers and s, "the worker's heartbeat")
        assert status.workers == 1
        assert status.worker_versions != []
    assert only(shop).workers == 0

    shop.connection.execute(
        "INSERT INTO worker (worker_id, space_id, host, pid, version, device, seen_at) "
        "VALUES (gen_random_uuid(), 1, 'h', 1, '0', 'cpu', now() - interval '1 minute')"
    )
    assert only(shop).workers == 0  # killed: nobody took its row away


def test_an_invalid_index_is_named(shop: Shop) -> None:
    shop.connection.execute(
        "UPDATE pg_index SET indisvalid = false "
        "WHERE indexrelid = 'image_vector_1_hnsw_idx'::regclass"
    )
    status = only(shop)
    assert status.indexes_valid is False
    assert status.invalid_indexes == ["image_vector_1_hnsw_idx"]


def test_a_missing_index_is_noticed(shop: Shop) -> None:
    shop.connection.execute("DROP INDEX caption_vector_1_hnsw_idx")
    assert only(shop).indexes_valid is False
