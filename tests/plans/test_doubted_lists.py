"""Lists that leave a doubt: more of one is compared before all of it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.searchable import ask, names
from tests.plans.clustered_shop import BROAD, KEY, true_order
from vitrine.database import Connection


def doubt_lists(connection: Connection, until: int) -> None:
    """Let lists by terms leave a doubt until so many are compared."""
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_cheapest(by_districts double precision, "
        "by_cells double precision, by_prices double precision, by_terms double precision) "
        "RETURNS text LANGUAGE sql RETURN 'terms'"
    )
    connection.execute(
        "CREATE OR REPLACE FUNCTION search_missed_of(compared double precision[], "
        "last double precision) RETURNS double precision LANGUAGE sql "
        f"RETURN CASE WHEN cardinality(compared) >= {until} THEN 0 ELSE 3 END".encode()
    )


@pytest.mark.parametrize(
    ("until", "answer"), [(1_200, ("list", 2)), (16_000, ("exact", 3))], ids=["a part", "all"]
)
def test_more_of_a_list_is_compared_before_all_of_it_is(
    filled: tuple[Connection, Any], connection: Connection, until: int, answer: tuple[str, int]
) -> None:
    doubt_lists(connection, until)
    terms = [{"image": KEY.format(0)}]
    hits = ask(connection, k=10, terms=terms, filters=BROAD, options={"explain": True})
    report = hits[0]["why"]["search"]["image"]
    assert (report["plan"], report["attempts"]) == answer
    assert 1_200 <= report["compared"] <= 3_200
    truth = true_order(filled[1], connection, 0, lambda product: product % 4 != 0)
    assert names(hits) == truth[:10]
