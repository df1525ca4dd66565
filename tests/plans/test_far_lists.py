"""Pictures hardly nearer than chance has it: all is listed, and compared as needed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.searchable import ask, names
from tests.plans.clustered_shop import KEY, PRODUCTS, QUERIES, true_order
from tests.plans.test_priced_districts import RANGE, believing, kept
from vitrine.database import Connection

__all__ = ["believing"]  # a fixture: in a larger shop the router would choose districts by itself

MATCHING = PRODUCTS * 150 // 1000


@pytest.fixture(autouse=True)
def noisy(connection: Connection, believing: None) -> None:
    """As if nothing stood out from the rest, and what lies in the districts near left a doubt."""
    for function in (
        "search_is_noise(kind text, space_id integer, vector halfvec, "
        "route search_route, last double precision, wanted integer)",
        "search_is_doubtful(found_by integer[], compared double precision[], "
        "last double precision, wanted integer)",
    ):
        connection.execute(
            f"CREATE OR REPLACE FUNCTION {function} RETURNS boolean "
            "LANGUAGE sql RETURN true".encode()
        )


def search(connection: Connection, number: int) -> tuple[dict[str, Any], list[str]]:
    terms = [{"image": KEY.format(number)}]
    hits = ask(connection, terms=terms, filters=RANGE, k=10, options={"explain": True})
    return hits[0]["why"]["search"]["image"], names(hits)


def test_all_that_matches_is_listed_and_a_part_compared(
    filled: tuple[Connection, Any], connection: Connection
) -> None:
    right = 0
    for number in range(QUERIES):
        report, found = search(connection, number)
        assert (report["plan"], report["source"]) == ("list", "placed")
        assert report["attempts"] == 2
        assert report["scanned"] > MATCHING > 2 * report["compared"]
        right += len(set(true_order(filled[1], connection, number, kept)[:10]) & set(found))
    assert right >= 0.98 * 10 * QUERIES


def test_all_is_compared_where_the_list_leaves_a_doubt(
    filled: tuple[Connection, Any], connection: Connection
) -> None:
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_left_below(compared double precision[], "
        "missed double precision, listed double precision) RETURNS double precision "
        "LANGUAGE sql RETURN 5001"  # five times what search_may_miss allows here, and one
    )
    report, found = search(connection, 0)
    assert (report["plan"], report["attempts"]) == ("exact", 3)
    assert found == true_order(filled[1], connection, 0, kept)[:10]


def test_all_is_compared_where_little_can_be_told(
    filled: tuple[Connection, Any], connection: Connection
) -> None:
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_missed_of(compared double precision[], "
        "last double precision) RETURNS double precision LANGUAGE sql RETURN 4.1"
    )
    report, found = search(connection, 0)
    assert (report["plan"], report["attempts"]) == ("exact", 2)
    assert found == true_order(filled[1], connection, 0, kept)[:10]


def test_what_is_left_below_is_told_by_the_share_missed(connection: Connection) -> None:
    # Of 100 compared, 2 more were missed in twice as many: 1 % of what is left, five times.
    assert connection.execute(
        "SELECT search_left_below(array_fill(0::float8, ARRAY[100]), 2, 1100), "
        "search_left_below(array_fill(0::float8, ARRAY[100]), 2, 90)"
    ).fetchone() == (50, 0)
