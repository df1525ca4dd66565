"""What every recommendation keeps: filters, rules, what was just bought, k of k; and errors."""

from __future__ import annotations

import json
import random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vitrine
from tests.conftest import CopyOf
from tests.integration.recommendable import (
    NOW,
    OF_CLIENT,
    OF_PRODUCT,
    Event,
    names,
    random_events,
    recommend,
    tend,
    write,
)
from tests.integration.searchable import (
    Picture,
    Product,
    Variant,
    add_category,
    add_product,
    counting_pictures,
    fitting_variants,
    is_shown,
    make_space,
    random_product,
)
from tests.integration.test_filters_oracle import filters
from vitrine.database import Connection
from vitrine.errors import FilterError, QueryError

FUNCTIONS = (*OF_PRODUCT, *OF_CLIENT, "trending")


def asked(function: str, product: str = "P1") -> dict[str, Any]:
    return {"product": product} if function in OF_PRODUCT else {}


class Products(dict[str, Product]):
    """Products by their keys; a failure need not print all of them."""

    def __repr__(self) -> str:
        return f"{len(self)} products"


def random_shop(connection: Connection) -> Products:
    """A random shop with a random history, counted."""
    rng = random.Random(3)
    make_space(connection)
    for path in ("Women/Tops/Shirts", "Men/Tops", "Bags"):
        add_category(connection, path)
    made = [add_product(connection, random_product(rng, number)) for number in range(40)]
    connection.execute("SELECT ensure_partitions((now() - interval '2 months')::date)")
    write(connection, random_events(rng, [product.external_id for product in made], 150))
    tend(connection)
    return Products({product.external_id: product for product in made})


@pytest.fixture
def history(copy_of: CopyOf) -> tuple[Connection, Products]:
    return copy_of(random_shop)


@pytest.mark.parametrize("function", FUNCTIONS)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    wanted=filters,
    k=st.sampled_from([1, 5, 40]),
    client=st.sampled_from(["c1", "c5", "nobody", None]),
    number=st.integers(0, 39),
)
def test_k_products_come_back_whenever_k_match(
    history: tuple[Connection, Products],
    function: str,
    wanted: dict[str, Any],
    k: int,
    client: str | None,
    number: int,
) -> None:
    connection, products = history
    anchor = f"P{number}" if function in OF_PRODUCT else None
    hits = recommend(
        connection, function, filters=wanted, k=k, client=client, **asked(function, f"P{number}")
    )
    bought = connection.execute(
        "SELECT external_id FROM product WHERE product_id = ANY (just_bought(%s, NULL))", (client,)
    ).fetchall()
    out = {anchor, *(name for (name,) in bought), *same_kind(connection, function, anchor)}
    matching = {name for name, p in products.items() if is_shown(wanted, p)} - out
    assert [hit["rank"] for hit in hits] == list(range(1, len(hits) + 1))
    assert set(names(hits)) <= matching
    assert len(hits) == len(set(names(hits))) == min(k, len(matching))
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
    for hit in hits:
        product = products[hit["external_id"]]
        variants = {v.variant_id for v in fitting_variants(wanted, product)} or {None}
        pictures = {p.image_id for p in counting_pictures(wanted, product)} or {None}
        assert hit["variant_id"] in variants
        assert hit["image_id"] in pictures
        assert hit["why"]["plan"] == function


def same_kind(connection: Connection, function: str, anchor: str | None) -> set[str]:
    """What completes no look: products that lie anywhere in the anchor's kind."""
    if function != "complete_the_look":
        return set()
    rows = connection.execute(
        "SELECT DISTINCT q.external_id FROM product p "
        "CROSS JOIN product_kinds(ARRAY[p.product_id]) k "
        "JOIN category c ON c.lineage @> ARRAY[k.category_id] "
        "JOIN product_category pc ON pc.category_id = c.category_id JOIN product q "
        "ON q.product_id = pc.product_id WHERE p.external_id = %s",
        (anchor,),
    ).fetchall()
    return {name for (name,) in rows}


