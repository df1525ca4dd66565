"""Nonsense: how much of it a cut-off answers with nothing, and how many right products it costs."""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
from benchmarks.relevance.fusion import OWN, Judged, Settings, judged_shop
from benchmarks.relevance.judgements import Query
from benchmarks.relevance.magento import read_styles
from benchmarks.relevance.products import halves

from vitrine.encoder import Encoder

__all__ = ["letters", "measure_cutoff"]

PAGE = 24
OTHER_DOMAINS = (
    "laptop charger", "pizza margherita", "car insurance", "usb cable", "washing machine",
    "tax return", "guitar strings", "dog food", "printer ink", "garden hose", "flight to london",
    "chess board", "baby stroller", "protein powder", "coffee machine", "drill bits",
    "wall paint", "toothpaste", "harry potter book", "playstation controller",
    "mortgage calculator", "bluetooth speaker", "sofa bed", "frying pan", "light bulb",
    "motor oil", "cat litter", "hard drive", "microwave oven", "aquarium filter", "candle wax",
    "violin bow", "lego bricks", "fishing rod", "bicycle tyre", "car battery", "wine glasses",
    "christmas tree", "garden gnome", "electric kettle", "router modem", "nail polish",
    "sunscreen lotion", "fertilizer", "cement mixer", "hammer", "ladder", "screwdriver",
    "shampoo", "toilet paper", "python tutorial", "quantum physics", "stock market",
    "pasta recipe", "football results", "translate english german", "weekend in paris",
)  # fmt: skip


def letters(count: int, seed: int) -> list[str]:
    """One or two words of random letters each."""
    rng = Random(seed)
    word = lambda: "".join(rng.choices(string.ascii_lowercase, k=rng.randint(4, 9)))  # noqa: E731
    return [
        "asdf qwerty",
        *(" ".join(word() for _ in range(rng.randint(1, 2))) for _ in range(count - 1)),
    ]


def measure_cutoff(data: Path, encoder: Encoder, settings: Settings) -> None:
    """Print how many products nonsense finds, and what the cut-off costs real queries."""
    _, reported_on = halves(read_styles(data), settings.seed)
    kinds = {"other domains": OTHER_DOMAINS, "random letters": letters(60, settings.seed)}
    print(f"cut-off, a product is a {settings.unit}, pages of {PAGE}")
    with judged_shop(data, reported_on, encoder, settings) as judged:
        for cutoff in (False, True):
            options = OWN | {"cutoff": cutoff}
            for name, words in kinds.items():
                nonsense = Judged(judged.shop, [Query(w, name, {}) for w in words], frozenset())
                found = np.array([len(a) for a in nonsense.answers(options, PAGE)])
                print(
                    f"    cutoff {cutoff!s:5}  {name:16} n={len(found)}: mean {found.mean():.1f} "
                    f"products, none for {np.mean(found == 0):.2f}"
                )
            kept = right(judged.queries, judged.answers(options, PAGE))
            if not cutoff:
                without = kept
        for form in ("all", "other words"):
            mine = [form in ("all", query.form) for query in judged.queries]
            before, after = without[mine].sum(), kept[mine].sum()
            print(f"    right products lost on pages, {form} queries: {1 - after / before:.3f}")


def right(queries: Sequence[Query], answers: Sequence[Sequence[str]]) -> np.ndarray:
    """How many products of each page have all that was asked for."""
    return np.array([
        sum(query.grades.get(key) == 3 for key in answer)
        for query, answer in zip(queries, answers, strict=True)
    ])  # fmt: skip
