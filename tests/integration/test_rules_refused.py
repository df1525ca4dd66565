"""Rules that make no sense: one clear error each, and nothing kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.conftest import Postgres
from tests.integration.ruled import fill, put
from vitrine.database import Connection


@pytest.fixture(scope="module")
def filled(postgres: Postgres, template_database: str) -> Iterator[Connection]:
    """One shop for all these tests, which change nothing for good."""
    with postgres.clone(template_database) as name, postgres.open(name) as connection:
        fill(connection)
        yield connection


@pytest.fixture
def shop(filled: Connection) -> Iterator[Connection]:
    with filled.transaction(force_rollback=True):
        yield filled


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("pin", {"product": "P1", "position": None}, "pins to position NULL; Give a position from 1"),
    ("pin", {"product": "P1", "position": 0}, "position 0"),
    ("pin", {"product": "P1", "position": 1001}, "position 1001"),
    ("pin", {"product": None, "position": 1}, "pins no product"),
    ("pin", {"product": " ", "position": 1}, "pins no product"),
    ("pin", {"product": "P1", "position": 1, "query": " \n"}, "must hold a word"),
    ("pin", {"product": "P1", "position": 1, "query": "?!"}, "must hold a word"),
    ("pin", {"product": "P1", "position": 1, "query": "w" * 1001}, "at most 1,000 characters"),
    ("pin", {"product": "P1", "position": 1, "query": "a " * 17, "match": "phrase"}, "17 words"),
    ("pin", {"product": "P1", "position": 1, "match": "any"}, "It is exact"),
    ("pin", {"product": "P1", "position": 1, "match": None}, "has the match NULL"),
    ("pin", {"product": "P1", "position": 1, "category": "Nowhere"}, 'no category "Nowhere"'),
    ("pin", {"product": "P1", "position": 1, "starts_at": "2027-01-02", "ends_at": "2027-01-01"},
     "before it starts"),
    ("pin", {"product": "P1", "position": 1, "starts_at": "2027-01-01", "ends_at": "2027-01-01"},
     "before it starts"),
    ("boost", {}, "must have products or filters"),
    ("boost", {"products": ["P1"], "filters": {"brand": "A"}}, "one of them"),
    ("boost", {"products": []}, "1 to 1,000 texts"),
    ("boost", {"products": [None]}, "none of them empty"),
    ("boost", {"products": ["P1"], "factor": 1}, "boosts by the factor 1;"),
    ("boost", {"products": ["P1"], "factor": -2}, "factor -2"),
    ("boost", {"products": ["P1"], "factor": "NaN"}, "factor NaN"),
    ("boost", {"products": ["P1"], "factor": "Infinity"}, "factor Infinity"),
    ("bury", {"products": ["P1"], "factor": 0}, "buries by the factor 0;"),
    ("bury", {"products": ["P1"], "factor": 1.5}, "factor 1.5"),
    ("bury", {"products": ["P1"], "factor": None}, "factor NULL"),
    ("hide", {"filters": {}}, "says nothing"),
    ("hide", {"filters": {"category": "Nowhere"}}, 'no category "Nowhere"'),
    ("hide", {"filters": {"category": "Tops"}}, "names 2 categories"),
    ("hide", {"filters": {"any": [{"colour": "red"}]}}, 'unknown field "colour"'),
    ("hide", {"filters": {"price": {"lt": "3"}}}, "must be a number"),
    ("add_synonym", {"words": None, "instead": ["x"]}, "needs words"),
    ("add_synonym", {"words": "x", "instead": None}, "what to search for instead"),
    ("add_synonym", {"words": "x", "instead": []}, "1 to 1,000 texts"),
    ("add_synonym", {"words": "x", "instead": ["", "y"]}, "none of them empty"),
    ("add_synonym", {"words": "x", "instead": ["-"]}, "must hold a word"),
    ("redirect", {"url": None, "query": "x"}, "to nowhere"),
    ("redirect", {"url": "/sale"}, "would redirect every search"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "arguments", "said"), REFUSED)
def test_nonsense_is_refused_with_what_to_do(
    shop: Connection, action: str, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(psycopg.Error) as caught, shop.transaction():
        put(shop, action, "a rule", **arguments)
    diagnosis = caught.value.diag
    assert said in f"{diagnosis.message_primary}; {diagnosis.message_hint}"
    assert caught.value.sqlstate in ("VT001", "VT003")
    assert diagnosis.message_hint
    assert shop.execute("SELECT count(*) FROM rule").fetchone() == (0,)


@pytest.mark.parametrize("name", [None, "", "  ", "n" * 201])
def test_a_rule_needs_a_name(shop: Connection, name: str | None) -> None:
    with pytest.raises(psycopg.Error, match="a rule needs a name"):
        put(shop, "hide", name, products=["P1"])


BAD_URLS = [
    "javascript:alert(1)", "JavaScript:alert(1)", " javascript:alert(1)", "java\nscript:x",
    "data:text/html,x", "vbscript:x", "//evil.example", "/\\evil.example", "\\\\evil.example",
    "https:evil.example", "https:///x", "http://", "ftp://x", "sale", "", "https://a@evil.example",
    "https://x y", "/sale\t", "https://x/\u0001", '/"onclick', "/" + "x" * 2000, "?q=x",
]  # fmt: skip


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_redirect_leads_to_no_code_and_no_surprise(shop: Connection, url: str) -> None:
    with pytest.raises(psycopg.Error, match="redirects to"):
        put(shop, "redirect", "r", url=url, query="x")


def test_the_table_refuses_what_gets_past_the_trigger(shop: Connection) -> None:
    shop.execute("ALTER TABLE rule DISABLE TRIGGER rule_prepare")
    for columns, values in (
        ("kind, product", "'pin', 'P1'"),
        ("kind, products, factor", "'boost', '{P1}', 0.5"),
        ("kind, products, factor", "'boost', '{P1}', 'NaN'"),
        ("kind, products, factor", "'bury', '{P1}', 0"),
        ("kind, products", "'bury', '{P1}'"),
        ("kind, products, product, position", "'hide', '{P1}', 'P1', 1"),
        ("kind, words, match", "'synonym', '{x}', 'phrase'"),
        ("kind, url", "'redirect', '/'"),
        ("kind, products", "'show', '{P1}'"),
        ("kind, products, starts_at, ends_at", "'hide', '{P1}', 'tomorrow', 'today'"),
    ):
        with pytest.raises(psycopg.errors.CheckViolation), shop.transaction():
            shop.execute(f"INSERT INTO rule (name, {columns}) VALUES ('r', {values})".encode())
