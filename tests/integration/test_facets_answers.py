"""What an answer of facets looks like, and what a wrong question is told."""

from __future__ import annotations

import json
import re
from typing import Any

import psycopg
import pytest

from tests.integration.facet_reference import facet_counts
from tests.integration.facet_shop import FACETS, fold
from tests.integration.searchable import Product, Variant, add_product
from vitrine.database import Connection


@pytest.mark.parametrize(
    ("facets", "says"),
    [
        (["colour"], 'unknown facet "colour"'),
        (["options.colour"], 'unknown facet "options.colour"'),
        ({"brand": {"limit": 0}}, "facets.brand.limit is 0"),
        ({"brand": {"limit": "x"}}, 'facets.brand.limit is "x"'),
        ({"price": {"limit": 5}}, 'the facet price has the unknown setting "limit"'),
        ({"price": {"buckets": 101}}, "facets.price.buckets is 101"),
        ({"category": {"under": 1}}, "facets.category.under must be text"),
        ({"category": {"under": "nowhere"}}, 'no category is called "nowhere"'),
        ({"brand": 5}, "the settings of the facet brand must be an object"),
        ([1], "facets must list names"),
        ("brand", 'facets cannot be "brand"'),
        (["options.color", "options.COLOR"], "a facet is asked for twice"),
    ],
)
def test_wrong_facets_say_what_is_right(connection: Connection, facets: Any, says: str) -> None:
    add_product(
        connection, Product("p", variants=[Variant("v", options={"color": "Red"})]), space=0
    )
    with pytest.raises(psycopg.Error, match=re.escape(says)) as raised:
        facet_counts(connection, {}, facets)
    assert raised.value.sqlstate == "VT001"
    assert raised.value.diag.message_hint
    if facets == ["options.colour"]:
        assert "options.color" in raised.value.diag.message_hint


def test_a_page_of_values_is_limited_and_keeps_what_is_selected(connection: Connection) -> None:
    for number in range(12):
        add_product(connection, Product(f"p{number}", brand=f"b{min(number, 8)}"), space=0)
    wanted = {"brand": ["b3", "nobody"]}
    answer = facet_counts(connection, wanted, {"brand": {"limit": 2}})
    assert answer["facets"]["brand"] == [
        {"value": "b8", "count": 4},
        {"value": "b0", "count": 1},
        {"value": "b3", "count": 1, "selected": True},
        {"value": "nobody", "count": 0, "selected": True},
    ]
    assert answer["more"] == {"brand": 6}
    assert answer["total"] == 1


def test_categories_come_as_a_tree(connection: Connection) -> None:
    for number, path in enumerate(["A/X", "A/X", "A/Y", "B"]):
        add_product(connection, Product(f"p{number}", categories=[path]), space=0)
    values = facet_counts(connection, {"category": "a/y"}, ["category"])["facets"]["category"]
    assert [(v["value"], v["count"], v["parent"], v["depth"]) for v in values] == [
        ("a", 3, None, 1),
        ("a/x", 2, "a", 2),
        ("a/y", 1, "a", 2),
        ("b", 1, None, 1),
    ]
    assert [v["value"] for v in values if v.get("selected")] == ["a/y"]
    below = facet_counts(connection, {}, {"category": {"under": "A"}})["facets"]["category"]
    assert [v["value"] for v in below] == ["a/x", "a/y"]


def test_names_that_differ_in_case_alone_mean_what_they_mean_in_filters(
    connection: Connection,
) -> None:
    for number, options in enumerate(
        [{"color": "Red", "Color": "Blue"}, {"Color": "Red"}, {"COLOR": "Blue", "color": "Green"}]
    ):
        row = connection.execute(
            "INSERT INTO product (external_id, attributes) VALUES (%s, %s) RETURNING product_id",
            (str(number), json.dumps(options)),
        ).fetchone()
        assert row is not None
        connection.execute(
            "INSERT INTO variant (product_id, sku, options) VALUES (%s, %s, %s)",
            (row[0], str(number), json.dumps(options)),
        )
    for _ in range(2):
        for field in ("options", "attributes"):
            for name in ("color", "Color", "COLOR", "cOLOR"):
                facet = f"{field}.{name}"
                values = facet_counts(connection, {}, [facet])["facets"][facet]
                shown = {v["value"].lower(): v["count"] for v in values}
                for value in ("red", "blue", "green"):
                    wanted = {field: {name: value}}
                    found = connection.execute(
                        "SELECT count(*) FROM search(filters => %s, k => 1000)",
                        (json.dumps(wanted),),
                    ).fetchone()
                    assert found is not None
                    assert shown.get(value, 0) == found[0], (facet, value)
                    assert facet_counts(connection, wanted, [])["total"] == found[0]
        fold(connection)


def test_an_empty_shop_has_empty_facets(connection: Connection) -> None:
    for _ in range(2):
        answer = facet_counts(connection, {}, FACETS)
        assert answer["total"] == 0
        assert answer["facets"]["brand"] == answer["facets"]["category"] == []
        assert answer["facets"]["price"] == {"min": None, "max": None, "buckets": []}
        assert [v["count"] for v in answer["facets"]["in_stock"]] == [0, 0]
        fold(connection)
