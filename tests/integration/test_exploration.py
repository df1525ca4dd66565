"""The option `explore`: one place of some pages shows a product from below, with its propensity."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import psycopg
import pytest

import vitrine
from tests.conftest import CopyOf
from tests.integration.searchable import (
    WORDS,
    Picture,
    Product,
    Variant,
    add_product,
    ask,
    know,
    make_space,
    names,
)
from vitrine.database import Connection

PRODUCTS = 11
K = 4
SEEDS = 600


def fill(connection: Connection) -> None:
    make_space(connection)
    know(connection, (1, 0, 0, 0))
    for n in range(PRODUCTS):
        picture = Picture((1, n / 10, 0, 0))
        add_product(
            connection,
            Product(f"p{n}", popularity=100 - n, pictures=[picture], variants=[Variant(f"S{n}")]),
        )


@pytest.fixture
def shop(copy_of: CopyOf) -> Connection:
    return copy_of(fill)[0]


def explored(shop: Connection, seed: object, **asked: Any) -> list[dict[str, Any]]:
    options = {"explore": 0.5, "seed": seed, **asked.pop("options", {})}
    return ask(shop, **{"k": K, **asked, "options": options})


@pytest.mark.parametrize("asked", [{}, {"query": WORDS}], ids=["browse", "words"])
def test_propensities_are_the_shares_of_all_pages(shop: Connection, asked: dict[str, Any]) -> None:
    natural = names(ask(shop, **asked, k=PRODUCTS))
    seen: Counter[tuple[int, str]] = Counter()
    said: dict[tuple[int, str], float] = {}
    for seed in range(SEEDS):
        page = explored(shop, seed, **asked)
        found = [hit for hit in page if "explored" in hit["why"]]
        assert len(found) <= 1
        for hit in page:
            key = (hit["rank"], hit["external_id"])
            seen[key] += 1
            assert said.setdefault(key, hit["why"]["propensity"]) == hit["why"]["propensity"]
            if hit in found:
                assert hit["why"]["explored"] == {"rank": natural.index(hit["external_id"]) + 1}
            else:
                assert hit["external_id"] == natural[hit["rank"] - 1]
    below = PRODUCTS - K
    assert {key: Fraction(p).limit_denominator(1000) for key, p in said.items()} == {
        (place + 1, product): (1 - Fraction(1, 2) / K if n == place else Fraction(1, 2) / K / below)
        for place in range(K)
        for n, product in enumerate(natural)
        if n == place or n >= K
    }
    for key, propensity in said.items():
        # Four standard deviations of a share of so many pages.
        error = 4 * (propensity * (1 - propensity) / SEEDS) ** 0.5
        assert abs(seen[key] / SEEDS - propensity) < error, key


def test_a_seed_replays_a_page_and_chance_does_not(shop: Connection) -> None:
    for seed in (7, "a shopper's session"):
        assert explored(shop, seed) == explored(shop, seed)
    assert len({tuple(names(explored(shop, seed))) for seed in range(60)}) > 5
    by_chance = {tuple(names(ask(shop, k=K, options={"explore": 0.5}))) for _ in range(60)}
    assert len(by_chance) > 5


@pytest.mark.parametrize("asked", [{}, {"query": WORDS}], ids=["browse", "words"])
def test_without_the_option_pages_are_what_they_were(
    shop: Connection, asked: dict[str, Any]
) -> None:
    plain = ask(shop, **asked, k=K)
    for options in ({"seed": 3}, {"explore": 0}, {"explore": None}):
        page = ask(shop, **asked, k=K, options=options)
        for hits in (plain, page):
            for hit in hits:
                hit["why"].pop("cursor", None)  # it belongs to the options
        assert page == plain
    assert not any("propensity" in hit["why"] for hit in plain)


@pytest.mark.parametrize("asked", [{}, {"query": WORDS}], ids=["browse", "words"])
def test_pages_together_hold_every_product_once(shop: Connection, asked: dict[str, Any]) -> None:
    moved = 0
    for seed in range(25):
        cursor, shown, ranks = None, [], []
        while True:
            page = explored(shop, seed, **asked, cursor=cursor)
            shown += names(page)
            ranks += [hit["rank"] for hit in page]
            moved += any("explored" in hit["why"] for hit in page)
            cursor = page[-1]["why"].get("cursor") if page else None
            if cursor is None:
                break
        assert sorted(shown) == sorted(f"p{n}" for n in range(PRODUCTS)), seed
        assert ranks == list(range(1, PRODUCTS + 1))
    assert moved > 5


def test_scores_never_rise(shop: Connection) -> None:
    for seed in range(30):
        scores = [hit["score"] for hit in explored(shop, seed, query=WORDS)]
        assert scores == sorted(scores, reverse=True)


def test_pins_and_what_the_shopper_names_keep_their_places(shop: Connection) -> None:
    shop.execute("SELECT pin('pin', 'p9', 2, query => %s)", (WORDS,))
    for seed in range(40):
        page = explored(shop, seed, query=WORDS)
        assert page[1]["external_id"] == "p9"
        assert page[1]["why"]["propensity"] == 1
        free = [hit["why"]["propensity"] for hit in page if "explored" not in hit["why"]]
        assert sorted({round(p, 9) for p in free}) == [round(1 - 0.5 / 3, 9), 1]
        named = explored(shop, seed, query="S3")
        assert named[0]["external_id"] == "p3"
        assert named[0]["why"]["propensity"] == 1


@pytest.mark.parametrize(
    "asked",
    [
        {"k": PRODUCTS},
        {"k": PRODUCTS + 5},
        {"options": {"sort": "price"}},
        {"options": {"sort": "newest"}},
    ],
)
def test_where_nothing_can_be_drawn_every_propensity_is_one(
    shop: Connection, asked: dict[str, Any]
) -> None:
    for seed in range(5):
        page = explored(shop, seed, **asked)
        assert page
        assert {hit["why"]["propensity"] for hit in page} == {1}


def test_what_is_explored_passes_the_filters(shop: Connection) -> None:
    filters = {"external_id": [f"p{n}" for n in range(0, PRODUCTS, 2)]}
    found = {name for seed in range(40) for name in names(explored(shop, seed, filters=filters))}
    assert found == {f"p{n}" for n in range(0, PRODUCTS, 2)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"explore": 0.6}, "the option explore is 0.6"),
        ({"explore": -0.1}, "the option explore is -0.1"),
        ({"explore": True}, "the option explore is true"),
        ({"explore": "much"}, "the option explore is"),
        ({"seed": [1]}, "the option seed is"),
        ({"seed": "x" * 201}, "the option seed is"),
    ],
)
def test_bad_options_are_refused(shop: Connection, options: dict[str, Any], message: str) -> None:
    with pytest.raises(psycopg.DatabaseError, match=message) as caught:
        ask(shop, options=options)
    assert caught.value.sqlstate == "VT001"


def test_a_logged_page_has_the_propensities(shop: Connection) -> None:
    with vitrine.connect(shop.info.dsn) as client:
        page = client.search(k=K, options={"explore": 0.5, "seed": 3})
        search = client.log_page(page, client="u-42")
        assert all(hit.propensity == 1 for hit in client.search(k=K))
    logged = shop.execute(
        "SELECT object_id, position, propensity FROM event WHERE query_id = %s ORDER BY position",
        (search,),
    ).fetchall()
    assert logged == [(hit.external_id, hit.rank, hit.propensity) for hit in page]
