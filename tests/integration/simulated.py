"""A small shop for simulated shoppers: values and pictures drawn by chance."""

from __future__ import annotations

import random

from tests.integration.searchable import Picture, Product, Variant, add_product, make_space
from vitrine.database import Connection

VALUES = {
    "color": ("red", "blue", "green", "black", "white"),
    "material": ("wool", "cotton", "linen", "silk"),
    "pattern": ("plain", "striped", "dotted"),
}


def fill(connection: Connection) -> None:
    """240 products of six brands on three shelves, with pictures in a space of four dimensions."""
    rng = random.Random(1)
    make_space(connection)
    for number in range(240):
        attributes = {name: rng.choice(names) for name, names in VALUES.items()}
        add_product(
            connection,
            Product(
                external_id=f"P{number:03d}",
                brand=rng.choice(("Acme", "Birch", "Cedar", "Dune", "Elm", "Fjord")),
                attributes=attributes,
                categories=[rng.choice(("Clothes/Coats", "Clothes/Dresses", "Home/Rugs"))],
                variants=[Variant(f"P{number:03d}-1")],
                pictures=[Picture([rng.gauss(0, 1) for _ in range(4)])],
            ),
        )
