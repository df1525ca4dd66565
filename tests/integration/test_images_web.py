"""Fetching over real connections: honest servers, and answers that are some fault."""

from __future__ import annotations

import gzip
import hashlib
import socket
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.integration.web_server import PICTURE, Server, chunked, reply
from vitrine.errors import ImageError, SourceUnavailableError
from vitrine.images import (
    Fetched,
    NotModified,
    SourceSettings,
    Validators,
    open_source,
)
from vitrine.images.errors import (
    BrokenImageError,
    DeniedError,
    HttpStatusError,
    NotFoundError,
    TooLargeError,
    TruncatedError,
    UnknownHostError,
)

# Honest servers


def test_a_picture_comes_with_its_digest_and_validators(server: Server, opened: Any) -> None:
    server.routes["/x.jpg"] = reply(
        200, PICTURE, ETag='"v1"', Last_Modified="Wed, 21 Oct 2015 07:28:00 GMT"
    )
    result = opened().fetch(server.url())
    assert result == Fetched(
        data=PICTURE,
        sha256=hashlib.sha256(PICTURE).digest(),
        validators=Validators(
            etag='"v1"', last_modified="Wed, 21 Oct 2015 07:28:00 GMT", size=len(PICTURE)
        ),
    )


def test_paths_and_queries_arrive_as_written(server: Server, opened: Any) -> None:
    server.routes["/gr%C3%B6%C3%9Fe%20a.jpg"] = reply(200, PICTURE)
    assert isinstance(opened().fetch(server.url("/größe a.jpg?w=1&s=a/b%2Fc#top")), Fetched)
    assert server.seen[0][0] == "/gr%C3%B6%C3%9Fe%20a.jpg?w=1&s=a/b%2Fc"


def test_relative_paths_may_belong_to_a_web_address(server: Server) -> None:
    server.routes["/media/m/h/x%20%25.jpg"] = reply(200, PICTURE)
    settings = SourceSettings(root=server.url("/media"), allowed_hosts=("127.0.0.1",))
    with open_source(settings) as store:
        assert isinstance(store.fetch("/m/h/x %.jpg"), Fetched)


def test_revalidation_asks_with_the_validators_and_takes_304(server: Server, opened: Any) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        same = handler.headers.get("If-None-Match") == '"v1"'
        reply(304 if same else 200, b"" if same else PICTURE, ETag='"v1"')(handler)

    server.routes["/x.jpg"] = answer
    store = opened()
    first = store.fetch(server.url()).validators
    assert store.fetch(server.url(), validators=first) == NotModified(validators=first)
    assert isinstance(store.fetch(server.url(), validators=Validators(etag='"v0"')), Fetched)
    dated = Validators(last_modified="Wed, 21 Oct 2015 07:28:00 GMT")
    store.fetch(server.url(), validators=dated)
    assert server.seen[-1][1]["if-modified-since"] == dated.last_modified


def test_a_server_that_ignores_the_condition_is_believed_by_its_tag(
    server: Server, opened: Any
) -> None:
    server.routes["/x.jpg"] = reply(200, PICTURE, ETag='"v1"')
    assert isinstance(opened().fetch(server.url(), validators=Validators(etag='"v1"')), NotModified)


def test_an_unasked_304_is_no_picture(server: Server, opened: Any) -> None:
    server.routes["/x.jpg"] = reply(304)
    with pytest.raises(HttpStatusError):
        opened().fetch(server.url())


def test_many_threads_share_a_store(server: Server, opened: Any) -> None:
    for number in range(40):
        server.routes[f"/{number}"] = reply(200, b"%d" % number)
    store = opened()
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(lambda number: store.fetch(server.url(f"/{number}")), range(40))
    assert [result.data for result in results] == [b"%d" % number for number in range(40)]


def test_gzip_is_undone(server: Server, opened: Any) -> None:
    packed = gzip.compress(PICTURE * 100)
    server.routes["/x.jpg"] = reply(200, packed, Content_Encoding="gzip")
    assert opened().fetch(server.url()).data == PICTURE * 100


# Answers that are the picture's fault


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, NotFoundError),
        (410, NotFoundError),
        (401, DeniedError),
        (403, DeniedError),
        (451, DeniedError),
        (400, HttpStatusError),
        (206, HttpStatusError),
        (204, HttpStatusError),
        (300, HttpStatusError),
        (418, HttpStatusError),
    ],
)
def test_a_status_that_is_the_pictures_fault(
    server: Server, opened: Any, status: int, error: type[ImageError]
) -> None:
    server.routes["/x.jpg"] = reply(status)
    with pytest.raises(error, match=str(status)):
        opened().fetch(server.url())


