"""The vocabulary is in step with the catalogue, within the transaction that changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.integration.searchable import Product, Variant, add_category, add_product
from tests.integration.test_understand import filters, sold, titled
from vitrine.database import Connection, set_search_path

ALL = "nike red jacket wool"
EVERYTHING = {
    "brand": "Nike",
    "category": "jackets",
    "options": {"color": "Red"},
    "attributes": {"material": "Wool"},
}


def full(name: str, **changed: Any) -> Product:
    values: dict[str, Any] = {
        "brand": "Nike",
        "categories": ["Jackets"],
        "attributes": {"material": ["Wool", "Silk"]},
        "variants": sold(f"S{name}", color="Red"),
    }
    return Product(name, **(values | changed))


@pytest.fixture
def open_connection(database: str) -> Iterator[Callable[[], Connection]]:
    """Return a function that opens another connection, in transactions of its own."""
    opened: list[Connection] = []

    def open_one() -> Connection:
        connection = psycopg.connect(database)
        set_search_path(connection, "vitrine")
        connection.execute("SET lock_timeout = '5s'")
        connection.commit()
        opened.append(connection)
        return connection

    yield open_one
    for one in opened:
        one.close()


def phrases(connection: Connection) -> set[str]:
    rows = connection.execute(
        "SELECT DISTINCT phrase FROM vocabulary WHERE field <> 'category'"
    ).fetchall()
    return {row[0] for row in rows}


def tend(connection: Connection, times: int = 3) -> None:
    for _ in range(times):
        connection.execute("SELECT tend_vocabulary()")


def test_values_are_known_in_the_transaction_that_brings_them(connection: Connection) -> None:
    with connection.transaction(force_rollback=True):
        add_product(connection, full("A"))
        assert filters(connection, ALL) == EVERYTHING
    assert filters(connection, ALL) == {}


LOSSES = {
    "retired": ("UPDATE product SET status = 'retired'", {}),
    "deleted": ("DELETE FROM product", {}),
    "its variants retired": ("UPDATE variant SET status = 'retired'", {}),
    "truncated": ("TRUNCATE product CASCADE", {}),
    "another brand": (
        "UPDATE product SET brand = 'Puma'",
        {key: EVERYTHING[key] for key in ("category", "options", "attributes")},
    ),
    "another attribute": (
        """UPDATE product SET attributes = '{"material": "Silk"}'""",
        {key: EVERYTHING[key] for key in ("category", "options", "brand")},
    ),
    "another option": (
        """UPDATE variant SET options = '{"color": "Blue"}'""",
        {key: EVERYTHING[key] for key in ("category", "brand", "attributes")},
    ),
    "no category": (
        "DELETE FROM product_category",
        {key: EVERYTHING[key] for key in ("options", "brand", "attributes")},
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_values_that_the_last_product_loses_are_forgotten(
    connection: Connection, loss: str
) -> None:
    statement, left = LOSSES[loss]
    add_product(connection, full("A"))
    add_product(connection, full("B"))
    connection.execute(statement.encode())
    assert filters(connection, ALL) == left
    tend(connection)
    assert filters(connection, ALL) == left


@pytest.mark.parametrize("loss", [name for name in LOSSES if name != "truncated"])
def test_values_that_another_product_still_has_are_kept(connection: Connection, loss: str) -> None:
    add_product(connection, full("A"))
    kept = add_product(connection, full("B"))
    where = f" WHERE product_id <> {kept.product_id}"
    connection.execute((LOSSES[loss][0] + where).encode())
    assert filters(connection, ALL) == EVERYTHING
    tend(connection)
    assert filters(connection, ALL) == EVERYTHING


def test_what_comes_back_is_known_again(connection: Connection) -> None:
    add_product(connection, full("A"))
    for times in range(4):
        connection.execute("UPDATE product SET status = 'retired'")
        tend(connection, times)
        connection.execute("UPDATE product SET status = 'active'")
        assert filters(connection, ALL) == EVERYTHING
        tend(connection)
        assert filters(connection, ALL) == EVERYTHING


def test_a_renamed_or_moved_category_is_known_by_its_new_name(connection: Connection) -> None:
    add_product(connection, full("A"))
    connection.execute("UPDATE category SET name = 'Coats & Parkas'")
    assert filters(connection, "jacket") == {}
    assert filters(connection, "parka") == {"category": "coats & parkas"}


def test_prices_and_stock_touch_no_vocabulary(connection: Connection) -> None:
    add_product(connection, full("A"))
    connection.execute("ALTER TABLE vocabulary RENAME TO hidden")
    connection.execute("ALTER TABLE vocabulary_doubt RENAME TO hidden_doubt")
    connection.execute("UPDATE variant SET price = 1, stock = 0, options = options")
    connection.execute("UPDATE product SET popularity = 3")
    with pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("UPDATE variant SET options = '{}'")


def test_housekeeping_drops_what_nothing_uses(connection: Connection) -> None:
    add_product(connection, full("A"))
    add_product(connection, full("B", brand="Puma", variants=sold("B", color="Blue")))
    assert phrases(connection) == {"nike", "puma", "red", "blue", "wool", "silk"}
    connection.execute("DELETE FROM product WHERE brand = 'Puma'")
    tend(connection)
    assert phrases(connection) == {"nike", "red", "wool", "silk"}
    assert connection.execute("SELECT count(*) FROM vocabulary_doubt").fetchone() == (0,)


def test_imports_at_once_neither_wait_nor_fail(
    connection: Connection, open_connection: Callable[[], Connection]
) -> None:
    """The same new words in opposite orders: with a unique key, each would wait for the other."""
    one, other = open_connection(), open_connection()
    add_category(connection, "Jackets")
    add_product(one, full("A", variants=sold("A", color="Red")))
    add_product(other, full("B", variants=sold("B", color="Blue")))
    add_product(one, full("C", variants=sold("C", color="Blue")))
    add_product(other, full("D", variants=sold("D", color="Red")))
    one.commit()
    other.commit()
    assert filters(connection, ALL) == EVERYTHING
    tend(connection)
    row = connection.execute("SELECT count(*) FROM vocabulary WHERE phrase = 'red'").fetchone()
    assert row == (1,)
    assert filters(connection, ALL) == EVERYTHING


@pytest.mark.parametrize("before", range(4))
def test_housekeeping_drops_nothing_that_a_transaction_relies_on(
    connection: Connection, open_connection: Callable[[], Connection], before: int
) -> None:
    """An import that found a word known commits after the word's last product has gone."""
    add_product(connection, full("A"))
    importing = open_connection()
    if before == 0:
        add_product(importing, full("B"))
    connection.execute("DELETE FROM product")
    tend(connection, before)
    if before:
        add_product(importing, full("B"))
    tend(connection)
    importing.commit()
    assert filters(connection, ALL) == EVERYTHING
    tend(connection)
    assert filters(connection, ALL) == EVERYTHING


