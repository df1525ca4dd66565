"""A real shop's export as styles: each one design, in one or more colours with pictures of its own.

The colours of a style are told by the names of its pictures (`mh01-black_main.jpg`): some styles
have a picture of a colour that is not sold.
"""

from __future__ import annotations

import csv
import html
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vitrine.catalogue.markup import to_text

__all__ = ["Style", "read_related", "read_styles"]

# The first picture of a colour is its main one.
PICTURE = re.compile(r"([a-z]+\d+)-([a-z]+)[_-](\w+)\.jpg")
PAIRS = re.compile(r",(?=[A-Za-z][\w-]*=)")
SEARCHED = ("material", "pattern", "climate", "style_general", "style_bottom")
KINDS = {
    "Jackets": ("jacket",),
    "Hoodies & Sweatshirts": ("hoodie", "sweatshirt"),
    "Tees": ("tee",),
    "Tanks": ("tank",),
    "Bras & Tanks": ("tank",),
    "Pants": ("pants",),
    "Shorts": ("shorts",),
}
SIGNS = re.compile("[®™]")


@dataclass(frozen=True, kw_only=True)
class Style:
    """One design: what is said of it, what may be judged, and its pictures by colour."""

    key: str
    title: str
    description: str
    department: str  # men or women
    category: str
    kinds: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]]
    pictures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_styles(folder: Path) -> list[Style]:
    """The configurable products of the export, in its order."""
    pictures = _pictures(folder / "images")
    with (folder / "products.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["product_type"] == "configurable"]
    return [_style(row, pictures[row["sku"].lower()]) for row in rows]


def read_related(folder: Path) -> dict[str, set[str]]:
    """The styles that the shop shows beside a style, whichever of the two names the other."""
    related: dict[str, set[str]] = defaultdict(set)
    with (folder / "related.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            for other in row["linked_sku"].split():
                related[row["sku"]].add(other)
                related[other].add(row["sku"])
    return dict(related)


def _pictures(folder: Path) -> dict[str, dict[str, tuple[str, ...]]]:
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(folder.rglob("*.jpg"), key=lambda p: ("_main" not in p.name, p.name)):
        match = PICTURE.fullmatch(path.name)
        if match:
            found[match[1]][match[2]].append(str(path.relative_to(folder)))
    return {
        style: {colour: tuple(files) for colour, files in sorted(colours.items())}
        for style, colours in found.items()
    }


def _style(row: Mapping[str, str], pictures: Mapping[str, tuple[str, ...]]) -> Style:
    cell = html.unescape(row["additional_attributes"])
    pairs = (pair.partition("=") for pair in PAIRS.split(cell))
    attributes = {
        name: tuple(SIGNS.sub("", value) for value in values.split("|"))
        for name, _, values in pairs
        if name in SEARCHED
    }
    places = (path.split("/")[1:] for path in row["categories"].split(","))
    department, *_, leaf = next(p for p in places if p and p[0] in {"Men", "Women"})
    bra = "Bra" in attributes.get("style_general", ()) or re.search(r"\bBra\b", row["name"])
    return Style(
        key=row["sku"],
        title=" ".join(SIGNS.sub("", html.unescape(row["name"])).split()),
        description=to_text(row["description"]),
        department=department.lower(),
        category=leaf,
        kinds=("bra",) if bra else KINDS[leaf],
        attributes=attributes,
        pictures=pictures,
    )
