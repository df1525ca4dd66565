"""What makes an embedding space: vectors compare only when all four parts are equal."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["SpaceIdentity", "fingerprint", "fingerprint_files"]

# Keys that name the class or the library that wrote a configuration, not what it does.
_INCIDENTAL = frozenset({"_processor_class", "processor_class", "transformers_version"})


@dataclass(frozen=True, kw_only=True)
class SpaceIdentity:
    """Model, revision, dimension and preprocessing of one embedding space.

    `revision` is a hub commit, or a hash of a folder's weights and configuration.
    `preprocessing` is a short hash of how pictures become pixels and words become tokens.
    """

    model: str
    revision: str
    dimension: int
    preprocessing: str

    def __str__(self) -> str:
        return f"{self.model}@{self.revision[:12]} ({self.dimension}-d, {self.preprocessing})"


def fingerprint(configuration: Mapping[str, Any]) -> str:
    """Twelve hex digits that depend on the values of a configuration, not on their order."""
    text = json.dumps(_canonical(configuration), sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def fingerprint_files(paths: list[Path]) -> str:
    """Forty hex digits over names and contents, so that a copied folder keeps its revision."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda path: path.name):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:40]


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _canonical(v) for k, v in value.items() if k not in _INCIDENTAL}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    return value
