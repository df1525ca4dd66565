"""One search: the SQL function's answer as Python objects, and its errors as Vitrine's."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, overload

import psycopg
from psycopg import sql

from vitrine.database import Connection, driver_errors
from vitrine.errors import (
    EncodingTimeoutError,
    FilterError,
    NotYetError,
    QueryError,
    SpaceError,
    UnknownQueryError,
    VitrineError,
)
from vitrine.filters import json_text

__all__ = ["Hit", "Page", "SearchRequest", "run_search", "search_errors"]

QUERY_ERRORS: Mapping[str, type[QueryError]] = {
    "VT001": QueryError,
    "VT003": FilterError,
    "VT004": NotYetError,
    "VT006": EncodingTimeoutError,
    "VT007": QueryError,
    "VT008": QueryError,
    "VT009": QueryError,
    "2D000": QueryError,
}
UNKNOWN_QUERY = "VT002"
SPACE_ERROR = "VT005"
# Values the server cannot read, and JSON too deep for its stack.
BAD_VALUE_STATES = ("22", "54")


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One product of an answer.

    `variant_id` is the one variant that satisfies the filter (None: the product has no variants),
    `image_id` the picture nearest to the query, `score` orders this answer and compares with no
    other, `why` holds the plan and the rank and similarity from each arm.
    """

    rank: int
    product_id: int
    external_id: str
    variant_id: int | None
    image_id: int | None
    score: float
    why: dict[str, Any]

    @property
    def propensity(self) -> float:
        """Probability of this product at this rank; 1 unless the option `explore` was given."""
        return float(self.why.get("propensity", 1.0))


@dataclass(frozen=True)
class Page(Sequence[Hit]):
    """The hits of one answer, best first; it can be used like a list.

    `complete` is False when a deadline ended the search before it had looked everywhere. `cursor`
    asks for the next page (None: there is none). `total` and `facets` are there when options asked
    for them; `more` says how many values a facet has beyond those listed. `understood` and
    `corrections` say what became of the words, `redirect` where a rule sends such a search,
    `suggestions` the nearest names of categories that there are not. `milliseconds` is what the
    answer took on this process's clock, which `log_page` writes down for analysts.
    """

    hits: tuple[Hit, ...]
    complete: bool = True
    cursor: str | None = None
    total: int | None = None
    facets: dict[str, Any] | None = None
    more: dict[str, int] | None = None
    understood: dict[str, Any] | None = None
    corrections: tuple[dict[str, str], ...] = ()
    redirect: str | None = None
    suggestions: tuple[dict[str, Any], ...] = ()
    milliseconds: float | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.hits)

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, index: int | slice) -> Hit | tuple[Hit, ...]:
        """The hit at a position, or the hits of a slice."""
        return self.hits[index]


@dataclass(frozen=True, kw_only=True)
class SearchRequest:
    """The arguments of the SQL function `search`, under the same names."""

    query: str | None = None
    terms: Sequence[Mapping[str, Any]] | None = None
    filters: Mapping[str, Any] = field(default_factory=dict)
    k: int = 24
    cursor: str | None = None
    client: str | None = None
    session: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def parameters(self) -> dict[str, object]:
        """What is bound to the statement."""
        check_text(self.query, "the query")
        return {
            "query": self.query,
            "terms": None if self.terms is None else json_text(self.terms, "terms"),
            "filters": json_text(self.filters, "filters", FilterError),
            "k": self.k,
            "cursor": self.cursor,
            "client": self.client,
            "session": self.session,
            "options": json_text(self.options, "options"),
        }


def run_search(connection: Connection, schema: str, request: SearchRequest) -> Page:
    """Ask once, in one round trip.

    Raises:
        UnknownQueryError: words or a picture have no vector yet; `unknown` says which.
        QueryError: an argument cannot be used; a subclass says in which way.
        SpaceError: the shop has no embedding space, or none of that name.
        DatabaseError: the database cannot be used.

    """
    statement = sql.SQL(
        "SELECT {}.search_page("
        "query => %(query)s::text, terms => %(terms)s::jsonb, filters => %(filters)s::jsonb, "
        "k => %(k)s::integer, cursor => %(cursor)s::text, client => %(client)s::text, "
        "session => %(session)s::text, options => %(options)s::jsonb)"
    ).format(sql.Identifier(schema))
    began = time.perf_counter()
    with search_errors():
        row = connection.execute(statement, request.parameters()).fetchone()
    milliseconds = round(1000 * (time.perf_counter() - began), 3)
    answer: dict[str, Any] = row[0] if row else {"hits": []}
    hits = tuple(Hit(**hit) for hit in answer.pop("hits"))
    for name in ("corrections", "suggestions"):
        answer[name] = tuple(answer.get(name, ()))
    return Page(hits, **answer, milliseconds=milliseconds)


@contextmanager
def search_errors() -> Iterator[None]:
    """Turn the search functions' SQLSTATEs into Vitrine's errors, the driver's as their cause."""
    with driver_errors():
        try:
            yield
        except psycopg.Error as error:
            known = _query_error(error)
            if known is None:
                raise
            raise known from error


def check_text(value: str | None, name: str) -> None:
    """Refuse what no PostgreSQL text can hold."""
    if value is None:
        return
    if not isinstance(value, str):
        raise QueryError(f"{name} must be text, not {type(value).__name__}")
    if "\0" in value:
        raise QueryError(f"{name} holds a NUL character, which the database cannot store")
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise QueryError(f"{name} holds half a character ({exc.reason}); decode it again") from exc


def _query_error(error: psycopg.Error) -> VitrineError | None:
    state = error.sqlstate or ""
    message = ". ".join(
        part for part in (error.diag.message_primary or str(error), error.diag.message_hint) if part
    )
    if state == SPACE_ERROR:
        return SpaceError(message)
    if state == UNKNOWN_QUERY:
        return UnknownQueryError(
            message, sqlstate=state, unknown=json.loads(error.diag.message_detail or "{}")
        )
    if state in QUERY_ERRORS:
        return QUERY_ERRORS[state](message, sqlstate=state)
    if state.startswith(BAD_VALUE_STATES) or isinstance(error, psycopg.DataError):
        return QueryError(f"a value cannot be used: {message}", sqlstate=state or None)
    return None
