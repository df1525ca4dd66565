"""Random numbers that any run, process and machine draws alike from the same seed."""

from __future__ import annotations

from random import Random

__all__ = ["seeded"]


def seeded(*parts: object) -> Random:
    """A generator of its own for these parts; text seeds do not depend on the hash seed."""
    return Random("/".join(map(str, parts)))  # noqa: S311 - drawings, not secrets
