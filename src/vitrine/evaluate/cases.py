"""Cases: one question each, with the products that answer it and what its shopper did before."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

__all__ = ["HISTORY_GROUPS", "Case", "Cases", "history_group", "query_class"]

# The first number of events before the cut in each group, and the group's name.
HISTORY_GROUPS = (
    (0, "none"),
    (1, "1 to 4"),
    (5, "5 to 19"),
    (20, "20 to 99"),
    (100, "100 and more"),
)
KEY = re.compile(r"(?=\S*\d)[\w.\-/]+")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One question; `grades` are the relevant products by external_id, 1 and up.

    Cases of one `shopper` are resampled together. `known` is what the shopper had bought before
    `as_of`, `history` the number of events before it (None: nothing is known of a shopper).
    """

    shopper: str
    grades: Mapping[str, int]
    query: str | None = None
    filters: Mapping[str, Any] = field(default_factory=dict)
    terms: Sequence[Mapping[str, Any]] | None = None
    client: str | None = None
    session: str | None = None
    as_of: datetime | None = None
    known: frozenset[str] = frozenset()
    history: int | None = None
    query_class: str = "words"


@dataclass(frozen=True, kw_only=True)
class Cases:
    """The cases of one evaluation, where they come from, and what was left out, by reason."""

    cases: Sequence[Case]
    source: str
    cut: datetime | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    # -log2 of the share of shoppers who acted on a product before the cut; None: of none known.
    information: Mapping[str, float] = field(default_factory=dict)
    most_information: float | None = None


def history_group(events: int) -> str:
    """The name of the group of shoppers with so many events before the cut."""
    return [name for first, name in HISTORY_GROUPS if events >= first][-1]


def query_class(
    query: str | None, filters: Mapping[str, Any], terms: Sequence[Mapping[str, Any]] | None
) -> str:
    """The kind of a question: key, words, words with filters, picture, category or browse."""
    pictures = [term for term in terms or () if "image" in term or "product" in term]
    if pictures:
        return "picture and words" if query or len(pictures) < len(terms or ()) else "picture"
    if query is None and not terms:
        return "category" if filters else "browse"
    if query is not None and KEY.fullmatch(query.strip()):
        return "key"
    return "words with filters" if filters else "words"
