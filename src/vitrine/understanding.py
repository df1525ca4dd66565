"""What a query asks for besides its words: filters, with a removable chip for each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from vitrine.database import Connection
from vitrine.errors import QueryError
from vitrine.filters import json_text
from vitrine.search import check_text, search_errors

__all__ = ["Chip", "Understood", "run_understand"]


@dataclass(frozen=True, kw_only=True)
class Chip:
    """One condition as the shopper sees it.

    `text` is the span of the query that it comes from (give it back in `without` to remove the
    chip), `label` what to show, `filter` its condition alone; `name` is the option's or
    attribute's, None for other fields.
    """

    text: str
    field: str
    name: str | None
    label: str
    filter: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Understood:
    """A query, the words of it to search by (None: browse), and the filters that the rest became.

    `filters` is the language of docs/filters.md, all conditions together.
    """

    query: str
    words: str | None
    filters: dict[str, Any]
    chips: tuple[Chip, ...]

    @classmethod
    def from_json(cls, answer: Mapping[str, Any]) -> Understood:
        """Read the JSON of the SQL function, such as a search's `understood`."""
        chips = (
            Chip(
                text=chip["text"],
                field=chip["field"],
                name=chip.get("name"),
                label=chip["label"],
                filter=chip["filter"],
            )
            for chip in answer["chips"]
        )
        return cls(
            query=answer["query"],
            words=answer["words"],
            filters=answer["filters"],
            chips=tuple(chips),
        )


def run_understand(
    connection: Connection,
    schema: str,
    query: str,
    *,
    without: Sequence[str] = (),
    locale: str | None = None,
) -> Understood:
    """Ask the SQL function `understand`, in one round trip.

    Raises:
        QueryError: the query or a span cannot be read.
        DatabaseError: the database cannot be used.

    """
    if query is None:
        raise QueryError("understand takes the shopper's words, not None")
    check_text(query, "the query")
    if isinstance(without, str):
        raise QueryError("without takes a list of spans, not one text")
    options: dict[str, Any] = {"without": list(without)}
    if locale is not None:
        options["locale"] = locale
    statement = sql.SQL("SELECT {}.understand(%s::text, %s::jsonb)::text").format(
        sql.Identifier(schema)
    )
    with search_errors():
        row = connection.execute(statement, (query, json_text(options, "options"))).fetchone()
    if row is None:  # pragma: no cover - a function returns a row
        raise QueryError("the database gave no answer")
    return Understood.from_json(json.loads(row[0]))
