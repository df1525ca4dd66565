"""The categories to buy from next, against the same in plain Python; what is counted and kept."""

from __future__ import annotations

import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

import vitrine
from tests.conftest import CopyOf
from tests.integration.recommendable import NOW, Event, shopper_of, write
from tests.integration.searchable import Product, Variant, add_category, add_product
from vitrine.database import Connection
from vitrine.errors import QueryError

# Those who buy tents buy sleeping bags; everybody buys bread.
KINDS = ("tents", "sleeping bags", "bread", "milk", "lamps", "rugs")


def fill(connection: Connection) -> None:
    """Two products of each kind."""
    connection.execute("SELECT ensure_partitions((now() - interval '14 months')::date)")
    for kind in KINDS:
        for number in range(2):
            add_product(connection, Product(f"{kind} {number}", categories=[f"Shop/{kind}"]))


@pytest.fixture
def shop(copy_of: CopyOf) -> Connection:
    return copy_of(fill)[0]


def buy(shopper: str, *kinds: str, days: float = 0, number: int = 0) -> list[Event]:
    return [
        Event(object_id=f"{kind} {number}", client_id=shopper, timestamp=NOW - timedelta(days=days))
        for kind in kinds
    ]


def campers_and_bakers(count: int = 20) -> list[Event]:
    """Campers buy tents and sleeping bags; three times as many buy bread and milk."""
    events = []
    for n in range(count):
        events += buy(f"camper {n}", "tents", "sleeping bags")
    for n in range(3 * count):
        events += buy(f"baker {n}", "bread", "milk")
    return events


def tend(connection: Connection) -> int:
    row = connection.execute("SELECT tend_category_pairs('0 seconds')").fetchone()
    assert row is not None
    return int(row[0])


def ask(connection: Connection, client: str | None = None, **given: Any) -> list[dict[str, Any]]:
    arguments = {"session": None, "k": 12, "options": "{}", **given, "client": client}
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT * FROM next_categories(%(client)s, %(session)s, %(k)s, %(options)s)", arguments
        ).fetchall()


def kinds(rows: Iterable[dict[str, Any]]) -> list[str]:
    return [row["path"].removeprefix("shop/") for row in rows]


def kept(connection: Connection) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    counts = connection.execute(
        "SELECT c.path, n.shoppers FROM category_count n JOIN category c USING (category_id)"
    ).fetchall()
    pairs = connection.execute(
        "SELECT a.path, b.path, p.shoppers FROM category_pair p JOIN category a USING (category_id)"
        " JOIN category b ON b.category_id = p.partner_id"
    ).fetchall()
    return dict(counts), {(row[0], row[1]): row[2] for row in pairs}


def test_each_says_what_of_the_history_speaks_for_it(shop: Connection) -> None:
    write(shop, [*campers_and_bakers(60), *buy("me", "tents")])
    tend(shop)
    rows = ask(shop, "me")
    # Three times as many buy bread, and of those none a tent, which says nothing.
    assert kinds(rows) == ["bread", "milk", "sleeping bags"]
    lifts = {row["path"]: row["why"]["because"] for row in rows}
    together = (60 + 50) / (61 * 60 / 241 + 50)
    (because,) = lifts["shop/sleeping bags"]
    assert because["path"] == "shop/tents"
    assert because["lift"] == pytest.approx(together, abs=1e-3)
    assert lifts["shop/bread"] == []


def test_the_history_moves_what_popularity_alone_would_not(shop: Connection) -> None:
    write(shop, [*campers_and_bakers(60), *buy("me", "tents")])
    # Lamps are a little more popular than sleeping bags, with everybody alike.
    write(shop, [e for n in range(62) for e in buy(f"other {n}", "lamps")])
    tend(shop)
    assert kinds(ask(shop))[2:] == ["lamps", "tents", "sleeping bags"]
    assert kinds(ask(shop, "me"))[2:] == ["sleeping bags", "lamps"]


def test_what_was_bought_is_never_shown(shop: Connection) -> None:
    write(shop, [*campers_and_bakers(), *buy("me", "bread", days=300, number=1)])
    tend(shop)
    assert kinds(ask(shop, "me")) == ["milk", "tents", "sleeping bags"]


