"""Rules in great numbers, and texts in them that mean harm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import CopyOf
from tests.integration.ruled import applying, column, fill, put, rules
from tests.integration.searchable import ask
from vitrine.database import Connection


@pytest.fixture
def shop(copy_of: CopyOf) -> Connection:
    return copy_of(fill)[0]


def test_ten_thousand_rules(shop: Connection, explain: Callable[[str], str]) -> None:
    shop.execute(
        "SELECT count(pin('r' || n, 'P' || (1 + n % 5), 1 + n % 9, query => 'number ' || n)) "
        "FROM generate_series(1, 10000) n"
    )
    assert applying(rules(shop, "number 777")) == ["r777"]
    assert applying(rules(shop, "number")) == []
    plan = explain("SELECT FROM rule r WHERE r.phrases && '{number 777}'")
    assert "rule_phrases_idx" in plan


@pytest.fixture
def explain(shop: Connection) -> Callable[[str], str]:
    """Return a function that gives a statement's plan."""

    def plan(statement: str) -> str:
        return "\n".join(row[0] for row in shop.execute(f"EXPLAIN {statement}".encode()))

    return plan


HOSTILE = [
    "'; DROP TABLE rule; --",
    "\\",
    "%s %I $1 $$",
    '"',
    "{}",
    "{a,NULL}",
    "a,b",
    "\u2028",
    "🧥",
]
texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
)


def test_hostile_texts_are_only_ever_texts(shop: Connection) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(texts, texts)
    def check(name: str, text: str) -> None:
        actions: list[tuple[str, dict[str, Any]]] = [
            ("pin", {"product": text, "position": 1, "query": text, "note": text}),
            ("hide", {"products": [text, "P1"], "category": "women"}),
            ("boost", {"filters": {"brand": text, "attributes": {text: text}}}),
            ("add_synonym", {"words": text, "instead": [text, "x"]}),
            ("redirect", {"url": text, "query": text}),
            ("bury", {"products": ["P1"], "category": text}),
        ]
        for action, arguments in actions:
            try:
                put(shop, action, name, **arguments)
            except psycopg.Error as error:
                assert error.sqlstate in ("VT001", "VT003")  # noqa: PT017
            else:
                assert column(shop, "name", name) == name
        answer = rules(shop, text, text)
        for rule in (*answer["hidden"], *answer["boosts"]):
            ask(shop, filters={"not": rule["filter"]})
        shop.execute("SELECT remove_rule(%s)", (name,))

    check()
    assert shop.execute("SELECT count(*) FROM rule").fetchone() == (0,)
