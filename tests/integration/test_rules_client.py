"""Merchandising from Python: `shop.rules`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

import vitrine
from tests.integration.searchable import Product, add_category, add_product
from vitrine import models
from vitrine.database import Connection
from vitrine.errors import DatabaseError, FilterError, QueryError
from vitrine.merchandising import Rule, Rules


@pytest.fixture
def rules(connection: Connection, database: str) -> Iterator[Rules]:
    add_category(connection, "Women/Tops")
    add_product(connection, Product("P1", categories=["Women/Tops"]))
    with vitrine.connect(database) as shop:
        yield shop.rules


def test_every_kind_of_rule(rules: Rules) -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    pin = rules.pin("a pin", "P1", 2, query="Red dress", match="phrase", note="for spring")
    assert isinstance(pin, Rule)
    assert (pin.kind, pin.state, pin.product, pin.position) == ("pin", "active", "P1", 2)
    assert (pin.query, pin.match, pin.note, pin.problem) == (
        "red dress", "phrase", "for spring", None,
    )  # fmt: skip
    boost = rules.boost("boost", filters={"category": "Tops"}, category="women", starts_at=soon)
    assert (boost.state, boost.factor, boost.starts_at) == ("scheduled", 2.0, soon)
    assert boost.filters == {"category": "/women/tops"}
    assert rules.bury("bury", 0.25, products=("P1", "P2")).problem == "no product P2"
    assert rules.hide("hide", products=["P1"], enabled=False).state == "disabled"
    both = rules.synonym("synonym", "trainers", ["sneakers"], both_ways=True)
    assert both.words == both.instead == ["trainers", "sneakers"]
    assert rules.redirect("redirect", "/sale", query="sale").effect == "/sale"
    assert [rule.name for rule in rules.list()] == sorted(
        ["a pin", "boost", "bury", "hide", "synonym", "redirect"]
    )
    assert [rule.name for rule in rules.list(kind="boost", state="scheduled")] == ["boost"]
    assert rules.list(state="ended") == ()
    with pytest.raises(AttributeError):
        pin.name = "other"  # type: ignore[misc]


def test_a_preview_of_another_day(rules: Rules) -> None:
    rules.pin("a pin", "P1", 1, starts_at=datetime(2030, 1, 1, tzinfo=UTC))
    rules.hide("in tops", products=["P1"], category="women/tops")
    assert rules.preview("any words")["pins"] == []
    later = rules.preview(at=datetime(2030, 1, 2, tzinfo=UTC), categories=["women/tops"])
    assert [pin["rule"] for pin in later["pins"]] == ["a pin"]
    assert [rule["rule"] for rule in later["hidden"]] == ["in tops"]


def test_remove(rules: Rules) -> None:
    rules.hide("hide", products=["P1"])
    assert rules.remove("hide")
    assert not rules.remove("hide")
    assert rules.list() == ()


REFUSED: list[tuple[type[Exception], str, str, tuple[Any, ...], dict[str, Any]]] = [
    (QueryError, "position 0", "pin", ("r", "P1", 0), {}),
    (QueryError, "javascript", "redirect", ("r", "javascript:x"), {"query": "x"}),
    (FilterError, "unknown field", "hide", ("r",), {"filters": {"colour": 1}}),
    (FilterError, "NaN|JSON", "hide", ("r",), {"filters": {"price": float("nan")}}),
    (QueryError, "NUL", "pin", ("r\0", "P1", 1), {}),
    (QueryError, "NUL", "hide", ("r",), {"products": ["P\0"]}),
    (QueryError, "NUL", "remove", ("r\0",), {}),
    (QueryError, "must be text, not int", "pin", ("r", 1, 1), {}),
    (QueryError, "list of texts", "hide", ("r",), {"products": "P1"}),
    (QueryError, "list of texts", "synonym", ("r", "x", "y"), {}),
    (QueryError, "time zone", "pin", ("r", "P1", 1), {"ends_at": datetime(2030, 1, 1)}),
    (QueryError, "time zone", "preview", (), {"at": datetime(2030, 1, 1)}),
    (TypeError, "argument 'querry'", "pin", ("r", "P1", 1), {"querry": "x"}),
    (TypeError, "argument 'query'", "synonym", ("r", "x", ["y"]), {"query": "x"}),
]  # fmt: skip


@pytest.mark.parametrize(("error", "said", "method", "arguments", "more"), REFUSED)
def test_what_cannot_be_is_one_of_vitrines_errors(
    rules: Rules,
    error: type[Exception],
    said: str,
    method: str,
    arguments: tuple[Any, ...],
    more: dict[str, Any],
) -> None:
    with pytest.raises(error, match=said):
        getattr(rules, method)(*arguments, **more)
    assert rules.list() == ()


@pytest.mark.parametrize("role", ["app", "analyst", "worker"])
def test_the_app_writes_rules_and_the_others_read_them(
    rules: Rules, connection: Connection, database: str, role: str
) -> None:
    rules.pin("a pin", "P1", 1)
    connection.execute(f"CREATE ROLE login_{role} LOGIN IN ROLE vitrine_{role}".encode())
    try:
        url = psycopg.conninfo.make_conninfo(database, user=f"login_{role}")
        with vitrine.connect(url) as shop:
            assert [rule.name for rule in shop.rules.list()] == ["a pin"]
            assert len(shop.rules.preview()["pins"]) == 1
            if role == "app":
                shop.rules.hide("a pin", products=["P1"])
                assert shop.rules.remove("a pin")
                return
            for change in (
                lambda: shop.rules.pin("other", "P1", 1),
                lambda: shop.rules.pin("a pin", "P1", 2),
                lambda: shop.rules.remove("a pin"),
            ):
                with pytest.raises(DatabaseError, match="permission denied"):
                    change()
    finally:
        connection.execute(f"DROP ROLE login_{role}".encode())


def test_a_rule_saved_through_its_model_is_checked_and_normalised(
    rules: Rules, database: str
) -> None:
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(database))
    with Session(engine) as session:
        made = models.Rule(name="a pin", kind="pin", product="P1", position=1, query="  Red  DRESS")
        session.add(made)
        session.commit()
        assert (made.query, made.phrases, made.pinned and made.pinned.external_id) == (
            "red dress", ["red dress"], "P1",
        )  # fmt: skip
        made.position = 0
        with pytest.raises(sa.exc.DBAPIError, match="position 0"):
            session.commit()
    engine.dispose()
    assert rules.list()[0].position == 1
