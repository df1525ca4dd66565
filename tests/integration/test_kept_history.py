"""Histories kept for the next searches: the same answers, and never those of another history."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.conftest import CopyOf
from tests.integration.searchable import (
    Product,
    add_product,
    know,
    make_space,
    random_product,
    random_vector,
)
from vitrine.database import Connection

ACTIONS = ["view", "click", "wishlist", "add_to_cart", "remove_from_cart", "purchase"]
KEPT = "SELECT count(*) FROM kept_history"
USED = """
    SELECT (kept_history('u', 1, l.object_ids, l.actions, l.times, l.quantities, clock_timestamp(),
        personal_weights())).events IS NOT NULL
    FROM latest_events('u', NULL, clock_timestamp(), 300, false) l"""


def write(
    connection: Connection, product: str, action: str = "view", client: str = "u", days: float = 0.0
) -> None:
    connection.execute(
        "INSERT INTO event (action_name, client_id, object_id, timestamp) "
        "VALUES (%s, %s, %s, now() - make_interval(secs => %s * 86400.0))",
        (action, client, product, days),
    )


def keep(connection: Connection, client: str = "u") -> None:
    connection.execute("SELECT keep_history(%s, 1)", (client,))


def one(connection: Connection, query: str, *values: Any) -> Any:
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return row[0]


def fill(connection: Connection, seed: int) -> list[Product]:
    """A random shop whose shares are counted, with thirty events of one shopper.

    Of every second one a worker has kept what its products are.
    """
    rng = random.Random(seed)
    make_space(connection)
    products = [random_product(rng, number) for number in range(60)]
    for product in products:
        add_product(connection, product)
    know(connection, random_vector(rng))
    if seed % 2:
        connection.execute("SELECT keep_values(array_agg(product_id)) FROM product")
    connection.execute("SELECT tend_shares('0')")
    connection.execute("SELECT ensure_partitions((now() - interval '99 days')::date)")
    for _ in range(30):
        chosen = rng.choice(products).external_id
        write(connection, chosen, rng.choice(ACTIONS), days=rng.uniform(0.001, 90))
    return products


def page(connection: Connection, **options: Any) -> list[tuple[str, Any]]:
    """Keys, and what history did to each."""
    query = None if options.pop("browse", False) else "warm coat"
    return connection.execute(
        "SELECT external_id, why -> 'personal' FROM search(%s::text, k => 20, client => 'u', "
        "options => %s::jsonb)",
        (query, json.dumps(options)),
    ).fetchall()


def close(found: Any, wanted: Any) -> bool:
    """The same, but for the last digits of numbers."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(close(found[k], wanted[k]) for k in found)
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(close, found, wanted))
    if isinstance(found, float) and isinstance(wanted, float):
        return found == pytest.approx(wanted, rel=1e-4, abs=1e-5)
    return bool(found == wanted)