def loved_shop(connection: Connection) -> None:
    """Ten products of one kind, bought by everybody."""
    make_space(connection)
    add_category(connection, "Women/Tops")
    for number in range(10):
        product = Product(
            f"P{number}",
            categories=["Women/Tops" if number % 2 else "Women/Shoes"],
            variants=[Variant(f"P{number}-1"), Variant(f"P{number}-2")],
            pictures=[Picture((1, number / 20, 0, 0))],
            popularity=number,
        )
        add_product(connection, product)
    connection.execute("SELECT ensure_partitions((now() - interval '1 month')::date)")
    events = [
        Event(object_id=f"P{number}", action_name=action, client_id=f"c{n}", session_id=f"s{n}")
        for n in range(5)
        for number in range(10)
        for action in ("view", "purchase")
    ]
    write(connection, events)
    tend(connection)


@pytest.fixture
def shop(copy_of: CopyOf) -> Connection:
    return copy_of(loved_shop)[0]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_retired_is_not_shown_though_it_is_loved(shop: Connection, function: str) -> None:
    shop.execute("UPDATE product SET status = 'retired' WHERE external_id IN ('P8', 'P9')")
    found = names(recommend(shop, function, k=50, **asked(function)))
    assert found
    assert not {"P8", "P9"} & set(found)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_rules_hide_is_not_shown(shop: Connection, function: str) -> None:
    shop.execute("SELECT hide('recalled', products => ARRAY['P8'])")
    shop.execute("SELECT hide('not with tops', products => ARRAY['P9'], category => 'women/tops')")
    found = names(recommend(shop, function, k=50, **asked(function)))
    assert "P8" not in found
    assert "P9" in found or function == "complete_the_look"
    tops = {"filters": {"category": "women/tops"}}
    assert "P9" not in names(recommend(shop, function, k=50, **asked(function), **tops))
    found = names(recommend(shop, function, k=50, options={"rules": False}, **asked(function)))
    assert "P8" in found


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_was_just_bought_is_not_shown(shop: Connection, function: str) -> None:
    write(shop, [Event(object_id="P8", client_id="me"), Event(object_id="P6", client_id="you")])
    found = names(recommend(shop, function, k=50, client="me", **asked(function)))
    assert "P8" not in found
    assert "P6" in found
    write(shop, [Event(object_id="P6", session_id="visit")])
    assert "P6" not in names(recommend(shop, function, k=50, session="visit", **asked(function)))
    allowed = {"options": {"bought_within": 0}}
    assert "P8" in names(recommend(shop, function, k=50, client="me", **asked(function), **allowed))


def test_what_is_about_something_else_than_a_product_says_nothing_of_one(shop: Connection) -> None:
    others = [
        Event(object_id=name, client_id=f"x{n}", order_id=f"x{n}", object_id_field="wishlist_id")
        for n in range(20)
        for name in ("P8", "P6")
    ]
    counts = (
        "SELECT jsonb_agg(a.* ORDER BY a.kind, a.product_id) FROM association_count a",
        "SELECT array_agg(t.product_id ORDER BY t.product_id) FROM trend t",
        "SELECT count_again()",
    )
    before = [shop.execute(count.encode()).fetchone() for count in counts]
    write(shop, others)
    tend(shop)
    assert [shop.execute(count.encode()).fetchone() for count in counts] == before
    row = shop.execute("SELECT just_bought('x1', NULL), (personal_history('x1', NULL)).events")
    assert row.fetchone() == ([], 0)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("client", ["nobody", "", "x" * 10_000, "'; DROP TABLE event; --", None])
def test_an_unknown_shopper_sees_what_trends(
    shop: Connection, function: str, client: str | None
) -> None:
    hits = recommend(shop, function, k=5, client=client, session=client, **asked(function))
    assert len(hits) == 5


@pytest.mark.parametrize("function", OF_PRODUCT)
def test_a_product_that_there_is_not_is_refused(shop: Connection, function: str) -> None:
    with pytest.raises(psycopg.Error, match='no product has the external_id or SKU "gone"') as e:
        recommend(shop, function, product="gone")
    assert e.value.sqlstate == "VT001"
    with pytest.raises(psycopg.Error, match="no product has the external_id or SKU NULL"):
        shop.execute(f"SELECT * FROM {function}(NULL)".encode())


