"""A shop on an embedded PostgreSQL of its own, for a benchmark: made, and gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vitrine.embedded import start_embedded, stop_embedded
from vitrine.migrate import upgrade

__all__ = ["temporary_shop"]


@contextmanager
def temporary_shop(postgres: int = 18) -> Iterator[str]:
    """The URL of an empty shop in the schema `vitrine`."""
    with tempfile.TemporaryDirectory(prefix="vitrine-bench-") as home:
        url = start_embedded(Path(home), postgres)
        try:
            upgrade(url)
            yield url
        finally:
            stop_embedded(Path(home), postgres)
