"""What simulated shoppers do: visits with pages, which are looked through from the top."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from vitrine.events import Event
from vitrine.simulation.assortment import Assortment
from vitrine.simulation.tastes import Shoppers

__all__ = ["shuffled", "shuffled_pages", "visits"]

PAGE = 12
ATTENTION = 0.6  # position p is looked at with the probability p to the power of minus this


def visits(
    assortment: Assortment,
    shoppers: Shoppers,
    until: datetime,
    *,
    seed: int = 7,
    pages: float = 10,
    days: float = 60,
) -> Iterator[Event]:
    """Impressions, clicks, carts and purchases of the days before `until`, shopper by shopper.

    A shopper sees `pages` pages on average, each of one category by its appeal and by chance.
    """
    rng = np.random.default_rng([seed, 1])
    shelves = [np.flatnonzero(assortment.shelves == n) for n in range(len(assortment.paths))]
    utility = shoppers.utility
    for number, client in enumerate(shoppers.clients):
        for _ in range(1 + rng.geometric(1 / pages)):
            shelf = shelves[rng.choice(len(shelves), p=shoppers.interests[number])]
            noise = rng.gumbel(0, 1, len(shelf))
            page = shelf[np.argsort(-(shoppers.appeal[shelf] + noise))[:PAGE]]
            began = until - timedelta(days=float(rng.random() * days + 0.01))
            for event in _seen(page, utility[number], began, rng):
                event["object_id"] = assortment.external_ids[int(event["object_id"] or 0)]
                event["client"] = client
                yield event


def _seen(
    page: NDArray[np.int64], utility: NDArray[np.float64], began: datetime, rng: np.random.Generator
) -> Iterator[Event]:
    """A page from the top; the object_id is still the product's number."""
    query = uuid.UUID(bytes=rng.bytes(16), version=4)
    for place, item in enumerate(page):
        wanted = 1 / (1 + np.exp(1.0 - 1.5 * utility[item]))
        looked = rng.random() < (place + 1) ** -ATTENTION
        clicked = looked and rng.random() < wanted
        carted = clicked and rng.random() < 0.7 * wanted
        bought = carted and rng.random() < 0.6
        done = {"impression": True, "click": clicked, "add_to_cart": carted, "purchase": bought}
        for step, action in enumerate(name for name, happened in done.items() if happened):
            yield Event(
                action_name=action,
                object_id=str(item),
                query_id=query,
                session=query.hex,
                position=place + 1,
                propensity=1.0,
                event_id=uuid.UUID(bytes=rng.bytes(16), version=4),
                timestamp=began + timedelta(seconds=20 * place + 5 * step),
            )


def shuffled(events: Iterable[Event], seed: int = 7, prefix: str = "shuffled-") -> Iterator[Event]:
    """The same events dealt out anew among the shoppers: histories as long, but of nobody's taste.

    The shoppers of the new histories are the old ones with a prefix.
    """
    dealt = list(events)
    order = np.random.default_rng([seed, 2]).permutation(len(dealt))
    for event, other in zip(dealt, order, strict=True):
        identity = uuid.uuid5(uuid.NAMESPACE_OID, f"{prefix}{event.get('event_id')}")
        yield event | Event(
            action_name=event["action_name"],
            client=f"{prefix}{dealt[int(other)].get('client')}",
            session=None,
            event_id=identity,
        )


def shuffled_pages(
    events: Iterable[Event], seed: int = 7, prefix: str = "shuffled-"
) -> Iterator[Event]:
    """The same pages dealt out anew among the shoppers, each with all that was done on it.

    What was chosen stays beside what it was chosen from, but every shopper's earlier pages are of
    others: a history says nothing of what is chosen next. Names as `shuffled` gives them.
    """
    dealt = list(events)
    owners = {str(event.get("query_id")): event.get("client") for event in dealt}
    order = np.random.default_rng([seed, 5]).permutation(len(owners))
    names = list(owners.values())
    dealt_to = {page: names[int(other)] for page, other in zip(owners, order, strict=True)}
    for event in dealt:
        page = str(event.get("query_id"))
        yield event | Event(
            action_name=event["action_name"],
            client=f"{prefix}{dealt_to[page]}",
            session=None,
            query_id=uuid.uuid5(uuid.NAMESPACE_OID, f"{prefix}{page}"),
            event_id=uuid.uuid5(uuid.NAMESPACE_OID, f"{prefix}{event.get('event_id')}"),
        )
