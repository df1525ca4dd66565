"""Cases from events: what shoppers chose after a moment, with their histories before it only."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from vitrine import sql_files
from vitrine.database import Connection
from vitrine.errors import QueryError
from vitrine.evaluate.cases import Case, Cases, query_class
from vitrine.evaluate.intervals import check_seed

__all__ = ["GRADES", "Split", "cases_from_events", "self_information"]

# What each action says of a product; it may be asked for other actions too, which count 1.
GRADES: Mapping[str, int] = {"purchase": 3, "add_to_cart": 2, "wishlist": 2, "click": 1}
HISTORY = ("purchase", "add_to_cart", "wishlist", "click", "view")
MOST_CASES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Split:
    """How events become cases.

    `cut` is a moment, or the share of the actions that lie before it. `actions` make a product
    relevant. Shoppers are drawn by `seed` until there are `most` cases of a kind. One by category
    needs `candidates` products in it.

    Raises:
        QueryError: `most`, `candidates` or `seed` cannot be used.

    """

    cut: datetime | float = 0.8
    until: datetime | None = None
    actions: Sequence[str] = tuple(GRADES)
    most: int = 1_000
    candidates: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if not 1 <= self.most <= MOST_CASES:
            raise QueryError(f"the number of cases is {self.most}: give 1 to {MOST_CASES:,}")
        if self.candidates < 1:
            raise QueryError(f"the candidates are {self.candidates}: give 1 or more")


def cases_from_events(connection: Connection, split: Split) -> Cases:
    """One case per shopper and question; without a known search, per shopper and category.

    Raises:
        QueryError: the cut or the most cases cannot be used, or no event, or none after the cut,
            says what was relevant.

    """
    cut, until = _cut(connection, split)
    values: dict[str, Any] = {
        "cut": cut,
        "until": until,
        "actions": [*split.actions],
        "grades": json.dumps({action: GRADES.get(action, 1) for action in split.actions}),
        "seed": split.seed,
        "most": split.most,
        "candidates": split.candidates,
    }
    rows = [
        row
        for statement in (
            sql_files.read("evaluate/query_cases"),
            sql_files.read("evaluate/category_cases"),
        )
        for row in connection.execute(statement.encode(), values).fetchall()
    ]
    if not rows:
        raise QueryError(
            f"no shopper did {' or '.join(split.actions)} with a product of this shop after the "
            f"cut ({cut:%Y-%m-%d %H:%M}), after a search or in a category of at least "
            f"{split.candidates} products: choose an earlier cut or other actions"
        )
    cases = [_case(row, cut) for row in rows]
    information, most = self_information(connection, cut)
    return Cases(
        cases=_with_histories(connection, cases, cut),
        source=f"events ({', '.join(split.actions)}) after {cut:%Y-%m-%d %H:%M %Z}",
        cut=cut,
        information=information,
        most_information=most,
    )


def self_information(
    connection: Connection, cut: datetime | None
) -> tuple[dict[str, float], float | None]:
    """-log2 of each product's share of the shoppers before the cut, and of one that nobody met.

    Nobody met counts as half a shopper, so that it stays finite.
    """
    rows = connection.execute(
        sql_files.read("evaluate/information").encode(), {"cut": cut, "actions": [*HISTORY]}
    ).fetchall()
    if not rows:
        return {}, None
    shoppers = int(rows[0][2])
    known = {str(key): -math.log2(count / shoppers) for key, count, _ in rows}
    return known, -math.log2(0.5 / shoppers)


def _cut(connection: Connection, split: Split) -> tuple[datetime, datetime]:
    share = split.cut if isinstance(split.cut, float) else 0.5
    if not 0 < share < 1:
        raise QueryError(f"the cut is {share}: give a share between 0 and 1, or a moment")
    row = connection.execute(
        sql_files.read("evaluate/cut").encode(), {"share": share, "actions": [*split.actions]}
    ).fetchone()
    found, first, last, count = row or (None, None, None, 0)
    if not count:
        raise QueryError(_nothing(connection, split.actions))
    cut = split.cut if isinstance(split.cut, datetime) else found
    until = split.until or last
    if not first <= cut < until:
        raise QueryError(
            f"the cut {cut:%Y-%m-%d %H:%M} leaves nothing on one of its sides: the {count:,} "
            f"events of these actions lie between {first:%Y-%m-%d %H:%M} and {until:%Y-%m-%d %H:%M}"
        )
    return cut, until


def _nothing(connection: Connection, actions: Sequence[str]) -> str:
    """Why there is no case at all."""
    rows = connection.execute(sql_files.read("evaluate/found_actions").encode()).fetchall()
    if not rows:
        return (
            "the shop has no events yet: log what shoppers do (docs/events.md), import it with "
            "`vitrine events import`, or give --judgements FILE"
        )
    found = ", ".join(f"{action} ({count:,})" for action, count in rows)
    return f"no event is {' or '.join(actions)}: found are {found}; choose with --action"


def _case(row: Sequence[Any], cut: datetime) -> Case:
    shopper, client, session, query, filters, terms, grades = row
    words = (query or "").strip() or None
    return Case(
        shopper=shopper,
        client=client,
        session=session,
        query=words,
        filters=filters,
        terms=terms,
        grades=grades,
        as_of=cut,
        query_class=query_class(words, filters, terms),
    )


def _with_histories(connection: Connection, cases: Sequence[Case], cut: datetime) -> list[Case]:
    names = {
        "clients": sorted({case.client for case in cases if case.client is not None}),
        "sessions": sorted({case.session for case in cases if case.session is not None}),
        "cut": cut,
    }
    rows = connection.execute(sql_files.read("evaluate/histories").encode(), names).fetchall()
    found = {(kind, name): (events, known) for kind, name, events, known in rows}
    with_history = []
    for case in cases:
        place = ("session", case.session) if case.client is None else ("client", case.client)
        events, known = found.get(place, (0, None))
        with_history.append(replace(case, history=events, known=frozenset(known or ())))
    return with_history
