"""Whose fault a failure is: the item's is charged to it, the world's and the worker's are not."""

from __future__ import annotations

import logging
from datetime import timedelta

import numpy as np
import pytest

from tests.integration.stub_encoder import StubEncoder, StubPixels
from tests.integration.workers import Shop, paint
from vitrine.errors import ModelError, VectorError
from vitrine.work_queue import retry_dead

RED, GREEN, BLUE = (250, 0, 0), (0, 250, 0), (0, 0, 250)
OUTCOME = "attempts, claims, reason, dead_at IS NOT NULL, lease_token"


def test_a_missing_picture_is_tried_again_later(shop: Shop) -> None:
    good = shop.image(shop.product("a"), RED)
    missing = shop.image_at(shop.product("b"), "nowhere.png")

    result = shop.work()

    shop.assert_colours({good: RED})
    assert shop.entry(missing, OUTCOME) == (1, 0, "not_found", False, None)
    (pause,) = shop.entry(missing, "available_at - now()")
    assert timedelta(seconds=10) < pause < timedelta(seconds=50)
    assert "nowhere.png" in shop.entry(missing, "detail")[0]
    assert (result.encoded, result.failed, result.dead) == (1, 1, 0)


def test_the_pauses_grow_and_the_last_attempt_makes_a_dead_letter(shop: Shop) -> None:
    missing = shop.image_at(shop.product(), "nowhere.png")
    paint(shop.folder, "unrelated.png", BLUE)
    pauses = []
    for _ in range(3):
        shop.work(max_attempts=4)
        pauses.append(shop.entry(missing, "available_at - now()")[0])
        shop.connection.execute("UPDATE work_queue SET available_at = now()")

    assert shop.work(max_attempts=4).dead == 1
    assert shop.entry(missing, OUTCOME) == (4, 0, "not_found", True, None)
    assert pauses[0] * 1.3 < pauses[2]  # 30 s ± half, against 120 s ± half
    assert shop.work(max_attempts=4).done == 0


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("../../etc/passwd", "forbidden"),
        ("file:///etc/passwd", "forbidden"),
        ("http://127.0.0.1/x.png", "forbidden"),
        ("http://[", "bad_uri"),
    ],
)
def test_what_no_retry_can_help_is_a_dead_letter_at_once(shop: Shop, uri: str, reason: str) -> None:
    image_id = shop.image_at(shop.product(), uri)
    shop.work()
    assert shop.entry(image_id, OUTCOME) == (1, 0, reason, True, None)


def test_bytes_that_are_no_picture_are_charged_to_the_item(shop: Shop) -> None:
    product_id = shop.product()
    contents = {
        "empty": b"",
        "not_an_image": b"<!doctype html><title>Not found</title>",
        "truncated": paint(shop.folder, "whole.png", RED).read_bytes()[:45],
    }
    for name, data in contents.items():
        (shop.folder / name).write_bytes(data)
    images = {reason: shop.image_at(product_id, reason) for reason in contents}

    shop.work()

    for reason, image_id in images.items():
        assert shop.entry(image_id, OUTCOME) == (1, 0, reason, False, None)
    assert shop.vectors() == {}


def test_a_dead_letter_is_tried_again_when_asked(shop: Shop) -> None:
    first, second = shop.product("first"), shop.product("second")
    images = [shop.image_at(first, "late.png"), shop.image_at(second, "late.png")]
    paint(shop.folder, "unrelated.png", BLUE)
    shop.work(max_attempts=1)
    paint(shop.folder, "late.png", RED)

    assert retry_dead(shop.connection, reason="denied") == 0
    assert retry_dead(shop.connection, product="nobody") == 0
    assert retry_dead(shop.connection, reason="not_found", product="first") == 1
    shop.work()
    shop.assert_colours({images[0]: RED})
    assert retry_dead(shop.connection) == 1
    shop.work()
    shop.assert_colours(dict.fromkeys(images, RED))


def test_a_corrected_address_gives_a_dead_letter_new_attempts(shop: Shop) -> None:
    image_id = shop.image_at(shop.product(), "wrong.png")
    paint(shop.folder, "right.png", RED)
    shop.work(max_attempts=1)
    shop.connection.execute("UPDATE image SET uri = 'right.png'")
    shop.work(max_attempts=1)
    shop.assert_colours({image_id: RED})


@pytest.mark.parametrize("images", [None, "/not/mounted"], ids=["no folder", "not mounted"])
def test_a_storage_that_is_away_burns_no_attempts(shop: Shop, images: str | None) -> None:
    shop.colours(20)
    shop.product("words", captions=["red shoe"])

    result = shop.work(images=images) if images else shop.work(images="")

    assert (result.encoded, result.deferred) == (1, 20)
    assert "folder" in str(result.trouble)
    columns = "attempts, claims, lease_token, available_at > now()"
    assert set(shop.all(f"SELECT {columns} FROM work_queue")) == {(0, 0, None, True)}


