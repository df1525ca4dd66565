"""A place that the database names is read within bounds; the worker's own is read as it is."""

from __future__ import annotations

import os
from pathlib import Path

import fsspec
import pytest

from vitrine.errors import SettingsError, SourceUnavailableError
from vitrine.images import Fetched, SourceSettings, open_source


@pytest.mark.parametrize("place", ["/", "//", "/..", "/usr/..", "/proc/self/root", "usr", "."])
def test_the_whole_file_system_and_relative_folders_are_refused(place: str) -> None:
    with pytest.raises(SourceUnavailableError, match="--images or VITRINE_IMAGES") as caught:
        open_source(SourceSettings()).fetch("etc/hostname", named=place)
    assert caught.value.reason == "folder_refused"


def test_a_link_to_the_top_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(os.sep)
    with pytest.raises(SourceUnavailableError, match="whole file system"):
        open_source(SourceSettings()).fetch("etc/hostname", named=str(tmp_path / "link"))


def test_a_named_folder_is_read_and_another_after_it(tmp_path: Path) -> None:
    source = open_source(SourceSettings())
    for text in ("one", "two", "one"):
        (tmp_path / text).mkdir(exist_ok=True)
        (tmp_path / text / "a.jpg").write_text(text)
        found = source.fetch("a.jpg", named=str(tmp_path / text))
        assert isinstance(found, Fetched)
        assert found.data == text.encode()


def test_a_named_store_must_be_allowed() -> None:
    fsspec.filesystem("memory").pipe_file("/roots/m/x.jpg", b"picture")
    place = "memory://roots/m"
    for stores in ((), ("memory://roots/other",), ("memory://root",)):
        with pytest.raises(SourceUnavailableError, match=f"VITRINE_IMAGE_STORES={place}/"):
            open_source(SourceSettings(allowed_stores=stores)).fetch("x.jpg", named=place)
    for settings in (
        SourceSettings(allowed_stores=("memory://roots",)),
        SourceSettings(root=place),
    ):
        found = open_source(settings).fetch("x.jpg", named=place)
        assert isinstance(found, Fetched)


def test_without_any_folder_the_message_names_the_option_and_the_variable() -> None:
    with pytest.raises(SourceUnavailableError, match="--images or VITRINE_IMAGES") as caught:
        open_source(SourceSettings()).fetch("m/h/mh01.jpg")
    assert caught.value.reason == "no_folder"


def test_a_bad_place_of_its_own_is_an_error_at_once() -> None:
    with pytest.raises(SettingsError, match="VITRINE_IMAGES"):
        open_source(SourceSettings(root="ftp://host/x"))