def test_the_unknown_get_what_most_shoppers_buy_from(shop: Connection) -> None:
    write(shop, [*campers_and_bakers(), *buy("me", "bread")])
    tend(shop)
    for rows in (ask(shop), ask(shop, "nobody"), ask(shop, "", session="")):
        assert kinds(rows) == ["bread", "milk", "tents", "sleeping bags"]
        assert [row["rank"] for row in rows] == [1, 2, 3, 4]
        assert rows[0]["why"] == {"shoppers": 61, "popularity": 0.7531, "because": []}
    assert kinds(ask(shop, k=1)) == ["bread"]


def test_a_shop_without_purchases_has_none(shop: Connection) -> None:
    assert tend(shop) == 0
    assert ask(shop, "me") == []


def test_sessions_without_a_client_are_shoppers_too(shop: Connection) -> None:
    write(shop, campers_and_bakers())
    write(shop, [Event(object_id="tents 0", session_id="s"), Event(object_id="lamps 1")])
    tend(shop)
    assert kept(shop)[0]["shop/tents"] == 21
    assert "tents" not in kinds(ask(shop, session="s"))
    assert ask(shop, session="s")[-1]["why"]["because"]


def test_the_latest_a_client_bought_counts_to_the_moment_asked_for(shop: Connection) -> None:
    write(shop, [*campers_and_bakers(), *buy("me", "bread", days=1)])
    tend(shop)
    before = json.dumps({"as_of": (NOW - timedelta(days=2)).isoformat()})
    assert kinds(ask(shop, "me", options=before))[0] == "bread"
    assert kinds(ask(shop, "me"))[0] == "milk"


def test_only_where_something_is_to_be_had(shop: Connection) -> None:
    write(shop, campers_and_bakers())
    tend(shop)
    shop.execute("UPDATE product SET status = 'retired' WHERE external_id = 'bread 0'")
    assert kinds(ask(shop, k=1)) == ["bread"]
    shop.execute("UPDATE product SET status = 'retired' WHERE external_id = 'bread 1'")
    assert kinds(ask(shop, k=1)) == ["milk"]
    add_product(
        shop,
        Product("loaf", categories=["Shop/bread"], variants=[Variant("loaf-1", status="retired")]),
    )
    assert kinds(ask(shop, k=1)) == ["milk"]
    add_product(shop, Product("roll", categories=["Shop/bread"]))
    assert kinds(ask(shop, k=1)) == ["bread"]


def test_what_a_product_is_filed_in_above_its_own_kind_is_no_kind(shop: Connection) -> None:
    add_product(shop, Product("tent 9", categories=["Shop", "Shop/tents", "Sale"]))
    write(shop, [Event(object_id="tent 9", client_id=f"c{n}") for n in range(3)])
    tend(shop)
    assert kept(shop) == (
        {"shop/tents": 3, "sale": 3},
        {("shop/tents", "sale"): 3, ("sale", "shop/tents"): 3},
    )


def test_nothing_is_kept_of_fewer_than_three(shop: Connection) -> None:
    for n in range(2):
        write(shop, buy(f"c{n}", "tents", "lamps"))
    write(shop, [*buy("c2", "tents"), *buy("c3", "lamps")])
    write(shop, [*buy("c4", "rugs", "tents"), *buy("c4", "rugs", days=2), *buy("c5", "rugs")])
    tend(shop)
    assert kept(shop) == ({"shop/tents": 4, "shop/lamps": 3}, {})
    assert kinds(ask(shop)) == ["tents", "lamps"]
    shop.execute("INSERT INTO setting VALUES ('least_shoppers', '4')")
    tend(shop)
    assert kept(shop) == ({"shop/tents": 4}, {})


def test_only_purchases_of_the_last_year_count(shop: Connection) -> None:
    write(shop, [e for n in range(3) for e in buy(f"c{n}", "rugs", days=363)])
    write(shop, [e for n in range(3) for e in buy(f"c{n}", "lamps", days=366)])
    write(
        shop, [Event(object_id="milk 0", client_id=f"c{n}", action_name="view") for n in range(9)]
    )
    tend(shop)
    assert kept(shop)[0] == {"shop/rugs": 3}
    assert "lamps" not in kinds(ask(shop, "c1"))


def test_who_opted_out_is_unknown(shop: Connection) -> None:
    write(shop, [*campers_and_bakers(), *buy("me", "tents")])
    tend(shop)
    shop.execute("SELECT opt_out('me')")
    assert ask(shop, "me") == ask(shop)
    shop.execute("SELECT opt_in('me')")
    assert "tents" not in kinds(ask(shop, "me"))


