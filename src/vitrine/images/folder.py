"""The image folder: opens files below one root and nothing else, one directory at a time.

Every step of a path is opened relative to the directory already held, never through a link, so
that nobody can swap a directory for a link between a check and its use. Links are read and
followed by hand, and may lead anywhere below the root but not out of it.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import ExitStack
from typing import TYPE_CHECKING

from vitrine.errors import SourceUnavailableError
from vitrine.images.errors import (
    BadUriError,
    DeniedError,
    ForbiddenError,
    NotFoundError,
    TooLargeError,
)
from vitrine.images.fetched import Fetched, NotModified, Validators

if TYPE_CHECKING:
    from pathlib import Path

    from vitrine.images.uri import FolderPath

__all__ = ["ImageFolder"]

MAX_LINKS = 40  # as many as the kernel follows
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Non-blocking, so that a pipe put in place of the file cannot hold the worker.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MISSING = {errno.ENOENT, errno.ENOTDIR}
_MALFORMED = {errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}
# What the kernel answers when a link or another kind of file took the place of the one checked.
_SWAPPED = {errno.ELOOP, errno.EMLINK, errno.ENXIO}


class ImageFolder:
    """Reads pictures below `root`; safe to use from several threads."""

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        self._root = os.path.realpath(root)
        self._max_bytes = max_bytes

    def fetch(self, path: FolderPath, validators: Validators | None) -> Fetched | NotModified:
        """Read one file; ImageError for its faults, SourceUnavailableError for the folder's."""
        shown = "/".join(path.parts)
        try:
            with _Walk(self._root) as walk:
                descriptor = walk.open(self._below_root(path))
                return self._read(descriptor, shown, validators)
        except UnicodeError as exc:
            raise BadUriError(f"the image path {shown!r} is not valid Unicode") from exc
        except OSError as exc:
            raise self._fault(exc, shown) from exc

    def _below_root(self, path: FolderPath) -> tuple[str, ...]:
        """Also take the absolute path of a file in the folder, which some exports write."""
        root = tuple(part for part in self._root.split(os.sep) if part)
        if root and path.parts[: len(root)] == root and len(path.parts) > len(root):
            return path.parts[len(root) :]
        return path.parts

    def _read(
        self, descriptor: int, shown: str, validators: Validators | None
    ) -> Fetched | NotModified:
        status = os.fstat(descriptor)
        etag = f"{status.st_mtime_ns:x}-{status.st_size:x}"
        if validators is not None and validators.etag == etag:
            return NotModified(validators=validators)
        # One byte more than expected tells a file that grows; one more than allowed, a large one.
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(min(status.st_size, self._max_bytes) + 1)
            if status.st_size < len(data) <= self._max_bytes:
                data += file.read(self._max_bytes + 1 - len(data))
        if len(data) > self._max_bytes:
            raise TooLargeError(
                f"the image {shown!r} has {max(status.st_size, len(data)):,} bytes; "
                f"{self._max_bytes:,} are allowed"
            )
        return Fetched.of(data, etag=etag, last_modified=None)

    def _fault(self, exc: OSError, shown: str) -> Exception:
        """Tell one file's fault from the folder's (not mounted, disk broken, out of handles)."""
        if exc.errno in _MISSING:
            return self._missing(shown)
        if exc.errno in {errno.EACCES, errno.EPERM} and os.access(self._root, os.X_OK):
            return DeniedError(f"the image {shown!r} may not be read; check its file mode")
        if exc.errno in _MALFORMED:
            return BadUriError(f"the image path {shown!r} is no possible file name")
        if exc.errno in _SWAPPED:
            return ForbiddenError(f"the image {shown!r} is no plain file")
        return SourceUnavailableError(
            f"the image folder {self._root} cannot be read: {exc.strerror}", reason="folder"
        )

    def _missing(self, shown: str) -> Exception:
        try:
            with os.scandir(self._root) as entries:
                empty = next(entries, None) is None
        except OSError as exc:
            return SourceUnavailableError(
                f"the image folder {self._root} cannot be opened: {exc.strerror}; if the pictures "
                "lie elsewhere on this machine, start the worker with --images or VITRINE_IMAGES",
                reason="folder",
            )
        if empty:  # what is left of a disk or share that is not mounted
            return SourceUnavailableError(
                f"the image folder {self._root} is empty; is it mounted?", reason="folder"
            )
        return NotFoundError(f"there is no image {shown!r} in {self._root}")


class _Walk:
    """The directories open between the root and where the walk stands; `..` goes back in it."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._held: list[int] = []
        self._links = 0
        self._stack = ExitStack()

    def __enter__(self) -> _Walk:
        self._hold(os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def open(self, parts: tuple[str, ...]) -> int:
        """The descriptor of the plain file at `parts`, closed when the walk ends."""
        shown = "/".join(parts)
        todo = list(reversed(parts))
        while todo:
            part = todo.pop()
            if part == "..":
                self._leave(shown)
                continue
            kind = os.stat(part, dir_fd=self._held[-1], follow_symlinks=False).st_mode
            if stat.S_ISLNK(kind):
                todo.extend(reversed(self._follow(part, shown)))
            elif todo:
                self._hold(os.open(part, _DIRECTORY, dir_fd=self._held[-1]))
            elif stat.S_ISREG(kind):
                return self._open_file(part, shown)
            else:
                raise ForbiddenError(f"the image {shown!r} is no plain file")
        raise ForbiddenError(f"the image {shown!r} is a folder")

    def _hold(self, descriptor: int) -> None:
        self._stack.callback(os.close, descriptor)
        self._held.append(descriptor)

    def _leave(self, shown: str) -> None:
        if len(self._held) == 1:
            raise ForbiddenError(f"the image {shown!r} is a link that leads out of the folder")
        self._held.pop()

    def _follow(self, part: str, shown: str) -> list[str]:
        """The steps that a link stands for; an absolute one starts again at the root."""
        self._links += 1
        if self._links > MAX_LINKS:
            raise ForbiddenError(f"the image {shown!r} is a link that leads in circles")
        target = os.readlink(part, dir_fd=self._held[-1])
        if target.startswith(os.sep):
            if not (target + os.sep).startswith(self._root.rstrip(os.sep) + os.sep):
                raise ForbiddenError(f"the image {shown!r} is a link that leads out of the folder")
            target = target[len(self._root) :]
            del self._held[1:]
        return [step for step in target.split(os.sep) if step not in {"", "."}]

    def _open_file(self, part: str, shown: str) -> int:
        descriptor = os.open(part, _FILE, dir_fd=self._held[-1])
        self._stack.callback(os.close, descriptor)
        # Looked at again through the handle: it may have been swapped since it was listed.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ForbiddenError(f"the image {shown!r} is no plain file")
        return descriptor
