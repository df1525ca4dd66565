"""Object stores: only below the prefixes allowed, within the limits, with clear errors."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from vitrine.errors import SettingsError, SourceUnavailableError
from vitrine.images import (
    Fetched,
    ImageLimits,
    ImageStore,
    NotModified,
    SourceSettings,
    open_source,
)
from vitrine.images.errors import DeniedError, ForbiddenError, NotFoundError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def bucket() -> Iterator[str]:
    """A bucket of this test's own in fsspec's store in memory."""
    name = f"shop-{uuid.uuid4().hex[:8]}"
    system = fsspec.filesystem("memory")
    yield name
    if system.exists(f"/{name}"):
        system.rm(f"/{name}", recursive=True)


def put(bucket: str, key: str, data: bytes) -> str:
    fsspec.filesystem("memory").pipe_file(f"/{bucket}/{key}", data)
    return f"memory://{bucket}/{key}"


def opened(*prefixes: str, **limits: Any) -> ImageStore:
    return open_source(SourceSettings(allowed_stores=prefixes, limits=ImageLimits(**limits)))


def test_an_object_below_an_allowed_prefix_is_fetched(bucket: str) -> None:
    uri = put(bucket, "media/m/x.jpg", b"picture")
    result = opened(f"memory://{bucket}/media").fetch(uri)
    assert isinstance(result, Fetched)
    assert result.data == b"picture"
    assert result.validators.size == 7


def test_relative_paths_may_belong_to_a_store(bucket: str) -> None:
    put(bucket, "media/m/h/x y.jpg", b"picture")
    store = open_source(SourceSettings(root=f"memory://{bucket}/media"))
    result = store.fetch("/m/h/x y.jpg")
    assert isinstance(result, Fetched)
    assert result.data == b"picture"
    with pytest.raises(ForbiddenError):
        store.fetch("../secret.jpg")


@pytest.mark.parametrize(
    "uri",
    [
        "memory://{bucket}/private/x.jpg",
        "memory://{bucket}/media-private/x.jpg",
        "memory://{bucket}-other/media/x.jpg",
        "memory://{bucket}/media/../private/x.jpg",
        "s3://{bucket}/media/x.jpg",
        "file://{bucket}/media/x.jpg",
        "file:///etc/passwd",
        "local:///etc/passwd",
        "simplecache::memory://{bucket}/media/x.jpg",
        "filecache::file:///etc/passwd",
        "memory://{bucket}/media/x.jpg::file:///etc/passwd",
        "zip://x.jpg::memory://{bucket}/media/a.zip",
        "github://org:repo@main/x.jpg",
        "ftp://host/x.jpg",
        "sftp://host/x.jpg",
        "smb://host/share/x.jpg",
        "dir://x::file:///etc",
        "reference://x",
    ],
)
def test_everything_else_is_forbidden(bucket: str, uri: str) -> None:
    for key in ("private/x.jpg", "media-private/x.jpg", "media/x.jpg"):
        put(bucket, key, b"secret")
    with pytest.raises(ForbiddenError):
        opened(f"memory://{bucket}/media").fetch(uri.format(bucket=bucket))


def test_without_a_setting_no_store_is_read(bucket: str) -> None:
    with pytest.raises(ForbiddenError, match="VITRINE_IMAGE_STORES"):
        opened().fetch(put(bucket, "x.jpg", b"picture"))


def test_a_setting_that_is_no_store_is_found_at_the_start() -> None:
    with pytest.raises(SettingsError, match="VITRINE_IMAGE_STORES"):
        opened("file:///srv/")


def test_a_missing_object_is_not_found(bucket: str) -> None:
    put(bucket, "y.jpg", b"picture")
    with pytest.raises(NotFoundError):
        opened(f"memory://{bucket}/").fetch(f"memory://{bucket}/x.jpg")


def test_a_large_object_is_refused_even_if_its_size_is_told_wrong(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = put(bucket, "x.jpg", b"x" * 101)
    store = opened(f"memory://{bucket}/", max_bytes=100)
    with pytest.raises(TooLargeError):
        store.fetch(uri)
    lying = {"size": 1, "name": "x.jpg", "type": "file"}
    monkeypatch.setattr(MemoryFileSystem, "info", lambda *args, **kwargs: lying)
    with pytest.raises(TooLargeError):
        store.fetch(uri)


def test_an_empty_object_is_fetched_and_left_to_the_decoder(bucket: str) -> None:
    result = opened(f"memory://{bucket}/").fetch(put(bucket, "x.jpg", b""))
    assert isinstance(result, Fetched)
    assert result.data == b""


def test_an_object_with_the_same_tag_is_not_modified(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = put(bucket, "x.jpg", b"picture")
    info = {"size": 7, "ETag": '"abc"', "LastModified": "2026-01-01", "type": "file"}
    monkeypatch.setattr(MemoryFileSystem, "info", lambda *args, **kwargs: info)
    store = opened(f"memory://{bucket}/")
    first = store.fetch(uri)
    assert isinstance(first, Fetched)
    assert first.validators.etag == '"abc"'
    assert store.fetch(uri, validators=first.validators) == NotModified(validators=first.validators)
    info["ETag"] = '"def"'
    assert isinstance(store.fetch(uri, validators=first.validators), Fetched)


def fail_with(monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> None:
    def info(*args: object, **kwargs: object) -> dict[str, object]:
        if error is not None:
            raise error
        return {"size": 7, "type": "file"}

    monkeypatch.setattr(MemoryFileSystem, "info", info)


def test_a_store_that_fails_is_the_worlds_fault_and_is_then_left_alone(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = put(bucket, "x.jpg", b"picture")
    store = opened(f"memory://{bucket}/")
    fail_with(monkeypatch, ConnectionError("no route to the store"))
    for _ in range(3):
        with pytest.raises(SourceUnavailableError) as caught:
            store.fetch(uri)
    assert (caught.value.host, caught.value.reason) == (f"memory://{bucket}", "store")
    assert caught.value.retry_after is not None
    fail_with(monkeypatch, None)
    with pytest.raises(SourceUnavailableError, match="left alone"):
        store.fetch(uri)


def test_a_refusal_is_the_credentials_fault_unless_other_objects_are_handed_out(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = put(bucket, "x.jpg", b"picture")
    store = opened(f"memory://{bucket}/")
    fail_with(monkeypatch, PermissionError("AccessDenied"))
    with pytest.raises(SourceUnavailableError) as caught:
        store.fetch(uri)
    assert caught.value.reason == "credentials"
    fail_with(monkeypatch, None)
    assert isinstance(store.fetch(uri), Fetched)
    fail_with(monkeypatch, PermissionError("AccessDenied"))
    with pytest.raises(DeniedError):
        store.fetch(uri)


def test_a_store_whose_package_is_missing_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(protocol: str, **options: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "filesystem", missing)
    with pytest.raises(SourceUnavailableError, match="s3fs") as caught:
        opened("s3://shop/").fetch("s3://shop/x.jpg")
    assert caught.value.reason == "missing_package"
