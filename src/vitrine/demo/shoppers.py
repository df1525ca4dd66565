"""The demo's shoppers: simulated, with tastes that are known, and what they did in its shop."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from psycopg import sql
from psycopg.types.json import Jsonb

from vitrine.demo.tastes import liked
from vitrine.simulation import (
    draw_shoppers,
    read_assortment,
    visits,
    write_popularity,
    write_searches,
    write_visits,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vitrine.database import Connection
    from vitrine.demo.products import Product
    from vitrine.events import Event
    from vitrine.simulation import Assortment, Shoppers

__all__ = ["FEWEST_PRODUCTS", "Crowd", "Shopper", "chosen_pair", "settle_shoppers"]

FEWEST_PRODUCTS = 20  # fewer are no choice, and the simulation refuses them
COUNT, PAGES = 60, 15  # shoppers, and pages that each of them looks at on average
# A history fades, and its first months are dropped in the end: after so long it is made anew.
KEPT = timedelta(days=7)
# Who is shown: somebody that the shop knows, and who looks at the category that is asked for.
KNOWN, INTERESTED = 40, 0.2
_NOTE = "demo_shoppers"  # the setting that says of which edition the histories are, and when
_TENDED = (
    "tend_price_bands",
    "tend_co_purchases",
    "tend_viewed_after",
    "tend_trends",
    "tend_cold_trends",
)


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """The simulated shoppers, how often each chose something, and how many events there are.

    `written` is False where their histories were there already.
    """

    assortment: Assortment
    shoppers: Shoppers
    chosen: Counter[str]
    events: int
    written: bool

    @property
    def category(self) -> str:
        """The path of the top category with most products."""
        return self.assortment.paths[int(np.bincount(self.assortment.shelves).argmax())]


@dataclass(frozen=True, kw_only=True)
class Shopper:
    """One of them: the id, and what the simulation made this shopper like, in words.

    The words are those of the category that is asked for.
    """

    client: str
    likes: Sequence[str]

    @property
    def taste(self) -> str:
        """Such as `likes red, jackets, Norrvik`; empty where nothing stands out."""
        return f"likes {', '.join(self.likes)}" if self.likes else ""


def settle_shoppers(connection: Connection, schema: str, edition: str) -> Crowd:
    """Draw the shoppers of this edition of the shop, and write what they did unless it is there.

    Raises:
        QueryError: the shop has too few products to choose from.
        DatabaseError: the database refuses.

    """
    assortment = read_assortment(connection)
    shoppers = draw_shoppers(assortment, COUNT)
    edition = f"{edition} {_space(connection)}"
    known = _noted(connection, edition)
    until = known or datetime.now(UTC)
    events = list(visits(assortment, shoppers, until, pages=PAGES))
    if known is None:
        _write(connection, schema, assortment, shoppers, events)
        connection.execute(
            "INSERT INTO setting AS s (name, value) VALUES (%s, %s) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (_NOTE, Jsonb({"edition": edition, "until": until.isoformat()})),
        )
    return Crowd(
        assortment=assortment,
        shoppers=shoppers,
        chosen=_chosen(events),
        events=len(events),
        written=known is None,
    )


def chosen_pair(crowd: Crowd, products: Iterable[Product]) -> list[Shopper]:
    """Two whose tastes differ most in the category that is asked for, each known to the shop."""
    assortment, shoppers = crowd.assortment, crowd.shoppers
    shelf = assortment.paths.index(crowd.category)
    counts = np.array([crowd.chosen[client] for client in shoppers.clients])
    fit = np.flatnonzero((counts >= KNOWN) & (shoppers.interests[:, shelf] >= INTERESTED))
    if len(fit) < 2:  # a tiny shop: those who are known best
        fit = np.argsort(-counts, kind="stable")[:2]
    there = np.flatnonzero(assortment.shelves == shelf)
    alike = np.corrcoef(shoppers.tastes[np.ix_(fit, there)])
    # In order: the matrix has each pair twice, and rounding decides which of them is the least.
    pair = np.sort(fit[list(np.unravel_index(np.nanargmin(alike), alike.shape))])
    found = list(products)
    return [
        Shopper(
            client=shoppers.clients[number],
            likes=liked(
                found,
                {
                    assortment.external_ids[product]: float(shoppers.tastes[number, product])
                    for product in there
                },
            ),
        )
        for number in pair
    ]


def _chosen(events: Iterable[Event]) -> Counter[str]:
    return Counter(
        str(event.get("client")) for event in events if event["action_name"] != "impression"
    )


def _write(
    connection: Connection,
    schema: str,
    assortment: Assortment,
    shoppers: Shoppers,
    events: Sequence[Event],
) -> None:
    """What they did, in place of what an earlier edition's did, and what is counted of it."""
    connection.execute("SELECT count(*) FROM forget_clients(%s)", (list(shoppers.clients),))
    connection.execute("UPDATE product SET popularity = 0 WHERE popularity <> 0")
    write_visits(connection, schema, events)
    write_searches(connection, assortment, events)
    write_popularity(connection, events)
    # What a worker would do within minutes.
    connection.execute("SELECT tend_shares('0 seconds')")
    for tended in _TENDED:
        connection.execute(sql.SQL("SELECT {}()").format(sql.Identifier(tended)))
    connection.execute("ANALYZE event")


def _noted(connection: Connection, edition: str) -> datetime | None:
    """Until when the histories of this edition go; None: there are none, or old ones."""
    row = connection.execute("SELECT value FROM setting WHERE name = %s", (_NOTE,)).fetchone()
    if row is None or row[0].get("edition") != edition:
        return None
    until = datetime.fromisoformat(row[0]["until"])
    return until if datetime.now(UTC) - until < KEPT else None


def _space(connection: Connection) -> str:
    """The vectors that the tastes are drawn from: another model sees other looks."""
    row = connection.execute("SELECT name FROM space WHERE status = 'active'").fetchone()
    return str(row[0]) if row else ""
