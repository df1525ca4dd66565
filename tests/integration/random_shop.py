"""A shop of random products with known queries: loaded, changed, and compared with the truth."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.integration.searchable import (
    Picture,
    Product,
    Variant,
    add_category,
    ask,
    counting_pictures,
    is_shown,
    know_picture,
    make_space,
)
from vitrine.database import Connection

PRODUCTS, DIMENSION, QUERIES = 8_000, 32, 12
KEY = "{:064x}"
PATHS = ["a", "a/x", "a/x/deep", "a/y", "b", "b/x", "b/z", "c", "c/rare"]
Vectors = NDArray[np.float64]
RANGE_OF_FILTERS: list[dict[str, Any]] = [
    {},
    {"brand": "half"},
    {"brand": "tenth"},
    {"brand": "rare"},
    {"category": "a"},
    {"category": "c/rare"},
    {"price": {"lt": 50}},
    {"price": {"lt": 3}},
    {"in_stock": False},
    {"not": {"brand": ["half", "tenth"]}},
    {"not": {"price": {"gte": 3}}},
    {"options": {"color": "gold"}, "category": "b"},
    {"options": {"color": ["gold", "red"]}, "price": {"lt": 4}},
    {"any": [{"price": {"lt": 2}}, {"category": "c/rare"}]},
]


@dataclass
class Shop:
    connection: Connection
    products: list[Product]
    queries: Vectors


def clustered(rng: np.random.Generator, count: int, centres: Vectors) -> Vectors:
    vectors = centres[rng.integers(0, len(centres), count)]
    vectors = vectors + 0.7 * rng.normal(size=vectors.shape)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(unit.astype(np.float16).astype(np.float64))


def some_product(rng: random.Random, number: int, vectors: Iterator[Vectors]) -> Product:
    name = f"p{number}"
    colours = rng.sample(["red", "blue", "green", "gold"], rng.choice([1, 1, 2]))
    variants = [
        Variant(
            f"{name}-{colour}",
            price=rng.choice([None, *(round(rng.uniform(1, 100), 2) for _ in range(9))]),
            stock=rng.choice([None, *([5] * 18), 0]),
            options={"color": colour, "size": rng.randrange(36, 46)},
            status="active" if rng.random() < 0.97 else "retired",
        )
        for colour in colours
    ]
    variants = variants if rng.random() < 0.98 else []
    count = rng.choice([0, 1, 1, 1, 1, 1, 1, 2, 2, 2]) if rng.random() < 0.5 else 1
    shown = [[v.sku for v in variants[:1]], [v.sku for v in variants[1:]]]
    return Product(
        name,
        brand=rng.choices(["half", "tenth", "rare", None], [50, 10, 0.3, 40])[0],
        categories=rng.choices([[], *([path] for path in PATHS)], [1, *([3] * 8), 0.2])[0],
        attributes=rng.choices([{}, {"material": "wool"}, {"eco": True}], [8, 2, 1])[0],
        status="active" if rng.random() < 0.98 else "retired",
        variants=variants,
        pictures=[
            Picture(next(vectors), shown[place] if rng.random() < 0.3 else [])
            for place in range(count)
        ],
    )


def copy(connection: Connection, target: str, rows: Iterator[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN".encode()) as into:
        for row in rows:
            into.write_row(row)


def ids(connection: Connection, query: str) -> dict[Any, int]:
    return {tuple(row[:-1]): row[-1] for row in connection.execute(query.encode()).fetchall()}


def load(connection: Connection, products: list[Product]) -> None:
    """Load products in bulk, as an import does; fills in the ids."""
    copy(
        connection,
        "product (external_id, brand, attributes, popularity, status)",
        ((p.external_id, p.brand, json.dumps(p.attributes), p.popularity, p.status)
         for p in products),
    )  # fmt: skip
    found = ids(connection, "SELECT external_id, product_id FROM product")
    for product in products:
        product.product_id = found[(product.external_id,)]
    copy(
        connection,
        "variant (product_id, sku, price, stock, options, status)",
        ((p.product_id, v.sku, v.price, v.stock, json.dumps(v.options), v.status)
         for p in products for v in p.variants),
    )  # fmt: skip
    copy(
        connection,
        "image (product_id, uri, position)",
        ((p.product_id, n, n) for p in products for n, _ in enumerate(p.pictures)),
    )
    variants = ids(connection, "SELECT sku, variant_id FROM variant")
    images = ids(connection, "SELECT product_id, position, image_id FROM image")
    for product in products:
        for variant in product.variants:
            variant.variant_id = variants[(variant.sku,)]
        for number, picture in enumerate(product.pictures):
            picture.image_id = images[product.product_id, number]
    _load_links_and_vectors(connection, products)


def _load_links_and_vectors(connection: Connection, products: list[Product]) -> None:
    categories = ids(connection, "SELECT path, category_id FROM category")
    copy(
        connection,
        "product_category",
        ((p.product_id, categories[(path,)]) for p in products for path in p.categories),
    )
    copy(
        connection,
        "image_variant",
        ((p.product_id, i.image_id, v.variant_id)
         for p in products for i in p.pictures for v in p.variants if v.sku in i.shows),
    )  # fmt: skip
    copy(
        connection,
        "image_vector_1 (product_id, image_id, embedding, input_version, content)",
        ((p.product_id, i.image_id, str(np.asarray(i.vector).tolist()), 1, b"x")
         for p in products for i in p.pictures if i.vector is not None),
    )  # fmt: skip


def prepare(connection: Connection) -> tuple[list[Product], Vectors]:
    """An empty shop with its categories and known queries, and the products to load into it."""
    rng = np.random.default_rng(11)
    centres = rng.normal(size=(40, DIMENSION))
    make_space(connection, DIMENSION)
    for path in PATHS:
        add_category(connection, path)
    queries = clustered(rng, QUERIES, centres)
    for number, query in enumerate(queries):
        know_picture(connection, KEY.format(number), query.tolist())
    vectors = iter(clustered(rng, 2 * PRODUCTS, centres))
    rand = random.Random(5)
    return [some_product(rand, number, vectors) for number in range(PRODUCTS)], queries


def train(connection: Connection) -> None:
    connection.execute("SELECT train_cells('image', 1)")
    after: Any = 0
    while after is not None:
        row = connection.execute("SELECT assign_cells('image', 1, %s)", (after,)).fetchone()
        assert row is not None
        after = row[0]


def change(connection: Connection, products: list[Product]) -> None:
    """Delete 30 %, encode 30 % anew, give 20 % another category and 20 % another price."""
    rng = np.random.default_rng(12)
    new = iter(clustered(rng, PRODUCTS, rng.normal(size=(10, DIMENSION))))
    connection.execute("DELETE FROM product WHERE product_id % 10 < 3")
    for product in products:
        if product.product_id % 10 in (3, 4, 5):
            for picture in product.pictures[:1]:
                picture.vector = next(new)
        elif product.product_id % 10 in (6, 7):
            product.categories = ["b/z"]
        elif product.product_id % 10 in (8, 9):
            for variant in product.variants:
                variant.price = 200.0
    pictures = [
        (p.product_id, p.pictures[0].image_id, str(np.asarray(p.pictures[0].vector).tolist()))
        for p in products
        if p.pictures and p.product_id % 10 in (3, 4, 5)
    ]
    connection.execute(
        "UPDATE image_vector_1 v SET embedding = n.vector::halfvec "
        "FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) n (product_id, image_id, vector) "
        "WHERE (v.product_id, v.image_id) = (n.product_id, n.image_id)",
        tuple(list(column) for column in zip(*pictures, strict=True)),
    )
    connection.execute("DELETE FROM product_category WHERE product_id % 10 IN (6, 7)")
    connection.execute(
        "INSERT INTO product_category SELECT product_id, category_id FROM product, category "
        "WHERE path = 'b/z' AND product_id % 10 IN (6, 7)"
    )
    connection.execute("UPDATE variant SET price = 200 WHERE product_id % 10 IN (8, 9)")


def reprice(connection: Connection, products: list[Product], rng: random.Random) -> None:
    """Give four hundred products other prices, as one statement."""
    changed = [v for p in rng.sample(products, 400) for v in p.variants]
    for variant in changed:
        variant.price = rng.choice([None, 1.5, 99.5, round(rng.uniform(1, 100), 2)])
    connection.execute(
        "UPDATE variant v SET price = n.price FROM unnest(%s::bigint[], %s::numeric[]) "
        "n (variant_id, price) WHERE v.variant_id = n.variant_id",
        ([v.variant_id for v in changed], [v.price for v in changed]),
    )


# What a filter may ask: from nearly everything down to a handful, and nothing.
prices = st.tuples(st.integers(0, 101), st.sampled_from([1, 3, 30, 150])).map(
    lambda p: {"gte": p[0], "lt": p[0] + p[1]}
)
fields: dict[str, st.SearchStrategy[Any]] = {
    "category": st.one_of(st.sampled_from(PATHS), st.lists(st.sampled_from(PATHS), max_size=3)),
    "brand": st.sampled_from(["half", "tenth", "rare", "none", ["rare", "tenth"], []]),
    "price": st.one_of(prices, st.just(200)),
    "in_stock": st.booleans(),
    "options": st.fixed_dictionaries(
        {},
        optional={
            "color": st.sampled_from(["RED", "gold", ["blue", "green"]]),
            "size": st.sampled_from([36, "40", {"gt": 44}, {"lt": 40}]),
        },
    ),
    "attributes": st.sampled_from([{"material": "wool"}, {"eco": True}]),
    "sku": st.sampled_from(["p7-red", ["p7-red", "p8-blue", "p9-gold", "p10-green"]]),
}
simple = st.one_of(
    st.just({}),
    *(values.map(lambda value, name=name: {name: value}) for name, values in fields.items()),
    st.fixed_dictionaries({}, optional=fields),
)
filters = st.one_of(
    simple,
    st.fixed_dictionaries({"not": simple}),
    st.fixed_dictionaries({"any": st.lists(simple, min_size=1, max_size=2)}, optional=fields),
    st.fixed_dictionaries({"all": st.lists(simple, min_size=1, max_size=2)}),
)
sizes = st.sampled_from([1, 10, 24, 200])


def counting_vectors(shop: Shop, wanted: Mapping[str, Any]) -> dict[int, list[Vectors]]:
    """Each product that the filter keeps, with the vectors of its pictures that count."""
    return {
        product.product_id: [
            np.asarray(p.vector) for p in counting_pictures(wanted, product) if p.vector is not None
        ]
        for product in shop.products
        if is_shown(wanted, product)
    }


def nearest_of(vectors: Mapping[int, list[Vectors]], query: Vectors) -> dict[int, float | None]:
    """Each product by the nearest of its vectors."""
    return {
        product: max((float(np.dot(v, query)) for v in own), default=None)
        for product, own in vectors.items()
    }


def similarities(shop: Shop, wanted: Mapping[str, Any], query: Vectors) -> dict[int, float | None]:
    """Each product that the filter keeps, by the nearest of its pictures that count."""
    return nearest_of(counting_vectors(shop, wanted), query)


def recalls(shop: Shop, wanted: Mapping[str, Any], numbers: Iterable[int], k: int) -> list[float]:
    """Known queries have the right number of the right products; the recalls of the nearest."""
    vectors = counting_vectors(shop, wanted)
    found = [check(shop, wanted, number, k, vectors) for number in numbers]
    return [recall for recall in found if recall is not None]


def check(
    shop: Shop, wanted: Mapping[str, Any], number: int, k: int, vectors: dict[int, list[Vectors]]
) -> float | None:
    hits = ask(shop.connection, terms=[{"image": KEY.format(number)}], filters=wanted, k=k)
    truth = nearest_of(vectors, shop.queries[number])
    answer = [hit["product_id"] for hit in hits]
    assert len(set(answer)) == len(answer) == min(k, len(truth))
    assert set(answer) <= set(truth)
    for hit in hits:
        assert hit["why"].get("waiting", False) == (truth[hit["product_id"]] is None)
        assert "complete" not in hit["why"]
    waits = [hit["why"].get("waiting", False) for hit in hits]
    assert waits == sorted(waits)
    nearest = sorted((s for s in truth.values() if s is not None), reverse=True)[:k]
    if not nearest:
        return None
    right = [p for p in answer if (truth[p] or -1) >= nearest[-1] - 1e-3]
    return min(1, len(right) / len(nearest))


def check_many(shop: Shop, examples: int) -> None:
    found: list[float] = []

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(filters, st.integers(0, QUERIES - 1), sizes)
    def one(wanted: dict[str, Any], number: int, k: int) -> None:
        found.extend(recalls(shop, wanted, [number], k))

    one()
    assert np.mean(found) >= 0.98
    assert min(found) >= 0.7
