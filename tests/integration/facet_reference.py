"""What facets must say, product by product: the naive count beside the real one."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any

from tests.integration.searchable import Product, is_shown
from vitrine.database import Connection

Filter = Mapping[str, Any]


def facet_counts(
    connection: Connection, filters: Any = None, facets: Any = True, relevant: Any = None
) -> dict[str, Any]:
    """Call facet_counts with Python objects."""
    row = connection.execute(
        "SELECT facet_counts(%s::jsonb, %s::jsonb, %s::bigint[])",
        (json.dumps(filters or {}), json.dumps(facets), relevant),
    ).fetchone()
    assert row is not None
    answer: dict[str, Any] = row[0]
    return answer


def without(filters: Filter, facet: str) -> dict[str, Any]:
    """The filter without what it asks of a facet itself."""
    field, _, name = facet.partition(".")
    rest = dict(filters)
    if not name:
        rest.pop(field, None)
    elif field in rest:
        rest[field] = {k: v for k, v in rest[field].items() if k.lower() != name.lower()}
        if not rest[field]:
            del rest[field]
    return rest


def asking(filters: Filter, facet: str, value: Any) -> dict[str, Any]:
    """The filter that asks for one value of a facet."""
    field, _, name = facet.partition(".")
    rest = without(filters, facet)
    return rest | {field: {**rest.get(field, {}), name: value} if name else value}


def count(products: Iterable[Product], filters: Filter) -> int:
    return sum(is_shown(filters, product) for product in products)


def check_facets(
    products: list[Product], filters: Filter, answer: Mapping[str, Any], paths: Iterable[str] = ()
) -> None:
    """Compare the total and every facet of an answer with the truth."""
    assert answer["total"] == count(products, filters)
    for facet, values in answer["facets"].items():
        if facet == "price":
            _check_prices(products, filters, values)
            continue
        shown = {str(v["value"]).lower(): v["count"] for v in values}
        assert len(shown) == len(values), facet
        for value in values:
            truth = count(products, asking(filters, facet, value["value"]))
            assert value["count"] == truth, (facet, value)
        # Nothing is left out: what is not shown, nothing has.
        for value in _candidates(products, facet, paths):
            if value.lower() not in shown:
                assert count(products, asking(filters, facet, value)) == 0, (facet, value)
        if facet != "category":
            ordered = sorted(values, key=lambda v: (-v["count"], str(v["value"])))
            assert facet == "in_stock" or values == ordered


def _candidates(products: list[Product], facet: str, paths: Iterable[str]) -> set[str]:
    field, _, name = facet.partition(".")
    match field:
        case "category":
            return set(paths)
        case "brand":
            return {p.brand for p in products if p.brand is not None}
        case "attributes":
            objects = [p.attributes for p in products]
        case "options":
            objects = [v.options for p in products for v in p.variants]
        case _:
            return set()
    found = [v for o in objects for k, v in o.items() if k.lower() == name.lower()]
    flat = [e for v in found for e in (v if isinstance(v, list) else [v])]
    return {e if isinstance(e, str) else json.dumps(e) for e in flat if e is not None}


def _check_prices(products: list[Product], filters: Filter, answer: Mapping[str, Any]) -> None:
    rest = without(filters, "price")
    prices = [
        float(v.price)
        for p in products
        for v in p.variants
        if v.price is not None
        and is_shown(rest | {"price": v.price}, p)
        and is_shown(rest, _only(p, v))
    ]
    assert answer["min"] == (min(prices) if prices else None)
    assert answer["max"] == (max(prices) if prices else None)
    buckets = answer["buckets"]
    assert bool(buckets) == bool(prices)
    if not buckets:
        return
    assert buckets[0]["gte"] <= min(prices)
    assert max(prices) < buckets[-1]["lt"]
    for bucket, after in itertools.pairwise(buckets):
        assert bucket["lt"] == after["gte"]
    for bucket in buckets:
        inside = {"gte": bucket["gte"], "lt": bucket["lt"]}
        assert bucket["count"] == count(products, rest | {"price": inside}), bucket


def _only(product: Product, variant: Any) -> Product:
    return Product(**(vars(product) | {"variants": [variant]}))
