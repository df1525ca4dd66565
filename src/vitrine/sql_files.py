"""Reads the project's `.sql` files, installed or from a checkout."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

__all__ = ["names", "read"]


@cache
def read(name: str) -> str:
    """Return the text of `sql/<name>.sql`, for example `read("schema/0001_catalogue")`."""
    return _root().joinpath(f"{name}.sql").read_text(encoding="utf-8")


def names(folder: str) -> list[str]:
    """List the files under a folder of `sql/` in the order in which they run, without `.sql`.

    They run in the order of their own names, in whichever part of the folder they lie.
    """
    return sorted(_within(folder), key=lambda name: name.rpartition("/")[2])


def _within(folder: str) -> Iterator[str]:
    for entry in _root().joinpath(folder).iterdir():
        if entry.is_dir():
            yield from _within(f"{folder}/{entry.name}")
        elif entry.name.endswith(".sql"):
            yield f"{folder}/{entry.name[:-4]}"


def _root() -> Traversable:
    return files("vitrine.sql")
