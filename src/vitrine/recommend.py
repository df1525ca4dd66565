"""Recommendations: what to show a shopper, with a product or to everybody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from psycopg import sql
from psycopg.rows import class_row

from vitrine.database import Connection
from vitrine.errors import FilterError, QueryError
from vitrine.filters import json_text
from vitrine.search import Hit, Page, check_text, search_errors

__all__ = ["Recommendations"]

TYPES = {"filters": "jsonb", "options": "jsonb", "k": "integer"}
Json = Mapping[str, Any]


class Recommendations:
    """What to show besides searches, as `shop.recommend`; docs/recommendations.md has the rules.

    Every method takes the `filters` of search, leaves out what the `client` (or, without one, the
    `session`) has just bought, and answers `k` products whenever `k` match; with the option `fill`
    false, only those that something speaks for. They raise QueryError where an argument cannot
    be used (FilterError: the filter), as for a product that there is not, and DatabaseError where
    the database cannot be used.
    """

    def __init__(
        self,
        schema: str,
        retried: Callable[[Callable[[Connection], Page]], Page],
        stored: Callable[[str | None, str], str | None],
    ) -> None:
        self._schema = schema
        self._retried = retried
        self._stored = stored

    def for_you(
        self,
        client: str | None = None,
        *,
        session: str | None = None,
        filters: Json | None = None,
        k: int = 24,
        options: Json | None = None,
    ) -> Page:
        """Products for a shopper: each interest has its share; what trends for the unknown."""
        return self._ask(
            "for_you", client=client, session=session, filters=filters, k=k, options=options
        )

    def new_arrivals(
        self,
        client: str | None = None,
        *,
        session: str | None = None,
        filters: Json | None = None,
        k: int = 24,
        options: Json | None = None,
    ) -> Page:
        """The newest products, those first that are to the shopper's taste."""
        return self._ask(
            "new_arrivals", client=client, session=session, filters=filters, k=k, options=options
        )

    def trending(
        self,
        category: str | None = None,
        *,
        filters: Json | None = None,
        k: int = 12,
        client: str | None = None,
        session: str | None = None,
        options: Json | None = None,
    ) -> Page:
        """What shoppers deal with most lately, in a category (path or unique name) or anywhere."""
        return self._ask(
            "trending",
            category=category,
            client=client,
            session=session,
            filters=filters,
            k=k,
            options=options,
        )

    def similar_products(
        self,
        product: str,
        *,
        filters: Json | None = None,
        k: int = 12,
        client: str | None = None,
        session: str | None = None,
        options: Json | None = None,
    ) -> Page:
        """What looks or reads like a product (an external_id or SKU)."""
        return self._ask(
            "similar_products",
            product=product,
            client=client,
            session=session,
            filters=filters,
            k=k,
            options=options,
        )

    def bought_together(
        self,
        product: str,
        *,
        filters: Json | None = None,
        k: int = 12,
        client: str | None = None,
        session: str | None = None,
        options: Json | None = None,
    ) -> Page:
        """What is bought together with a product."""
        return self._ask(
            "bought_together",
            product=product,
            client=client,
            session=session,
            filters=filters,
            k=k,
            options=options,
        )

    def viewed_after(
        self,
        product: str,
        *,
        filters: Json | None = None,
        k: int = 12,
        client: str | None = None,
        session: str | None = None,
        options: Json | None = None,
    ) -> Page:
        """What visits go on to view or buy after a product."""
        return self._ask(
            "viewed_after",
            product=product,
            client=client,
            session=session,
            filters=filters,
            k=k,
            options=options,
        )

    def complete_the_look(
        self,
        product: str,
        *,
        filters: Json | None = None,
        k: int = 12,
        client: str | None = None,
        session: str | None = None,
        options: Json | None = None,
    ) -> Page:
        """Things of other kinds that go with a product."""
        return self._ask(
            "complete_the_look",
            product=product,
            client=client,
            session=session,
            filters=filters,
            k=k,
            options=options,
        )

    def _ask(
        self,
        function: str,
        *,
        filters: Json | None,
        k: int,
        options: Json | None,
        **more: str | None,
    ) -> Page:
        for name, value in more.items():
            check_text(value, name)
        given: dict[str, object] = {
            **more,
            "client": self._stored(more["client"], "the client"),
            "session": self._stored(more["session"], "the session"),
            "filters": json_text({} if filters is None else filters, "filters", FilterError),
            "k": k,
            "options": json_text({} if options is None else options, "options"),
        }
        if not isinstance(k, int):
            raise QueryError(f"k must be a whole number, not {type(k).__name__}")
        statement = sql.SQL("SELECT * FROM {}({})").format(
            sql.Identifier(self._schema, function),
            sql.SQL(", ").join(
                sql.SQL("{} => {}::{}").format(
                    sql.Identifier(name), sql.Placeholder(name), sql.SQL(TYPES.get(name, "text"))
                )
                for name in given
            ),
        )
        return self._retried(lambda connection: _page(connection, statement, given))


def _page(connection: Connection, statement: sql.Composed, given: Json) -> Page:
    with search_errors(), connection.cursor(row_factory=class_row(Hit)) as cursor:
        return Page(tuple(cursor.execute(statement, given)))
