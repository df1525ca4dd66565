"""The features of personal search, against the formula in plain Python on random shops."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.personal_reference import Event, features
from tests.integration.searchable import (
    Picture,
    Product,
    add_product,
    ask,
    make_space,
    random_product,
    random_vector,
)
from vitrine.database import Connection

ACTIONS = ["impression", "view", "click", "wishlist", "add_to_cart", "remove_from_cart", "purchase"]
# A remainder in the last bits of half precision, in units of a deviation.
CLOSE = {"abs": 0.02, "rel": 0.02}


def log(connection: Connection, events: Sequence[Event], **whose: str) -> None:
    """Write events of a client or a session."""
    for event in events:
        connection.execute(
            "INSERT INTO event (action_name, object_id, timestamp, quantity, client_id, session_id)"
            " VALUES (%s, %s, now() - %s * interval '1 day', %s, %s, %s)",
            (
                event.action,
                event.external_id,
                event.age,
                event.quantity,
                whose.get("client"),
                whose.get("session"),
            ),
        )


def fill(connection: Connection, seed: int) -> list[Product]:
    """A random shop whose pictures have plain directions, and its shares."""
    rng = random.Random(seed)
    make_space(connection)
    products = [random_product(rng, number) for number in range(40)]
    for product in products:
        product.attributes = {k: v for k, v in product.attributes.items() if k != "weight"}
        add_product(connection, product)
    connection.execute("SELECT ensure_partitions((now() - interval '1 year')::date)")
    connection.execute("SELECT tend_shares('0')")
    return products


def asked(connection: Connection, products: Sequence[Product], **arguments: Any) -> list[Any]:
    named = {"client": None, "session": None, "as_of": None, "weights": None, **arguments}
    if named["weights"] is not None:
        named["weights"] = json.dumps(named["weights"])
    return connection.execute(
        "SELECT popularity, taste, session_taste, attributes, repurchase FROM personal_features("
        "%(client)s, %(session)s, %(ids)s, %(as_of)s::timestamptz, %(weights)s::jsonb)",
        {**named, "ids": [product.product_id for product in products]},
    ).fetchall()


def test_features_are_those_of_the_formula(connection: Connection) -> None:
    products = fill(connection, 1)
    shares = dict(connection.execute("SELECT value, share FROM value_share").fetchall())
    paths = dict(connection.execute("SELECT path, category_id FROM category").fetchall())
    ids = [product.external_id for product in products]

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(
            st.builds(
                Event,
                st.sampled_from(ACTIONS),
                st.sampled_from([*ids, "nowhere"]),
                st.integers(0, 300).map(lambda n: n + 0.001),
                st.sampled_from([None, 1, 2, 30]),
            ),
            unique_by=lambda event: event.age,
            max_size=30,
        ),
        st.sampled_from([{}, {"half_life_days": 10, "prior": 5}, {"events": 4}]),
    )
    def agree(events: list[Event], changed: dict[str, float]) -> None:
        client = uuid.uuid4().hex
        log(connection, events, client=client)
        row = connection.execute("SELECT personal_weights()").fetchone()
        assert row is not None
        wanted = features(products, events, {**row[0], **changed}, shares, paths)
        found = asked(connection, products, client=client, weights=changed)
        for own, reference in zip(found, wanted, strict=True):
            assert own == pytest.approx(reference, **CLOSE)

    agree()


def test_shares_are_by_popularity(connection: Connection) -> None:
    make_space(connection)
    for number in range(4):
        add_product(
            connection,
            Product(
                f"P{number}",
                brand="Loved" if number < 2 else "Left",
                popularity=9.0 if number < 2 else 1.0,
            ),
        )
    connection.execute("SELECT tend_shares('0')")
    shares = dict(connection.execute("SELECT value, share FROM value_share").fetchall())
    assert shares["brand=loved"] == pytest.approx(19 / 22)  # each a tenth of the average more
    assert shares[""] == pytest.approx(1 / 8)
    assert connection.execute("SELECT tend_shares()").fetchone() == (0,)  # not due


@pytest.mark.parametrize(("bought", "least", "most"), [("own", 4, 4), ("any", 0, 0.5)])
def test_what_was_bought_counts_as_far_as_this_shop_buys_again(
    connection: Connection, bought: str, least: float, most: float
) -> None:
    """Forty shoppers buy twelve times: each one of two things, or all of them anything."""
    small_shop(connection)
    rng = random.Random(4)
    for shopper in range(40):
        for _ in range(12):
            number = (
                rng.randint(0, 59) if bought == "any" else 2 * (shopper % 30) + rng.randint(0, 1)
            )
            connection.execute(
                "INSERT INTO event (action_name, client_id, object_id) VALUES ('purchase', %s, %s)",
                (f"c{shopper}", f"T{number}"),
            )
    connection.execute("SELECT tend_shares('0')")
    row = connection.execute("SELECT (personal_weights() ->> 'repurchase')::float8").fetchone()
    assert row is not None
    assert least <= row[0] <= most
    connection.execute(
        "INSERT INTO rerank_weights (weights, active) VALUES ('{\"repurchase\": 1}', true)"
    )
    assert connection.execute("SELECT personal_weights() ->> 'repurchase'").fetchone() == ("1",)


def small_shop(connection: Connection) -> list[Product]:
    rng = random.Random(5)
    make_space(connection)
    products = [
        Product(f"P{n}", brand="AB"[n % 2], pictures=[Picture(random_vector(rng))])
        for n in range(6)
    ]
    for product in products:
        add_product(connection, product)
    connection.execute("SELECT ensure_partitions((now() - interval '1 year')::date)")
    connection.execute("SELECT tend_shares('0')")
    return products


def gate(connection: Connection, client: str | None, session: str | None = None) -> float:
    row = connection.execute("SELECT personal_gate(%s, %s)", (client, session)).fetchone()
    assert row is not None
    return float(row[0])


def test_the_gate_counts_events_of_known_products(connection: Connection) -> None:
    small_shop(connection)
    log(connection, [Event("impression", "P1", 1)] * 5 + [Event("view", "later", 1)], client="u")
    assert gate(connection, "u") == gate(connection, "nobody") == gate(connection, None) == 0
    log(connection, [Event("view", "P1", 1)] * 5, client="u")
    assert gate(connection, "u") == pytest.approx(5 / 15)
    add_product(connection, Product("later"))
    assert gate(connection, "u") == pytest.approx(6 / 16)
    log(connection, [Event("view", "P1", -1)] * 5, client="u")  # a clock in the future
    assert gate(connection, "u") == pytest.approx(6 / 16)


def test_a_session_counts_without_a_client_and_once_with_one(connection: Connection) -> None:
    small_shop(connection)
    log(connection, [Event("view", "P1", 1)] * 2, session="s")
    assert gate(connection, None, "s") == pytest.approx(2 / 12)
    log(connection, [Event("view", "P2", 1)] * 3, client="u", session="s")
    assert gate(connection, None, "s") == pytest.approx(2 / 12)
    assert gate(connection, "u", "s") == pytest.approx(5 / 15)
    assert gate(connection, "u") == pytest.approx(3 / 13)


def test_an_emptied_basket_says_nothing(connection: Connection) -> None:
    products = small_shop(connection)
    log(connection, [Event("view", "P1", 2)], client="u")
    before = asked(connection, products, client="u")
    log(
        connection,
        [Event("add_to_cart", "P2", 1), Event("remove_from_cart", "P2", 0.99)],
        client="u",
    )
    after = asked(connection, products, client="u")
    for old, new in zip(before, after, strict=True):
        assert new[3] == pytest.approx(old[3], abs=0.01)


def test_as_of_knows_no_later_events(connection: Connection) -> None:
    products = small_shop(connection)
    log(connection, [Event("purchase", "P1", 30)], client="u")
    row = connection.execute("SELECT now() - interval '10 days'").fetchone()
    assert row is not None
    before = asked(connection, products, client="u", as_of=row[0])
    log(connection, [Event("purchase", "P2", 5)], client="u")
    assert asked(connection, products, client="u", as_of=row[0]) == before
    assert asked(connection, products, client="u") != before


def test_the_order_of_a_history_stays_while_nothing_happens(connection: Connection) -> None:
    """What was bought long ago fades, and does not fall behind a single later click by that."""
    bought, clicked, *others = (product.external_id for product in small_shop(connection))
    between = [Event("click", each, 15.0 - 0.1 * n) for n in range(3) for each in others]
    events = [Event("purchase", bought, 20.0), *between, Event("click", clicked, 10.0)]
    log(connection, events, client="u")
    orders = connection.execute(
        "SELECT (personal_history('u', NULL, now() + days * interval '1 day')).external_ids "
        "FROM unnest('{0,90,360,720}'::int[]) days"
    ).fetchall()
    assert orders == [orders[0]] * 4
    assert orders[0][0].index(bought) < orders[0][0].index(clicked)


def test_the_active_weights_lie_over_the_defaults(connection: Connection) -> None:
    add = "INSERT INTO rerank_weights (weights, active) VALUES (%s, %s)"
    connection.execute(add, ('{"taste": 7}', True))
    connection.execute(add, ('{"taste": 8}', False))
    row = connection.execute("SELECT personal_weights(), default_personal_weights()").fetchone()
    assert row is not None
    assert row[0] == {**row[1], "taste": 7}


def test_without_a_gate_a_stranger_has_no_history_still(connection: Connection) -> None:
    small_shop(connection)
    connection.execute("SELECT keep_weights('{\"gate\": 0}', activate => true)")
    assert gate(connection, "nobody") == 0
    assert ask(connection, client="nobody") == ask(connection)
