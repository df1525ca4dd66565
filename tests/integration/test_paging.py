"""Pages by cursor: no product twice, none skipped, whatever happens to the catalogue meanwhile."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.conftest import CopyOf
from tests.integration.searchable import (
    WORDS,
    Picture,
    Product,
    Variant,
    add_product,
    ask,
    know,
    make_space,
    names,
    random_product,
)
from vitrine.database import Connection

PRODUCTS = 60
ASKED: dict[str, dict[str, Any]] = {
    "browse": {},
    "words": {"query": WORDS},
    "product": {"terms": [{"product": "p1"}]},
    "filtered": {"query": WORDS, "filters": {"in_stock": True}},
    "varied": {"query": WORDS, "options": {"diversity": 0.4}},
    "cheapest": {"options": {"sort": "price"}},
    "dearest": {"options": {"sort": "-price"}, "filters": {"price": {"gte": 1}}},
    "newest": {"options": {"sort": "newest"}},
    "relevant": {"query": WORDS, "options": {"cutoff": 0.2, "sort": "price"}},
}


def fill(connection: Connection) -> None:
    make_space(connection)
    know(connection, (1, 0, 0, 0))
    rng = random.Random(5)
    add_product(connection, Product("p1", pictures=[Picture((1, 0, 0, 0))]))
    for number in range(2, PRODUCTS):
        add_product(connection, random_product(rng, number))
    connection.execute("UPDATE product SET external_id = 'p' || product_id WHERE product_id > 1")


@pytest.fixture
def shop(copy_of: CopyOf) -> Connection:
    return copy_of(fill)[0]


def pages(
    connection: Connection, asked: dict[str, Any], k: int, between: Callable[[], object]
) -> Iterator[list[dict[str, Any]]]:
    cursor: str | None = None
    while True:
        hits = ask(connection, **asked, k=k, cursor=cursor)
        yield hits
        cursor = hits[-1]["why"].get("cursor") if hits else None
        if cursor is None:
            return
        between()


@pytest.mark.parametrize("name", ASKED)
def test_pages_together_are_the_whole(shop: Connection, name: str) -> None:
    whole = ask(shop, **ASKED[name], k=1000)
    paged = [hit for page in pages(shop, ASKED[name], 9, lambda: None) for hit in page]
    assert sorted(names(paged)) == sorted(names(whole))
    assert [hit["rank"] for hit in paged] == list(range(1, len(whole) + 1))
    if "query" not in ASKED[name]:  # ranks of several arms depend on how far these looked
        assert names(paged) == names(whole)


@pytest.mark.parametrize("name", ASKED)
def test_totals_and_facets_count_the_products_of_all_pages(shop: Connection, name: str) -> None:
    asked = {"query": None, "terms": None, "filters": {}, "options": {}} | ASKED[name]
    asked["options"] = asked["options"] | {"total": True, "facets": ["brand"]}
    row = shop.execute(
        "SELECT search_page(%s, %s::jsonb, %s::jsonb, 1000, options => %s::jsonb)",
        [asked["query"], *(json.dumps(asked[part]) for part in ("terms", "filters", "options"))],
    ).fetchone()
    assert row is not None
    page = row[0]
    whole = [hit["external_id"] for hit in page["hits"]]
    brands = shop.execute(
        "SELECT min(brand), count(*) FROM product WHERE external_id = ANY (%s) "
        "AND brand IS NOT NULL GROUP BY lower(brand)",
        [whole],
    ).fetchall()
    assert page["total"] == len(whole) > 0
    assert {b["value"].lower(): b["count"] for b in page["facets"]["brand"]} == {
        name.lower(): count for name, count in brands
    }


@pytest.mark.parametrize("name", ASKED)
def test_no_product_twice_and_none_skipped_while_the_catalogue_changes(
    shop: Connection, name: str
) -> None:
    rng = random.Random(7)
    before = set(names(ask(shop, **ASKED[name], k=1000)))
    deleted: set[str] = set()

    def change() -> None:
        for statement in (
            # Not below 1: one of the filters would leave the product out.
            "UPDATE variant SET price = 1 + random() * 99 "
            "WHERE random() < 0.3 AND price IS NOT NULL",
            "UPDATE product SET popularity = random() * 100, created_at = now() - random() * "
            "interval '1 year' WHERE random() < 0.3",
        ):
            shop.execute(statement.encode())
        add_product(shop, Product(f"new-{rng.random()}", variants=[Variant(f"v-{rng.random()}")]))
        gone = shop.execute(
            "DELETE FROM product WHERE product_id = (SELECT product_id FROM product "
            "WHERE product_id > 1 ORDER BY random() LIMIT 1) RETURNING external_id"
        ).fetchall()
        deleted.update(row[0] for row in gone)

    seen = [hit for page in pages(shop, ASKED[name], 9, change) for hit in page]
    assert len(set(names(seen))) == len(seen)
    if name != "relevant":  # which products are relevant depends on all the others
        assert before - deleted <= set(names(seen))


def test_a_cursor_belongs_to_its_search(shop: Connection) -> None:
    cursor = ask(shop, query=WORDS, k=5)[-1]["why"]["cursor"]
    assert len(ask(shop, query=WORDS, k=9, cursor=cursor)) == 9  # k may differ
    for other in (
        {"query": WORDS, "filters": {"in_stock": True}},
        {"query": "coat"},
        {},
        {"query": WORDS, "options": {"sort": "price"}},
    ):
        with pytest.raises(psycopg.Error, match="belongs to another search"), shop.transaction():
            ask(shop, **other, k=5, cursor=cursor)
    for damaged in (cursor[:-1], cursor + "-1", "x" + cursor[1:], "'; DROP TABLE product"):
        with pytest.raises(psycopg.Error, match="is damaged"), shop.transaction():
            ask(shop, query=WORDS, k=5, cursor=damaged)


def test_a_search_ends_somewhere(shop: Connection) -> None:
    shop.execute(
        "INSERT INTO product (external_id) SELECT 'q' || n FROM generate_series(1, 10500) n"
    )
    lengths = [len(page) for page in pages(shop, {}, 999, lambda: None)]
    assert lengths == [999] * 10 + [10]


@pytest.mark.parametrize(("sort", "of_them"), [("price", "min"), ("-price", "max")])
def test_sorting_by_price_is_by_the_variants_that_fit(
    shop: Connection, sort: str, of_them: str
) -> None:
    hits = ask(shop, filters={"in_stock": True}, options={"sort": sort}, k=1000)
    query = (
        "SELECT h.place, (SELECT min(v.price::numeric) FROM variant v WHERE v.product_id = h.id "
        "AND v.status = 'active' AND (v.stock IS NULL OR v.stock > 0)) "
        "FROM unnest(%s::bigint[]) WITH ORDINALITY h (id, place) ORDER BY h.place"
    ).replace("min(", f"{of_them}(")
    rows = shop.execute(query.encode(), ([hit["product_id"] for hit in hits],)).fetchall()
    prices = [price for _, price in rows]
    known = [price for price in prices if price is not None]
    assert known == sorted(known, reverse=sort == "-price")
    assert prices[: len(known)] == known  # those without a price come last
    assert len(known) > 5


def test_sorting_within_the_relevant(shop: Connection) -> None:
    cut = {hit["external_id"] for hit in ask(shop, query=WORDS, options={"cutoff": True}, k=1000)}
    for sort in ("price", "-price", "newest", "popularity"):
        hits = ask(shop, query=WORDS, options={"sort": sort}, k=1000)
        assert set(names(hits)) == cut
    assert len(cut) < PRODUCTS / 2


def test_diversity_shows_other_pictures(connection: Connection) -> None:
    make_space(connection)
    know(connection, (1, 0, 0, 0))
    for number in range(6):
        same = Picture((1, 0.1 + number / 1000, 0, 0))
        add_product(connection, Product(f"same-{number}", pictures=[same]))
    for number in range(2):
        other = Picture((1, 0, 0.6 + number / 10, 0))
        add_product(connection, Product(f"other-{number}", pictures=[other]))
    plain = names(ask(connection, query=WORDS, k=4))
    varied = names(ask(connection, query=WORDS, k=4, options={"diversity": 0.7}))
    assert all(name.startswith("same") for name in plain)
    assert varied[0] == plain[0]
    assert any(name.startswith("other") for name in varied)
    assert json.dumps(varied) != json.dumps(plain)
