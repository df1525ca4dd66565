"""The formula of personal search in plain Python, from a shop's products and a list of events."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.integration.searchable import DIMENSION, Product, unit

WEIGHTS = {
    "view": 0.2, "click": 0.2, "wishlist": 0.4, "add_to_cart": 0.6, "remove_from_cart": -0.6,
    "purchase": 1.0,
}  # fmt: skip


@dataclass(frozen=True)
class Event:
    """What one shopper did with a product, `age` days ago."""

    action: str
    external_id: str
    age: float
    quantity: float | None = None


BANDS = ("lowest quarter", "second quarter", "third quarter", "highest quarter")


def paths(product: Product) -> list[list[str]]:
    """The categories of a product, each after those above it."""
    found = []
    for path in dict.fromkeys(path.lower() for path in product.categories):
        parts = path.split("/")
        found.append(["/".join(parts[: n + 1]) for n in range(len(parts))])
    return found


def price(product: Product) -> float | None:
    """The lowest price of what is sold of a product."""
    active = [v.price for v in product.variants if v.status == "active" and v.price is not None]
    return min(active, default=None)


def bands(products: Sequence[Product], path_ids: Mapping[str, int]) -> dict[str, str]:
    """In which quarter of the prices of its category a product lies, by its name."""
    prices: dict[str, list[float]] = {}
    for product in products:
        if product.status == "active" and (costs := price(product)) is not None:
            for path in {one for above in paths(product) for one in above}:
                prices.setdefault(path, []).append(costs)
    ends = {p: np.quantile(each, [0.25, 0.5, 0.75]) for p, each in prices.items() if len(each) >= 8}
    ends = {path: each for path, each in ends.items() if each[0] < each[2]}
    found = {}
    for product in products:
        known = [p for above in paths(product) for p in above if p in ends]
        if known and (costs := price(product)) is not None:
            lowest = min(known, key=lambda path: (-path.count("/"), path_ids[path]))
            below, to = (
                int(np.searchsorted(ends[lowest], costs, side=s)) for s in ("left", "right")
            )
            middle = (below + to) / 2  # quarters may end more than once where many cost the same
            quarter = math.floor(middle) if middle < 1.5 else math.ceil(middle)
            found[product.external_id] = BANDS[quarter]
    return found


def values(product: Product, path_ids: Mapping[str, int], in_band: Mapping[str, str]) -> list[str]:
    """The values of a product, such as brand=acme; a category with those above it."""
    found = [f"brand={product.brand.lower()}"] if product.brand else []
    for above in paths(product):
        found += [f"category={path_ids[one]}" for one in above]
    if product.external_id in in_band:
        found.append(f"price={in_band[product.external_id]}")
    for name, value in product.attributes.items():
        for one in value if isinstance(value, list) else [value]:
            text = str(one).lower() if not isinstance(one, bool) else ("true" if one else "false")
            found.append(f"attributes.{name.lower()}={text}")
    return found


def features(
    products: Sequence[Product],
    events: Iterable[Event],
    weights: Mapping[str, Any],
    shares: Mapping[str, float],
    path_ids: Mapping[str, int],
) -> list[tuple[float, ...]]:
    """Popularity, taste, session taste, attributes and repurchase of every product."""
    by_name = {product.external_id: product for product in products}
    told = [e for e in events if e.action in WEIGHTS and e.age >= 0 and e.external_id in by_name]
    told = sorted(told, key=lambda event: event.age)[: weights["events"]]
    taste: Counter[str] = Counter()
    recent: Counter[str] = Counter()
    bought: Counter[str] = Counter()
    for place, event in enumerate(told):
        much = WEIGHTS[event.action] * (1 + math.log(min(max(event.quantity or 1, 1), 8)))
        taste[event.external_id] += much * 0.5 ** min(event.age / weights["half_life_days"], 60)
        recent[event.external_id] += much * 0.5 ** (place / weights["session_half_life"])
        bought[event.external_id] += event.action == "purchase"
    taste = Counter({name: max(much, 0.0) for name, much in taste.items()})
    amounts: Counter[str] = Counter()
    in_band = bands(products, path_ids)
    for name, much in taste.items():
        for value in values(by_name[name], path_ids, in_band):
            amounts[value] += much
    total = sum(taste.values())
    prior, least = weights["prior"], shares[""]
    long = _likeness(products, by_name, {n: w for n, w in taste.items() if w > 0})
    short = _likeness(products, by_name, {n: max(recent[n], 0) for n, w in taste.items() if w > 0})
    return [
        (
            math.log(1 + product.popularity),
            long[place],
            short[place],
            sum(
                math.log((amounts[value] + prior) / (total * shares.get(value, least) + prior))
                for value in values(product, path_ids, in_band)
                # What is neither says nothing, nor does a band of prices that was never met.
                if value in amounts or (value in shares and not value.startswith("price="))
            )
            if taste
            else 0.0,
            math.log(1 + bought[product.external_id]),
        )
        for place, product in enumerate(products)
    ]


def _vectors(product: Product, kind: str) -> list[np.ndarray[Any, Any]]:
    if kind == "caption":
        return [] if product.caption is None else [np.array(unit(product.caption))]
    return [np.array(unit(p.vector)) for p in product.pictures if p.vector is not None]


def _likeness(
    products: Sequence[Product], by_name: Mapping[str, Product], weight: Mapping[str, float]
) -> list[float]:
    """The cosine of each product's nearest picture and the weighted middle, standardised.

    Captions stand in for pictures where the history has none.
    """
    kinds = [k for k in ("image", "caption") if any(_vectors(by_name[n], k) for n in weight)]
    if not kinds:
        return [0.0] * len(products)
    most = max(1e-6, *weight.values())
    middle = np.zeros(DIMENSION)
    for name, w in weight.items():
        if pictures := _vectors(by_name[name], kinds[0]):
            middle += max(w / most, 1e-6) * np.mean(pictures, axis=0)
    if not middle.any():
        return [0.0] * len(products)
    middle = middle / np.linalg.norm(middle)
    near = [
        max((float(p @ middle) for p in _vectors(q, kinds[0])), default=math.nan) for q in products
    ]
    mean, deviation = np.nanmean(near), max(float(np.nanstd(near)), 0.02)
    return [0.0 if math.isnan(one) else float((one - mean) / deviation) for one in near]
