"""What the analysts' commands share: their libraries may be missing, and they take minutes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

from vitrine.errors import SettingsError

__all__ = ["needs_extra", "quiet_progress"]


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Turn a missing library into the command that installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"this needs the package {error.name}, which is not installed: "
            f"pip install 'vitrine[{extra}]'"
        ) from error


def quiet_progress() -> Progress:
    """A bar for a person who waits; nothing at all where nobody watches."""
    console = Console(stderr=True)
    return Progress(console=console, transient=True, disable=not console.is_terminal)
