"""The image folder gives its own files, and nothing else however the path or the links are made."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vitrine.errors import ImageError, SourceUnavailableError
from vitrine.images import (
    Fetched,
    ImageLimits,
    ImageStore,
    NotModified,
    SourceSettings,
    open_source,
)
from vitrine.images.errors import (
    BadUriError,
    DeniedError,
    ForbiddenError,
    NotFoundError,
    TooLargeError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = b"what lies outside of the folder"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with one picture in m/h, and a secret beside the folder."""
    folder = tmp_path / "images"
    (folder / "m" / "h").mkdir(parents=True)
    (folder / "m" / "h" / "x.jpg").write_bytes(b"picture")
    (tmp_path / "secret.jpg").write_bytes(SECRET)
    (tmp_path / "images-secret").mkdir()
    (tmp_path / "images-secret" / "x.jpg").write_bytes(SECRET)
    return folder


@pytest.fixture
def store(root: Path) -> Iterator[ImageStore]:
    with open_source(SourceSettings(root=root, limits=ImageLimits(max_bytes=1000))) as opened:
        yield opened


def data_of(result: Fetched | NotModified) -> bytes:
    assert isinstance(result, Fetched)
    return result.data


def test_a_file_comes_with_its_digest_and_validators(store: ImageStore) -> None:
    result = store.fetch("/m/h/x.jpg")
    assert isinstance(result, Fetched)
    assert result.data == b"picture"
    assert result.sha256 == hashlib.sha256(b"picture").digest()
    assert result.validators.size == 7
    assert store.fetch("m/h/x.jpg") == result


def test_the_absolute_path_of_a_file_in_the_folder_works_too(store: ImageStore, root: Path) -> None:
    assert data_of(store.fetch(str(root.resolve() / "m/h/x.jpg"))) == b"picture"
    with pytest.raises(NotFoundError):
        store.fetch(str(root.parent / "secret.jpg"))


def test_an_unchanged_file_is_not_modified_and_a_changed_one_is_read(
    store: ImageStore, root: Path
) -> None:
    first = store.fetch("m/h/x.jpg").validators
    assert store.fetch("m/h/x.jpg", validators=first) == NotModified(validators=first)
    (root / "m/h/x.jpg").write_bytes(b"another")
    os.utime(root / "m/h/x.jpg", ns=(0, 1))
    assert data_of(store.fetch("m/h/x.jpg", validators=first)) == b"another"


def test_links_inside_the_folder_are_followed(store: ImageStore, root: Path) -> None:
    (root / "file").symlink_to("m/h/x.jpg")
    (root / "folder").symlink_to("m")
    (root / "m" / "up").symlink_to("../m/h/../h")
    (root / "absolute").symlink_to(root.resolve() / "m")
    (root / "twice").symlink_to("file")
    for path in ("file", "folder/h/x.jpg", "m/up/x.jpg", "absolute/h/x.jpg", "twice"):
        assert data_of(store.fetch(path)) == b"picture", path


def test_the_root_itself_may_be_a_link(root: Path) -> None:
    (root.parent / "current").symlink_to(root)
    with open_source(SourceSettings(root=root.parent / "current")) as opened:
        assert data_of(opened.fetch("m/h/x.jpg")) == b"picture"


@pytest.mark.parametrize(
    ("link", "target", "path"),
    [
        ("out.jpg", "../secret.jpg", "out.jpg"),
        ("out.jpg", "m/../../secret.jpg", "out.jpg"),
        ("out", "..", "out/secret.jpg"),
        ("m/out", "../..", "m/out/secret.jpg"),
        ("out", "/", "out/etc/passwd"),
        ("out.jpg", "/etc/passwd", "out.jpg"),
        ("out.jpg", "{root}-secret/x.jpg", "out.jpg"),
        ("out.jpg", "{root}/../secret.jpg", "out.jpg"),
        ("out.jpg", "/proc/self/environ", "out.jpg"),
        ("loop", "loop", "loop"),
    ],
)
def test_links_that_lead_out_or_in_circles_are_refused(
    store: ImageStore, root: Path, link: str, target: str, path: str
) -> None:
    (root / link).symlink_to(target.format(root=root.resolve()))
    with pytest.raises(ForbiddenError, match="leads"):
        store.fetch(path)


def test_a_link_to_a_link_out_is_refused(store: ImageStore, root: Path) -> None:
    (root / "a").symlink_to("m")
    (root / "m" / "b").symlink_to("../../secret.jpg")
    with pytest.raises(ForbiddenError):
        store.fetch("a/b")


