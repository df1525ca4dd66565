"""Searching with a picture that is given by its web address: the worker fetches it."""

from __future__ import annotations

import hashlib
import io
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import numpy as np
import psycopg
import pytest
from PIL import Image

import vitrine
from tests.integration.searchable import ask, names
from tests.integration.stub_encoder import StubEncoder, colour_vector
from tests.integration.web_server import Answer, Server, chunked, reply
from tests.integration.workers import Shop, until
from vitrine.errors import EncodingTimeoutError, QueryError, UnknownQueryError
from vitrine.images import SourceSettings
from vitrine.worker import fetching
from vitrine.worker.fetching import for_queries

RED, BLUE = (250, 0, 0), (0, 0, 250)
CALL = "CALL encode(image_url => %s)"


def png(colour: tuple[int, int, int], side: int = 8) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(file, "PNG")
    return file.getvalue()


def refused(shop: Shop, statement: str, *values: object) -> psycopg.Error:
    with pytest.raises(psycopg.Error) as caught:
        shop.connection.execute(statement.encode(), values)
    return caught.value


@pytest.fixture
def filled(shop: Shop) -> Shop:
    """A red and a blue product."""
    for name, colour in (("red", RED), ("blue", BLUE)):
        shop.image(shop.product(name), colour)
    shop.work()
    return shop


def held(server: Server, body: bytes, go_on: threading.Event) -> Answer:
    """An answer that comes when the test lets it."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        while not go_on.wait(0.02):
            if server.stopping.is_set():
                return
        reply(200, body)(handler)

    return answer


@pytest.fixture
def allowed(server: Server) -> dict[str, str]:
    """The setting that lets a worker fetch from the test's server."""
    return {"image_hosts": f"127.0.0.1:{server.port}"}


# What is found


def test_a_picture_is_fetched_once_and_found_by_its_address(
    filled: Shop, server: Server, allowed: dict[str, str]
) -> None:
    address = server.url("/red.png?size=8")
    server.routes["/red.png"] = reply(200, png((240, 10, 10)))
    with filled.working(**allowed):
        key = filled.one(CALL, address)
    assert key == hashlib.sha256(address.encode()).hexdigest()
    # Known now, and taken as it was: no worker, no second look.
    server.routes["/red.png"] = reply(200, png(BLUE))
    assert filled.one("CALL encode(image_url => %s, timeout_ms => 1)", address) == key
    for image in (address, key):
        assert names(ask(filled.connection, terms=[{"image": image}])) == ["red", "blue"]
    assert [path for path, _ in server.seen] == ["/red.png?size=8"]
    assert filled.all("SELECT kind, key, query FROM query_vector") == [("image", key, None)]
    assert filled.all("SELECT * FROM encoding_request") == []


def test_a_redirect_is_followed_within_the_rules(
    filled: Shop, server: Server, allowed: dict[str, str]
) -> None:
    server.routes |= {
        "/x": reply(302, Location="/blue.png"),
        "/blue.png": chunked(png(BLUE)),
    }
    with filled.working(**allowed):
        filled.connection.execute(CALL.encode(), (server.url("/x"),))
    found = ask(filled.connection, terms=[{"image": server.url("/x")}])
    assert names(found) == ["blue", "red"]


def test_an_unknown_address_names_the_call_that_makes_it_known(filled: Shop) -> None:
    address = "https://cdn.shop.example/it's.jpg?a=%20&b=1"
    with pytest.raises(psycopg.Error) as caught:
        ask(filled.connection, terms=[{"image": address}])
    diagnosis = caught.value.diag
    assert caught.value.sqlstate == "VT002"
    assert str(diagnosis.message_hint).startswith(
        "CALL vitrine.encode(image_url => 'https://cdn.shop.example/it''s.jpg?a=%20&b=1')"
    )
    assert diagnosis.message_detail == f'{{"image": "{address}"}}'