@pytest.mark.parametrize("function", OF_PRODUCT)
def test_a_sku_names_its_product(shop: Connection, function: str) -> None:
    by_sku = recommend(shop, function, product="P1-2", k=5)
    assert names(by_sku) == names(recommend(shop, function, product="P1", k=5))
    assert "P1" not in names(by_sku)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("given_badly", "message"),
    [
        ({"k": 0}, "k is 0"),
        ({"k": 1001}, "k is 1001"),
        ({"options": {"nonsense": 1}}, 'unknown option "nonsense"'),
        ({"options": {"fill": "yes"}}, "the option fill must be true or false"),
        ({"options": {"bought_within": -1}}, "the option bought_within is -1"),
        ({"options": {"level": "top"}}, "the option level is"),
        ({"filters": {"nonsense": 1}}, "nonsense"),
        ({"options": {"space": 1}}, "the option space must be text"),
    ],
)
def test_what_cannot_be_used_is_refused(
    shop: Connection, function: str, given_badly: dict[str, Any], message: str
) -> None:
    with pytest.raises(psycopg.Error, match=message) as error:
        recommend(shop, function, **asked(function), **given_badly)
    assert error.value.sqlstate in ("VT001", "VT003")


def test_without_filling_up_only_what_something_speaks_for_is_shown(shop: Connection) -> None:
    add_product(shop, Product("unknown", categories=["Women/Tops"]))
    only = {"options": {"fill": False}}
    assert recommend(shop, "bought_together", product="unknown", **only) == []
    assert recommend(shop, "for_you", client="nobody", **only) == []
    hits = recommend(shop, "bought_together", product="unknown", k=3)
    assert [hit["why"]["fallback"] for hit in hits] == ["same kind"] * 3


@pytest.mark.parametrize("function", FUNCTIONS)
def test_python_answers_as_sql_does(shop: Connection, function: str) -> None:
    with vitrine.connect(shop.info.dsn) as opened:
        method = getattr(opened.recommend, function)
        page = method(**asked(function), k=4, client="c1", filters={"category": "women"})
        told = recommend(
            shop, function, k=4, client="c1", filters={"category": "women"}, **asked(function)
        )
        assert [(hit.rank, hit.external_id, hit.variant_id, hit.image_id) for hit in page] == [
            (row["rank"], row["external_id"], row["variant_id"], row["image_id"]) for row in told
        ]
        with pytest.raises(FilterError):
            method(**asked(function), filters={"nonsense": 1})
        with pytest.raises(TypeError, match="has no argument 'shopper'"):
            method(**asked(function), shopper="u-42")
        with pytest.raises(QueryError, match="k must be a whole number, not str"):
            method(**asked(function), k="4")
        with pytest.raises(QueryError, match="NUL"):
            method(**asked(function), client="a\0b")
        if function in OF_PRODUCT:
            with pytest.raises(QueryError, match="no product has"):
                method("gone")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_shop_s_own_role_may_ask(shop: Connection, function: str) -> None:
    shop.execute("SET ROLE vitrine_app")
    assert recommend(shop, function, k=3, client="me", **asked(function))


def test_a_worker_counts_without_seeing_events(shop: Connection) -> None:
    write(shop, [Event(object_id="P1", client_id=f"d{n}", timestamp=NOW) for n in range(5)])
    shop.execute("DELETE FROM association")
    shop.execute("SET ROLE vitrine_worker")
    tend(shop)
    assert shop.execute("SELECT count(*) > 0 FROM association").fetchone() == (True,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shop.execute("SELECT FROM event")


def test_an_empty_shop_recommends_nothing(connection: Connection) -> None:
    tend(connection)
    for function in ("for_you", "new_arrivals", "trending"):
        assert recommend(connection, function) == []
    add_product(connection, Product("P1"))
    for function in OF_PRODUCT:
        assert recommend(connection, function, product="P1") == []


def test_reasons_are_json_objects(shop: Connection) -> None:
    for function in FUNCTIONS:
        for hit in recommend(shop, function, k=20, client="c1", **asked(function)):
            assert json.loads(json.dumps(hit["why"]))["plan"] == function
