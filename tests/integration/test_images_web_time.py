"""Fetching from servers that take their time or send one on: deadlines and redirects."""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.integration.web_server import PICTURE, Answer, Server, reply
from vitrine.errors import SourceUnavailableError
from vitrine.images.errors import (
    BadUriError,
    ForbiddenError,
    HttpStatusError,
    TooManyRedirectsError,
)

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
