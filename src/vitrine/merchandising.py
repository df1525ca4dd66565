"""Merchandising from Python: rules that pin, boost, bury, hide, widen and redirect searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, TypedDict, Unpack

from psycopg import sql
from psycopg.rows import class_row

from vitrine.database import Connection
from vitrine.errors import FilterError, QueryError
from vitrine.filters import json_text
from vitrine.search import check_text, search_errors

__all__ = ["Kind", "Rule", "Rules", "State", "Targets", "When", "Whenever"]

Match = Literal["exact", "phrase"]
Kind = Literal["pin", "boost", "bury", "hide", "synonym", "redirect"]
State = Literal["scheduled", "active", "ended", "disabled"]

# How the SQL functions' arguments are bound; all others are text.
TYPES = {
    "position": "integer",
    "products": "text[]",
    "filters": "jsonb",
    "factor": "double precision",
    "instead": "text[]",
    "both_ways": "boolean",
    "enabled": "boolean",
    "starts_at": "timestamptz",
    "ends_at": "timestamptz",
}


class Whenever(TypedDict, total=False):
    """In which category (and below) and from when until when a rule holds; None: in all, always."""

    category: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    enabled: bool
    note: str | None


class When(Whenever, total=False):
    """For which words too: they are the `query` ("exact"), or hold it as a "phrase"."""

    query: str | None
    match: Match


class Targets(When, total=False):
    """Which products: their external_ids, or those that a filter keeps; one of the two."""

    products: Sequence[str] | None
    filters: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule; `state`, `applies_to`, `effect` and `problem` say in words what becomes of it."""

    rule_id: int
    name: str
    kind: Kind
    state: State
    applies_to: str
    effect: str
    problem: str | None
    query: str | None
    match: Match
    category: str | None
    product: str | None
    position: int | None
    products: list[str] | None
    filters: dict[str, Any] | None
    factor: float | None
    words: list[str] | None
    instead: list[str] | None
    url: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    enabled: bool
    note: str | None
    created_at: datetime
    updated_at: datetime


