"""Reads the project's `.sql` files, installed or from a checkout."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

__all__ = ["names", "read"]


@cache
def read(name: str) -> str:
    """Return the text of `sql/<name>.sql`, for example `read("functions/search")`."""
    return _root().joinpath(f"{name}.sql").read_text(encoding="utf-8")


def names(folder: str) -> list[str]:
    """List the files of one folder under `sql/` in the order in which they run, without `.sql`."""
    entries = (entry.name for entry in _root().joinpath(folder).iterdir())
    return sorted(f"{folder}/{name[:-4]}" for name in entries if name.endswith(".sql"))


def _root() -> Traversable:
    return files("vitrine.sql")
