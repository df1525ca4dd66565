"""A history chooses from many, whose sketches are believed; the page is looked at again."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import CopyOf
from tests.integration.searchable import (
    Picture,
    Product,
    Variant,
    add_product,
    ask,
    know,
    make_space,
    random_vector,
    unit,
)
from vitrine.database import Connection

PRODUCTS = 60


def same_number(connection: Connection, field: str) -> tuple[str, str]:
    """Two values of a field whose terms are one number."""
    row = connection.execute(
        "SELECT min(v.value), max(v.value) FROM (SELECT 'v' || n AS value "
        "FROM generate_series(1, 300000) n) v GROUP BY term(%s, v.value) HAVING count(*) > 1 "
        "ORDER BY 1 LIMIT 1",
        (field,),
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def fill(connection: Connection) -> dict[str, tuple[str, str]]:
    """Products of two brands and two materials, each pair of one number."""
    rng = random.Random(5)
    make_space(connection)
    fields = {name: same_number(connection, name) for name in ("brand", "attributes.material")}
    for n in range(PRODUCTS):
        product = Product(
            f"P{n}",
            brand=fields["brand"][n % 2],
            # Of members that differ in case alone the one that is written as asked for counts.
            attributes={"material": fields["attributes.material"][n // 2 % 2], "Colour": "red"}
            | ({"colour": "blue"} if n % 3 else {}),
            popularity=float(n),
            variants=[Variant(f"SKU-{n}", options={"size": "M" if n % 5 else "L"})],
            pictures=[Picture(unit(random_vector(rng)))],
            caption=unit(random_vector(rng)),
        )
        add_product(connection, product)
    know(connection, [1, 1, 1, 1])
    connection.execute("SELECT ensure_partitions()")
    connection.execute(
        "INSERT INTO event (action_name, client_id, object_id) "
        "SELECT 'view', 'u', 'P' || n FROM generate_series(1, 21, 4) n"
    )
    return fields


@pytest.mark.parametrize("field", ["brand", "attributes.material"])
@pytest.mark.parametrize("words", [{"query": "warm coat"}, {"terms": [{"product": "P3"}]}])
@pytest.mark.parametrize("options", [{}, {"diversity": 0.4}, {"explore": 0.5, "seed": 1}])
def test_what_shares_a_number_with_a_filter_is_not_shown(
    copy_of: CopyOf, field: str, words: dict[str, Any], options: dict[str, Any]
) -> None:
    connection, fields = copy_of(fill)
    wanted, _ = fields[field]
    name, _, member = field.partition(".")
    filters = {name: {member: wanted} if member else wanted}
    kept = {f"P{n}" for n in range(PRODUCTS) if n // (2 if member else 1) % 2 == 0}
    for k in (5, PRODUCTS):
        hits = ask(connection, k=k, client="u", filters=filters, options=options, **words)
        assert {hit["external_id"] for hit in hits} <= kept
        assert len(hits) == min(k, len(kept))
    assert any("personal" in hit["why"] for hit in hits)


FILTERS: list[tuple[dict[str, Any], Any, bool]] = [
    ({"attributes": {"colour": "red"}}, lambda n: n % 3 == 0, True),
    ({"attributes": {"colour": "blue"}}, lambda n: n % 3 > 0, False),
    ({"options": {"size": "L"}}, lambda n: n % 5 == 0, False),
    ({"sku": [f"SKU-{n}" for n in range(9)]}, lambda n: n < 9, False),
    ({"options": {"size": "L"}, "sku": ["SKU-5", "SKU-6"]}, lambda n: n == 5, False),
    ({"external_id": [f"P{n}" for n in range(9)]}, lambda n: n < 9, False),
    ({"attributes": {"colour": "red"}, "price": {"lte": 10}}, lambda n: n % 3 == 0, False),
    ({"not": {"attributes": {"colour": "red"}}}, lambda n: n % 3 > 0, False),
]


@pytest.mark.parametrize(("filters", "keeps", "again"), FILTERS)
@pytest.mark.parametrize("cutoff", [False, True])
def test_explain_says_where_terms_said_too_much(
    copy_of: CopyOf,
    filters: dict[str, Any],
    keeps: Callable[[int], bool],
    again: bool,
    cutoff: bool,
) -> None:
    connection, _ = copy_of(fill)
    options = {"explain": True, "cutoff": cutoff}
    hits = ask(
        connection, query="warm coat", k=PRODUCTS, client="u", filters=filters, options=options
    )
    kept = {f"P{n}" for n in range(PRODUCTS) if keeps(n)}
    found = {hit["external_id"] for hit in hits}
    assert found <= kept if cutoff else found == kept
    for hit in hits[:1]:
        assert hit["why"]["search"].get("believed", True) == (not again or cutoff)
