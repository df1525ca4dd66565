"""Where the parts of a search meet: keys, filters, rules, sorts, wishes and pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.integration.ruled import put
from tests.integration.searchable import (
    Picture,
    Product,
    Variant,
    add_category,
    add_product,
    ask,
    know,
    make_space,
    names,
)
from vitrine.database import Connection

TEXT = {"arms": {"text": 1}, "understand": False}


@pytest.fixture
def add(connection: Connection) -> Callable[..., Product]:
    """Adds a product with a title and one variant."""

    def added(external_id: str, title: str, price: float = 10.0, **given: Any) -> Product:
        variants = [Variant(f"{external_id}-sku", price=price)]
        product = add_product(connection, Product(external_id, variants=variants, **given))
        connection.execute(
            "INSERT INTO product_text (product_id, locale, title) VALUES (%s, 'en', %s)",
            (product.product_id, title),
        )
        return product

    return added


def test_a_key_finds_nothing_that_the_search_may_not_show(
    connection: Connection, add: Callable[..., Product]
) -> None:
    add("A100", "Shirt", brand="Acme")
    add("A200", "Shirt", status="retired")
    assert names(ask(connection, query="A100", options=TEXT)) == ["A100"]
    assert ask(connection, query="A100", filters={"brand": "Bolt"}, options=TEXT) == []
    assert ask(connection, query="A200", options=TEXT) == []
    put(connection, "hide", "recalled", products=["A100"])
    assert ask(connection, query="A100", options=TEXT) == []


def test_a_key_may_be_a_stop_word(connection: Connection, add: Callable[..., Product]) -> None:
    add("IT", "Pullover")
    add("other", "Pullover")
    assert names(ask(connection, query="it", options=TEXT)) == ["IT"]


def test_what_a_key_names_takes_no_place_of_a_sorted_page(
    connection: Connection, add: Callable[..., Product]
) -> None:
    add("A100", "Phone", price=500)
    add("case", "Case for the a100", price=5)
    first = ask(connection, query="A100", k=1, options={**TEXT, "sort": "price"})
    assert names(first) == ["case"]
    after = {"cursor": first[0]["why"]["cursor"], "options": {**TEXT, "sort": "price"}}
    assert names(ask(connection, query="A100", k=1, **after)) == ["A100"]


def test_a_boost_is_for_what_its_filter_keeps(
    connection: Connection, add: Callable[..., Product]
) -> None:
    for name in ("a", "b", "c"):
        add(name, "Plain shirt")
    put(connection, "boost", "more of a", products=["a"], factor=1.5)
    put(connection, "bury", "less of c", filters={"external_id": "c"}, factor=0.5)
    hits = ask(connection, query="shirt", options=TEXT)
    assert names(hits) == ["a", "b", "c"]
    assert [[b["rule"] for b in hit["why"].get("boosts", [])] for hit in hits] == [
        ["more of a"], [], ["less of c"]
    ]  # fmt: skip
    assert hits[0]["score"] == pytest.approx(1.5 * hits[1]["score"])


def test_a_pin_beyond_the_last_product_is_shown_after_it(
    connection: Connection, add: Callable[..., Product]
) -> None:
    for name in ("a", "b", "c"):
        add(name, "Shirt")
    put(connection, "pin", "far", product="c", position=9)
    assert names(ask(connection)) == ["b", "a", "c"]
    assert names(ask(connection, query="shirt", options=TEXT)) == ["b", "a", "c"]
    first = ask(connection, k=2)
    assert names(first) == ["b", "a"]
    [hit] = ask(connection, k=2, cursor=first[-1]["why"]["cursor"])
    assert (hit["external_id"], hit["rank"], hit["why"]["pinned"]) == ("c", 3, "far")


@pytest.mark.parametrize("options", [{"sort": "price"}, {"sort": "-price"}, {"diversity": 0.9}])
def test_scores_never_rise_whatever_decides_the_order(
    connection: Connection, add: Callable[..., Product], options: dict[str, Any]
) -> None:
    make_space(connection)
    know(connection, (1, 0, 0, 0), "shirt")
    vectors = [(1, 0, 0, 0), (1, 0.01, 0, 0), (1, 0.02, 0, 0), (0.9, 0, 1, 0), (0.9, 1, 0, 0)]
    for number, vector in enumerate(vectors):
        add(f"p{number}", "Shirt", price=number % 3, popularity=number, pictures=[Picture(vector)])
    put(connection, "boost", "much of p2", products=["p2"], factor=10)
    for asked in ({"query": "shirt"}, {"query": "shirt p1-sku"}, {}):
        if asked.get("query") == "shirt p1-sku":
            know(connection, (1, 0, 0, 0), "shirt p1-sku")
        hits = ask(connection, **asked, options={**options, "understand": False})
        scores = [hit["score"] for hit in hits]
        assert len(scores) >= 1
        assert scores == sorted(scores, reverse=True)


def test_any_of_the_words_is_looked_for_until_the_filter_has_enough(
    connection: Connection,
) -> None:
    """Three thousand products have the word, and the few of a brand are the last ones."""
    connection.execute(
        "INSERT INTO product (external_id, brand) "
        "SELECT 'p' || n, CASE WHEN n > 2990 THEN 'Acme' END FROM generate_series(1, 3000) n"
    )
    connection.execute(
        "INSERT INTO product_text (product_id, locale, title) "
        "SELECT product_id, 'en', 'Shirt' FROM product ORDER BY product_id"
    )
    asked = {"query": "shirt 12345", "filters": {"brand": "Acme"}, "options": TEXT}
    assert len(ask(connection, **asked)) == 10


def test_pins_count_among_the_relevant(connection: Connection, add: Callable[..., Product]) -> None:
    make_space(connection)
    know(connection, (1, 0, 0, 0), "shirt")
    for number in range(8):
        add(f"p{number}", "Thing", pictures=[Picture((1, number / 10, 0, 0))])
        add(f"q{number}", "Thing", pictures=[Picture((-1, number / 10, 0, 0))])
    put(connection, "pin", "far from it", product="q1", position=2)
    row = connection.execute(
        """SELECT search_page('shirt', options => '{"cutoff": 0.5, "total": true}')"""
    ).fetchone()
    assert row is not None
    assert "q1" in names(row[0]["hits"])
    assert row[0]["total"] == len(row[0]["hits"]) < 16


def test_where_words_are_the_only_arm_what_they_find_is_counted(
    connection: Connection, add: Callable[..., Product]
) -> None:
    for number in range(6):
        add(f"s{number}", "Shirt", brand="Acme" if number % 2 else "Bolt")
        add(f"h{number}", "Hat", brand="Acme")
    add("gift", "Voucher", brand="Acme")
    put(connection, "pin", "gifts", product="gift", position=3)
    row = connection.execute(
        """SELECT search_page('blue shirt', filters => '{"brand": "Acme"}', options =>
            '{"arms": {"text": 1}, "total": true, "facets": ["brand"]}')"""
    ).fetchone()
    assert row is not None
    page = row[0]
    assert sorted(names(page["hits"])) == ["gift", "s1", "s3", "s5"]
    assert page["total"] == 4
    assert {b["value"]: b["count"] for b in page["facets"]["brand"]} == {"Acme": 4, "Bolt": 3}


def test_weights_next_to_nothing_are_nothing(
    connection: Connection, add: Callable[..., Product]
) -> None:
    make_space(connection)
    know(connection, (1, 0, 0, 0), "shirt")
    add("a", "Shirt", pictures=[Picture((1, 0, 0, 0))])
    add("b", "Shirt", pictures=[Picture((0, 1, 0, 0))])
    terms = [{"product": "b", "weight": 1e-60}]
    assert names(ask(connection, query="shirt", terms=terms)) == ["a"]


@pytest.mark.parametrize("query", ["the", "the shirt of", "黑" * 999 + "*", "a" + "🎽" * 998 + "*"])
def test_odd_words_disturb_nobody(
    connection: Connection, add: Callable[..., Product], query: str
) -> None:
    add("a", "Shirt")
    notices: list[str] = []
    connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
    assert names(ask(connection, query=query, options=TEXT)) in ([], ["a"])
    assert notices == []


@pytest.mark.parametrize("options", ["5", "null", '"price"', "[]"])
def test_options_that_are_no_object_are_refused(connection: Connection, options: str) -> None:
    with pytest.raises(psycopg.Error, match="options must be a JSON object"):
        connection.execute("SELECT FROM search(options => %s::jsonb)", (options,))


@pytest.mark.parametrize("category", ["", "/", " / ", "//a//"])
def test_a_category_without_a_name_is_none(connection: Connection, category: str) -> None:
    add_category(connection, "Women/Tops")
    assert ask(connection, filters={"category": category}) == []
