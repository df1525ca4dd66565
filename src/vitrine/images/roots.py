"""What relative picture paths belong to: the worker's own root, or the one that the shop names.

Whoever may write the shop's settings is not whoever runs the worker. So what the database names
is taken only within bounds, and what lies outside of them is nobody's fault but the setting's.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vitrine.errors import SettingsError, SourceUnavailableError
from vitrine.images.folder import ImageFolder
from vitrine.images.uri import remote_base, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Root", "named_root", "own_root"]

INSTEAD = "or give the worker a place of its own with --images or VITRINE_IMAGES"


@dataclass(frozen=True, kw_only=True)
class Root:
    """A folder of this machine, or the beginning of web addresses or of object keys."""

    folder: ImageFolder | None = None
    base: str | None = None

    @property
    def store(self) -> str | None:
        """The prefix of object keys, if it is one."""
        return None if self.base is None or _is_web(self.base) else self.base


def own_root(place: Path | str, *, max_bytes: int) -> Root:
    """What the worker's operator set; any place is right. Raises SettingsError."""
    base = remote_base(place) if isinstance(place, str) else None
    if base is not None:
        return Root(base=base)
    return Root(folder=ImageFolder(Path(place), max_bytes=max_bytes))


def named_root(place: str, *, stores: Iterable[str], max_bytes: int) -> Root:
    """What the shop's database names: a web address, an allowed store's prefix, or a folder.

    Raises SourceUnavailableError for any other place, the whole file system included.
    """
    try:
        root = own_root(place, max_bytes=max_bytes)
    except SettingsError as exc:
        raise _refused(
            f"the last import named {shown(place)} as the pictures' place, which is no folder, web "
            "address or object store; name another"
        ) from exc
    if root.store is not None and not root.store.startswith(tuple(stores)):
        raise _refused(
            f"the last import named the image store {shown(root.store)}, which this worker may not "
            f"read; allow it with VITRINE_IMAGE_STORES={root.store}"
        )
    # The top may be written in many ways: //, /.., a link such as /proc/self/root.
    top = not os.path.realpath(place).strip(os.sep)
    if root.folder is not None and (top or not os.path.isabs(place)):
        raise _refused(
            f"the image folder {shown(place)} that the last import named is not used, because it "
            "is the whole file system or no absolute path; name the pictures' own"
        )
    return root


def _is_web(base: str) -> bool:
    return base.startswith(("http://", "https://"))


def _refused(what: str) -> SourceUnavailableError:
    return SourceUnavailableError(f"{what}, {INSTEAD}", reason="folder_refused")
