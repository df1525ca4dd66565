"""Learned weights: from logged pages to a version in force, and back."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.searchable import Product, add_product, ask, make_space, names
from vitrine.database import Connection
from vitrine.errors import QueryError
from vitrine.evaluate.tuning import Tuned, keep, tune
from vitrine.shop import Shop, connect

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=60)
BRANDS = ("Acme", "Bolt", "Coil", "Dune")


@pytest.fixture
def shop(connection: Connection, database: str) -> Iterator[Shop]:
    """Forty things of four brands, each brand in a direction of its own, equally popular."""
    make_space(connection)
    connection.execute("SELECT ensure_partitions('2026-01-01', '2026-12-31')")
    rng = random.Random(1)
    for number in range(40):
        direction = [0.0] * 4
        direction[number % 4] = 1.0
        add_product(
            connection,
            Product(
                f"P{number}",
                brand=BRANDS[number % 4],
                popularity=round(rng.random(), 3),
                caption=[x + rng.gauss(0, 0.1) for x in direction],
            ),
        )
    connection.execute("SELECT tend_shares()")
    with connect(database, pool_size=1) as opened:
        yield opened


def log_pages(
    connection: Connection, *, shoppers: int, pages: int, loyal: float, propensity: float | None = 1
) -> None:
    """Everybody has bought four things of one brand; then pages of ten are shown by chance.

    With the chance `loyal` a shopper chooses of that brand, else anything.
    """
    rng = random.Random(2)
    events: list[tuple[Any, ...]] = []
    queries = []
    for shopper in range(shoppers):
        client, brand = f"u{shopper}", shopper % 4
        for number in range(4):
            at = BEGIN - timedelta(days=5 + number)
            bought = f"P{brand + 4 * rng.randrange(10)}"
            events.append(("purchase", client, bought, at, None, None, None))
        for _ in range(pages):
            at = BEGIN + (END - BEGIN) * rng.random()
            query = f"{rng.getrandbits(128):032x}"
            queries.append((query, at, client))
            shown = rng.sample(range(40), 10)
            for place, product in enumerate(shown, 1):
                events.append(("impression", client, f"P{product}", at, query, place, propensity))
            own = [product for product in shown if product % 4 == brand]
            chosen = rng.choice(own) if own and rng.random() < loyal else rng.choice(shown)
            events.append(
                ("click", client, f"P{chosen}", at + timedelta(seconds=9), query, None, None)
            )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO query (query_id, timestamp, client_id) VALUES (%s, %s, %s)", queries
        )
        cursor.executemany(
            "INSERT INTO event (action_name, client_id, object_id, timestamp, query_id, position, "
            "propensity) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            events,
        )


def tuned(shop: Shop, **options: Any) -> Tuned:
    return tune(shop, since=BEGIN, until=END, **options)


def weights(connection: Connection) -> dict[str, float]:
    row = connection.execute("SELECT personal_weights()").fetchone()
    assert row is not None
    return dict(row[0])


def versions(connection: Connection) -> Sequence[tuple[Any, ...]]:
    return connection.execute(
        "SELECT version, active FROM rerank_weights ORDER BY version"
    ).fetchall()


def test_weights_that_win_are_kept_in_force_and_taken_back(
    shop: Shop, connection: Connection
) -> None:
    connection.execute(
        """SELECT keep_weights('{"taste": 0, "attributes": 0, "session": 0}', activate => true)"""
    )
    log_pages(connection, shoppers=120, pages=4, loyal=0.9, propensity=0.25)
    found = tuned(shop, k=5)
    assert found.wins
    assert found.fitted.weights["taste"] + found.fitted.weights["attributes"] > 0.1
    assert found.shoppers > 20
    version = keep(shop, found)
    assert versions(connection) == [(1, False), (version, True)]
    assert weights(connection)["taste"] == found.fitted.weights["taste"]
    row = connection.execute(
        "SELECT evidence, note FROM rerank_weights WHERE version = %s", (version,)
    ).fetchone()
    assert row is not None
    assert row[0]["trials"][-1]["difference"]["low"] > 0
    assert row[1].startswith("vitrine tune: nDCG@5 +")
    assert connection.execute("SELECT restore_weights()").fetchone() == (1,)
    assert weights(connection)["taste"] == 0
    assert connection.execute("SELECT restore_weights()").fetchone() == (None,)
    assert weights(connection)["taste"] > 0
    with pytest.raises(Exception, match="no version of the weights is in force"):
        connection.execute("SELECT restore_weights()")


def test_what_was_taken_back_is_not_gone_back_to(connection: Connection) -> None:
    for _ in range(2):
        connection.execute("SELECT keep_weights('{}', NULL, NULL, true)")
    for version in (1, None):
        assert connection.execute("SELECT restore_weights()").fetchone() == (version,)
    connection.execute("SELECT activate_weights(2)")
    assert connection.execute("SELECT restore_weights()").fetchone() == (None,)


def test_choices_by_chance_teach_nothing_that_wins(shop: Shop, connection: Connection) -> None:
    log_pages(connection, shoppers=120, pages=4, loyal=0)
    found = tuned(shop)
    assert not found.wins
    assert found.fitted.examination is None  # nothing was drawn, so positions say nothing


def test_bad_events_are_named(shop: Shop, connection: Connection) -> None:
    with pytest.raises(QueryError, match="no page was logged with its impressions"):
        tuned(shop)
    log_pages(connection, shoppers=4, pages=1, loyal=1, propensity=None)
    with pytest.raises(QueryError, match="40 of 40 impressions have no propensity"):
        tuned(shop)
    connection.execute("UPDATE event SET propensity = 1 WHERE action_name = 'impression'")
    with pytest.raises(QueryError, match=r"only \d pages of shoppers.* learn from more --days"):
        tuned(shop)
    with pytest.raises(QueryError, match="the share to fit on is 2"):
        tuned(shop, share=2)
    connection.execute("DELETE FROM event WHERE action_name = 'purchase'")
    with pytest.raises(QueryError, match=r"no page can be learned from: \d pages of shoppers with"):
        tuned(shop)
    connection.execute("DELETE FROM event WHERE action_name = 'click'")
    with pytest.raises(QueryError, match="40 impressions and not one purchase"):
        tuned(shop)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"k": 0}, "k, where a page ends, is 0"),
        ({"k": -3}, "k, where a page ends, is -3"),
        ({"clip": math.nan}, "clip, .* is nan: give 1 or more"),
        ({"clip": -1}, "clip, .* is -1"),
        ({"most": 0}, "the most pages to learn from are 0"),
        ({"most": -1}, "the most pages to learn from are -1"),
        ({"share": 1}, "the share to fit on is 1"),
        ({"seed": -1}, "the seed is -1"),
        ({"since": END}, "the time to learn from is .*: give one that ends later"),
    ],
)
def test_arguments_that_cannot_be_are_named_before_anything_is_read(
    shop: Shop, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(QueryError, match=said):
        tune(shop, **{"since": BEGIN, "until": END, **options})


def test_few_held_out_shoppers_are_not_judged_by(shop: Shop, connection: Connection) -> None:
    log_pages(connection, shoppers=12, pages=40, loyal=0.9)
    with pytest.raises(QueryError, match="held-out shoppers have pages after the cut"):
        tuned(shop)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("[]", "weights must be a JSON object"),
        ('{"tast": 1}', 'the weight "tast" is 1'),
        ('{"taste": "1"}', 'the weight "taste" is "1"'),
        ('{"taste": -1}', 'the weight "taste" is -1'),
        ('{"half_life_days": 0}', 'the weight "half_life_days" is 0'),
    ],
)
def test_weights_that_cannot_be_are_refused(connection: Connection, given: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        connection.execute("SELECT keep_weights(%s)", (given,))


def test_a_version_that_is_not_there_is_named(connection: Connection) -> None:
    connection.execute("""SELECT keep_weights('{"taste": 1}')""")
    with pytest.raises(Exception, match="there are no weights of version 7"):
        connection.execute("SELECT activate_weights(7)")
    assert weights(connection) == weights(connection)
    assert versions(connection) == [(1, False)]


def test_a_search_may_ask_for_other_weights_than_those_in_force(
    shop: Shop, connection: Connection
) -> None:
    nothing = {"popularity": 1, "taste": 0, "session": 0, "attributes": 0, "repurchase": 0}
    connection.execute("SELECT keep_weights(%s)", (json.dumps(nothing),))
    log_pages(connection, shoppers=4, pages=0, loyal=1)
    at = BEGIN.isoformat()

    def page(**options: Any) -> list[str]:
        return names(ask(connection, client="u1", k=10, options={"as_of": at, **options}))

    popular = names(ask(connection, k=10))
    assert page() != popular
    assert page(weights=0) == page()
    assert page(weights=1) == popular
    assert page(weights=nothing) == popular
    for wrong in (2, "x", [1], {"tast": 1}):
        with pytest.raises(Exception, match="weight"):
            page(weights=wrong)