class BadItems(StubEncoder):
    """Fails with batches that hold a red picture."""

    def encode_pixels(self, pixels: StubPixels) -> np.ndarray:
        if any(tuple(colour) == RED for colour in pixels.colours):
            raise RuntimeError("expected scalar type Half but found Red")
        return super().encode_pixels(pixels)


def test_the_one_item_that_the_model_fails_with_is_charged_alone(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    colours = shop.colours(20)
    bad = shop.image(shop.product("bad"), RED)

    with caplog.at_level(logging.ERROR):
        result = shop.work(BadItems())

    shop.assert_colours(colours)
    assert shop.entry(bad, OUTCOME) == (1, 0, "encoder", False, None)
    assert (result.encoded, result.failed) == (20, 1)
    assert "found Red" in caplog.text


class NotFinite(StubEncoder):
    """Gives NaN for red pictures, as the real encoder reports it."""

    def encode_pixels(self, pixels: StubPixels) -> np.ndarray:
        rows = tuple(n for n, colour in enumerate(pixels.colours) if tuple(colour) == RED)
        if rows:
            raise VectorError("NaN", rows=rows)
        return super().encode_pixels(pixels)


def test_vectors_that_are_no_numbers_are_charged_to_their_items(shop: Shop) -> None:
    colours = shop.colours(5)
    bad = shop.image(shop.product("bad"), RED)
    shop.work(NotFinite())
    shop.assert_colours(colours)
    assert shop.entry(bad, OUTCOME) == (1, 0, "not_finite", False, None)


def test_a_batch_too_large_for_the_memory_is_halved(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    colours = shop.colours(20)
    sizes = []

    def allocate(size: int) -> None:
        sizes.append(size)
        if size > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    result = shop.work(StubEncoder(before=allocate))

    shop.assert_colours(colours)
    assert (result.encoded, result.failed) == (20, 0)
    assert [size for size in sizes if size > 2] == [8, 4]  # learnt, not tried with each batch
    assert "the batch is 2 from now on" in caplog.text


def test_no_memory_at_all_is_the_worlds_fault(shop: Shop) -> None:
    shop.colours(10)

    def allocate(_: int) -> None:
        raise MemoryError

    result = shop.work(StubEncoder(before=allocate))

    assert (result.encoded, result.deferred) == (0, 10)
    columns = "attempts, claims, reason, available_at > now()"
    assert set(shop.all(f"SELECT {columns} FROM work_queue")) == {(0, 0, "out_of_memory", True)}


class Broken(StubEncoder):
    """Fails with everything, as a process does whose GPU is gone."""

    def encode_pixels(self, pixels: StubPixels) -> np.ndarray:
        raise RuntimeError("CUDA error: device-side assert triggered")

    def encode_texts(self, texts: object) -> np.ndarray:
        raise RuntimeError("CUDA error: device-side assert triggered")


def test_a_broken_encoder_ends_the_worker_and_burns_no_attempts(shop: Shop) -> None:
    colours = shop.colours(20)
    with pytest.raises(ModelError, match="even a plain input fails: CUDA error"):
        shop.work(Broken())
    columns = "attempts, claims, lease_token, available_at <= now()"
    left = set(shop.all(f"SELECT {columns} FROM work_queue"))
    assert left == {(0, 0, None, True)}
    shop.work()
    shop.assert_colours(colours)


def test_an_entry_that_workers_die_on_is_tried_alone(shop: Shop) -> None:
    colours = shop.colours(20)
    suspect = shop.image(shop.product("suspect"), RED)
    shop.connection.execute("UPDATE work_queue SET claims = 3 WHERE item_id = %s", (suspect,))
    held = []

    def look(_: int) -> None:
        query = "SELECT array_agg(item_id) FROM work_queue WHERE lease_token IS NOT NULL"
        held.extend(shop.all(query))

    shop.work(StubEncoder(before=look))

    shop.assert_colours({**colours, suspect: RED})
    assert [[suspect]] == [ids for (ids,) in held if suspect in ids]


def test_an_entry_that_many_workers_died_on_becomes_a_dead_letter(shop: Shop) -> None:
    colours = shop.colours(3)
    poison = shop.image(shop.product("poison"), RED)
    shop.connection.execute("UPDATE work_queue SET claims = 5 WHERE item_id = %s", (poison,))
    encoder = StubEncoder()

    result = shop.work(encoder)

    shop.assert_colours(colours)
    assert RED not in encoder.colours
    assert shop.entry(poison, "reason, dead_at IS NOT NULL, lease_token") == (
        "worker_lost",
        True,
        None,
    )
    assert result.dead == 1