def test_an_old_snapshot_adds_what_it_cannot_tell_to_be_there(
    connection: Connection, open_connection: Callable[[], Connection]
) -> None:
    add_product(connection, full("A"))
    importing = open_connection()
    importing.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    importing.execute("SELECT count(*) FROM product")
    connection.execute("DELETE FROM product")
    tend(connection)
    add_product(importing, full("B", categories=[]))
    importing.commit()
    assert filters(connection, "nike red wool")["brand"] == "Nike"


def test_another_locale_has_other_plurals(connection: Connection) -> None:
    add_product(connection, full("A", attributes={"art": "Kleid"}))
    assert filters(connection, "kleider") == {}
    connection.execute("INSERT INTO setting (name, value) VALUES ('locale', '\"de\"')")
    assert filters(connection, "kleider") == {"attributes": {"art": "Kleid"}}


def test_evidence_is_gathered_anew(connection: Connection) -> None:
    add_product(connection, full("A", brand="Classic"))
    tend(connection)
    assert filters(connection, "classic") == {"brand": "Classic"}
    for number in range(3):
        titled(connection, Product(f"P{number}"), "Classic Sneaker")
    connection.execute("UPDATE vocabulary SET judged_at = '2000-01-01'")
    tend(connection)
    assert filters(connection, "classic") == {}


def test_evidence_counts_products_that_nothing_has_folded_yet(connection: Connection) -> None:
    """A value counts once a product, however many variants have it; what is retired does not."""
    for number in range(3):
        add_product(connection, full(f"P{number}", variants=sold(f"P{number}", color="Red")))
    tend(connection, 1)
    assert counted(connection) == {"nike": 3, "red": 3, "wool": 3, "silk": 3}
    add_product(connection, full("Q", brand="NIKE"))
    connection.execute("UPDATE product SET status = 'retired' WHERE external_id = 'P0'")
    connection.execute("UPDATE variant SET options = '{}' WHERE sku LIKE 'P1%'")
    connection.execute("UPDATE vocabulary SET judged_at = '2000-01-01'")
    tend(connection, 1)
    assert counted(connection) == {"nike": 3, "red": 2, "wool": 3, "silk": 3}


def counted(connection: Connection) -> dict[str, int]:
    rows = connection.execute("SELECT phrase, products FROM vocabulary WHERE field <> 'category'")
    return dict(rows.fetchall())


def test_housekeeping_goes_on_where_the_last_call_ended(connection: Connection) -> None:
    add_product(connection, full("A"))
    waiting = "SELECT count(DISTINCT (field, name, key)) FROM vocabulary WHERE judged_at IS NULL"
    [(total,)] = connection.execute(waiting).fetchall()
    connection.execute("SELECT fold_facets()")
    for left in range(total - 1, -1, -1):
        assert connection.execute("SELECT tend_vocabulary(1)").fetchone() == (1,)
        assert connection.execute(waiting).fetchone() == (left,)
    assert connection.execute("SELECT tend_vocabulary(1)").fetchone() == (0,)


def test_doubts_without_time_are_settled_one_a_call(connection: Connection) -> None:
    add_product(connection, full("A"))
    connection.execute("DELETE FROM product")
    doubts = "SELECT count(DISTINCT value) FROM vocabulary_doubt"
    in_no_time = "SELECT settle_vocabulary('-infinity')"
    connection.execute(in_no_time)
    unmarked = connection.execute("SELECT FROM vocabulary_doubt WHERE waits_for IS NOT NULL")
    assert unmarked.fetchall() == []
    for _ in range(2):
        connection.execute("SELECT settle_vocabulary('infinity')")
    [(total,)] = connection.execute(doubts).fetchall()
    for left in range(total - 1, -1, -1):
        connection.execute(in_no_time)
        assert connection.execute(doubts).fetchone() == (left,)
    assert phrases(connection) == set()


def test_what_no_phrase_can_name_is_left_out(connection: Connection) -> None:
    long = "x" * 3000
    add_product(
        connection,
        Product(
            "A",
            brand=long,
            attributes={"text": long, long: "a", "flag": "Yes", "n": 3, "nested": {"a": "b"}},
            variants=[Variant("A", options={"note": long, "list": [["deep"]], "none": None})],
        ),
    )
    assert phrases(connection) == set()


def test_a_catalogue_from_before_gets_its_vocabulary(connection: Connection) -> None:
    add_product(connection, full("A"))
    before = phrases(connection)
    connection.execute("DELETE FROM vocabulary")
    connection.execute("SELECT ensure_vocabulary()")
    assert phrases(connection) == before
    assert filters(connection, ALL) == EVERYTHING