def test_folders_pipes_sockets_and_devices_are_refused(store: ImageStore, root: Path) -> None:
    os.mkfifo(root / "pipe.jpg")
    for path in ("pipe.jpg", "m", "m/h"):
        with pytest.raises(ForbiddenError, match=r"no plain file|is a folder|no plain"):
            store.fetch(path)
    with open_source(SourceSettings(root=Path("/dev"))) as devices:
        for path in ("null", "zero", "random"):
            with pytest.raises(ForbiddenError):
                devices.fetch(path)


@pytest.mark.parametrize("part", ["m", "m/h", "m/h/x.jpg"])
def test_a_part_swapped_for_a_link_after_it_was_looked_at_never_leads_out(
    store: ImageStore, root: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The swap comes at the worst moment: between the look at a part and its opening."""
    secret = root.parent / "outside" / "m/h/x.jpg"
    secret.parent.mkdir(parents=True)
    secret.write_bytes(SECRET)
    place, real_stat = root / part, os.stat

    def look_and_swap(path: str | int, **options: Any) -> os.stat_result:
        status = real_stat(path, **options)
        if path == place.name and not place.is_symlink():
            place.rename(place.with_name("real"))
            place.symlink_to(root.parent / "outside" / part)
        return status

    monkeypatch.setattr(os, "stat", look_and_swap)
    with pytest.raises((ForbiddenError, NotFoundError)):
        store.fetch("m/h/x.jpg")


def test_missing_and_impossible_names_are_the_items_fault(store: ImageStore) -> None:
    for path in ("m/h/none.jpg", "none/x.jpg", "m/h/x.jpg/y.jpg"):
        with pytest.raises(NotFoundError):
            store.fetch(path)
    for path in ("x" * 300 + ".jpg", "\ud800.jpg"):
        with pytest.raises(BadUriError):
            store.fetch(path)


def test_a_file_without_reading_rights_is_denied(
    store: ImageStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The superuser may read everything, so that the refusal comes from a stand-in for `open`."""
    real_open = os.open

    def refusing(path: str, flags: int, *rest: int, dir_fd: int | None = None) -> int:
        if path == "x.jpg":
            raise PermissionError(13, "Permission denied")
        return real_open(path, flags, *rest, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(DeniedError):
        store.fetch("m/h/x.jpg")


def test_a_file_above_the_limit_is_too_large(store: ImageStore, root: Path) -> None:
    (root / "full.jpg").write_bytes(b"x" * 1000)
    (root / "over.jpg").write_bytes(b"x" * 1001)
    assert len(data_of(store.fetch("full.jpg"))) == 1000
    with pytest.raises(TooLargeError, match="1,001"):
        store.fetch("over.jpg")


def test_a_folder_that_is_gone_or_not_mounted_is_the_worlds_fault(
    store: ImageStore, root: Path
) -> None:
    root.rename(root.parent / "elsewhere")
    with pytest.raises(SourceUnavailableError) as caught:
        store.fetch("m/h/x.jpg")
    assert (caught.value.host, caught.value.reason) == (None, "folder")
    root.mkdir()  # the mount point, without the disk
    with pytest.raises(SourceUnavailableError, match="mounted"):
        store.fetch("m/h/x.jpg")


def test_without_a_folder_paths_wait_and_are_not_lost() -> None:
    with open_source(SourceSettings()) as opened, pytest.raises(SourceUnavailableError) as caught:
        opened.fetch("m/h/x.jpg")
    assert caught.value.reason == "no_folder"


def test_no_handle_is_left_open(store: ImageStore, root: Path) -> None:
    (root / "out").symlink_to("..")
    before = len(os.listdir("/dev/fd"))
    for path in ("m/h/x.jpg", "none.jpg", "out/secret.jpg", "m", "m/h/none.jpg") * 20:
        try:
            store.fetch(path)
        except ImageError:
            continue
    assert len(os.listdir("/dev/fd")) == before


PIECES = [
    "..",
    ".",
    "",
    "m",
    "h",
    "x.jpg",
    "out",
    "secret.jpg",
    "images",
    "%2e%2e",
    "~",
    "\\",
    "\0",
]


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(pieces=st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=8))
def test_no_path_gives_anything_but_the_folders_pictures(
    store: ImageStore, root: Path, pieces: list[str]
) -> None:
    if not (root / "out").is_symlink():
        (root / "out").symlink_to("..")
    path = "/".join(pieces)
    if "://" in path or path.startswith("http"):
        return
    with contextlib.suppress(ImageError):
        assert data_of(store.fetch(path)) == b"picture"