@pytest.mark.parametrize("browse", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_a_page_is_the_same_by_a_kept_history(copy_of: CopyOf, seed: int, *, browse: bool) -> None:
    connection, _ = copy_of(fill, seed)
    fresh = page(connection, browse=browse)
    keep(connection)
    assert one(connection, USED) is True
    kept = page(connection, browse=browse)
    assert [key for key, _ in kept] == [key for key, _ in fresh]
    assert all(close(said, wanted) for (_, said), (_, wanted) in zip(kept, fresh, strict=True))
    assert any(said for _, said in kept)


def test_what_was_kept_is_really_used(copy_of: CopyOf) -> None:
    """Else the others here would compare a history with itself."""
    connection, _ = copy_of(fill, 1)
    keep(connection)
    connection.execute("UPDATE kept_history SET gate = 0.125")
    assert {said["gate"] for _, said in page(connection) if said} == {0.125}


CHANGES = {
    "an event of another time": (
        "INSERT INTO event (action_name, client_id, object_id, timestamp) "
        "VALUES ('view', 'u', 'P1', now() - interval '60 days')"
    ),
    "a product has come": "INSERT INTO product (external_id) VALUES ('to come')",
    "an event is gone": (
        "DELETE FROM event WHERE (event_id, timestamp) IN ("
        "SELECT event_id, timestamp FROM event LIMIT 1)"
    ),
    "taken out of the basket": (
        "INSERT INTO event (action_name, client_id, object_id) "
        "VALUES ('remove_from_cart', 'u', 'P1')"
    ),
    "again what was taken out": (
        "INSERT INTO event (action_name, client_id, object_id) SELECT 'view', 'u', e.object_id "
        "FROM event e WHERE e.action_name = 'remove_from_cart' AND NOT EXISTS (SELECT FROM event o "
        "WHERE o.object_id = e.object_id AND o.action_name <> 'remove_from_cart') LIMIT 1"
    ),
    "very many events": (
        "INSERT INTO event (action_name, client_id, object_id) "
        "SELECT 'view', 'u', 'P1' FROM generate_series(1, 21)"
    ),
    "another product": "UPDATE event SET object_id = 'nowhere' WHERE action_name = 'view'",
    "another quantity": "UPDATE event SET quantity = 3 WHERE action_name = 'purchase'",
    "other weights": """
        INSERT INTO rerank_weights (weights, active) VALUES ('{"taste": 2}', true)""",
    "a week": "UPDATE kept_history SET made_at = made_at - interval '7 days 1 second'",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_kept_history_is_not_used_after(copy_of: CopyOf, change: str) -> None:
    connection, _ = copy_of(fill, 2)
    write(connection, "to come", days=1)
    keep(connection)
    connection.execute("UPDATE kept_history SET gate = 0.125")
    assert one(connection, USED) is True
    connection.execute(CHANGES[change].encode())
    assert one(connection, USED) is False
    assert 0.125 not in {said["gate"] for _, said in page(connection) if said}


SINCE = [
    ["view"],
    ["click", "view", "wishlist"],
    ["purchase", "purchase", "view", "add_to_cart", "view", "click", "purchase"],
    ["view"] * 19,
]


def never_returned(connection: Connection, products: list[Product]) -> list[str]:
    """Those that nobody took out of a basket."""
    rows = connection.execute(
        "SELECT object_id FROM event WHERE action_name = 'remove_from_cart'"
    ).fetchall()
    return [p.external_id for p in products if (p.external_id,) not in rows]


@pytest.mark.parametrize("browse", [False, True])
@pytest.mark.parametrize("actions", SINCE, ids=len)
@pytest.mark.parametrize("seed", range(3))
def test_what_happened_since_is_added_to_what_was_kept(
    copy_of: CopyOf, seed: int, actions: list[str], *, browse: bool
) -> None:
    """The page of a history worked out anew."""
    connection, products = copy_of(fill, seed)
    before = page(connection, browse=browse)
    keep(connection)
    rng = random.Random(seed)
    stayed = never_returned(connection, products)
    for number, action in enumerate(actions, 1):
        write(connection, rng.choice(stayed), action, days=0.00001 * number)
    write(connection, "nowhere", "purchase")
    assert one(connection, USED) is True
    added = dict(page(connection, browse=browse))
    assert added != dict(before)
    connection.execute("DELETE FROM kept_history")
    anew = dict(page(connection, browse=browse))
    assert len(added.keys() - anew.keys()) <= 1
    pairs = [(added[key], anew[key]) for key in anew if added.get(key) and anew[key]]
    assert len(pairs) > 10
    for found, wanted in pairs:
        assert found["gate"] == wanted["gate"]
        assert found["parts"] == pytest.approx(wanted["parts"], abs=0.01)


def test_what_is_added_is_the_history_of_all_events(copy_of: CopyOf) -> None:
    connection, products = copy_of(fill, 4)
    keep(connection)
    stayed = never_returned(connection, products)
    for name, action in zip(stayed, ["purchase", "view", "purchase"], strict=False):
        write(connection, name, action)
    write(connection, stayed[0], "purchase")
    told = """
        SELECT product_id, external_id, taste, recent, repurchase
        FROM (SELECT personal_taste(1, 'u', NULL, %s::timestamptz) AS h) k,
            unnest((h).product_ids, (h).external_ids, (h).tastes, (h).recents, (h).repurchases)
                u (product_id, external_id, taste, recent, repurchase)"""
    added = connection.execute(told.encode(), (None,)).fetchall()
    anew = connection.execute(told.encode(), ("2199-01-01",)).fetchall()
    assert one(connection, USED) is True
    # By 2199 all has faded to next to nothing, alike; what is recent has not.
    assert [row[:2] for row in sorted(added)] == [row[:2] for row in sorted(anew)]
    for found, wanted in zip(sorted(added), sorted(anew), strict=True):
        assert found[3] == pytest.approx(wanted[3], abs=1e-6)
        assert found[4] == pytest.approx(wanted[4])


@pytest.mark.parametrize("lost", ["value_share", "product_category", "image_vector_1"])
def test_what_is_missing_is_left_out_of_what_is_added(copy_of: CopyOf, lost: str) -> None:
    """Uncounted shares, products without any value, and a space without pictures."""
    connection, products = copy_of(fill, 2)
    connection.execute(f"DELETE FROM {lost}".encode())
    connection.execute("UPDATE product SET brand = NULL, attributes = '{}'")
    keep(connection)
    write(connection, never_returned(connection, products)[3], "purchase")
    assert one(connection, USED) is True
    added = page(connection, browse=True)
    assert any(said["parts"]["repurchase"] for _, said in added if said)
    connection.execute("DELETE FROM kept_history")
    anew = page(connection, browse=True)
    assert [key for key, _ in added][:5] == [key for key, _ in anew][:5]


def test_the_oldest_of_very_many_events_may_go(copy_of: CopyOf) -> None:
    """Of more events than are read, each new one pushes the oldest out."""
    connection, _ = copy_of(fill, 3)
    connection.execute("SELECT keep_weights('{\"events\": 40}', activate => true)")
    for number in range(30):
        write(connection, f"P{number}", days=0.5 + number)
    keep(connection)
    for number in range(20):
        assert one(connection, USED.replace("300", "40")) is True, number
        write(connection, f"P{number}")
    assert one(connection, USED.replace("300", "40")) is True
    write(connection, "P1")
    assert one(connection, USED.replace("300", "40")) is False
    page(connection)


def test_a_history_that_fades_fast_is_kept_for_less_long(copy_of: CopyOf) -> None:
    connection, _ = copy_of(fill, 5)
    connection.execute("SELECT keep_weights('{\"half_life_days\": 2}', activate => true)")
    keep(connection)
    assert one(connection, USED) is True
    connection.execute("UPDATE kept_history SET made_at = made_at - interval '4 hours'")
    assert one(connection, USED) is False


def test_what_was_kept_without_pictures_takes_those_that_come(copy_of: CopyOf) -> None:
    connection, products = copy_of(fill, 2)
    with_pictures = [p.external_id for p in products if any(i.vector for i in p.pictures)]
    connection.execute("DELETE FROM event WHERE object_id = ANY (%s)", (with_pictures,))
    connection.execute("DELETE FROM caption_vector_1")
    write(connection, next(p.external_id for p in products if p.external_id not in with_pictures))
    keep(connection)
    assert one(connection, "SELECT kind FROM kept_history") is None
    write(connection, with_pictures[0])
    assert one(connection, "SELECT (personal_taste(1, 'u', NULL)).kind") == "image"


@pytest.mark.parametrize(
    "options", [{"weights": {"taste": 1}}, {"as_of": "2199-01-01T00:00:00Z"}], ids=str
)
def test_a_kept_history_is_for_the_present_and_the_weights_in_force(
    copy_of: CopyOf, options: dict[str, Any]
) -> None:
    connection, _ = copy_of(fill, 3)
    keep(connection)
    connection.execute("UPDATE kept_history SET gate = 0.125")
    assert 0.125 not in {said["gate"] for _, said in page(connection, **options) if said}


def test_a_kept_history_is_not_that_of_a_session_beside_it(copy_of: CopyOf) -> None:
    connection, _ = copy_of(fill, 3)
    keep(connection)
    connection.execute("UPDATE kept_history SET gate = 0.125")
    ask = (
        "SELECT why -> 'personal' -> 'gate' FROM search('warm coat', client => 'u', session => 's')"
    )
    assert (0.125,) in connection.execute(ask.encode()).fetchall()
    connection.execute(
        "INSERT INTO event (action_name, session_id, object_id, timestamp) "
        "VALUES ('view', 's', 'P1', now() - interval '1 day')"
    )
    assert (0.125,) not in connection.execute(ask.encode()).fetchall()


def test_nothing_is_kept_of_who_opted_out(copy_of: CopyOf) -> None:
    connection, _ = copy_of(fill, 1)
    connection.execute("SELECT opt_out('u')")
    keep(connection)
    assert one(connection, KEPT) == 0


def test_who_opts_out_is_ranked_by_nothing_kept(copy_of: CopyOf) -> None:
    connection, _ = copy_of(fill, 1)
    plain = connection.execute("SELECT external_id FROM search('warm coat', k => 20)").fetchall()
    keep(connection)
    connection.execute("SELECT opt_out('u')")
    assert [key for key, _ in page(connection)] == [key for (key,) in plain]
    assert not any(said for _, said in page(connection))


def test_forgetting_a_client_called_like_a_product_leaves_what_others_did_with_it(
    copy_of: CopyOf,
) -> None:
    connection, _ = copy_of(fill, 1)
    write(connection, "P1")
    keep(connection)
    connection.execute("SELECT forget('P1')")
    assert "P1" in one(connection, "SELECT external_ids FROM kept_history")
