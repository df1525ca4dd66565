"""Queries as shoppers type them, and which products answer them, from what the export says.

A query is made of parts (a colour, a kind, a material, …). A product that has all of them gets
grade 3; one of the same kind (or name) that lacks one other part grade 1; all others 0. Who types a
name alone wants the style (3); what `related.csv` shows beside it, and the same kind for the same
department, is second best (1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import product as combined
from random import Random

from benchmarks.relevance.products import Product

__all__ = ["FORMS", "Query", "make_queries"]

WANTED, SECOND = 3, 1
# The parts of each form of query, and how they are put into words.
FORMS: Mapping[str, tuple[str, ...]] = {
    "colour + kind": ("{colour} {kind}",),
    "colour + kind + department": (
        "{colour} {kind} for {department}",
        "{department} {colour} {kind}",
    ),
    "material + kind": ("{material} {kind}",),
    "colour + material + kind": ("{colour} {material} {kind}", "{colour} {kind} {material}"),
    "style + kind": ("{style} {kind}",),
    "colour + style + kind": ("{colour} {style} {kind}",),
    "pattern + kind": ("{pattern} {kind}",),
    "climate + kind": ("{kind} for {climate} weather", "{climate} weather {kind}"),
    "department + kind": ("{department} {kind}", "{kind} for {department}"),
    "colour + department": ("{colour} clothes for {department}",),
    "other words": ("{other_colour} {other_kind}", "{other_kind} in {other_colour}"),
    "name": ("{name}",),
    "name + colour": ("{name} {colour}", "{colour} {name}"),
}
# Values that a shopper would not type, or that name what nearly all products are.
UNASKED = {
    "solid",
    "all-weather",
    "indoor",
    "basic",
    "tee",
    "tank",
    "bra",
    "hoodie",
    "jacket",
    "pants",
}


# What the catalogue calls otherwise.
OTHER_COLOURS = {"blue": "navy", "red": "crimson", "purple": "violet", "gray": "grey"}
OTHER_KINDS = {
    "pants": "trousers",
    "jacket": "anorak",
    "tee": "t-shirt",
    "tank": "sleeveless top",
    "hoodie": "jumper",
}
NOUNS = {"workout pants", "sweatpants", "track pants", "leggings", "tights", "capri", "windbreaker"}
NOUNS |= {"rain coat", "camisole", "pullover", "sweatshirt"}  # they say the kind already
ESSENTIAL = {"kind", "other_kind", "name"}  # without it, nothing is second best


@dataclass(frozen=True)
class Query:
    """The words, their form, and the grade of each product that is not irrelevant, by key."""

    words: str
    form: str
    grades: Mapping[str, int]


def facets(product: Product) -> dict[str, frozenset[str]]:
    """What a product is, by part of a query."""
    style = product.style
    named = {
        part: _asked(style.attributes.get(part, ())) for part in ("material", "pattern", "climate")
    }
    styles = (*style.attributes.get("style_general", ()), *style.attributes.get("style_bottom", ()))
    return {
        "colour": frozenset(product.colours),
        "kind": frozenset(style.kinds),
        "department": frozenset({style.department}),
        "style": _asked(styles) - frozenset(style.kinds),
        "name": frozenset({style.title.lower()}),
        "other_colour": frozenset(OTHER_COLOURS.get(colour, colour) for colour in product.colours),
        "other_kind": frozenset(OTHER_KINDS[kind] for kind in style.kinds if kind in OTHER_KINDS),
        **named,
    }


def make_queries(
    products: Sequence[Product], related: Mapping[str, Set[str]], per_form: int, seed: int
) -> list[Query]:
    """At most so many queries of each form, each with at least one product that has all it asks."""
    rng = Random(seed)
    described = {product.key: facets(product) for product in products}
    queries: dict[str, Query] = {}
    for form, templates in FORMS.items():
        parts = tuple(re.findall(r"{(\w+)}", templates[0]))
        combinations = sorted({c for d in described.values() for c in _combinations(d, parts)})
        rng.shuffle(combinations)
        for values in combinations[:per_form]:
            asked = dict(zip(parts, values, strict=True))
            grades = _grades(asked, described)
            if form == "name":
                grades |= _beside(products, grades, related)
            words = _words(rng.choice(templates), asked)
            queries.setdefault(words, Query(words, form, grades))
    return list(queries.values())


def _asked(values: Sequence[str]) -> frozenset[str]:
    return frozenset(value.lower() for value in values) - UNASKED


def _combinations(
    described: Mapping[str, frozenset[str]], parts: Sequence[str]
) -> Iterator[tuple[str, ...]]:
    """Each way to say these parts of one product."""
    return combined(*(sorted(described[part]) for part in parts))


def _words(template: str, asked: Mapping[str, str]) -> str:
    if asked.get("style") in NOUNS:
        template = template.replace(" {kind}", "")
    return template.format(**asked)


def _grades(
    asked: Mapping[str, str], described: Mapping[str, Mapping[str, frozenset[str]]]
) -> dict[str, int]:
    grades = {}
    for key, has in described.items():
        lacking = {part for part, value in asked.items() if value not in has[part]}
        if not lacking:
            grades[key] = WANTED
        elif len(lacking) == 1 and asked.keys() & ESSENTIAL and not lacking & ESSENTIAL:
            grades[key] = SECOND
    return grades


def _beside(
    products: Sequence[Product], named: Mapping[str, int], related: Mapping[str, Set[str]]
) -> dict[str, int]:
    """Of other styles: what the shop shows beside the named one, and its like."""
    style = next(product.style for product in products if product.key in named)
    return {
        other.key: SECOND
        for other in products
        if other.key not in named
        and (
            other.style.key in related.get(style.key, ())
            or (other.style.department, other.style.kinds) == (style.department, style.kinds)
        )
    }
