"""Queries of clients are answered at once, also while the backfill runs."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from tests.integration.stub_encoder import StubEncoder, colour_vector, text_vector
from tests.integration.workers import Shop, until
from vitrine.database import connect

RED = (250, 0, 0)


def picture(colour: tuple[int, int, int]) -> bytes:
    """A PNG file of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (6, 4), colour).save(file, "PNG")
    return file.getvalue()


def ask(shop: Shop, kind: str, content: str | bytes) -> str:
    """Request an encoding as a client does; returns the query's key."""
    data = content.encode() if isinstance(content, str) else content
    key = hashlib.sha256(data).hexdigest()
    shop.connection.execute(
        "INSERT INTO encoding_request (space_id, kind, key, query, picture) "
        "VALUES (1, %s, %s, %s, %s)",
        (kind, key, content if kind == "text" else None, content if kind == "image" else None),
    )
    shop.connection.execute("SELECT pg_notify(current_schema() || '_request', '')")
    return key


def answer(shop: Shop, key: str) -> np.ndarray:
    """Wait for a query's vector."""
    text = until(
        lambda: shop.one("SELECT embedding::text FROM query_vector WHERE key = %s", key),
        "the query's vector",
    )
    return np.array([float(part) for part in text[1:-1].split(",")])


@pytest.fixture
def busy(shop: Shop) -> Iterator[Shop]:
    """A shop whose only worker is held up in the backfill for as long as the test runs."""
    shop.colours(20)
    encoding, go_on = threading.Event(), threading.Event()

    def hold(_: int) -> None:
        encoding.set()
        assert go_on.wait(30)

    with shop.working(StubEncoder(before=hold)):
        assert encoding.wait(20)
        yield shop
        go_on.set()


def test_words_and_pictures_are_answered_while_the_backfill_runs(busy: Shop) -> None:
    words = [f"black jacket {number}" for number in range(30)]
    keys = [ask(busy, "text", text) for text in words]
    red = ask(busy, "image", picture(RED))

    for text, key in zip(words, keys, strict=True):
        np.testing.assert_allclose(answer(busy, key), text_vector(text), atol=2e-3)
    np.testing.assert_allclose(answer(busy, red), colour_vector(RED), atol=2e-3)
    until(lambda: busy.one("SELECT count(*) FROM encoding_request") == 0, "the requests' end")
    assert busy.vectors() == {}


def test_a_bad_picture_is_refused_with_its_reason_and_hurts_no_other(busy: Shop) -> None:
    bad = ask(busy, "image", b"<html>no picture</html>")
    good = ask(busy, "text", "red shoe")

    error = until(
        lambda: busy.one("SELECT error FROM encoding_request WHERE key = %s", bad), "the refusal"
    )
    assert "not a picture" in error
    np.testing.assert_allclose(answer(busy, good), text_vector("red shoe"), atol=2e-3)


def test_encode_waits_for_the_worker(busy: Shop) -> None:
    with connect(busy.url, "vitrine") as client:
        client.execute("CALL encode('Black  Jacket', timeout_ms => 20000)")
    assert busy.all("SELECT kind, query FROM query_vector") == [("text", "black jacket")]


class FailsWithBad(StubEncoder):
    """Fails with a batch of texts that holds "bad"."""

    def encode_texts(self, texts: object) -> np.ndarray:
        if "bad" in texts:  # type: ignore[operator]
            raise RuntimeError("index out of range")
        return super().encode_texts(texts)  # type: ignore[arg-type]


def test_one_query_that_the_model_fails_with_is_refused_alone(shop: Shop) -> None:
    good, bad = ask(shop, "text", "good"), ask(shop, "text", "bad")
    with shop.working(FailsWithBad()):
        np.testing.assert_allclose(answer(shop, good), text_vector("good"), atol=2e-3)
        query = "SELECT error FROM encoding_request WHERE key = %s"
        assert "index out of range" in until(lambda: shop.one(query, bad), "the refusal")


def test_only_the_newest_known_queries_are_kept_and_stale_requests_go(shop: Shop) -> None:
    vector = str(text_vector("x").tolist())
    shop.connection.execute(
        "INSERT INTO query_vector (space_id, kind, key, embedding, created_at) "
        "SELECT 1, 'text', n::text, %s, now() - n * interval '1 hour' "
        "FROM generate_series(1, 20) n",
        (vector,),
    )
    request = (
        "INSERT INTO encoding_request (space_id, kind, key, query, requested_at, error) "
        "VALUES (%s, 'text', %s, 'x', now() - %s::interval, 'failed')"
    )
    for space, key, age in (
        (1, "stale", "16 minutes"),
        (1, "waited for", "10 minutes"),
        (2, "another worker's", "16 minutes"),
        (2, "nobody's", "25 hours"),
    ):
        shop.connection.execute(request, (space, key, age))
    with shop.working(known_queries=5):
        until(lambda: shop.one("SELECT count(*) FROM query_vector") == 5, "the tidying")
    assert shop.one("SELECT max(key::int) FROM query_vector") == 5
    left = shop.all("SELECT key FROM encoding_request ORDER BY key")
    assert left == [("another worker's",), ("waited for",)]