# What is refused before anybody is asked


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "no picture's web address"),
        ("photo.jpg", "begins with http:// or https://"),
        ("/etc/passwd", "no picture's web address"),
        ("file:///etc/passwd", "no picture's web address"),
        ("s3://shop/secret.jpg", "no picture's web address"),
        ("ftp://shop.example/x.jpg", "no picture's web address"),
        ("https:///x.jpg", "no picture's web address"),
        ("https://?x", "no picture's web address"),
        (" https://shop.example/x.jpg", "no picture's web address"),
        ("https://shop.example/\r\nHost: other", "control character"),
        ("https://shop.example/\x7f", "control character"),
        ("https://shop.example/a b.jpg", "%20"),
        ("https://shop.example\\@other/x.jpg", "backslash"),
        ("https://user:word@shop.example/x.jpg", "user name"),
        ("HTTPS://me@shop.example", "user name"),
        ("https://shop.example/" + "x" * 1980, "2001 characters"),
    ],
)
def test_what_is_no_address_is_refused_before_a_request_is_made(
    shop: Shop, address: str, said: str
) -> None:
    error = refused(shop, CALL, address)
    assert error.sqlstate == "VT001"
    assert said in f"{error.diag.message_primary} {error.diag.message_hint}"
    assert "word" not in str(error)
    assert shop.all("SELECT * FROM encoding_request") == []
    with pytest.raises(psycopg.Error) as caught:
        ask(shop.connection, terms=[{"image": address}])
    assert caught.value.sqlstate == "VT001"


@pytest.mark.parametrize("more", ["query => 'red'", "image => 'x'"])
def test_it_stands_alone(shop: Shop, more: str) -> None:
    error = refused(shop, f"CALL encode(image_url => %s, {more})", "https://shop.example/x.jpg")
    assert (error.sqlstate, "exactly one" in str(error)) == ("VT001", True)


SQL = [
    "https://shop.example/'); DROP TABLE vitrine.product; --",
    "https://shop.example/$$;DROP/**/TABLE/**/product;$$",
    'https://shop.example/";--%s{}%(x)s',
]


@pytest.mark.parametrize("address", SQL)
def test_sql_in_an_address_is_an_address(shop: Shop, address: str) -> None:
    address = address.replace(" ", "%20")
    error = refused(shop, "CALL encode(image_url => %s, timeout_ms => 1)", address)
    assert error.sqlstate == "VT006"
    assert shop.all("SELECT image_url FROM encoding_request") == [(address,)]
    with pytest.raises(psycopg.Error) as caught:
        ask(shop.connection, terms=[{"image": address}])
    hint = str(caught.value.diag.message_hint)
    call = hint.removesuffix("); then search again.") + ", timeout_ms => 1)"
    assert refused(shop, call.replace("%", "%%")).sqlstate == "VT006"
    assert shop.one("SELECT count(*) FROM encoding_request") == 1