def test_who_was_forgotten_is_unknown_and_counts_no_more(shop: Connection) -> None:
    write(shop, [e for n in range(3) for e in buy(f"c{n}", "tents", "lamps")])
    write(shop, [e for n in range(3, 9) for e in buy(f"c{n}", "tents")])
    tend(shop)
    assert kept(shop)[1] != {}
    shop.execute("SELECT forget('c1')")
    assert kinds(ask(shop, "c1")) == ["tents", "lamps"]
    tend(shop)
    assert kept(shop) == ({"shop/tents": 8}, {})


def test_it_is_counted_once_a_day(shop: Connection) -> None:
    assert shop.execute("SELECT tend_category_pairs()").fetchone() == (0,)
    write(shop, campers_and_bakers())
    # Nothing was there an hour ago.
    shop.execute("UPDATE recommendation_horizon SET recounted_at = now() - interval '61 minutes'")
    assert shop.execute("SELECT tend_category_pairs()").fetchone() == (4,)
    shop.execute("UPDATE recommendation_horizon SET recounted_at = now() - interval '23 hours'")
    assert shop.execute("SELECT tend_category_pairs()").fetchone() == (0,)
    shop.execute("UPDATE recommendation_horizon SET recounted_at = now() - interval '25 hours'")
    assert shop.execute("SELECT tend_category_pairs()").fetchone() == (4,)


def test_a_sample_says_what_it_expected_of_its_own_size(shop: Connection) -> None:
    write(shop, campers_and_bakers(200))
    shop.execute("SELECT count_category_pairs(100)")
    total, tents, both, lift = shop.execute(
        "SELECT h.total, t.shoppers, p.shoppers, p.lift FROM recommendation_horizon h"
        " CROSS JOIN category_pair p JOIN category c USING (category_id)"
        " JOIN category_count t USING (category_id)"
        " WHERE h.kind = 'categories' AND c.path = 'shop/tents'"
    ).fetchall()[0]
    assert total == 100
    assert 10 < tents < 45
    assert both == tents
    assert lift == pytest.approx((both + 50) / (tents * tents / 100 + 50), rel=1e-5)
    first = kept(shop)
    shop.execute("SELECT count_category_pairs(100)")
    assert kept(shop) == first


def test_of_a_category_the_partners_that_say_most_are_kept(shop: Connection) -> None:
    many = [f"k{number}" for number in range(320)]
    for kind in many:
        add_product(shop, Product(f"{kind} 0", categories=[kind]))
    write(shop, [e for n in range(3) for e in buy(f"a{n}", "tents", *many[:160])])
    write(shop, [e for n in range(3) for e in buy(f"b{n}", "tents", *many[160:])])
    # More of them are bought by others, alone.
    write(shop, [e for n in range(9) for e in buy(f"c{n}", *many[:20])])
    tend(shop)
    pairs = kept(shop)[1]
    assert {b for a, b in pairs if a == "tents"} == set()
    assert {b for a, b in pairs if a == "shop/tents"} == set(many[20:])


FLOOD = """
    INSERT INTO event (action_name, client_id, session_id, object_id, timestamp)
    SELECT %s, %s, %s, 'lamps ' || n %% 2, now() - n * interval '1 second'
    FROM generate_series(1, 20000) n"""


def test_of_a_flood_of_events_only_the_latest_are_read(shop: Connection) -> None:
    write(shop, [*campers_and_bakers(), *buy("bot", "rugs", "bread", days=30)])
    write(shop, [e for n in range(2) for e in buy(f"other {n}", "rugs")])
    write(shop, [Event(object_id="bread 0", session_id="s", timestamp=NOW - timedelta(days=30))])
    shop.execute(FLOOD, ("purchase", "bot", None))
    shop.execute(FLOOD, ("view", None, "s"))
    tend(shop)
    # Two bought rugs, and the bot so long ago that it does not count.
    assert kept(shop)[0] == {
        "shop/bread": 60,
        "shop/milk": 60,
        "shop/tents": 20,
        "shop/sleeping bags": 20,
    }
    write(shop, [e for n in range(2) for e in buy(f"more {n}", "rugs", "lamps")])
    tend(shop)
    assert kinds(ask(shop, "bot")) == ["bread", "milk", "tents", "sleeping bags", "rugs"]
    assert kinds(ask(shop, session="s"))[0] == "bread"