def test_a_body_above_the_limit_is_refused_whatever_its_length_says(
    server: Server, opened: Any
) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while not server.stopping.is_set():
            handler.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")

    def unannounced(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(b"x" * 100_001)

    server.routes["/announced"] = reply(200, b"x" * 100_001)
    server.routes["/endless"] = endless
    server.routes["/unannounced"] = unannounced
    store = opened(max_bytes=100_000)
    for path in ("/announced", "/endless", "/unannounced"):
        with pytest.raises(TooLargeError, match="100,000"):
            store.fetch(server.url(path))


def test_a_gzip_bomb_is_refused(server: Server, opened: Any) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < 100_000
    server.routes["/x.jpg"] = reply(200, bomb, Content_Encoding="gzip")
    store = opened(max_bytes=100_000)
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            store.fetch(server.url())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000, "the bomb was unpacked before it was refused"


def test_what_follows_a_gzip_stream_counts_too(server: Server, opened: Any) -> None:
    body = gzip.compress(PICTURE) + b"\0" * 200_000
    server.routes["/x.jpg"] = chunked(body, Content_Encoding="gzip")
    with pytest.raises(TooLargeError):
        opened(max_bytes=100_000).fetch(server.url())


def test_broken_cut_and_unknown_content_encodings_are_errors(server: Server, opened: Any) -> None:
    packed = gzip.compress(PICTURE * 100)
    server.routes["/broken"] = reply(200, b"not gzip", Content_Encoding="gzip")
    server.routes["/cut"] = reply(200, packed[:-20], Content_Encoding="gzip")
    server.routes["/br"] = reply(200, b"x", Content_Encoding="br")
    store = opened()
    for path, error in [
        ("/broken", BrokenImageError),
        ("/cut", TruncatedError),
        ("/br", BrokenImageError),
    ]:
        with pytest.raises(error):
            store.fetch(server.url(path))


def test_a_host_that_does_not_exist_is_the_pictures_fault(opened: Any) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(UnknownHostError, match=r"nosuch\.example"):
        opened(resolver=unknown).fetch("http://nosuch.example/x.jpg")


# Answers that are the world's fault


@pytest.mark.parametrize(("status", "reason"), [(500, "http_5xx"), (502, "http_5xx")])
def test_a_server_error_is_the_hosts_fault(
    server: Server, opened: Any, status: int, reason: str
) -> None:
    server.routes["/x.jpg"] = reply(status)
    with pytest.raises(SourceUnavailableError) as caught:
        opened().fetch(server.url())
    assert caught.value.host == f"127.0.0.1:{server.port}"
    assert caught.value.reason == reason
    assert not caught.value.isolated


def test_a_server_error_for_one_picture_while_others_come_is_isolated(
    server: Server, opened: Any
) -> None:
    server.routes |= {"/bad.jpg": reply(500), "/good.jpg": reply(200, PICTURE)}
    store = opened()
    found = []
    for _ in range(2):
        with pytest.raises(SourceUnavailableError) as caught:
            store.fetch(server.url("/bad.jpg"))
        found.append(caught.value.isolated)
        store.fetch(server.url("/good.jpg"))
    assert found == [False, True]


@pytest.mark.parametrize("status", [429, 503])
def test_come_back_later_is_obeyed(server: Server, opened: Any, status: int) -> None:
    server.routes |= {"/x.jpg": reply(status, Retry_After="7"), "/y.jpg": reply(200, PICTURE)}
    store = opened()
    with pytest.raises(SourceUnavailableError) as caught:
        store.fetch(server.url())
    assert caught.value.retry_after == pytest.approx(7.0, abs=0.5)
    with pytest.raises(SourceUnavailableError, match="left alone"):
        store.fetch(server.url("/y.jpg"))
    assert len(server.seen) == 1


@pytest.mark.parametrize("value", ["Wed, 21 Oct 2015 07:28:00 GMT", "soon", "-3", "9" * 400])
def test_an_odd_retry_after_is_no_error_of_its_own(server: Server, opened: Any, value: str) -> None:
    server.routes["/x.jpg"] = reply(503, Retry_After=value)
    with pytest.raises(SourceUnavailableError):
        opened().fetch(server.url())


def test_a_dead_host_costs_three_failures_and_not_one_for_each_picture(opened: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        port = taken.getsockname()[1]
        calls: list[str] = []

        def resolver(host: str, port: int) -> list[str]:
            calls.append(host)
            return ["127.0.0.1"]

        store = opened("127.0.0.1", resolver=resolver)
        for number in range(20):
            with pytest.raises(SourceUnavailableError) as caught:
                store.fetch(f"http://dead.example:{port}/{number}.jpg")
            assert caught.value.host == f"dead.example:{port}"
            assert caught.value.reason == "refused"
    assert len(calls) == 3


def test_a_name_server_that_fails_is_the_worlds_fault(opened: Any) -> None:
    def failing(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with pytest.raises(SourceUnavailableError) as caught:
        opened(resolver=failing).fetch("http://shop.example/x.jpg")
    assert (caught.value.host, caught.value.reason) == ("shop.example", "dns")


def test_a_body_that_ends_early_is_the_connections_fault(server: Server, opened: Any) -> None:
    def cut(handler: BaseHTTPRequestHandler) -> None:
        reply(200, b"x" * 10, Content_Length="1000")(handler)
        handler.close_connection = True

    server.routes["/x.jpg"] = cut
    with pytest.raises(SourceUnavailableError) as caught:
        opened().fetch(server.url())
    assert caught.value.reason == "connection"


def test_what_is_no_http_is_the_connections_fault(opened: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        port = listener.getsockname()[1]
        with pytest.raises(SourceUnavailableError) as caught:
            opened(f"127.0.0.1:{port}").fetch(f"http://127.0.0.1:{port}/")
        thread.join()
    assert caught.value.reason == "connection"
