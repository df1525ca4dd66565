"""For one shopper: interests kept apart, what is bought again, new arrivals, completed looks."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from itertools import groupby

import pytest

from tests.conftest import CopyOf
from tests.integration.recommendable import NOW, Event, names, recommend, tend, write
from tests.integration.searchable import Picture, Product, add_product, make_space
from vitrine.database import Connection

KINDS = ("Women/Tops", "Women/Shoes", "Home/Lamps", "Home/Rugs")


def fill(connection: Connection, pictures: bool) -> None:
    """Eighty products of four kinds, with pictures of a kind alike, or none at all."""
    rng = random.Random(1)
    make_space(connection)
    for number in range(80):
        vector = [rng.gauss(0, 0.15) for _ in KINDS]
        vector[number % 4] += 1
        product = Product(
            f"{KINDS[number % 4].split('/')[1]}{number}",
            categories=[KINDS[number % 4]],
            pictures=[Picture(vector)] if pictures else [],
            popularity=1,
        )
        add_product(connection, product)
    connection.execute("SELECT ensure_partitions((now() - interval '4 months')::date)")


@pytest.fixture(params=[True, False], ids=["pictures", "categories"])
def shop(copy_of: CopyOf, request: pytest.FixtureRequest) -> Connection:
    return copy_of(fill, request.param)[0]


def view(client: str, *products: str, minutes: int = 0) -> list[Event]:
    return [
        Event(
            object_id=name,
            action_name="view",
            client_id=client,
            timestamp=NOW + timedelta(minutes=minutes),
        )
        for name in products
    ]


def kind(name: str) -> str:
    return name.rstrip("0123456789")


def test_interests_are_kept_apart_each_with_its_share(shop: Connection) -> None:
    write(shop, view("me", *[f"Tops{n}" for n in range(0, 24, 4)]))
    write(shop, view("me", "Lamps2", "Lamps6", minutes=-1))
    hits = recommend(shop, "for_you", client="me", k=24)
    own = [hit for hit in hits if hit["why"]["interest"] > 0]
    shares = Counter(kind(name) for name in names(own))
    assert set(shares) == {"Tops", "Lamps"}
    assert shares["Tops"] > shares["Lamps"] >= 2
    for hit in own:
        assert {kind(name) for name in hit["why"]["because"]} == {kind(hit["external_id"])}
    by_interest = {hit["why"]["interest"]: hit["why"]["share"] for hit in hits}
    assert by_interest[1] > by_interest[2]
    part = by_interest[1] / (by_interest[1] + by_interest[2])
    first = own[:8]
    assert sum(h["why"]["interest"] == 1 for h in first) == pytest.approx(8 * part, abs=1)


def test_there_are_at_most_four_interests(shop: Connection) -> None:
    write(shop, view("me", *[f"{kind}{n}" for n, kind in enumerate(["Tops", "Shoes", "Lamps"])]))
    write(shop, view("me", "Rugs3", "Rugs7", "Tops8", "Shoes9"))
    hits = recommend(shop, "for_you", client="me", k=20)
    assert {hit["why"]["interest"] for hit in hits} >= {1, 2, 3, 4}


def test_the_same_history_has_the_same_answer(shop: Connection) -> None:
    write(shop, view("me", "Tops0", "Shoes1", "Lamps2", "Tops4"))
    first, second = (recommend(shop, "for_you", client="me", k=20) for _ in range(2))
    assert names(first) == names(second)


def test_a_visitor_without_an_account_has_interests_too(shop: Connection) -> None:
    write(shop, [Event(object_id="Rugs3", action_name="view", session_id="s1")])
    hits = recommend(shop, "for_you", session="s1", k=8)
    assert {kind(hit["external_id"]) for hit in hits if hit["why"]["interest"]} == {"Rugs"}


def test_the_event_just_written_counts(shop: Connection) -> None:
    assert "interest" not in recommend(shop, "for_you", client="me", k=1)[0]["why"]
    write(shop, view("me", "Lamps2"))
    hits = recommend(shop, "for_you", client="me", k=4)
    assert {kind(hit["external_id"]) for hit in hits if hit["why"]["interest"] == 1} == {"Lamps"}


def test_new_arrivals_begin_with_the_shopper_s_taste(shop: Connection) -> None:
    write(shop, view("me", "Lamps2", "Lamps6"))
    hits = recommend(shop, "new_arrivals", client="me", k=8)
    assert {kind(name) for name in names(hits)} == {"Lamps"}
    assert names(hits)[0] == "Lamps78"
    newest = recommend(shop, "new_arrivals", client="nobody", k=4)
    assert names(newest) == ["Rugs79", "Lamps78", "Shoes77", "Tops76"]


def test_a_look_is_completed_by_other_kinds(shop: Connection) -> None:
    hits = recommend(shop, "complete_the_look", product="Tops0", k=6)
    assert {kind(name) for name in names(hits)} == {"Shoes"}  # beside it in the tree
    events = [
        Event(object_id=name, client_id=f"c{n}", order_id=f"o{n}")
        for n in range(12)
        for name in (f"Tops{4 * (n % 3)}", f"Rugs{4 * (n % 3) + 3}")
    ]
    events += [
        Event(object_id=name, client_id=f"d{n}", order_id=f"p{n}")
        for n in range(12)
        for name in (f"Lamps{4 * (n % 3) + 2}", f"Shoes{4 * (n % 3) + 1}")
    ]
    write(shop, events)
    tend(shop)
    hits = recommend(shop, "complete_the_look", product="Tops40", k=6)
    assert {kind(name) for name in names(hits)} == {"Rugs"}  # learned from what is bought with tops
    assert hits[0]["why"]["lift"] > 1
    hits = recommend(shop, "complete_the_look", product="Tops0", k=6)
    assert names(hits)[0] == "Rugs3"
    assert hits[0]["why"]["bought_together"]["times"] == 4


def test_kinds_of_a_look_take_turns(shop: Connection) -> None:
    events = [
        Event(object_id=name, client_id=f"c{n}", order_id=f"o{n}")
        for n in range(9)
        for name in ("Tops0", f"Rugs{4 * (n % 3) + 3}", f"Shoes{4 * (n % 3) + 1}")
    ]
    write(shop, events)
    tend(shop)
    kinds = [kind(n) for n in names(recommend(shop, "complete_the_look", product="Tops4", k=8))]
    assert max(len(list(run)) for _, run in groupby(kinds)) <= 2
    assert set(kinds) == {"Rugs", "Shoes"}


# Bought again and again: docs/recommendations.md has the rule.


def purchases(client: str, product: str, *days_ago: int) -> list[Event]:
    return [
        Event(object_id=product, client_id=client, timestamp=NOW - timedelta(days=days))
        for days in days_ago
    ]


def just_bought(connection: Connection, client: str) -> list[str]:
    rows = connection.execute(
        "SELECT external_id FROM product WHERE product_id = ANY (just_bought(%s, NULL)) "
        "ORDER BY external_id",
        (client,),
    ).fetchall()
    return [name for (name,) in rows]


@pytest.mark.parametrize(
    ("days_ago", "left_out"),
    [
        ((2,), True),
        ((80,), True),
        ((120,), False),
        ((2, 32), True),  # every 30 days, and two have passed
        ((20, 50), False),  # more than half of the 30
        ((2, 4, 6), False),
        ((1, 2), True),  # the other size
        ((1, 8), True),  # every week, and one day has passed
        ((4, 11), False),
        ((0, 0), True),  # twice on one day is once
    ],
)
def test_what_the_shopper_buys_again_comes_back_in_time(
    shop: Connection, days_ago: tuple[int, ...], left_out: bool
) -> None:
    write(shop, purchases("me", "Tops0", *days_ago))
    assert just_bought(shop, "me") == (["Tops0"] if left_out else [])
    assert ("Tops0" in names(recommend(shop, "for_you", client="me", k=80))) is not left_out


def test_what_most_buy_again_comes_back_for_those_who_bought_it_once(shop: Connection) -> None:
    for number in range(4):
        write(shop, purchases(f"c{number}", "Rugs3", 5, 15, 25))
        write(shop, purchases(f"c{number}", "Tops0", 5))
    tend(shop)
    write(shop, [*purchases("me", "Rugs3", 7), *purchases("me", "Tops0", 7)])
    assert just_bought(shop, "me") == ["Tops0"]
    write(shop, [*purchases("you", "Rugs3", 3), *purchases("you", "Tops0", 3)])
    assert just_bought(shop, "you") == ["Rugs3", "Tops0"]


def test_what_goes_with_what_was_bought_is_for_you(shop: Connection) -> None:
    events = [
        Event(object_id=name, client_id=f"c{n}", order_id=f"o{n}")
        for n in range(6)
        for name in ("Tops0", "Rugs7")
    ]
    write(shop, events)
    tend(shop)
    write(shop, purchases("me", "Tops0", 1))
    hits = {hit["external_id"]: hit for hit in recommend(shop, "for_you", client="me", k=10)}
    assert hits["Rugs7"]["why"]["because"] == ["Tops0"]
    assert hits["Rugs7"]["why"]["linked"] == 1


def test_a_cold_product_has_the_partners_of_what_looks_like_it(copy_of: CopyOf) -> None:
    shop, _ = copy_of(fill, True)
    events = [
        Event(object_id=name, client_id=f"c{n}", order_id=f"o{n}")
        for n in range(8)
        for name in (f"Tops{4 * (n % 2)}", "Rugs7")
    ]
    write(shop, events)
    tend(shop)
    hits = recommend(shop, "bought_together", product="Tops48", k=3)
    assert names(hits)[0] == "Rugs7"
    assert set(hits[0]["why"]["neighbours"]) <= {"Tops0", "Tops4"}
    warm = recommend(shop, "bought_together", product="Tops0", k=3)
    assert warm[0]["score"] > hits[0]["score"] > 0
