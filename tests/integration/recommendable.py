"""Events for recommendation tests: written in bulk, counted, and counted again in plain Python."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.rows import dict_row

from vitrine.database import Connection

NOW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
TENDERS = ("tend_co_purchases", "tend_viewed_after", "tend_trends", "tend_cold_trends")
OF_PRODUCT = ("similar_products", "bought_together", "viewed_after", "complete_the_look")
OF_CLIENT = ("for_you", "new_arrivals")
JSON = ("filters", "options")


@dataclass(frozen=True, kw_only=True)
class Event:
    object_id: str
    action_name: str = "purchase"
    client_id: str | None = None
    session_id: str | None = None
    order_id: str | None = None
    timestamp: datetime = NOW
    object_id_field: str = "external_id"


def write(connection: Connection, events: Iterable[Event]) -> None:
    columns = tuple(Event.__annotations__)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY event ({', '.join(columns)}) FROM STDIN".encode()) as copy,
    ):
        for event in events:
            copy.write_row([getattr(event, column) for column in columns])


def tend(connection: Connection) -> None:
    for name in TENDERS:
        for _ in range(100):
            row = connection.execute(f"SELECT {name}()".encode()).fetchone()
            if row == (0,):
                break


def recommend(connection: Connection, function: str, **arguments: Any) -> list[dict[str, Any]]:
    given = {name: json.dumps(v) if name in JSON else v for name, v in arguments.items()}
    named = ", ".join(
        f"{name} => %({name})s" + ("::jsonb" if name in JSON else "") for name in given
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"SELECT * FROM {function}({named})".encode(), given).fetchall()


def names(hits: Sequence[dict[str, Any]]) -> list[str]:
    return [hit["external_id"] for hit in hits]


def random_events(rng: random.Random, products: Sequence[str], count: int) -> list[Event]:
    """Purchases in orders or on days, visits with and without a session, and stray ones."""
    events = []
    for number in range(count):
        shopper = rng.randrange(8)
        began = NOW - timedelta(days=rng.randrange(40), minutes=rng.randrange(300))
        client = rng.choice([f"c{shopper}", f"c{shopper}", f"c{shopper}", None])
        order = rng.choice([f"o{number}", None])
        session = rng.choice([f"s{number}", None]) if client else f"s{number}"
        for step, name in enumerate(rng.choices(products, k=rng.randint(1, 5))):
            action = rng.choice(["view", "click", "purchase", "purchase", "impression"])
            events.append(
                Event(
                    object_id=name,
                    action_name=action,
                    client_id=client,
                    session_id=session,
                    order_id=order if action == "purchase" else None,
                    timestamp=began + timedelta(minutes=7 * step, seconds=number),
                )
            )
    rng.shuffle(events)
    return events


def shopper_of(event: Event) -> str:
    if event.client_id is not None:
        return "c" + event.client_id
    return "" if event.session_id is None else "s" + event.session_id


def bought_together(
    events: Iterable[Event], known: set[str], least: int = 3
) -> dict[tuple[str, str], tuple[int, int]]:
    """(product, partner): baskets with both, and their shoppers, where there are enough."""
    baskets: dict[Any, list[Event]] = defaultdict(list)
    for event in events:
        if event.action_name != "purchase" or event.object_id not in known:
            continue
        if event.order_id is not None:
            baskets["order", event.order_id].append(event)
        elif event.client_id is not None:
            baskets[event.client_id, event.timestamp.date()].append(event)
    pairs: dict[tuple[str, str], list[str]] = defaultdict(list)
    for basket in baskets.values():
        found = {event.object_id for event in basket}
        for product in found:
            for partner in found - {product}:
                pairs[product, partner].append(shopper_of(basket[0]))
    return {
        pair: (len(shoppers), len(set(shoppers)))
        for pair, shoppers in pairs.items()
        if len(set(shoppers)) >= least
    }


def viewed_after(
    events: Sequence[Event], known: set[str], least: int = 3
) -> dict[tuple[str, str], tuple[int, int]]:
    """(product, partner): visits that went on to it, buyers twice, and their shoppers."""
    visits: dict[tuple[str, Any], Event] = {}
    for event in sorted(events, key=lambda event: event.timestamp):
        if event.action_name in ("view", "click") and shopper_of(event):
            day = (event.object_id, (shopper_of(event), event.timestamp.date()))
            visits.setdefault(day, event)
    pairs: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for (product, _), visit in visits.items():
        went_on: dict[str, int] = {}
        for event in events:
            same = (
                event.session_id == visit.session_id
                if visit.session_id is not None
                else event.client_id == visit.client_id
            )
            late = event.timestamp - visit.timestamp
            if (
                same
                and timedelta(0) < late <= timedelta(hours=1)
                and event.action_name in ("view", "click", "purchase")
                and event.object_id != product
            ):
                weight = 2 if event.action_name == "purchase" else 1
                went_on[event.object_id] = max(went_on.get(event.object_id, 0), weight)
        for partner, weight in went_on.items():
            pairs[product, partner].append((weight, shopper_of(visit)))
    return {
        pair: (sum(weight for weight, _ in seen), len({shopper for _, shopper in seen}))
        for pair, seen in pairs.items()
        if len({shopper for _, shopper in seen}) >= least and set(pair) <= known
    }


def trends(events: Iterable[Event], at: datetime, half_life: float = 7) -> dict[str, float]:
    """The decayed sums at a moment, of products that three shoppers or more dealt with."""
    weights = {"view": 0.2, "click": 0.2, "wishlist": 0.4, "add_to_cart": 0.6, "purchase": 1}
    latest: dict[Any, datetime] = {}
    for event in events:
        if event.action_name in weights and event.timestamp > at - timedelta(days=8 * half_life):
            key = (event.object_id, shopper_of(event), event.action_name, event.timestamp.date())
            latest[key] = max(latest.get(key, event.timestamp), event.timestamp)
    sums: dict[str, float] = defaultdict(float)
    shoppers: dict[str, set[str]] = defaultdict(set)
    for (product, shopper, action, _), timestamp in latest.items():
        age = (at - timestamp).total_seconds() / 86400
        sums[product] += weights[action] * 2 ** (-age / half_life)
        shoppers[product].add(shopper)
    return {name: total for name, total in sums.items() if len(shoppers[name]) >= 3}
