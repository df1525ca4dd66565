"""Experiments: stable shares of shoppers, fair interleaving, and reports from the event tables."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.searchable import Product, Variant, add_product, make_space
from vitrine.database import Connection
from vitrine.errors import QueryError
from vitrine.evaluate.online import experiment_report
from vitrine.shop import Shop, connect

HALVES = [
    {"name": "control", "share": 0.5, "options": {"sort": "popularity"}},
    {"name": "fresh", "share": 0.5, "options": {"sort": "newest"}},
]
SOME = 4_000


@pytest.fixture
def shop(connection: Connection, database: str) -> Iterator[Shop]:
    """Ten products, the later the less popular."""
    make_space(connection)
    for number in range(10):
        add_product(
            connection,
            Product(f"P{number}", popularity=100.0 - number, variants=[Variant(f"P{number}-S")]),
        )
    connection.execute(
        "UPDATE product SET created_at = now() - interval '20 days' + product_id * interval '1 day'"
    )
    with connect(database, pool_size=1) as opened:
        yield opened


def drawn(connection: Connection, arms: Any, salt: str = "salt", shoppers: int = SOME) -> list[Any]:
    rows = connection.execute(
        "SELECT experiment_drawn(%s::jsonb, %s, 'shopper ' || n) FROM generate_series(1, %s) n",
        (json.dumps(arms), salt, shoppers),
    ).fetchall()
    return [row[0] for row in rows]


def near(count: int, share: float, of: int = SOME) -> bool:
    """Within four standard deviations of a binomial."""
    return abs(count - share * of) < 4 * math.sqrt(of * share * (1 - share))


def test_every_arm_has_its_share_and_the_rest_is_in_none(connection: Connection) -> None:
    arms = [{"name": "a", "share": 0.2}, {"name": "b", "share": 0.5}]
    found = drawn(connection, arms)
    assert near(found.count("a"), 0.2)
    assert near(found.count("b"), 0.5)
    assert near(found.count(None), 0.3)


def test_an_assignment_is_stable_and_another_salt_is_independent(connection: Connection) -> None:
    first = drawn(connection, HALVES)
    assert first == drawn(connection, HALVES)
    other = drawn(connection, HALVES, salt="pepper")
    assert near(sum(a == b for a, b in zip(first, other, strict=True)), 0.5)


def test_an_arm_that_grows_takes_for_itself_alone(
    connection: Connection,
) -> None:
    thin = [{"name": "a", "share": 0.1}, {"name": "b", "share": 0.1}]
    wide = [{"name": "a", "share": 0.4}, {"name": "b", "share": 0.4}]
    three = [{"name": n, "share": 0.4 if n != "c" else 0.2} for n in "abc"]
    before, after, added = (drawn(connection, arms) for arms in (thin, wide, three))
    assert {(b, a) for b, a in zip(before, after, strict=True) if b != a} <= {
        (None, "a"),
        (None, "b"),
    }
    moved = [(b, a) for b, a in zip(after, added, strict=True) if b != a]
    assert {(b, a) for b, a in moved if b is not None} == {("a", "c"), ("b", "c")}
    assert near(sum(b is not None for b, _ in moved), 0.8 / 6)  # c bids 0.2 against a whole


def test_the_arm_decides_how_a_shopper_searches(shop: Shop) -> None:
    shop.experiments.create("order", HALVES)
    seen = set()
    for number in range(12):
        client = f"u{number}"
        shown = shop.experiments.search("order", client=client, k=3)
        assert shown.arm == shop.experiments.arm("order", client)
        first = {"control": "P0", "fresh": "P9"}[shown.arm or ""]
        assert shown.page[0].external_id == first
        assert shown.query_attributes == {"experiment": {"name": "order", "arm": shown.arm}}
        seen.add(shown.arm)
    assert seen == {"control", "fresh"}
    shop.experiments.stop("order")
    after = shop.experiments.search("order", client="u1", k=3)
    assert (after.arm, after.query_attributes) == (None, {})


def test_an_experiment_holds_only_in_its_time(shop: Shop) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    shop.experiments.create("later", HALVES, starts_at=later, ends_at=later + timedelta(days=9))
    assert shop.experiments.arm("later", "u") is None
    assert shop.experiments.arm("later", None) is None
    with shop.connection() as connection:
        row = connection.execute(
            "SELECT vitrine.experiment_arm('later', 'u', %s), "
            "vitrine.experiment_arm('later', 'u', %s)",
            (later, later + timedelta(days=9)),
        ).fetchone()
    assert row is not None
    assert row[0] in ("control", "fresh")
    assert row[1] is None


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        ([], "a list of 2 to 20"),
        ([{"name": "a", "share": 0.5}], "a list of 2 to 20"),
        ([{"name": "a", "share": 0.5}] * 2, "a name of its own"),
        ([{"name": "a", "share": 0.8}, {"name": "b", "share": 0.8}], "add up to 1.6"),
        ([{"name": "a", "share": "x"}, {"name": "b", "share": 0.8}], 'the share "x"'),
        ([{"name": "a", "share": 1, "z": 1}, {"name": "b", "share": 0}], "An arm has a name"),
        ([{"name": "a", "share": 1, "options": 1}, {"name": "b", "share": 0}], "are no object"),
    ],
)
def test_arms_that_cannot_be_are_named(shop: Shop, arms: Any, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        shop.experiments.create("x", arms)


def test_what_would_mix_figures_is_refused(shop: Shop) -> None:
    shop.experiments.create("x", HALVES)
    with pytest.raises(QueryError, match='an experiment "x" already'):
        shop.experiments.create("x", HALVES)
    with pytest.raises(QueryError, match='no experiment "y"'):
        shop.experiments.arm("y", "u")
    three = [{"name": n, "share": 0.3} for n in "abc"]
    with pytest.raises(QueryError, match="exactly two"):
        shop.experiments.create("z", three, kind="interleaving")
    with shop.connection() as connection, pytest.raises(Exception, match="cannot change its name"):
        connection.execute("UPDATE vitrine.experiment SET salt = 'other'")


@pytest.mark.parametrize("metric", ["buyers", "clickers", "revenue"])
def test_an_interleaving_is_decided_by_choices_alone(
    shop: Shop, connection: Connection, metric: Any
) -> None:
    with pytest.raises(QueryError, match=f'"mix" cannot be decided by {metric}'):
        shop.experiments.create("mix", HALVES, kind="interleaving", metric=metric)
    for counted in ("clicks", "carts", "purchases"):
        made = shop.experiments.create(counted, HALVES, kind="interleaving", metric=counted)
        assert made.metric == counted
    with pytest.raises(Exception, match=f"cannot be decided by {metric}"):
        connection.execute("UPDATE experiment SET metric = %s", (metric,))


def test_an_interleaving_of_before_with_a_metric_of_shoppers_can_be_stopped(
    shop: Shop, connection: Connection
) -> None:
    connection.execute("ALTER TABLE experiment DISABLE TRIGGER experiment_prepare")
    connection.execute(
        "INSERT INTO experiment (name, kind, arms, metric, salt) VALUES "
        "('old', 'interleaving', %s, 'revenue', 's')",
        (json.dumps([arm | {"options": {}} for arm in HALVES]),),
    )
    connection.execute("ALTER TABLE experiment ENABLE TRIGGER experiment_prepare")
    assert shop.experiments.stop("old").stopped_at is not None


def teams(connection: Connection, first: list[int], second: list[int], k: int, seed: str) -> Any:
    return connection.execute(
        "SELECT product_id, team FROM interleave(%s::bigint[], %s::bigint[], %s, %s)",
        (first, second, k, seed),
    ).fetchall()


def test_interleaving_is_a_draft_of_both_answers(connection: Connection) -> None:
    rng = random.Random(3)
    for trial in range(200):
        first, second = rng.sample(range(12), 8), rng.sample(range(12), 5)
        k = rng.randrange(1, 14)
        page = teams(connection, first, second, k, str(trial))
        assert page == teams(connection, first, second, k, str(trial))
        ids = [product for product, _ in page]
        assert len(ids) == len(set(ids)) == min(k, len({*first, *second}))
        picks = {1: 0, 2: 0}
        for place, (product, team) in enumerate(page):
            own = (first, second)[team - 1]
            left = [p for p in own if p not in ids[:place]]
            assert product == left[0]
            other = (second, first)[team - 1]
            rest = [p for p in other if p not in ids[:place]]
            assert picks[team] <= picks[3 - team] or not rest
            picks[team] += 1


def test_a_draft_is_fair(connection: Connection) -> None:
    """Each team picks first as often, and a shopper who clicks blindly prefers neither."""
    rng = random.Random(4)
    firsts = blind = 0
    for trial in range(1_000):
        page = teams(connection, [1, 2, 3, 4], [4, 3, 2, 1], 4, str(trial))
        firsts += page[0][1] == 1
        blind += page[rng.randrange(4)][1] == 1
    assert near(firsts, 0.5, 1_000)
    assert near(blind, 0.5, 1_000)


def test_an_interleaved_page_names_the_teams(shop: Shop) -> None:
    shop.experiments.create("mix", HALVES, kind="interleaving")
    shown = shop.experiments.search("mix", client="u", k=4)
    again = shop.experiments.search("mix", client="u", k=4)
    assert [hit.external_id for hit in shown.page] == [hit.external_id for hit in again.page]
    assert [hit.rank for hit in shown.page] == [1, 2, 3, 4]
    said = shown.query_attributes["experiment"]["teams"]
    assert said == {hit.external_id: hit.why["team"] for hit in shown.page}
    assert sorted(said.values()) == ["control", "control", "fresh", "fresh"]
    assert {"P0", "P9"} < set(said)


def log_shoppers(
    connection: Connection, shop: Shop, name: str, chance: dict[str, float], shoppers: int
) -> None:
    """Each shopper searches once, clicks, and buys with the chance of the arm."""
    rng = random.Random(9)
    queries, events = [], []
    now = datetime.now(UTC)
    found = connection.execute(
        "SELECT n, experiment_arm(%s, 'u' || n) FROM generate_series(1, %s) n", (name, shoppers)
    ).fetchall()
    for number, arm in found:
        queries.append((f"u{number}", now))
        if rng.random() < chance[arm]:
            events.append(("purchase", f"u{number}", "P1", now, 20))
        events.append(("click", f"u{number}", "P1", now, None))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO query (client_id, timestamp, user_query) VALUES (%s, %s, 'x')", queries
        )
        cursor.executemany(
            "INSERT INTO event (action_name, client_id, object_id, timestamp, amount) "
            "VALUES (%s, %s, %s, %s, %s)",
            events,
        )


def test_a_true_effect_is_reported_and_what_went_before_does_not_count(
    shop: Shop, connection: Connection
) -> None:
    connection.execute("SELECT ensure_partitions()")
    start = datetime.now(UTC) - timedelta(hours=1)
    shop.experiments.create("x", HALVES, starts_at=start)
    log_shoppers(connection, shop, "x", {"control": 0.1, "fresh": 0.25}, 1_200)
    connection.execute(
        "INSERT INTO event (action_name, client_id, object_id, timestamp) "
        "SELECT 'purchase', 'u' || n, 'P1', %s FROM generate_series(1, 1200) n",
        (start - timedelta(days=1),),
    )
    found = experiment_report(shop, "x")
    assert sum(arm.shoppers for arm in found.arms) == 1_200
    buyers = found.arms[1].comparisons["buyers"]
    assert 0.05 < buyers.first < 0.15
    assert buyers.p < 0.001
    assert found.verdict() == "better"
    assert found.arms[1].comparisons["clicks"].difference == 0
    assert found.arms[1].comparisons["revenue"].second == pytest.approx(20 * buyers.second)
    assert found.ratio_p > 0.001
    assert (found.final, found.peek) == (False, "no end was planned")
    assert json.loads(found.to_json())["arms"][1]["verdict"] == "better"


def test_who_changed_arms_is_left_out(shop: Shop, connection: Connection) -> None:
    connection.execute("SELECT ensure_partitions()")
    thin = [{"name": "control", "share": 0.5}, {"name": "fresh", "share": 0.1}]
    shop.experiments.create("x", thin, starts_at=datetime.now(UTC) - timedelta(hours=1))
    changed = shop.experiments.change_shares("x", HALVES)
    assert len(changed.former_arms) == 1
    log_shoppers(connection, shop, "x", {"control": 0.1, "fresh": 0.1}, 600)
    found = experiment_report(shop, "x")
    assert found.moved > 100
    assert sum(arm.shoppers for arm in found.arms) == 600 - found.moved


def test_an_arm_without_its_shoppers_is_called_broken(shop: Shop, connection: Connection) -> None:
    connection.execute("SELECT ensure_partitions()")
    shop.experiments.create("x", HALVES, starts_at=datetime.now(UTC) - timedelta(hours=1))
    log_shoppers(connection, shop, "x", {"control": 0.5, "fresh": 0.5}, 600)
    connection.execute(
        "DELETE FROM query WHERE experiment_arm('x', client_id) = 'fresh' "
        "AND client_id ~ '[02468]$'"
    )
    assert experiment_report(shop, "x").verdict().startswith("broken")


def test_credit_of_an_interleaving_comes_from_the_logged_pages(
    shop: Shop, connection: Connection
) -> None:
    connection.execute("SELECT ensure_partitions()")
    shop.experiments.create(
        "mix", HALVES, kind="interleaving", starts_at=datetime.now(UTC) - timedelta(hours=1)
    )
    rng = random.Random(2)
    for number in range(60):
        client = f"u{number}"
        shown = shop.experiments.search("mix", client=client, k=4)
        query_id = shop.log_page(shown.page, client=client, query_attributes=shown.query_attributes)
        liked = "fresh" if rng.random() < 0.85 else "control"
        chosen = next(hit for hit in shown.page if hit.why["team"] == liked)
        for _ in range(3):  # the same product again is no more credit
            connection.execute(
                "INSERT INTO event (action_name, client_id, object_id, query_id) "
                "VALUES ('click', %s, %s, %s)",
                (client, chosen.external_id, query_id),
            )
    found = experiment_report(shop, "mix")
    assert found.preference is not None
    assert found.preference.first + found.preference.second == 60
    assert found.preference.share > 0.7
    assert found.preference.p < 0.001
    assert found.verdict() == "better"


def test_without_shoppers_a_report_says_what_to_log(shop: Shop) -> None:
    shop.experiments.create("x", HALVES)
    with pytest.raises(QueryError, match="0 shoppers of the arm control"):
        experiment_report(shop, "x")
    shop.experiments.create("mix", HALVES, kind="interleaving")
    with pytest.raises(QueryError, match="no page of the interleaving mix"):
        experiment_report(shop, "mix")
    with pytest.raises(QueryError, match='no experiment "y"'):
        experiment_report(shop, "y")


@pytest.mark.parametrize("planned", [True, False])
def test_a_fixed_test_counts_only_at_the_planned_end(
    shop: Shop, connection: Connection, *, planned: bool
) -> None:
    connection.execute("SELECT ensure_partitions()")
    now = datetime.now(UTC)
    ends = now + timedelta(seconds=-1 if planned else 3600)
    shop.experiments.create("x", HALVES, starts_at=now - timedelta(hours=1), ends_at=ends)
    connection.execute(
        "INSERT INTO query (client_id, timestamp) "
        "SELECT 'u' || n, %s FROM generate_series(1, 40) n",
        (now - timedelta(minutes=5),),
    )
    found = experiment_report(shop, "x")
    assert found.final == planned
    assert (found.peek is None) == planned
