"""Fetching reaches nothing private, tells nothing, and checks certificates."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.web_server import PICTURE, Server, reply
from vitrine.errors import SourceUnavailableError
from vitrine.images import (
    Fetched,
    SourceSettings,
    open_source,
)
from vitrine.images.errors import (
    ForbiddenError,
)

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
