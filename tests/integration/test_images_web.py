"""Fetching over real connections: from honest servers, broken ones, and ones that mean harm."""

from __future__ import annotations

import gzip
import hashlib
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from vitrine.errors import ImageError, SourceUnavailableError
from vitrine.images import (
    Fetched,
    ImageLimits,
    ImageStore,
    NotModified,
    SourceSettings,
    Validators,
    open_source,
)
from vitrine.images.errors import (
    BadUriError,
    BrokenImageError,
    DeniedError,
    ForbiddenError,
    HttpStatusError,
    NotFoundError,
    TooLargeError,
    TooManyRedirectsError,
    TruncatedError,
    UnknownHostError,
)

PICTURE = b"\xff\xd8\xff a picture"
Answer = Callable[[BaseHTTPRequestHandler], None]

# A key and a certificate for images.shop.test, made for this test and trusted by nothing else.
CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdcKPsvVTF5N6mudW
25PnITSPdyOF1HI4p9iBVTMw+T6hRANCAAS7p37GVRTN3EswrWGTZY0aGjPG2N16
UG4NrGOkd24txY2dCqBJSXIvT6kP1rD0/cztxrq1tL3XF7BYQt9TJzrs
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBdjCCARygAwIBAgIBATAKBggqhkjOPQQDAjAbMRkwFwYDVQQDDBBpbWFnZXMu
c2hvcC50ZXN0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAbMRkw
FwYDVQQDDBBpbWFnZXMuc2hvcC50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD
QgAEu6d+xlUUzdxLMK1hk2WNGhozxtjdelBuDaxjpHduLcWNnQqgSUlyL0+pD9aw
9P3M7ca6tbS91xewWELfUyc67KNPME0wDwYDVR0TAQH/BAUwAwEB/zAbBgNVHREE
FDASghBpbWFnZXMuc2hvcC50ZXN0MB0GA1UdDgQWBBRCNaSKszhWU7W/TL1FTUua
lv/znTAKBggqhkjOPQQDAgNIADBFAiBx2D7YPiYYB+2vJXgu5ODQd7nHmfHJl2hy
wYPe8uiV3QIhAJLjbkG/ikR07+Ru3vCUE8EVxYQeECDHRIy0l4B8hrAd
-----END CERTIFICATE-----
"""


class Server:
    """An HTTP/1.1 server on 127.0.0.1; each path answers as the test says, else 404."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.routes: dict[str, Answer] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.stopping = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                outer.routes.get(self.path.split("?")[0], reply(404))(self)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign,misc]
        if tls is not None:
            self._http.socket = tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def url(self, path: str = "/x.jpg", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def close(self) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def reply(status: int, body: bytes = b"", **headers: str) -> Answer:
    """An answer with a correct length unless the headers say otherwise; `_` stands for `-`."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in ({"Content-Length": str(len(body))} | fields).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def chunked(body: bytes, **headers: str) -> Answer:
    """An answer that does not say its length in advance."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in {"Transfer-Encoding": "chunked", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def other() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def opened(server: Server) -> Iterator[Callable[..., ImageStore]]:
    """A factory of stores that may reach the test's server (and nothing else that is private)."""
    stores: list[ImageStore] = []

    def open_it(*allowed: str, resolver: Any = None, **limits: Any) -> ImageStore:
        settings = SourceSettings(
            allowed_hosts=allowed or (f"127.0.0.1:{server.port}",), limits=ImageLimits(**limits)
        )
        stores.append(open_source(settings, resolver=resolver))
        return stores[-1]

    yield open_it
    for store in stores:
        store.close()


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


# Time


def drip(server: Server, data: bytes, *, forever: bool = True) -> Answer:
    """Send a byte every few milliseconds, so that no single read ever waits for long."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        for byte in data:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            if server.stopping.wait(0.02):
                return
        while forever and not server.stopping.wait(0.02):
            handler.wfile.write(b"x")

    return answer


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_server_that_drips_is_cut_off_by_the_deadline(
    server: Server, opened: Any, part: str
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"
    server.routes["/x.jpg"] = drip(server, head + (b"X-Y: " if part == "head" else b"\r\n"))
    start = time.monotonic()
    with pytest.raises(SourceUnavailableError) as caught:
        opened(timeout=1.5).fetch(server.url())
    assert time.monotonic() - start < 5
    assert caught.value.reason == "timeout"


def test_the_deadline_runs_over_all_redirects_together(server: Server, opened: Any) -> None:
    def slow(handler: BaseHTTPRequestHandler) -> None:
        server.stopping.wait(0.3)
        reply(302, Location="/again")(handler)

    server.routes |= {"/x.jpg": slow, "/again": slow}
    start = time.monotonic()
    with pytest.raises(SourceUnavailableError, match="in time"):
        opened(timeout=1.0, max_redirects=100).fetch(server.url())
    assert time.monotonic() - start < 4


def test_a_name_server_that_hangs_is_cut_off_by_the_deadline(opened: Any) -> None:
    release = threading.Event()

    def hanging(host: str, port: int) -> list[str]:
        release.wait(20)
        return ["127.0.0.1"]

    start = time.monotonic()
    with pytest.raises(SourceUnavailableError) as caught:
        opened(resolver=hanging, timeout=0.3).fetch("http://shop.example/x.jpg")
    release.set()
    assert time.monotonic() - start < 5
    assert caught.value.reason == "dns"


def test_a_host_that_accepts_and_says_nothing_is_cut_off(opened: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        store = opened(f"127.0.0.1:{port}", timeout=0.3)
        for scheme in ("http", "https"):
            with pytest.raises(SourceUnavailableError) as caught:
                store.fetch(f"{scheme}://127.0.0.1:{port}/")
            assert caught.value.reason == "timeout"


# Redirects


def test_redirects_are_followed_within_their_limit(server: Server, opened: Any) -> None:
    for number, status in enumerate([301, 302, 303, 307, 308]):
        server.routes[f"/{number}"] = reply(status, Location=f"{number + 1}")
    server.routes["/5"] = reply(200, PICTURE)
    assert opened(max_redirects=5).fetch(server.url("/0")).data == PICTURE
    with pytest.raises(TooManyRedirectsError):
        opened(max_redirects=4).fetch(server.url("/0"))


def test_a_redirect_loop_ends(server: Server, opened: Any) -> None:
    server.routes["/x.jpg"] = reply(302, Location="/x.jpg")
    with pytest.raises(TooManyRedirectsError):
        opened().fetch(server.url())
    assert len(server.seen) == 6


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{other}/",
        "//127.0.0.1:{other}/",
        "http://localhost:{other}/",
        "http://[::ffff:127.0.0.1]:{other}/",
        "http://2130706433:{other}/",
        "http://0x7f.0.0.1:{other}/",
        "http://127.1:{other}/",
        "http://0:{other}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]:{other}/",
        "http://[64:ff9b::7f00:1]:{other}/",
        "http://[fe80::1%25lo]:{other}/",
        "http://user@127.0.0.1:{port}/y.jpg",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "s3://bucket/key",
        "gopher://127.0.0.1:{other}/_GET",
        "data:image/png;base64,AAAA",
    ],
)
def test_a_redirect_leads_nowhere_that_is_not_allowed(
    server: Server, other: Server, opened: Any, location: str
) -> None:
    target = location.format(other=other.port, port=server.port)
    server.routes["/x.jpg"] = reply(302, Location=target)
    with pytest.raises(ForbiddenError):
        opened().fetch(server.url())
    assert other.seen == []
    assert len(server.seen) == 1


@pytest.mark.parametrize("location", ["http://", "http://[", "http://h:99999/", ""])
def test_a_redirect_that_cannot_be_read_is_an_image_error(
    server: Server, opened: Any, location: str
) -> None:
    server.routes["/x.jpg"] = reply(302, Location=location)
    with pytest.raises((BadUriError, HttpStatusError, TooManyRedirectsError)):
        opened().fetch(server.url())


# Addresses


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f000001:{port}/",
        "http://127.1:{port}/",
        "http://[::ffff:7f00:1]:{port}/",
        "http://0.0.0.0:{port}/",
    ],
)
def test_without_a_setting_nothing_private_is_reached(server: Server, uri: str) -> None:
    with open_source(SourceSettings()) as store, pytest.raises(ForbiddenError):
        store.fetch(uri.format(port=server.port))
    assert server.seen == []


def test_a_name_is_resolved_once_and_the_address_checked_is_the_one_connected_to(
    server: Server, opened: Any
) -> None:
    """DNS rebinding: the second answer of the name server would be another machine."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    server.routes["/x.jpg"] = reply(200, PICTURE)
    store = opened(f"127.0.0.1:{server.port}", resolver=lambda host, port: next(answers))
    assert isinstance(store.fetch(server.url(host="rebind.example")), Fetched)
    assert next(answers) == ["169.254.169.254"], "the name was resolved twice"


def test_every_new_connection_is_checked_again(server: Server, opened: Any) -> None:
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    server.routes["/x.jpg"] = reply(200, PICTURE, Connection="close")
    store = opened(f"127.0.0.1:{server.port}", resolver=lambda host, port: next(answers))
    store.fetch(server.url(host="rebind.example"))
    with pytest.raises(ForbiddenError, match=r"169\.254\.169\.254"):
        store.fetch(server.url(host="rebind.example"))


def test_one_private_address_among_the_answers_refuses_the_host(
    server: Server, opened: Any
) -> None:
    store = opened("127.0.0.1", resolver=lambda host, port: ["127.0.0.1", "10.0.0.1"])
    with pytest.raises(ForbiddenError, match=r"10\.0\.0\.1"):
        store.fetch(server.url(host="shop.example"))
    assert server.seen == []


def test_if_one_address_is_down_the_next_is_tried(server: Server, opened: Any) -> None:
    server.routes["/x.jpg"] = reply(200, PICTURE)
    # Nothing listens on 127.0.0.2 at this port: the server is bound to 127.0.0.1 alone.
    store = opened("127.0.0.0/8", resolver=lambda host, port: ["127.0.0.2", "127.0.0.1"])
    assert isinstance(store.fetch(server.url(host="shop.example")), Fetched)


def test_the_host_header_is_the_name(server: Server, opened: Any) -> None:
    server.routes["/x.jpg"] = reply(200, PICTURE)
    store = opened("shop.example", resolver=lambda host, port: ["127.0.0.1"])
    store.fetch(server.url(host="Shop.Example"))
    assert server.seen[0][1]["host"] == f"shop.example:{server.port}"


# What must not leak


def test_nothing_of_the_environment_or_of_earlier_answers_is_sent(
    server: Server, other: Server, opened: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.url("/proxy"))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server.routes["/x.jpg"] = reply(200, PICTURE, Set_Cookie="session=secret")
    server.routes["/from"] = reply(302, Location="/x.jpg")
    store = opened()
    for path in ("/x.jpg", "/from"):
        store.fetch(server.url(path))
    assert other.seen == []
    allowed = {"host", "user-agent", "accept", "accept-encoding"}
    for _, headers in server.seen:
        assert set(headers) <= allowed


# TLS


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "certificate.pem"
    path.write_text(CERTIFICATE)
    return path


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    running = Server(tls=context)
    running.routes["/x.jpg"] = reply(200, PICTURE)
    yield running
    running.close()


def test_tls_is_checked_against_the_name_and_not_the_address(
    tls_server: Server, opened: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    store = opened("127.0.0.1", resolver=lambda host, port: ["127.0.0.1"])
    port = tls_server.port
    assert store.fetch(f"https://images.shop.test:{port}/x.jpg").data == PICTURE
    with pytest.raises(SourceUnavailableError) as caught:
        store.fetch(f"https://other.shop.test:{port}/x.jpg")
    assert (caught.value.host, caught.value.reason) == (f"other.shop.test:{port}", "tls")


def test_a_certificate_that_nobody_trusts_is_refused(tls_server: Server, opened: Any) -> None:
    store = opened("127.0.0.1", resolver=lambda host, port: ["127.0.0.1"])
    with pytest.raises(SourceUnavailableError) as caught:
        store.fetch(f"https://images.shop.test:{tls_server.port}/x.jpg")
    assert caught.value.reason == "tls"
    assert tls_server.seen == []
