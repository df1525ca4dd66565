"""What a catalogue may write as a picture's URI, and what it may not."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vitrine.errors import ImageError, SettingsError
from vitrine.images.errors import BadUriError, ForbiddenError
from vitrine.images.limits import ImageLimits, SourceSettings
from vitrine.images.uri import (
    FolderPath,
    StoreKey,
    WebAddress,
    parse,
    remote_base,
    shown,
    store_prefix,
)
from vitrine.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("/m/h/mh01-black_main.jpg", ("m", "h", "mh01-black_main.jpg")),
        ("m/h/x.jpg", ("m", "h", "x.jpg")),
        ("./m//h/./x.jpg", ("m", "h", "x.jpg")),
        ("100%-cotton.jpg", ("100%-cotton.jpg",)),
        ("größe 36 (rot).jpg", ("größe 36 (rot).jpg",)),
        ("a:b.jpg"[1:], (":b.jpg",)),
    ],
)
def test_a_path_belongs_to_the_folder(uri: str, parts: tuple[str, ...]) -> None:
    assert parse(uri) == FolderPath(parts)


@pytest.mark.parametrize(
    "uri",
    [
        "../secret.jpg",
        "m/../../secret.jpg",
        "m/..",
        "m\\h\\x.jpg",
        "C:/windows/x.jpg",
        "m/%2e%2e/%2e%2e/x.jpg",
        "m%2fh%2Fx.jpg",
        "m%5ch.jpg",
        "x.jpg%00.png",
        "x.jpg\x00.png",
        "x\n.jpg",
        "file:///etc/passwd",
        "file:/etc/passwd",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "http:/shop.example/x.jpg",
        "simplecache::file:///etc/passwd",
        "simplecache::s3://bucket/x.jpg",
        "s3://bucket/a::file:///etc/passwd",
        "s3://bucket/../other/x.jpg",
        "https://user:secret@shop.example/x.jpg",
        "https://shop.example\\@10.0.0.1/x.jpg",
        "http://[fe80::1%25eth0]/x.jpg",
        "http://127.0.0.1%2f@shop.example/x.jpg",
    ],
)
def test_what_leads_elsewhere_is_refused(uri: str) -> None:
    with pytest.raises(ForbiddenError) as caught:
        parse(uri)
    assert caught.value.reason == "forbidden"
    assert "secret@" not in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "   ",
        "/",
        "./",
        "//cdn.example/x.jpg",
        "https:///x.jpg",
        "https://h:99999/x.jpg",
        "http://[::1/x.jpg",
        "http://\u2100.example/",
        "s3://bucket",
        "s3://bucket/",
        "x" * 5000,
    ],
)
def test_what_cannot_be_read_is_a_bad_uri(uri: str) -> None:
    with pytest.raises(BadUriError):
        parse(uri)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("HTTPS://Shop.Example/a b.jpg", ("https", "shop.example", 443, "/a%20b.jpg")),
        ("http://shop.example", ("http", "shop.example", 80, "/")),
        ("http://shop.example:8080/x?w=1&h=2#top", ("http", "shop.example", 8080, "/x?w=1&h=2")),
        ("https://shop.example/gr%C3%B6%C3%9Fe.jpg", ("https", "shop.example", 443, None)),
        ("https://straße.example/ä.jpg", ("https", "xn--strae-oqa.example", 443, "/%C3%A4.jpg")),
        ("http://[2606:4700::1111]:8080/x", ("http", "2606:4700::1111", 8080, "/x")),
    ],
)
def test_a_web_address_is_taken_apart(uri: str, expected: tuple[str, str, int, str | None]) -> None:
    address = parse(uri)
    assert isinstance(address, WebAddress)
    scheme, host, port, target = expected
    assert (address.scheme, address.host, address.port) == (scheme, host, port)
    assert address.target == (target or "/gr%C3%B6%C3%9Fe.jpg")
    assert parse(address.url) == address


def test_an_object_key_keeps_its_protocol_bucket_and_key() -> None:
    assert parse("S3://shop-media/m/h/x y.jpg") == StoreKey("s3", "shop-media", "m/h/x y.jpg")


@given(st.text() | st.from_regex(r"[a-z0-9]{1,6}://.{0,30}"))
@example("http://[")
@example("https://xn--/")
@example("http://a..b/")
@example("\ud800")
def test_any_text_parses_or_is_an_image_error(text: str) -> None:
    try:
        place = parse(text)
    except ImageError:
        return
    assert isinstance(place, FolderPath | WebAddress | StoreKey)
    if isinstance(place, FolderPath):
        assert ".." not in place.parts


@pytest.mark.parametrize(
    "text",
    [
        "s3",
        "s3://",
        "s3://*",
        "s3://b/../",
        "s3://user:key@bucket/",
        "simplecache::s3://b/",
        "file:///srv/",
        "local://srv/",
        "github://org:repo@/",
        "https://shop.example/",
    ],
)
def test_only_object_stores_can_be_allowed(text: str) -> None:
    with pytest.raises(SettingsError, match="VITRINE_IMAGE_STORES"):
        store_prefix(text)


def test_a_store_prefix_ends_at_a_slash() -> None:
    assert store_prefix(" s3://shop ") == "s3://shop/"
    assert store_prefix("gs://shop/media/") == "gs://shop/media/"


def test_the_root_of_relative_paths_may_be_remote() -> None:
    assert remote_base("/srv/images") is None
    assert remote_base("https://shop.example/media") == "https://shop.example/media/"
    assert remote_base("s3://shop/media") == "s3://shop/media/"
    for root in ("https://u:p@shop.example/", "https://shop.example/?x=1", "file:///srv"):
        with pytest.raises(SettingsError):
            remote_base(root)


def test_messages_hide_passwords_and_tokens() -> None:
    text = shown("https://user:secret@shop.example/x.jpg?X-Amz-Signature=abc")
    assert "secret" not in text
    assert "abc" not in text
    assert "shop.example/x.jpg" in text


@pytest.mark.parametrize(
    "limit",
    [{"max_bytes": 0}, {"timeout": -1.0}, {"max_redirects": -1}, {"max_pixels": 200_000_000}],
)
def test_a_limit_that_cannot_be_kept_is_refused(limit: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match=next(iter(limit))):
        ImageLimits(**limit)


def test_the_settings_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VITRINE_IMAGES", str(tmp_path))
    monkeypatch.setenv("VITRINE_IMAGE_HOSTS", "media.internal, 10.1.0.0/16,")
    monkeypatch.setenv("VITRINE_IMAGE_STORES", "s3://shop/media/")
    monkeypatch.setenv("VITRINE_IMAGE_MAX_BYTES", "1000")
    settings = SourceSettings.of(load_settings())
    assert settings.root == str(tmp_path)
    assert settings.allowed_hosts == ("media.internal", "10.1.0.0/16")
    assert settings.allowed_stores == ("s3://shop/media/",)
    assert settings.limits.max_bytes == 1000


def test_the_shops_own_process_loads_none_of_the_workers_packages() -> None:
    heavy = {"PIL", "fsspec", "httpcore2", "torch"}
    code = f"import sys, vitrine.images; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
