"""What queries are understood as: filters from the catalogue's own words, and the words left."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.conftest import CopyOf
from tests.integration.searchable import Product, Variant, add_category, add_product
from vitrine.database import Connection

JACKETS = ["men/jackets", "women/jackets"]


def understand(connection: Connection, query: str, **options: Any) -> dict[str, Any]:
    row = connection.execute(
        "SELECT understand(%s, %s::jsonb)", (query, json.dumps(options))
    ).fetchone()
    assert row is not None
    answer = row[0]
    # Whatever is understood can be searched for.
    connection.execute("SELECT compile_filter(%s::jsonb)", (json.dumps(answer["filters"]),))
    for chip in answer["chips"]:
        assert chip["text"] in query
        connection.execute("SELECT compile_filter(%s::jsonb)", (json.dumps(chip["filter"]),))
    return dict(answer)


def filters(connection: Connection, query: str, **options: Any) -> Any:
    return understand(connection, query, **options)["filters"]


def titled(connection: Connection, product: Product, title: str) -> Product:
    add_product(connection, product)
    connection.execute(
        "INSERT INTO product_text (product_id, locale, title) VALUES (%s, 'en', %s)",
        (product.product_id, title),
    )
    return product


def sold(name: str, **options: Any) -> list[Variant]:
    return [Variant(sku=name, options=options)]


def fill(connection: Connection) -> None:
    """Jackets, shoes and dresses whose brands, colours and materials share words."""
    for number, (shelf, brand, colour, material) in enumerate(
        [
            ("Men/Jackets", "Nike", "Red", "Wool"),
            ("Women/Jackets", "Red Wing", "Black", "Leather"),
            ("Men/Shoes", "Nike", "Navy Blue", "Vegan Leather"),
            ("Women/Shoes", "The North Face", "Blue", "Leather"),
            ("Women/Dresses", "Under Armour", "White", "Organic Cotton"),
            ("Women/Hats & Caps", "Levi's", "Gray", "Cotton"),
        ]
    ):
        size = str(40 + number) if "Shoes" in shelf else "M"
        add_product(
            connection,
            Product(
                f"P{number}",
                brand=brand,
                categories=[shelf],
                attributes={"material": material, "eco": "Yes", "weight": 3},
                variants=sold(f"S{number}", color=colour, size=size),
            ),
        )
    connection.execute("SELECT tend_vocabulary()")


@pytest.fixture
def shop(copy_of: CopyOf) -> Connection:
    return copy_of(fill)[0]


UNDERSTOOD: dict[str, Any] = {
    "red jacket under 50": {
        "category": JACKETS, "options": {"color": "Red"}, "price": {"lt": 50},
    },
    "Nike SHOES size 42": {
        "brand": "Nike", "category": ["men/shoes", "women/shoes"], "options": {"size": "42"},
    },
    "women's jackets": {"category": "women/jackets"},
    "red wing boots": {"brand": "Red Wing"},
    "north face": {"brand": "The North Face"},
    "levis cap": {"brand": "Levi's", "category": "women/hats & caps"},
    "under armour under 50": {"brand": "Under Armour", "price": {"lt": 50}},
    "blue": {"options": {"color": ["Blue", "Navy Blue"]}},
    "navy blue": {"options": {"color": "Navy Blue"}},
    "grey hat": {"options": {"color": "Gray"}, "category": "women/hats & caps"},
    "red or white": {"options": {"color": ["Red", "White"]}},
    "cotton": {"attributes": {"material": ["Cotton", "Organic Cotton"]}},
    "leather": {"attributes": {"material": "Leather"}},
    "not black": {"not": {"options": {"color": "Black"}}},
    "non-wool": {"not": {"attributes": {"material": "Wool"}}},
    "leather-free": {"not": {"attributes": {"material": "Leather"}}},
    "no leather and no black": {
        "not": {"any": [{"attributes": {"material": "Leather"}}, {"options": {"color": "Black"}}]}
    },
    "anything but nike": {"not": {"brand": "Nike"}},
    "not black or white": {"not": {"options": {"color": ["Black", "White"]}}},
    "color: red": {"options": {"color": "Red"}},
    "size medium": {"options": {"size": "M"}},
    "size 42 or m": {"options": {"size": ["42", "M"]}},
    "in stock": {"in_stock": True},
    "$30": {},
    "m": {},
    "42": {},
    "size 99": {},
    "not in stock": {},
    "yes": {},
}  # fmt: skip


@pytest.mark.parametrize("query", UNDERSTOOD)
def test_the_catalogues_own_words_become_filters(shop: Connection, query: str) -> None:
    answer = filters(shop, query)
    for members in (answer.get("options", {}), answer.get("attributes", {})):
        for value in members.values():
            if isinstance(value, list):
                value.sort()
    assert answer == UNDERSTOOD[query]


PRICES: dict[str, Any] = {
    "under 50": {"lt": 50},
    "less than $30": {"lt": 30},
    "cheaper than 30,50": {"lt": 30.5},
    "up to €1,000": {"lte": 1000},
    "no more than 1.299,00": {"lte": 1299},
    "not over 20": {"lte": 20},
    "20 or less": {"lte": 20},
    "over 100 euros": {"gt": 100},
    "more than 9": {"gt": 9},
    "at least 20": {"gte": 20},
    "20+": {"gte": 20},
    "from 20": {"gte": 20},
    "20-40": {"gte": 20, "lte": 40},
    "$40 - $20": {"gte": 20, "lte": 40},
    "between 20 and 40": {"gte": 20, "lte": 40},
    "from 20 to 40 dollars": {"gte": 20, "lte": 40},
    "over 20 under 50": {"gt": 20, "lt": 50},
    "around $50": {"gte": 40, "lte": 60},
    "unter 50 euro": {"lt": 50},
    "zwischen 20 und 40": {"gte": 20, "lte": 40},
    "moins de 30 €": {"lt": 30},
}
NO_PRICES = [
    *("over 40 years", "up to 5 kg", "under 50% off", "24/7", "2023-2024", "3-4 sleeve", "501"),
    *("size under 40", "20", "up to date", "90s", "over the knee", "1/2 zip", "from 5k", "under"),
    "between us",
]


@pytest.mark.parametrize("query", PRICES)
def test_prices(shop: Connection, query: str) -> None:
    assert understand(shop, query)["filters"] == {"price": PRICES[query]}
    answer = understand(shop, f"jacket {query}")
    assert answer["filters"] == {"category": JACKETS, "price": PRICES[query]}
    assert answer["words"] == "jacket"


@pytest.mark.parametrize("query", NO_PRICES)
def test_numbers_that_are_no_prices(shop: Connection, query: str) -> None:
    assert understand(shop, query) == {
        "query": query, "words": query, "filters": {}, "chips": [],
    }  # fmt: skip


def test_two_sizes_are_no_prices_without_a_currency(shop: Connection) -> None:
    add_product(shop, Product("Q", variants=[Variant("Q1", options={"size": "30"})]))
    add_product(shop, Product("R", variants=[Variant("R1", options={"size": "32"})]))
    assert filters(shop, "30-32") == {}
    assert filters(shop, "30-32 €") == {"price": {"gte": 30, "lte": 32}}
    assert filters(shop, "30-50") == {"price": {"gte": 30, "lte": 50}}


def test_a_number_in_titles_is_no_price(shop: Connection) -> None:
    assert filters(shop, "air max 90") == {"price": {"lte": 90}}
    titled(shop, Product("Z"), "Air Max 90")
    assert filters(shop, "air max 90") == {}
    assert filters(shop, "air max 80") == {"price": {"lte": 80}}


def test_words_keep_brand_colour_and_category_and_lose_the_rest(shop: Connection) -> None:
    query = "red Nike jacket in size M, not black, in stock for under 50"
    assert understand(shop, query)["words"] == "red Nike jacket"
    assert understand(shop, "under 50")["words"] is None
    assert understand(shop, "something nice")["words"] == "something nice"
    assert understand(shop, "鞋 under 50")["words"] == "鞋"
    assert understand(shop, " ")["words"] is None


def test_chips_say_which_part_of_the_query_became_which_filter(shop: Connection) -> None:
    chips = understand(shop, "Red jacket, Size M, not black, under $50")["chips"]
    assert [(chip["text"], chip["field"], chip["label"]) for chip in chips] == [
        ("Red", "options", "Red"),
        ("jacket", "category", "jackets"),
        ("Size M", "options", "size M"),
        ("not black", "options", "not Black"),
        ("under $50", "price", "under 50"),
    ]
    assert chips[3]["filter"] == {"not": {"options": {"color": "Black"}}}


def test_a_removed_chip_stays_plain_words(shop: Connection) -> None:
    query = "navy blue jacket under 50"
    answer = understand(shop, query, without=["Under 50", "navy blue"])
    assert answer["filters"] == {"category": JACKETS}
    assert answer["words"] == query


def test_bad_options_are_refused(shop: Connection) -> None:
    for options in ({"without": "x"}, {"without": [1]}, {"unknown": 1}, {"locale": 3}):
        with pytest.raises(psycopg.Error) as caught:
            understand(shop, "red", **options)
        assert caught.value.sqlstate == "VT001"


def test_a_word_that_few_titles_bear_out_stays_a_word(connection: Connection) -> None:
    """One product's brand is a word in the titles of many; another's is only its own."""
    titled(connection, Product("B", brand="Classic"), "Sole")
    titled(connection, Product("C", brand="Oakfell"), "Oakfell Sole")
    for number in range(5):
        titled(connection, Product(f"P{number}", brand="Nike"), "Classic Sneaker")
    connection.execute("SELECT tend_vocabulary()")
    assert filters(connection, "classic sneaker") == {}
    assert filters(connection, "oakfell") == {"brand": "Oakfell"}
    # It can hide nothing else than what it names.
    assert filters(connection, "not classic") == {"not": {"brand": "Classic"}}


def test_of_two_fields_the_one_of_more_products_is_meant(connection: Connection) -> None:
    add_product(connection, Product("A", attributes={"scent": "Orange"}))
    for number in range(3):
        product = Product(f"P{number}", variants=sold(f"S{number}", color="Orange"))
        add_product(connection, product)
    connection.execute("SELECT tend_vocabulary()")
    assert filters(connection, "orange") == {"options": {"color": "Orange"}}
    assert filters(connection, "scent orange") == {"attributes": {"scent": "Orange"}}


def test_the_last_category_counts_unless_products_have_both(connection: Connection) -> None:
    for name in ("Dresses", "Shirts", "Sale"):
        add_category(connection, name)
    add_product(connection, Product("D", categories=["Dresses"], variants=sold("D")))
    add_product(connection, Product("S", categories=["Shirts", "Sale"], variants=sold("S")))
    assert filters(connection, "dress shirt") == {"category": "shirts"}
    assert filters(connection, "shirt dress") == {"category": "dresses"}
    assert filters(connection, "dress with shirt") == {"category": "dresses"}
    assert filters(connection, "dresses or shirts") == {"category": ["dresses", "shirts"]}
    assert filters(connection, "sale shirts") == {
        "all": [{"category": "sale"}, {"category": "shirts"}]
    }


words = st.sampled_from(
    [
        *("red", "Nike", "under", "50", "not", "size", "42", "or", "and", ",", "-", "jacket", "m"),
        *("between", "20", "women's", "without", "a", "hats & caps", "in stock", "€", "'", "\\"),
        *("'; DROP TABLE product; --", "%s", "$1", "{", '"', "\x01", "İ", "ß", "🧥", "\u00a0", "("),
    ]
)


@settings(
    max_examples=400,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.one_of(
        st.lists(words, max_size=12).map(" ".join),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=1000),
    ),
    st.lists(st.one_of(words, st.text(st.characters(exclude_categories=["Cs", "Cc"]))), max_size=2),
)
@example("9" * 1000, [])
@example("under " + "9" * 20, [])
@example("1.1.1.1,1,1", [])
@example("a " * 500, [])
@example("red" * 333, ["red"])
@example("- - - 20 - - 40", [])
def test_any_text_is_understood_as_something(
    shop: Connection, query: str, without: list[str]
) -> None:
    answer = understand(shop, query, without=without)
    assert answer["query"] == query
    assert answer["words"] != ""
    if not answer["chips"]:
        assert (answer["words"] or "") == query.strip(" \t\n\r")
