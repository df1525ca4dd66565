"""Recommendations: what to show a shopper, with a product or to everybody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict, TypeVar, Unpack

from psycopg import sql
from psycopg.rows import class_row

from vitrine.database import Connection
from vitrine.errors import FilterError, QueryError
from vitrine.filters import json_text
from vitrine.search import Hit, Page, check_text, search_errors

__all__ = ["Among", "AmongFor", "NextCategory", "Recommendations"]

TYPES = {"filters": "jsonb", "options": "jsonb", "k": "integer"}
Json = Mapping[str, Any]
T = TypeVar("T")


class Retried(Protocol):
    """Asks with a connection of the shop, once more where that one was broken."""

    def __call__(self, ask: Callable[[Connection], T], /) -> T:
        """What was asked for."""


@dataclass(frozen=True, kw_only=True)
class NextCategory:
    """A category that a shopper has not bought from; `why` is told in docs/recommendations.md."""

    rank: int
    category_id: int
    path: str
    score: float
    why: Json


class Among(TypedDict, total=False):
    """What every recommendation takes; what is left out is as in SQL."""

    session: str | None
    filters: Json | None
    k: int
    options: Json | None


class AmongFor(Among, total=False):
    """The same for what is not about a shopper, whose latest purchases are left out."""

    client: str | None


ARGUMENTS = {"product", "category", *AmongFor.__annotations__}


class Recommendations:
    """What to show besides searches, as `shop.recommend`; docs/recommendations.md has the rules.

    Every method that answers products takes the `filters` of search, leaves out what the `client`
    (or, without one, the `session`) has just bought, and answers `k` products whenever `k` match;
    with the option `fill` false, only those that something speaks for. They raise QueryError where
    an argument cannot be used (FilterError: the filter), as for a product that there is not, and
    DatabaseError where the database cannot be used.
    """

    def __init__(
        self,
        schema: str,
        retried: Retried,
        stored: Callable[[str | None, str], str | None],
    ) -> None:
        self._schema = schema
        self._retried = retried
        self._stored = stored

    def for_you(self, client: str | None = None, **among: Unpack[Among]) -> Page:
        """Products for a shopper: each interest has its share; what trends for the unknown."""
        return self._ask("for_you", client=client, **among)

    def new_arrivals(self, client: str | None = None, **among: Unpack[Among]) -> Page:
        """The newest products, those first that are to the shopper's taste."""
        return self._ask("new_arrivals", client=client, **among)

    def trending(self, category: str | None = None, **among: Unpack[AmongFor]) -> Page:
        """What shoppers deal with most lately, in a category (path or unique name) or anywhere."""
        return self._ask("trending", category=category, **among)

    def similar_products(self, product: str, **among: Unpack[AmongFor]) -> Page:
        """What looks or reads like a product (an external_id or SKU)."""
        return self._ask("similar_products", product=product, **among)

    def bought_together(self, product: str, **among: Unpack[AmongFor]) -> Page:
        """What is bought together with a product."""
        return self._ask("bought_together", product=product, **among)

    def viewed_after(self, product: str, **among: Unpack[AmongFor]) -> Page:
        """What visits go on to view or buy after a product."""
        return self._ask("viewed_after", product=product, **among)

    def complete_the_look(self, product: str, **among: Unpack[AmongFor]) -> Page:
        """Things of other kinds that go with a product."""
        return self._ask("complete_the_look", product=product, **among)

    def next_categories(
        self,
        client: str | None = None,
        *,
        session: str | None = None,
        k: int = 12,
        options: Json | None = None,
    ) -> tuple[NextCategory, ...]:
        """At most `k` categories to buy from for the first time; the popular ones for the unknown.

        There are fewer where `least_shoppers` bought from fewer; an option is `as_of`, the moment
        at which the history ends. Raises as the methods that answer products do.
        """
        statement, given = self._statement(
            "next_categories", client=client, session=session, k=k, options=options
        )
        return self._retried(lambda connection: _categories(connection, statement, given))

    def _ask(self, function: str, **asked: Any) -> Page:
        statement, given = self._statement(function, **asked)
        return self._retried(lambda connection: _page(connection, statement, given))

    def _statement(self, function: str, **asked: Any) -> tuple[sql.Composed, Json]:
        """The call of a function, and its arguments checked and as they are stored."""
        if unknown := asked.keys() - ARGUMENTS:
            raise TypeError(f"shop.recommend.{function} has no argument {min(unknown)!r}")
        # What is not given, or None, is left to the SQL function's defaults.
        given = {k: v for k, v in asked.items() if v is not None or k == "product"}
        for name in ("product", "category"):
            check_text(given.get(name), name)
        for name in ("client", "session"):
            if name in given:
                given[name] = self._stored(given[name], f"the {name}")
        if "filters" in given:
            given["filters"] = json_text(given["filters"], "filters", FilterError)
        if "options" in given:
            given["options"] = json_text(given["options"], "options")
        if not isinstance(given.get("k", 1), int):
            raise QueryError(f"k must be a whole number, not {type(given['k']).__name__}")
        statement = sql.SQL("SELECT * FROM {}({})").format(
            sql.Identifier(self._schema, function),
            sql.SQL(", ").join(
                sql.SQL("{} => {}::{}").format(
                    sql.Identifier(name), sql.Placeholder(name), sql.SQL(TYPES.get(name, "text"))
                )
                for name in given
            ),
        )
        return statement, given


def _page(connection: Connection, statement: sql.Composed, given: Json) -> Page:
    with search_errors(), connection.cursor(row_factory=class_row(Hit)) as cursor:
        return Page(tuple(cursor.execute(statement, given)))


def _categories(
    connection: Connection, statement: sql.Composed, given: Json
) -> tuple[NextCategory, ...]:
    with search_errors(), connection.cursor(row_factory=class_row(NextCategory)) as cursor:
        return tuple(cursor.execute(statement, given))
