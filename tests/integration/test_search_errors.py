"""Bad input to a search: one clear error each, with its SQLSTATE and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Postgres
from tests.integration.searchable import (
    WORDS,
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

ARGUMENT, UNKNOWN, FILTER, SPACE = "VT001", "VT002", "VT003", "VT005"


@pytest.fixture(scope="module")
def shop(postgres: Postgres, template_database: str) -> Iterator[Connection]:
    """One shop for all these tests, which change nothing for good."""
    with postgres.clone(template_database) as name, postgres.open(name) as connection:
        make_space(connection)
        know(connection, (1, 0, 0, 0))
        add_category(connection, "Women/Tops")
        add_category(connection, "Men/Tops")
        add_product(connection, Product("P1", pictures=[Picture((1, 0, 0, 0))]))
        add_product(connection, Product("waits", pictures=[Picture(None)]))
        yield connection


@pytest.fixture
def connection(shop: Connection) -> Iterator[Connection]:
    with shop.transaction(force_rollback=True):
        yield shop


def refused(connection: Connection, **arguments: Any) -> tuple[str, str]:
    """SQLSTATE and text of the error that a search ends with."""
    with pytest.raises(psycopg.Error) as caught, connection.transaction():
        ask(connection, **arguments)
    diagnosis = caught.value.diag
    return str(caught.value.sqlstate), f"{diagnosis.message_primary}; {diagnosis.message_hint}"


@pytest.mark.parametrize(
    ("arguments", "sqlstate", "said"),
    [
        ({"query": ""}, ARGUMENT, "empty"),
        ({"query": " \n\t "}, ARGUMENT, "NULL to browse"),
        ({"query": "word " * 10_000}, ARGUMENT, "at most 1,000 characters"),
        ({"k": 0}, ARGUMENT, "1 to 1,000"),
        ({"k": 1001}, ARGUMENT, "k is 1001"),
        ({"k": None}, ARGUMENT, "k is NULL"),
        (
            {"options": {"sorting": "price"}},
            ARGUMENT,
            "The options are space, locale, arms, sort,",
        ),
        ({"options": []}, ARGUMENT, "JSON object"),
        ({"options": {"space": 3}}, ARGUMENT, "must be text"),
        ({"options": {"sort": "cheap"}}, ARGUMENT, "Sort by one of relevance, price, -price"),
        ({"options": {"understand": {"strict": "yes"}}}, ARGUMENT, "strict must be true or false"),
        ({"options": {"cutoff": "much"}}, ARGUMENT, "the option cutoff is"),
        ({"options": {"diversity": 2}}, ARGUMENT, "diversity is 2; Give"),
        ({"options": {"arms": {"image": 0}}}, ARGUMENT, "leaves no arm"),
        ({"options": {"arms": {"pictures": 1}}}, ARGUMENT, 'unknown arm "pictures"'),
        ({"options": {"arms": {"text": -1}}}, ARGUMENT, "from 0 (left out) to 100"),
        ({"options": {"locale": 3}}, ARGUMENT, "locale must be text"),
        ({"options": {"strength": 2}}, ARGUMENT, "strength is 2; Give how much history"),
        ({"options": {"strength": "much"}}, ARGUMENT, "strength is"),
        ({"options": {"as_of": "soon"}}, ARGUMENT, 'as_of is "soon"; Give a moment'),
        ({"options": {"as_of": 5}}, ARGUMENT, "as_of is 5"),
        ({"options": {"explain": "yes"}}, ARGUMENT, "explain must be true or false"),
        ({"options": {"deadline_ms": 0}}, ARGUMENT, "deadline_ms is 0; Give milliseconds"),
        ({"cursor": "x"}, ARGUMENT, 'the cursor "x" is damaged'),
        ({"cursor": "9c2a1b3d.0123456789ab..1-2"}, ARGUMENT, "is damaged"),
        (
            {"terms": [{"product": "P1", "weight": -1}]},
            ARGUMENT,
            "no part of the search",
        ),
        (
            {"terms": [{"product": "P1", "weight": 0}]},
            ARGUMENT,
            "no part of the search",
        ),
        (
            {"terms": [{"product": "P1", "weight": 2}]},
            ARGUMENT,
            "terms[1] has the weight 2; A",
        ),
        ({"terms": [{"product": "P1", "weight": "1"}]}, ARGUMENT, 'terms[1] has the weight "1"'),
        ({"terms": [{"words": "x"}] * 17}, ARGUMENT, "terms has 17 parts"),
        ({"terms": {"product": "P1"}}, ARGUMENT, "a list of objects"),
        ({"terms": ["P1"]}, ARGUMENT, "a list of objects"),
        ({"terms": [{"colour": "red"}]}, ARGUMENT, "one of words, image"),
        ({"terms": [{"product": 1}]}, ARGUMENT, "as text"),
        ({"terms": [{"words": " "}]}, ARGUMENT, "empty"),
        ({"terms": [{"image": "photo.jpg"}]}, ARGUMENT, "SHA-256"),
        (
            {"terms": [{"product": "nowhere"}]},
            ARGUMENT,
            'has the external_id or SKU "no',
        ),
        ({"terms": [{"product": "waits"}]}, ARGUMENT, "vitrine work"),
        ({"query": WORDS, "options": {"space": "no"}}, SPACE, "The spaces are test."),
        ({"query": "it's new"}, UNKNOWN, "CALL vitrine.encode('it''s new')"),
        ({"terms": [{"image": "00" * 32}]}, UNKNOWN, "CALL vitrine.encode(image =>"),
        (
            {"query": "new", "options": {"space": "test"}},
            UNKNOWN,
            "CALL vitrine.encode('new', space => 'test')",
        ),
    ],
)
def test_arguments(
    connection: Connection, arguments: dict[str, Any], sqlstate: str, said: str
) -> None:
    state, text = refused(connection, **arguments)
    assert said in text
    assert state == sqlstate


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        (
            {"colour": "red"},
            'filters has the unknown field "colour"; The fields are category',
        ),
        ({"any": [{"brand": "A"}, {"sizes": 1}]}, "filters.any[2] has the unknown field"),
        ({"not": {"prize": 1}}, "filters.not has the unknown field"),
        ({"price": {"less": 1}}, 'operator "less"; The operators are gt, gte, lt, lte and eq'),
        ({"price": {"lt": "80"}}, "filters.price.lt must be a number"),
        ({"price": "80"}, "cannot be a string"),
        ({"price": {}}, "without a bound"),
        ({"in_stock": "yes"}, "true or false"),
        ({"brand": {"eq": "A"}}, "filters.brand cannot be an object; Give a string or a number"),
        ({"brand": None}, "cannot be null"),
        ({"brand": [["A"]]}, "cannot list a list"),
        ({"brand": ["A"] * 1001}, "at most 1,000"),
        ({"category": 5}, "filters.category cannot be a number"),
        ({"category": "tops"}, "Give one of the paths men/tops, women/tops"),
        ({"options": "Red"}, 'For example {"options": {"color"'),
        ({"options": {"color": None}}, "filters.options.color cannot be null"),
        (
            {"attributes": {"weight": {"from": 1}}},
            "attributes.weight has the unknown operator",
        ),
        ({"any": {"brand": "A"}}, "must be a list of filters"),
        ({"any": ["A"]}, "cannot list a string"),
        ({"not": []}, "filters.not must be one filter, not a list"),
        ([], "must be a JSON object"),
        ("x", "must be a JSON object"),
    ],
)
def test_filters(connection: Connection, filters: Any, said: str) -> None:
    # Unknown words too: nobody should wait for a worker to learn that a filter is wrong.
    for query in (WORDS, None, "unknown"):
        state, text = refused(connection, query=query, filters=filters)
        assert said in text
        assert state == FILTER


def test_filters_that_lie_too_deep(connection: Connection) -> None:
    filters: dict[str, Any] = {"brand": "A"}
    for _ in range(10):
        filters = {"not": filters}
    ask(connection, query=WORDS, filters=filters)
    assert refused(connection, query=WORDS, filters={"not": filters})[0] == FILTER


def test_a_shop_without_a_space(connection: Connection) -> None:
    connection.execute("UPDATE space SET status = 'retired'")
    state, text = refused(connection, query=WORDS)
    assert state == SPACE
    assert "vitrine work" in text


HOSTILE = [
    "'; DROP TABLE product; --",
    "' OR '1'='1",
    "\\'; SELECT pg_sleep(10); --",
    "%s %1$s %L %I",
    "$1 $2 $$ $page$",
    "{}", "{\"a\"}", "a,b", "NULL", "\u2028", "🧥", "连衣裙", "معطف", "\u202e", "\x01", "x" * 900,
]  # fmt: skip
hostile = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30),
)


def test_hostile_values_are_only_ever_values(connection: Connection) -> None:
    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(hostile, hostile)
    def check(name: str, value: str) -> None:
        inner = {
            "brand": value,
            "external_id": [value, "P1"],
            "attributes": {name: value},
            "options": {name: {"gt": 1}},
            "sku": value,
        }
        for filters in (
            inner,
            {"any": [inner, {"external_id": ["P1", value]}]},
            {"not": {"not": inner}},
            {"category": value},
            {"not": {"options": {name: [value, 1]}}},
        ):
            assert set(names(ask(connection, query=WORDS, filters=filters))) <= {"P1", "waits"}

    check()
    assert names(ask(connection, query=WORDS)) == ["P1", "waits"]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_are_found_where_they_stand(connection: Connection, value: str) -> None:
    add_product(
        connection,
        Product(
            "found",
            brand=value,
            attributes={value: value},
            variants=[Variant(value, options={value: [value]})],
        ),
    )
    for filters in (
        {"brand": value},
        {"sku": [value]},
        {"attributes": {value: value}, "options": {value: value.upper()}},
    ):
        assert names(ask(connection, query=WORDS, filters=filters)) == ["found"]


@pytest.mark.parametrize(
    "words", ["🧥 🧣", "黑色连帽外套", "معطف أسود", "cafe\u0301", "a\u202eb", "%s'\\"]
)
def test_words_in_any_script(connection: Connection, words: str) -> None:
    assert refused(connection, query=words)[0] == UNKNOWN
    know(connection, (1, 0, 0, 0), words=words)
    assert names(ask(connection, query=words))[0] == "P1"