class Rules:
    """The rules of a shop, as `shop.rules`; a rule is put in the place of one of the same name.

    Every method raises QueryError where an argument cannot be used (FilterError: the filter) and
    DatabaseError where the login may not write rules.
    """

    def __init__(
        self, schema: str, connection: Callable[[], AbstractContextManager[Connection]]
    ) -> None:
        self._schema = schema
        self._connection = connection

    def pin(self, name: str, product: str, position: int, **when: Unpack[When]) -> Rule:
        """Show a product (an external_id) at a position, 1 to 1,000, where it passes filters."""
        return self._put("pin", name, {"product": product, "position": position}, when, When)

    def boost(self, name: str, factor: float = 2.0, **targets: Unpack[Targets]) -> Rule:
        """Multiply the score of products by a factor above 1."""
        return self._put("boost", name, {"factor": factor}, targets, Targets)

    def bury(self, name: str, factor: float = 0.5, **targets: Unpack[Targets]) -> Rule:
        """Multiply the score of products by a factor below 1."""
        return self._put("bury", name, {"factor": factor}, targets, Targets)

    def hide(self, name: str, **targets: Unpack[Targets]) -> Rule:
        """Leave products out of the answers."""
        return self._put("hide", name, {}, targets, Targets)

    def synonym(
        self,
        name: str,
        words: str,
        instead: Sequence[str],
        *,
        both_ways: bool = False,
        **when: Unpack[Whenever],
    ) -> Rule:
        """Search for other words too where a query holds these; both ways: each stands for all."""
        given = {"words": words, "instead": instead, "both_ways": both_ways}
        return self._put("add_synonym", name, given, when, Whenever)

    def redirect(self, name: str, url: str, **when: Unpack[When]) -> Rule:
        """Lead a search to an http(s) address or a path; it needs a query or a category."""
        return self._put("redirect", name, {"url": url}, when, When)

    def remove(self, name: str) -> bool:
        """Remove a rule; False where there is none of that name."""
        statement = sql.SQL("SELECT {}(%s)").format(self._name("remove_rule"))
        check_text(name, "the name")
        with self._connection() as connection, search_errors():
            return connection.execute(statement, (name,)).fetchone() == (True,)

    def list(self, *, kind: Kind | None = None, state: State | None = None) -> tuple[Rule, ...]:
        """The rules in the order of their names, all or those of a kind, in a state."""
        with self._connection() as connection, search_errors():
            return self._rules(connection, kind=kind, state=state)

    def preview(
        self,
        words: str | None = None,
        *,
        categories: Sequence[str] = (),
        at: datetime | None = None,
    ) -> dict[str, Any]:
        """What the rules say about a search, now or at another time: the SQL `search_rules`."""
        statement = sql.SQL(
            "SELECT {}(%(words)s::text, %(categories)s::text[], "
            "coalesce(%(at)s::timestamptz, now()))"
        ).format(self._name("search_rules"))
        check_text(words, "words")
        given = {"words": words, "categories": [*categories], "at": _aware("at", at)}
        with self._connection() as connection, search_errors():
            row = connection.execute(statement, given).fetchone()
        answer: dict[str, Any] = row[0] if row else {}
        return answer

    def _put(
        self,
        function: str,
        name: str,
        given: Mapping[str, object],
        more: Mapping[str, object],
        known: type[Whenever],
    ) -> Rule:
        unknown = sorted(more.keys() - known.__annotations__.keys())
        if unknown:
            raise TypeError(f"{function}() got an unexpected keyword argument {unknown[0]!r}")
        every = {"name": name, **given, **more}
        arguments = {key: _bound(key, value) for key, value in every.items()}
        statement = sql.SQL("SELECT {}({})").format(
            self._name(function),
            sql.SQL(", ").join(
                sql.SQL("{} => {}::{}").format(
                    sql.Identifier(key), sql.Placeholder(key), sql.SQL(TYPES.get(key, "text"))
                )
                for key in arguments
            ),
        )
        with self._connection() as connection, search_errors():
            connection.execute(statement, arguments)
            (rule,) = self._rules(connection, name=name)
        return rule

    def _rules(self, connection: Connection, **wanted: str | None) -> tuple[Rule, ...]:
        asked = {key: value for key, value in wanted.items() if value is not None}
        columns = sql.SQL(", ").join(sql.Identifier(field.name) for field in fields(Rule))
        conditions = [
            sql.SQL("{} = {}").format(sql.Identifier(key), sql.Placeholder(key)) for key in asked
        ]
        statement = sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY name").format(
            columns,
            self._name("rule_status"),
            sql.SQL(" AND ").join([sql.SQL("true"), *conditions]),
        )
        with connection.cursor(row_factory=class_row(Rule)) as cursor:
            return tuple(cursor.execute(statement, asked))

    def _name(self, name: str) -> sql.Identifier:
        return sql.Identifier(self._schema, name)


def _bound(key: str, value: object) -> object:
    """One argument as the driver takes it, refused where no PostgreSQL value can hold it."""
    if key == "filters":
        return None if value is None else json_text(value, "filters", FilterError)
    if isinstance(value, datetime):
        return _aware(key, value)
    if key in ("products", "instead"):
        if isinstance(value, str):
            raise QueryError(f"{key} must be a list of texts, not one text")
        values = [*value] if isinstance(value, Sequence) else value
        for item in values if isinstance(values, list) else ():
            check_text(item, key)
        return values
    if key not in TYPES:
        check_text(value, key)  # type: ignore[arg-type]
    return value


def _aware(key: str, value: datetime | None) -> datetime | None:
    if value is not None and value.tzinfo is None:
        raise QueryError(f"{key} has no time zone: give one, such as datetime.UTC")
    return value