# What the worker refuses


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (reply(404), "is not there"),
        (reply(403), "not handed out"),
        (reply(500), "status 500"),
        (reply(200, b"<!doctype html><title>Shop</title>"), "web page"),
        (reply(200), "empty"),
        (reply(200, png(RED)[:40]), ""),
        (reply(200, b"x" * 5000), "more than the 4,000 bytes"),
        (chunked(b"x" * 100_000), "more than the 4,000 bytes"),
        (reply(200, png(RED, 300)), "300 × 300 pixels"),
        (reply(302, Location="http://169.254.169.254/latest/meta-data"), "169.254.169.254"),
        (reply(302, Location="http://127.0.0.1:1/x.png"), "may not be fetched"),
        (reply(302, Location="file:///etc/passwd"), "of a kind that is not fetched"),
        (reply(302, Location="/x.png"), "redirect"),
    ],
)
def test_what_cannot_be_fetched_or_read_is_an_error_with_its_reason(
    shop: Shop, server: Server, allowed: dict[str, str], answer: Answer, said: str
) -> None:
    server.routes["/x.png"] = answer
    with shop.working(**allowed, image_max_bytes=4000, image_max_pixels=10_000):
        error = refused(shop, CALL, server.url("/x.png?token=secret"))
        assert error.sqlstate == "VT007"
        assert "the picture cannot be encoded: " in str(error)
        assert said in str(error)
        assert "secret" not in str(error)
        # It is tried anew when it is asked for again.
        server.routes["/x.png"] = reply(200, png(RED))
        assert shop.one(CALL, server.url("/x.png?token=secret"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:7f00:1]"])
def test_private_addresses_are_refused_unless_the_rules_allow_them(
    shop: Shop, server: Server, host: str
) -> None:
    server.routes["/x.jpg"] = reply(200, png(RED))
    with shop.working():
        error = refused(shop, CALL, server.url(host=host))
    assert (error.sqlstate, "VITRINE_IMAGE_HOSTS" in str(error)) == ("VT007", True)
    assert server.seen == []


def test_neither_the_folder_nor_a_store_of_the_catalogue_is_reached(
    shop: Shop, server: Server
) -> None:
    """Even a request that somebody wrote past `encode` leads to the web alone."""
    places = SourceSettings(root=shop.folder, allowed_stores=("memory://shop/",))
    assert for_queries(places) == SourceSettings(limits=for_queries(places).limits)
    shop.image(shop.product(), RED, "secret.png")
    for key, uri in (("path", "secret.png"), ("file", "file:///etc/passwd")):
        shop.connection.execute(
            "INSERT INTO encoding_request (space_id, kind, key, image_url) "
            "VALUES (1, 'image', %s, %s)",
            (key, uri),
        )
    shop.connection.execute("SELECT pg_notify('vitrine_request', '')")
    with shop.working():
        until(
            lambda: shop.one("SELECT bool_and(error IS NOT NULL) FROM encoding_request"),
            "the refusals",
        )
    assert shop.all("SELECT * FROM query_vector") == []


def test_bytes_that_spell_an_address_do_not_stand_in_its_way(
    shop: Shop, server: Server, allowed: dict[str, str]
) -> None:
    address = server.url("/x.png")
    server.routes["/x.png"] = reply(200, png(RED))
    with shop.working(**allowed):
        assert refused(shop, "CALL encode(image => %s)", address.encode()).sqlstate == "VT007"
        assert shop.one(CALL, address)


# Time


@pytest.fixture
def slow(
    shop: Shop, server: Server, allowed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Shop, threading.Event]]:
    """A shop whose worker has as many fetches under way as it may, until the event."""
    go_on = threading.Event()
    clients = []

    def client(number: int) -> None:
        with psycopg.connect(shop.url, autocommit=True) as connection:
            address = server.url(f"/slow-{number}")
            connection.execute("CALL vitrine.encode(image_url => %s)", (address,))

    with shop.working(**allowed):
        for number in range(fetching.MOST_AT_ONCE + 3):
            server.routes[f"/slow-{number}"] = held(server, png((number, 0, 9)), go_on)
            clients.append(threading.Thread(target=client, args=(number,)))
            clients[-1].start()
        until(lambda: len(server.seen) == fetching.MOST_AT_ONCE, "the fetches")
        yield shop, go_on
        go_on.set()
        for thread in clients:
            thread.join(20)


def test_words_and_pictures_stay_fast_while_addresses_are_slow(
    slow: tuple[Shop, threading.Event], server: Server
) -> None:
    shop, go_on = slow
    shop.one("CALL encode('warm up')")
    times = []
    for number in range(40):
        began = time.perf_counter()
        shop.one("CALL encode(%s)", f"words {number}")
        times.append(time.perf_counter() - began)
    assert sorted(times)[37] < 0.1
    assert shop.one("CALL encode(image => %s)", png(RED))
    # Bounded, and who was not served waits for a place.
    assert len(server.seen) == fetching.MOST_AT_ONCE
    go_on.set()
    count = "SELECT count(*) FROM query_vector WHERE kind = 'image'"
    until(lambda: shop.one(count) == fetching.MOST_AT_ONCE + 4, "all pictures")


