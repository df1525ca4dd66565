"""What recommendations rest on, against a count in plain Python, and what is never kept."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.recommendable import (
    NOW,
    Event,
    bought_together,
    names,
    random_events,
    recommend,
    tend,
    trends,
    viewed_after,
    write,
)
from tests.integration.searchable import Picture, Product, add_product, make_space
from vitrine.database import Connection

PRODUCTS = [f"P{number}" for number in range(7)]
REFERENCES: dict[str, Callable[[list[Event], set[str]], Any]] = {
    "bought_together": bought_together,
    "viewed_after": viewed_after,
}


@pytest.fixture
def shop(connection: Connection) -> Connection:
    connection.execute("SELECT ensure_partitions((now() - interval '2 months')::date)")
    for name in PRODUCTS:
        add_product(connection, Product(name))
    return connection


def kept(connection: Connection, kind: str) -> dict[tuple[str, str], tuple[int, int]]:
    rows = connection.execute(
        "SELECT p.external_id, q.external_id, a.times, a.shoppers FROM association a "
        "JOIN product p USING (product_id) JOIN product q ON q.product_id = a.partner_id "
        "WHERE a.kind = %s",
        (kind,),
    ).fetchall()
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def order(number: int, *products: str, client: str | None = None) -> list[Event]:
    return [
        Event(object_id=name, client_id=client or f"c{number}", order_id=f"o{number}")
        for name in products
    ]


@pytest.mark.parametrize("kind", REFERENCES)
@pytest.mark.parametrize("seed", range(3))
def test_pairs_are_those_of_a_plain_count(shop: Connection, kind: str, seed: int) -> None:
    events = random_events(random.Random(seed), [*PRODUCTS, "unknown"], 150)
    write(shop, events)
    tend(shop)
    wanted = REFERENCES[kind](events, set(PRODUCTS))
    assert len(wanted) > 10
    assert kept(shop, kind) == wanted


@pytest.mark.parametrize("kind", REFERENCES)
def test_in_parts_and_out_of_order_the_same_is_counted(shop: Connection, kind: str) -> None:
    events = random_events(random.Random(9), PRODUCTS, 120)
    for start in range(0, len(events), 60):
        write(shop, events[start : start + 60])
        tend(shop)
    assert kept(shop, kind) == REFERENCES[kind](events, set(PRODUCTS))


def test_small_batches_come_to_the_same(shop: Connection) -> None:
    events = random_events(random.Random(4), PRODUCTS, 120)
    write(shop, events)
    calls = 1
    while shop.execute("SELECT tend_co_purchases(2)").fetchone() != (0,):
        calls += 1
        assert calls < 50
    assert kept(shop, "bought_together") == bought_together(events, set(PRODUCTS))


def test_what_fewer_than_three_shoppers_did_is_not_kept(shop: Connection) -> None:
    twice = [e for n in range(2) for e in order(n, "P0", "P1")]
    again = [e for n in range(2, 9) for e in order(n, "P0", "P2", client="same")]
    write(shop, [*twice, *again])
    tend(shop)
    assert kept(shop, "bought_together") == {}
    write(shop, order(10, "P0", "P1"))
    tend(shop)
    assert kept(shop, "bought_together") == {("P0", "P1"): (3, 3), ("P1", "P0"): (3, 3)}


def test_the_shop_may_ask_for_more_shoppers_but_not_for_one(shop: Connection) -> None:
    write(shop, [e for n in range(3) for e in order(n, "P0", "P1")])
    shop.execute("INSERT INTO setting VALUES ('least_shoppers', '4')")
    tend(shop)
    assert kept(shop, "bought_together") == {}
    shop.execute("UPDATE setting SET value = '1' WHERE name = 'least_shoppers'")
    assert shop.execute("SELECT least_shoppers()").fetchone() == (2,)


def test_purchases_without_a_client_are_one_shopper(shop: Connection) -> None:
    write(shop, [Event(object_id=p, order_id=f"o{n}") for n in range(5) for p in ("P0", "P1")])
    tend(shop)
    assert kept(shop, "bought_together") == {}


def test_a_product_that_appears_after_its_events_joins_them(shop: Connection) -> None:
    write(shop, [e for n in range(4) for e in order(n, "P0", "later")])
    tend(shop)
    assert kept(shop, "bought_together") == {}
    add_product(shop, Product("later"))
    tend(shop)
    assert kept(shop, "bought_together") == {("P0", "later"): (4, 4), ("later", "P0"): (4, 4)}


def test_a_pair_goes_when_its_events_do(shop: Connection) -> None:
    write(shop, [e for n in range(3) for e in order(n, "P0", "P1")])
    tend(shop)
    shop.execute("DELETE FROM event WHERE client_id = 'c1'")
    shop.execute("UPDATE recommendation_horizon SET recounted_at = now() - interval '31 days'")
    tend(shop)
    assert kept(shop, "bought_together") == {}
    assert shop.execute("SELECT count(*) FROM association_count").fetchone() == (0,)


def test_only_the_fifty_that_say_most_are_kept(shop: Connection) -> None:
    for number in range(60):
        add_product(shop, Product(f"Q{number}"))
    many = [f"Q{number}" for number in range(60)]
    events = [e for n in range(3) for e in order(n, "P0", *many)]
    events += [e for n in range(3, 9) for e in order(n, "P0", "Q59")]
    write(shop, events)
    tend(shop)
    partners = {b for a, b in kept(shop, "bought_together") if a == "P0"}
    assert len(partners) == 50
    assert "Q59" in partners
    assert names(recommend(shop, "bought_together", product="P0", k=1)) == ["Q59"]


def test_what_everybody_buys_says_less_than_what_goes_with_it(shop: Connection) -> None:
    events = [e for n in range(10) for e in order(n, "P0", "P1", "P2")]
    events += [e for n in range(10, 90) for e in order(n, "P2", "P3")]
    events += [e for n in range(90, 93) for e in order(n, "P0", "P2")]
    write(shop, events)
    tend(shop)
    assert names(recommend(shop, "bought_together", product="P0", k=2)) == ["P1", "P2"]


def test_trends_are_those_of_a_plain_count(shop: Connection) -> None:
    events = random_events(random.Random(2), PRODUCTS, 200)
    write(shop, events)
    tend(shop)
    wanted = trends(events, datetime.now(UTC))
    hits = recommend(shop, "trending", k=50, options={"fill": False})
    assert names(hits) == sorted(wanted, key=lambda name: -wanted[name])
    for hit in hits:
        assert hit["score"] == pytest.approx(wanted[hit["external_id"]], rel=1e-3)


def test_a_trend_passes(shop: Connection) -> None:
    old = [
        Event(object_id="P0", client_id=f"c{n}", timestamp=NOW - timedelta(days=20))
        for n in range(12)
    ]
    new = [Event(object_id="P1", client_id=f"c{n}") for n in range(4)]
    write(shop, [*old, *new])
    tend(shop)
    assert names(recommend(shop, "trending", k=2)) == ["P1", "P0"]
    shop.execute("INSERT INTO setting VALUES ('trend_half_life_days', '100')")
    tend(shop)
    assert names(recommend(shop, "trending", k=2)) == ["P0", "P1"]


def test_one_client_alone_makes_no_trend(shop: Connection) -> None:
    flood = [
        Event(object_id="P0", client_id="bot", timestamp=NOW + timedelta(seconds=n))
        for n in range(3000)
    ]
    fans = [Event(object_id="P0", action_name="view", client_id=f"c{n}") for n in range(3)]
    loved = [Event(object_id="P1", client_id=f"c{n}") for n in range(4)]
    write(shop, [*flood, *fans, *loved])
    tend(shop)
    assert names(recommend(shop, "trending", k=2)) == ["P1", "P0"]


def test_a_new_product_trends_as_what_looks_like_it_does(connection: Connection) -> None:
    make_space(connection)
    for name, vector in {"hot": (1, 0, 0, 0), "cool": (0, 1, 0, 0)}.items():
        add_product(connection, Product(name, pictures=[Picture(vector)]))
    add_product(connection, Product("new", pictures=[Picture((0.95, 0.1, 0, 0))]))
    connection.execute("SELECT ensure_partitions((now() - interval '2 months')::date)")
    write(connection, [Event(object_id="hot", client_id=f"c{n}") for n in range(9)])
    tend(connection)
    hits = recommend(connection, "trending", k=3)
    assert names(hits)[:2] == ["hot", "new"]
    assert hits[1]["why"]["trend"]["neighbours"] == ["hot"]
    assert hits[1]["score"] == pytest.approx(hits[0]["score"] / 7, rel=0.01)
    write(connection, [Event(object_id="new", client_id=f"c{n}") for n in range(20)])
    tend(connection)
    assert names(recommend(connection, "trending", k=2)) == ["new", "hot"]


def test_no_table_of_recommendations_names_a_shopper(shop: Connection) -> None:
    write(shop, random_events(random.Random(1), PRODUCTS, 100))
    tend(shop)
    columns = shop.execute(
        "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'vitrine' "
        "AND table_name ~ '^(association|trend|category_affinity|recommendation)' "
        "AND data_type = 'text' AND column_name <> 'kind'"
    ).fetchone()
    assert columns == (0,)
