"""What is compared: a name, and the options of search that it stands for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vitrine.errors import QueryError

__all__ = ["Variation", "parse_variation", "parse_variations"]

EXAMPLE = """such as 'personal={"strength": 1}'"""
MOST = 6


@dataclass(frozen=True, kw_only=True)
class Variation:
    """One way to search; the first of several is what the others are compared with."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def personal(self) -> bool:
        """Whether the shopper's history may move anything."""
        return bool(self.options.get("strength", 1) != 0)


def parse_variations(texts: Sequence[str]) -> list[Variation]:
    """The variations of a command line; names must differ."""
    variations = [parse_variation(text) for text in texts]
    names = [variation.name for variation in variations]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise QueryError(f"two variations are called {twice[0]}: give each a name of its own")
    if len(variations) > MOST:
        raise QueryError(f"{len(variations)} variations are too many: compare at most {MOST}")
    return variations


def parse_variation(text: str) -> Variation:
    """Read `name={"option": value}`; a bare name stands for no options.

    Raises:
        QueryError: what follows the name is no JSON object.

    """
    name, given, options = text.partition("=")
    if not name.strip() or name.lstrip().startswith("{"):
        raise QueryError(f"{text[:50]!r} has no name: give a name and the options, {EXAMPLE}")
    try:
        value = json.loads(options) if given else {}
    except (ValueError, RecursionError) as exc:
        raise QueryError(f"{name}: the options are no valid JSON ({exc}); {EXAMPLE}") from exc
    if not isinstance(value, dict):
        raise QueryError(f"{name}: the options must be a JSON object, {EXAMPLE}")
    return Variation(name=name.strip()[:80], options=value)
