"""What shoppers were shown and what they chose of it, with the features of the reranker."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine import sql_files
from vitrine.errors import DatabaseUnavailableError, QueryError
from vitrine.evaluate.history import GRADES
from vitrine.evaluate.measures import Numbers
from vitrine.evaluate.reading import reading
from vitrine.search import SearchRequest, run_search
from vitrine.shop import Shop

__all__ = ["FEATURES", "Logged", "Shown", "load_shown"]

# The reranker's weights in the order of the columns after relevance.
FEATURES = ("popularity", "taste", "session", "attributes", "repurchase")
CANDIDATES = 200


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One page as it was shown, only products that could still be; rows are products.

    `features` has the relevance of the search (standardised over its candidates, 0 in browsing)
    and then FEATURES, each times the part of the gate that holds for it: what the weights multiply.
    """

    shopper: str
    at: datetime
    browses: bool
    features: Numbers
    positions: NDArray[np.int64]
    propensities: Numbers
    grades: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Logged:
    """Pages to learn from, and what was passed over, by reason."""

    pages: Sequence[Shown]
    passed_over: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class _Row:
    query_id: str
    at: datetime
    client: str | None
    session: str | None
    query: str | None
    filters: dict[str, Any]
    terms: list[dict[str, Any]] | None
    product_ids: list[int]
    positions: list[int | None]
    propensities: list[float | None]
    grades: list[int]

    @property
    def browses(self) -> bool:
        return not (self.query or "").strip() and not self.terms


def load_shown(
    shop: Shop,
    *,
    since: datetime,
    until: datetime,
    actions: Sequence[str] = ("purchase", "add_to_cart", "click"),
    most: int = 5_000,
    seed: int = 0,
    tick: Callable[[int], None] = lambda _: None,
) -> Logged:
    """Pages of shoppers with a history, with something chosen and something not.

    Raises:
        QueryError: nothing can be learned; the message says what is missing.

    """
    values = {
        "since": since,
        "until": until,
        "actions": [*actions],
        "grades": json.dumps({action: GRADES.get(action, 1) for action in actions}),
        "most": most,
        "seed": seed,
    }
    with reading(shop) as connection:
        found = connection.execute(sql_files.read("evaluate/shown").encode(), values).fetchall()
    rows = [_Row(**dict(zip(_Row.__annotations__, row, strict=True))) for row in found]
    _check(rows, values)
    passed: dict[str, int] = {}
    pages = []
    tick(len(rows))
    for row in rows:
        page = _page(shop, row)
        tick(0)
        if isinstance(page, Shown):
            pages.append(page)
        else:
            passed[page] = passed.get(page, 0) + 1
    return Logged(pages=pages, passed_over=passed)


def _check(rows: Sequence[_Row], asked: Mapping[str, Any]) -> None:
    if not rows:
        raise QueryError(
            "no page was logged with its impressions between "
            f"{asked['since']:%Y-%m-%d %H:%M} and {asked['until']:%Y-%m-%d %H:%M}: log each shown "
            "page (shop.log_page, or log_page in SQL), then what is chosen with its query_id"
        )
    impressions = sum(len(row.product_ids) for row in rows)
    for name, values in (
        ("position", [p for row in rows for p in row.positions]),
        ("propensity", [p for row in rows for p in row.propensities]),
    ):
        missing = sum(value is None for value in values)
        if missing:
            raise QueryError(
                f"{missing:,} of {impressions:,} impressions have no {name}, and without it the "
                "bias of positions cannot be told from taste: log pages with log_page, which "
                "writes both (1 is the propensity of a page that nothing was drawn for)"
            )
    if not any(grade for row in rows for grade in row.grades):
        raise QueryError(
            f"{impressions:,} impressions and not one {' or '.join(asked['actions'])} on any of "
            "them: log what shoppers choose, with the query_id of the page"
        )


def _page(shop: Shop, row: _Row) -> Shown | str:
    """The page with its features, or why it teaches nothing."""
    if not any(row.grades) or all(row.grades):
        return "pages of which nothing, or everything, was chosen"
    # Just before, so that the page's own events are not among what it is judged by.
    as_of = row.at - timedelta(microseconds=1)
    relevance: dict[int, float] = {}
    if not row.browses:
        try:
            relevance = _relevance(shop, row)
        except QueryError:
            return "pages of searches that can no longer be asked"
    kept = [
        place
        for place, product_id in enumerate(row.product_ids)
        if row.browses or product_id in relevance
    ]
    grades = np.array([row.grades[place] for place in kept], dtype=np.int64)
    if not grades.any() or grades.all():
        return "pages whose products the search no longer finds"
    ids = [row.product_ids[place] for place in kept]
    with reading(shop) as connection:
        found = connection.execute(
            sql_files.read("evaluate/features").encode(),
            {
                "client": row.client,
                "session": row.session,
                # All candidates of a search, for the features are standardised over them.
                "product_ids": list(relevance) or ids,
                "as_of": as_of,
            },
        ).fetchall()
    gate = float(found[0][0]) if found else 0.0
    if gate == 0:
        return "pages of shoppers without a history"
    parts = {int(line[1]): [float(value) for value in line[2:]] for line in found}
    # Beside words popularity is not used.
    gates = np.array([1.0 if row.browses else 0.0, gate, gate, gate, 1.0])
    raw = np.array([parts[product_id] for product_id in ids]) * gates
    return Shown(
        shopper=row.client or f"session {row.session}",
        at=row.at,
        browses=row.browses,
        features=np.column_stack([[relevance.get(product_id, 0.0) for product_id in ids], raw]),
        positions=np.array([row.positions[place] for place in kept], dtype=np.int64),
        propensities=np.array([row.propensities[place] for place in kept], dtype=np.float64),
        grades=grades,
    )


def _relevance(shop: Shop, row: _Row) -> dict[int, float]:
    """What search says of its first candidates without any history, as the reranker uses it."""
    request = SearchRequest(
        query=row.query, terms=row.terms, filters=row.filters, k=CANDIDATES, options={}
    )
    with shop.connection() as connection:
        try:
            page = run_search(connection, shop.schema, request)
        except DatabaseUnavailableError as gone:
            raise gone from None
    logs = np.log(np.maximum([hit.score for hit in page], 1e-3))
    spread = max(float(logs.std()), 1e-6) if len(logs) else 1.0
    return {
        hit.product_id: float((value - logs.mean()) / spread)
        for hit, value in zip(page, logs, strict=True)
    }
