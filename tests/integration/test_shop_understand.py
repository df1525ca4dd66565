"""Understanding from Python: the dataclasses and their errors."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import vitrine
from tests.integration.searchable import Product, add_product
from tests.integration.test_understand import sold
from vitrine.database import Connection
from vitrine.errors import QueryError


def test_an_understood_query_and_its_chips(connection: Connection, database: str) -> None:
    add_product(connection, Product("A", brand="Nike", variants=sold("A", color="Red")))
    with vitrine.connect(database) as shop:
        understood = shop.understand("Red shoes under 50, not nike")
        assert understood.words == "Red shoes"
        assert understood.filters == {
            "options": {"color": "Red"},
            "price": {"lt": 50},
            "not": {"brand": "Nike"},
        }
        assert understood.chips[0] == vitrine.Chip(
            text="Red",
            field="options",
            name="color",
            label="Red",
            filter={"options": {"color": "Red"}},
        )
        texts = [chip.text for chip in understood.chips]
        assert texts == ["Red", "under 50", "not nike"]
        bare = shop.understand("Red shoes under 50, not nike", without=texts, locale="en")
        assert bare == vitrine.Understood(
            query="Red shoes under 50, not nike",
            words="Red shoes under 50, not nike",
            filters={},
            chips=(),
        )
        with pytest.raises(dataclasses.FrozenInstanceError):
            understood.words = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("query", "options"),
    [
        (None, {}),
        (3, {}),
        ("a\0b", {}),
        ("\ud800", {}),
        ("red", {"without": "red"}),
        ("red", {"without": [3]}),
        ("red", {"without": ["\0"]}),
        ("red", {"locale": 3}),
    ],
)
def test_what_cannot_be_asked_is_refused(database: str, query: Any, options: Any) -> None:
    with vitrine.connect(database) as shop, pytest.raises(QueryError):
        shop.understand(query, **options)
