"""Composed queries: a photo of a style and the word of another colour find the style in it."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.relevance.magento import Style, read_styles
from benchmarks.relevance.measures import interval_of_groups
from benchmarks.relevance.products import Product, make_products
from benchmarks.relevance.shop import fill_shop
from benchmarks.temporary_shop import temporary_shop
from numpy.typing import NDArray

import vitrine
from vitrine.encoder import Encoder

__all__ = ["Triple", "hits", "make_triples", "measure_composed"]

K = 10
PICTURES = {"arms": {"image": 1, "caption": 0, "text": 0}, "understand": False, "rules": False}


@dataclass(frozen=True)
class Triple:
    """What is shown, the word that says how it should differ, and what is looked for."""

    source: Product
    word: str
    wanted: Product


def make_triples(products: Sequence[Product], *, every: bool = False) -> list[Triple]:
    """All pairs of colours of a style: of the 113 styles whose key begins with two letters, or of
    every one of the 135 (`every`).
    """
    by_style: dict[str, list[Product]] = {}
    for product in products:
        if every or re.fullmatch(r"[A-Z]{2}\d+", product.style.key):
            by_style.setdefault(product.style.key, []).append(product)
    return [
        Triple(source, wanted.colours[0], wanted)
        for same in by_style.values()
        for source in same
        for wanted in same
        if source is not wanted
    ]


def hits(triples: Sequence[Triple], answers: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """1 where what is looked for is among the first 10, the source product left out."""
    return np.array([
        float(t.wanted.key in [key for key in answer if key != t.source.key][:K])
        for t, answer in zip(triples, answers, strict=True)
    ])  # fmt: skip


def write_bare(path: Path, products: Sequence[Product]) -> None:
    """Every style-colour a product of its own, of which nothing is said: only its pictures tell."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sku", "title", "price", "image"])
        for product in products:
            writer.writerow([product.key, "Article", "10", "|".join(product.pictures)])


def measure_composed(
    data: Path, encoder: Encoder, folder: Path, *, quick: bool = False, postgres: int = 18
) -> bool:
    """Print R@10; whether composed queries beat the picture alone and the plain sum."""
    styles = read_styles(data)
    products = make_products(_few(styles) if quick else styles, "colour", 1)
    triples = make_triples(products)
    with temporary_shop(postgres) as url:
        write_bare(folder / "bare.csv", products)
        fill_shop(url, folder / "bare.csv", data / "images")
        with vitrine.connect(url, encoder=lambda: encoder) as shop:
            keys = {
                t.source.key: shop.encode(image=data / "images" / t.source.pictures[0])
                for t in triples
            }
            found = {
                "picture alone": [ask(shop, t, keys, word=0) for t in triples],
                "words alone": [ask(shop, t, keys, picture=0) for t in triples],
                "plain sum of the vectors": plain_sums(shop, triples, keys),
            } | {
                f"composed, words {word}": [ask(shop, t, keys, word=word) for t in triples]
                for word in (0.5, 0.7, 1)
            }
    return report(triples, {name: hits(triples, answers) for name, answers in found.items()})


def _few(styles: Sequence[Style]) -> list[Style]:
    return [style for style in styles if len(style.pictures) > 1][:20]


def ask(
    shop: vitrine.Shop,
    triple: Triple,
    keys: Mapping[str, str],
    *,
    picture: float = 1,
    word: float = 1,
) -> list[str]:
    """The answer of Vitrine's own search to the picture and the word."""
    terms = [
        {"image": keys[triple.source.key], "weight": picture},
        {"words": triple.word, "weight": word},
    ]
    terms = [term for term in terms if term["weight"]]
    return [hit.external_id for hit in shop.search(terms=terms, k=K + 1, options=PICTURES)]


def plain_sums(
    shop: vitrine.Shop, triples: Sequence[Triple], keys: Mapping[str, str]
) -> list[list[str]]:
    """What the sum of the two unit vectors finds, by an exact scan."""
    for word in {triple.word for triple in triples}:
        shop.encode(word)
    with shop.connection() as connection:
        return [
            [key for (key,) in connection.execute(PLAIN_SUM, (keys[t.source.key], t.word, K + 1))]
            for t in triples
        ]


PLAIN_SUM = """
SELECT p.external_id FROM vitrine.image_vector_1 v JOIN vitrine.product p USING (product_id),
    (SELECT i.embedding + t.embedding AS embedding
     FROM vitrine.query_vector i, vitrine.query_vector t
     WHERE i.kind = 'image' AND i.key = %s AND t.kind = 'text' AND t.key = vitrine.query_key(%s)) q
GROUP BY p.product_id ORDER BY min(v.embedding <#> q.embedding) LIMIT %s
"""


def report(triples: Sequence[Triple], found: Mapping[str, NDArray[np.float64]]) -> bool:
    """Print each with its interval, styles resampled, and the differences."""
    styles = [triple.source.style.key for triple in triples]
    print(f"composed queries: R@{K}, {len(triples)} triples of {len(set(styles))} styles")
    for name, values in found.items():
        print(f"    {name:26} {interval_of_groups(values, styles)}")
    ahead = True
    for name in ("picture alone", "plain sum of the vectors"):
        values = found["composed, words 1"] - found[name]
        difference = interval_of_groups(values, styles)
        print(f"    composed, words 1, minus {name}: {difference}")
        ahead = ahead and difference.low > 0
    return ahead