def test_a_slow_server_is_given_up_before_the_client_gives_up(
    shop: Shop, server: Server, allowed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert for_queries(SourceSettings()).limits.timeout == fetching.LONGEST < 10
    monkeypatch.setattr(fetching, "LONGEST", 0.3)
    server.routes["/x.png"] = held(server, png(RED), threading.Event())
    with shop.working(**allowed):
        error = refused(shop, CALL, server.url("/x.png"))
    assert (error.sqlstate, "did not answer in time" in str(error)) == ("VT007", True)


def test_a_host_that_queries_found_dead_is_not_dead_to_the_catalogue(
    shop: Shop, server: Server, allowed: dict[str, str]
) -> None:
    with shop.working(**allowed):
        for number in range(4):
            server.routes[f"/{number}"] = reply(500)
            error = refused(shop, CALL, server.url(f"/{number}"))
        assert "left alone" in str(error)
        server.routes["/red.png"] = reply(200, png(RED))
        image = shop.image_at(shop.product(), server.url("/red.png"))
        until(lambda: image in shop.vectors(), "the catalogue's picture")


# From Python


def test_the_client_asks_a_worker(filled: Shop, server: Server, allowed: dict[str, str]) -> None:
    server.routes["/blue.png"] = reply(200, png((10, 10, 240)))
    address = server.url("/blue.png")
    with filled.working(**allowed), vitrine.connect(filled.url) as shop:
        assert shop.search(image=address, k=1)[0].external_id == "blue"
        assert shop.search("anything", image=address, k=2)
        terms = [{"image": address, "weight": 0.5}, {"words": "new words"}, {"product": "red"}]
        assert [hit.external_id for hit in shop.search(terms=terms, k=2)] == ["blue"]
        key = shop.encode(image=address)
        assert key == hashlib.sha256(address.encode()).hexdigest()
        with pytest.raises(QueryError, match="is not there"):
            shop.search(image=server.url("/missing.png"))
        with pytest.raises(QueryError, match="user name"):
            shop.search(image="https://me@shop.example/x.png")
        with pytest.raises(QueryError, match="NUL"):
            shop.encode(image="https://shop.example/\0")
    vector = filled.one("SELECT embedding::text FROM query_vector WHERE key = %s", key)
    given = np.array([float(part) for part in vector[1:-1].split(",")])
    np.testing.assert_allclose(given, colour_vector((10, 10, 240)), atol=2e-3)


def test_without_a_worker_the_client_says_what_is_missing(filled: Shop, server: Server) -> None:
    address = server.url("/x.png")
    with (
        vitrine.connect(filled.url, query_timeout=0.01) as shop,
        pytest.raises(EncodingTimeoutError, match="vitrine work"),
    ):
        shop.search(image=address)
    for first in (False, True):
        with (
            vitrine.connect(filled.url, encoder=StubEncoder, worker_first=first) as shop,
            pytest.raises(QueryError, match="needs a worker") as caught,
        ):
            shop.search(image=address)
        assert not isinstance(caught.value, EncodingTimeoutError | UnknownQueryError)
    assert server.seen == []


def test_with_an_encoder_of_its_own_the_client_still_leaves_fetching_to_the_worker(
    filled: Shop, server: Server, allowed: dict[str, str]
) -> None:
    server.routes["/red.png"] = reply(200, png(RED))
    with filled.working(**allowed):
        until(lambda: filled.one("SELECT count(*) FROM worker"), "the worker's heartbeat")
        with vitrine.connect(filled.url, encoder=StubEncoder) as shop:
            assert shop.search(image=server.url("/red.png"), k=1)[0].external_id == "red"