def reference(
    events: Sequence[Event], client: str, least: int = 3
) -> tuple[dict[str, int], dict[tuple[str, str], int], dict[str, float]]:
    """Counts, pairs and the scores of what was not bought, in plain Python."""
    held: dict[str, set[str]] = defaultdict(set)
    for event in events:
        kind = event.object_id[:-2]
        if event.action_name == "purchase" and shopper_of(event) and kind in KINDS:
            held[shopper_of(event)].add(kind)
    every = Counter(kind for bought in held.values() for kind in bought)
    counts = {kind: n for kind, n in every.items() if n >= least}
    both = Counter(pair for bought in held.values() for pair in permutations(bought, 2))
    pairs = {pair: n for pair, n in both.items() if n >= least}
    scores = {}
    for kind in counts.keys() - held["c" + client]:
        said = sum(
            math.log((pairs[own, kind] + 50) / (counts[own] * counts[kind] / len(held) + 50))
            for own in held["c" + client]
            if (own, kind) in pairs
        )
        scores[kind] = math.log(counts[kind]) + 0.2 * said
    return counts, pairs, scores


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 10**6), shoppers=st.integers(1, 60), client=st.integers(0, 4))
def test_it_is_the_formula(shop: Connection, seed: int, shoppers: int, client: int) -> None:
    rng = random.Random(seed)
    events = [
        Event(
            object_id=f"{rng.choice([*KINDS, 'unknown'])} {rng.randrange(2)}",
            action_name=rng.choice(["purchase", "purchase", "view"]),
            client_id=rng.choice([f"c{rng.randrange(shoppers)}"] * 4 + [None]),
            session_id=rng.choice([f"s{rng.randrange(shoppers)}", None]),
            timestamp=NOW - timedelta(days=rng.randrange(300)),
        )
        for _ in range(3 * shoppers)
    ]
    shop.execute("DELETE FROM event")
    write(shop, events)
    tend(shop)
    counts, pairs, scores = reference(events, f"c{client}")
    known_counts, known_pairs = kept(shop)
    assert known_counts == {f"shop/{kind}": n for kind, n in counts.items()}
    assert known_pairs == {(f"shop/{a}", f"shop/{b}"): n for (a, b), n in pairs.items()}
    rows = ask(shop, f"c{client}")
    assert {kind: row["score"] for kind, row in zip(kinds(rows), rows, strict=True)} == {
        kind: pytest.approx(score, abs=1e-4) for kind, score in scores.items()
    }
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"k": 0}, "k is 0"),
        ({"k": None}, "k is NULL"),
        ({"options": "[]"}, "options must be a JSON object"),
        ({"options": '{"fill": true}'}, 'unknown option "fill"'),
        ({"options": '{"as_of": 1}'}, "the option as_of is 1"),
    ],
)
def test_what_cannot_be_used_is_said(shop: Connection, given: dict[str, Any], message: str) -> None:
    with pytest.raises(psycopg.Error) as raised:
        ask(shop, **given)
    assert raised.value.sqlstate == "VT001"
    assert raised.value.diag.message_primary == message


def test_a_worker_counts_and_reads_no_history(shop: Connection) -> None:
    write(shop, campers_and_bakers())
    shop.execute("SET ROLE vitrine_worker")
    assert tend(shop) == 4
    assert len(ask(shop)) == 4
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="next_categories reads"):
        ask(shop, "me")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shop.execute("SELECT count_category_pairs(3)")
    shop.execute("RESET ROLE")
    shop.execute("SET ROLE vitrine_app")
    assert len(ask(shop, "camper 1")) == 2
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shop.execute("SELECT count_category_pairs(3)")


def test_in_python(shop: Connection) -> None:
    add_category(shop, "Shop/empty")
    with vitrine.connect(shop.info.dsn, client_key="a secret of the shop") as client:
        stored = client.client_keys.name("me")
        write(shop, [*campers_and_bakers(), *buy(str(stored), "tents")])
        tend(shop)
        found = client.recommend.next_categories("me", k=2)
        assert [one.path for one in found] == kinds_of(shop, str(stored))
        assert found == client.recommend.next_categories(client="me", session="s", k=2)
        assert (found[0].rank, found[0].why["shoppers"]) == (1, 60)
        with pytest.raises(QueryError, match="k is 0"):
            client.recommend.next_categories(k=0)
        with pytest.raises(QueryError, match="k must be a whole number"):
            client.recommend.next_categories(k="2")  # type: ignore[arg-type]


def kinds_of(connection: Connection, client: str) -> list[str]:
    return [row["path"] for row in ask(connection, client, k=2)]
