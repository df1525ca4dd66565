"""Sketches count both of two changes that are made at once."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import pytest

from tests.conftest import FilledOnce
from tests.integration.at_once import at_once
from tests.integration.sketches_from_scratch import check
from tests.integration.test_sketches import one_product
from vitrine.database import Connection


@pytest.fixture
def database(filled_once: FilledOnce, make_database: Callable[..., str]) -> str:
    """The URL of a shop with the one product."""
    return make_database(filled_once(one_product)[0])


MEANWHILE = {
    "brand": "UPDATE product SET brand = 'New'",
    "retired": "UPDATE product SET status = 'retired'",
    "category": "INSERT INTO product_category SELECT product_id, category_id "
    "FROM product, category WHERE path = 'women'",
    "options": "UPDATE variant SET options = '{\"color\": \"Green\"}' WHERE sku = 'red'",
    "variant retired": "UPDATE variant SET status = 'retired' WHERE sku = 'blue'",
    "unlinked": "DELETE FROM image_variant",
    "vectors": "UPDATE image_vector_1 SET embedding = '[0,0,0,1]'",
    "one vector": "UPDATE image_vector_1 SET embedding = '[0,0,1,0]' "
    "WHERE image_id = (SELECT min(image_id) FROM image)",
    "another vector": "UPDATE image_vector_1 SET embedding = '[0,-1,0,0]' "
    "WHERE image_id = (SELECT max(image_id) FROM image)",
    "no picture vectors": "DELETE FROM image_vector_1",
    "no caption vectors": "DELETE FROM caption_vector_1",
    "moved": "UPDATE category SET parent_id = (SELECT category_id FROM category "
    "WHERE path = 'elsewhere') WHERE path = 'women/tops'",
}


@pytest.mark.parametrize(("first", "second"), list(permutations(MEANWHILE, 2)))
def test_changes_at_once_both_count(
    connection: Connection,
    session: Callable[[], Connection],
    first: str,
    second: str,
) -> None:
    at_once(connection, session, MEANWHILE[first], MEANWHILE[second])
    check(connection, (first, second))


def test_a_category_moves_while_a_product_enters_it(
    connection: Connection, session: Callable[[], Connection]
) -> None:
    connection.execute("DELETE FROM product_category")
    enters = (
        "INSERT INTO product_category SELECT product_id, category_id "
        "FROM product, category WHERE path LIKE '%tops'"
    )
    at_once(connection, session, MEANWHILE["moved"], enters)
    check(connection)


def test_a_product_enters_a_category_that_moves_meanwhile(
    connection: Connection, session: Callable[[], Connection]
) -> None:
    connection.execute("DELETE FROM product_category")
    enters = (
        "INSERT INTO product_category SELECT product_id, category_id "
        "FROM product, category WHERE path = 'women/tops'"
    )
    moves = (
        "UPDATE category SET parent_id = (SELECT category_id FROM category "
        "WHERE path = 'elsewhere') WHERE path = 'women'"
    )
    at_once(connection, session, enters, moves)
    check(connection)
