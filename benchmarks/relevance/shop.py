"""The judged shop: a file that the importer reads, and a worker that encodes it."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Sequence, Set
from pathlib import Path

from benchmarks.relevance.hiding import Stem, without
from benchmarks.relevance.products import Product

from vitrine.database import Connection

__all__ = ["fill_shop", "stemmer", "write_products"]

ATTRIBUTES = ("material", "pattern", "climate", "style_general", "style_bottom")
COLUMNS = (
    "sku", "product", "title", "description", "category", "price", "variant_image", "option.color",
    *(f"attribute.{name}" for name in ATTRIBUTES),
)  # fmt: skip


def stemmer(connection: Connection) -> Stem:
    """The stems by which the shop's full text finds words."""
    known: dict[str, str | None] = {}

    def stem(word: str) -> str | None:
        if word not in known:
            [(lexemes,)] = connection.execute(
                "SELECT tsvector_to_array(to_tsvector('english', %s))", (word,)
            ).fetchall()
            known[word] = lexemes[0] if lexemes else None
        return known[word]

    return stem


def write_products(
    path: Path, products: Sequence[Product], hidden: Set[str], removed: Set[str], stem: Stem
) -> None:
    """One row a colour; hidden products have none of the removed words in any cell."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for product in products:
            for number, colour in enumerate(product.colours, 1):
                said = [
                    _said(text, removed if product.key in hidden else frozenset(), stem)
                    for text in _texts(product, colour)
                ]
                title, description, category, *options = said
                writer.writerow([
                    f"{product.key}-{number}", product.key, title or "Article", description,
                    category, "10", "|".join(product.style.pictures[colour]), *options,
                ])  # fmt: skip


def _texts(product: Product, colour: str) -> list[str]:
    style = product.style
    category = f"{style.department.title()} > {style.category}"
    values = ("|".join(style.attributes.get(name, ())) for name in ATTRIBUTES)
    return [style.title, style.description, category, colour.title(), *values]


def _said(text: str, removed: Set[str], stem: Stem) -> str:
    if not removed:
        return text
    for separator in ("|", ">"):
        if separator in text:
            parts = (without(part, removed, stem) for part in text.split(separator))
            return separator.join(part for part in parts if part)
    return without(text, removed, stem)


def fill_shop(url: str, file: Path, images: Path) -> None:
    """Import the file and encode everything with the starter."""
    settings = os.environ | {"VITRINE_DATABASE_URL": url, "VITRINE_MODEL": "starter"}
    program = str(Path(sys.executable).parent / "vitrine")
    for arguments in (
        ["import", str(file), "--images", str(images.resolve())],
        ["work", "--once"],
    ):
        subprocess.run([program, *arguments], env=settings, check=True, stdout=subprocess.DEVNULL)
