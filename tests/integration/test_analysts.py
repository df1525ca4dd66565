"""Analysts' views of searches and events: rolled up or not, they count the same as Python does."""

from __future__ import annotations

import random
import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from vitrine.database import Connection

NOW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
DAYS = 9
DOCS = Path(__file__).parents[2] / "docs" / "analysts.md"


@dataclass
class Search:
    """One search and what followed it, as hours after it."""

    at: datetime
    client: str
    words: str | None
    found: list[str]
    milliseconds: float | None = None
    deeds: list[tuple[str, float, str]] = field(default_factory=list)
    query_id: uuid.UUID = field(default_factory=uuid.uuid4)

    def did(self, action: str) -> bool:
        return any(name == action and 0 <= hours < 24 for name, hours, _ in self.deeds)


def day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()


def put(connection: Connection, search: Search) -> None:
    connection.execute(
        "INSERT INTO query (query_id, timestamp, client_id, user_query, object_ids, "
        "query_attributes) VALUES (%s, %s, %s, %s, %s, %s)",
        (
            search.query_id,
            search.at,
            search.client,
            search.words,
            search.found,
            Jsonb({} if search.milliseconds is None else {"milliseconds": search.milliseconds}),
        ),
    )
    for action, hours, product in search.deeds:
        event(connection, search, action, hours, product)


def event(
    connection: Connection, search: Search, action: str, hours: float, product: str, **given: Any
) -> None:
    values = {
        "timestamp": search.at + timedelta(hours=hours),
        "action_name": action,
        "client_id": search.client,
        "object_id": product,
        "query_id": search.query_id,
        "position": 1 + search.found.index(product) if product in search.found else None,
        "amount": 10 if action == "purchase" else None,
    } | given
    connection.execute(
        "INSERT INTO event (timestamp, action_name, client_id, object_id, query_id, position, "
        "amount) VALUES (%(timestamp)s, %(action_name)s, %(client_id)s, %(object_id)s, "
        "%(query_id)s, %(position)s, %(amount)s)",
        values,
    )


def random_searches(seed: int) -> Iterator[Search]:
    rng = random.Random(seed)
    for _ in range(150):
        found = rng.sample(["a", "b", "c"], rng.randint(0, 3))
        search = Search(
            at=NOW - timedelta(hours=rng.uniform(0, 24 * DAYS)),
            client=f"c{rng.randint(1, 9)}",
            words=rng.choice(["red dress", " RED  dress", "boots", None]),
            found=found,
            milliseconds=rng.choice([None, 5.0, 250.5]),
        )
        for product in found:
            search.deeds.append(("impression", 0, product))
            for action in ("click", "add_to_cart", "purchase"):
                if rng.random() < 0.3:
                    search.deeds.append((action, rng.choice([0.1, 5, 23, 26]), product))
        yield search


def name_all(connection: Connection) -> None:
    """From now on words of a single shopper are shown too."""
    connection.execute("INSERT INTO setting (name, value) VALUES ('smallest_group', '1')")


@pytest.fixture
def shop(connection: Connection) -> Connection:
    # Partitions reach a month back, and the first days of a month have a past too.
    connection.execute(
        "SELECT ensure_partitions((current_date - 70)::date, (current_date + 60)::date)"
    )
    return connection


def fill(connection: Connection, seed: int = 1) -> list[Search]:
    searches = list(random_searches(seed))
    for search in searches:
        put(connection, search)
    return searches


def rows(connection: Connection, query: str, *values: Any) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode(), values).fetchall()


def expected(searches: list[Search]) -> dict[tuple[str, str], Counter[str]]:
    counted: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for search in searches:
        words = " ".join(search.words.lower().split()) if search.words else ""
        one = counted[day(search.at), words]
        one["searches"] += 1
        one["without_results"] += not search.found
        for name, action in (
            ("clicked", "click"),
            ("carted", "add_to_cart"),
            ("purchased", "purchase"),
        ):
            one[name] += search.did(action)
        led = any(search.did(action) for action in ("click", "add_to_cart", "purchase"))
        one["abandoned"] += bool(search.found) and not led
        one["revenue"] += 10 * sum(n == "purchase" and h < 24 for n, h, _ in search.deeds)
        one["timed"] += search.milliseconds is not None
    return counted


def daily(connection: Connection) -> dict[tuple[str, str], dict[str, int]]:
    names = ("searches", "without_results", "clicked", "carted", "purchased", "abandoned")
    names = (*names, "revenue", "timed")
    found = rows(connection, f"SELECT day, user_query, {', '.join(names)} FROM query_daily")
    return {
        (on.isoformat(), words): {name: int(v) for name, v in zip(names, values, strict=True)}
        for on, words, *values in found
    }


@pytest.mark.parametrize("rolled", [0, 3, 100])
def test_searches_are_counted_alike_whether_rolled_up_or_not(shop: Connection, rolled: int) -> None:
    name_all(shop)
    searches = fill(shop)
    if rolled:
        shop.execute("SELECT tend_rollups(%s)", (rolled,))
    assert daily(shop) == {key: dict(value) for key, value in expected(searches).items()}


def test_only_days_whose_searches_can_lead_to_nothing_more_are_rolled_up(shop: Connection) -> None:
    fill(shop)
    assert rows(shop, "SELECT tend_rollups(100)") != [(0,)]
    last = rows(shop, "SELECT max(day) FROM rollup_day")[0][0]
    assert last == (datetime.now(UTC) - timedelta(days=2)).date()
    assert rows(shop, "SELECT tend_rollups(100)") == [(0,)]


def test_rows_that_come_late_are_counted_too(shop: Connection) -> None:
    name_all(shop)
    searches = fill(shop)
    shop.execute("SELECT tend_rollups(100)")
    searches.append(
        Search(NOW - timedelta(days=5), "late", "boots", ["a"], deeds=[("click", 20, "a")])
    )
    put(shop, searches[-1])
    search = next(s for s in searches if s.at < NOW - timedelta(days=4) and s.found)
    search.deeds.append(("add_to_cart", 1, search.found[0]))
    event(shop, search, *search.deeds[-1])
    shop.execute("SELECT tend_rollups(100)")
    assert daily(shop) == {key: dict(value) for key, value in expected(searches).items()}
    assert rows(shop, "SELECT tend_rollups(100)") == [(0,)]


def test_who_is_forgotten_counts_no_more(shop: Connection) -> None:
    name_all(shop)
    searches = fill(shop)
    shop.execute("SELECT tend_rollups(100)")
    shop.execute("SELECT forget('c3')")
    shop.execute("SELECT tend_rollups(100)")
    left = [search for search in searches if search.client != "c3"]
    assert daily(shop) == {key: dict(value) for key, value in expected(left).items()}


def test_a_month_whose_rows_are_dropped_keeps_its_rollup(shop: Connection) -> None:
    old = Search(NOW - timedelta(days=45), "c1", None, ["a"], deeds=[("click", 1, "a")])
    put(shop, old)
    shop.execute("SELECT tend_rollups(100)")
    before = daily(shop)
    month = old.at.strftime("%Y_%m")
    shop.execute(f"DROP TABLE query_{month}, event_{month}".encode())
    shop.execute("SELECT tend_rollups(100)")
    assert daily(shop) == before
    assert before[day(old.at), ""]["clicked"] == 1


def test_a_month_dropped_of_searches_alone_keeps_its_rollup(shop: Connection) -> None:
    old = Search(NOW - timedelta(days=45), "c1", None, ["a"], deeds=[("click", 1, "a")])
    put(shop, old)
    put(shop, Search(NOW - timedelta(days=45), "c2", None, ["a"], deeds=[("click", 1, "a")]))
    shop.execute("SELECT tend_rollups(100)")
    before = daily(shop)
    shop.execute(f"DROP TABLE query_{old.at:%Y_%m}".encode())
    shop.execute("SELECT forget('c1')")
    shop.execute("SELECT tend_rollups(100)")
    assert daily(shop) == before


def test_a_past_that_is_imported_later_is_counted(shop: Connection) -> None:
    put(shop, Search(NOW - timedelta(days=5), "c1", None, ["a"]))
    shop.execute("SELECT tend_rollups(100)")
    old = Search(NOW - timedelta(days=45), "c1", None, ["a"], deeds=[("click", 1, "a")])
    put(shop, old)
    shop.execute("SELECT tend_rollups(100)")
    assert daily(shop)[day(old.at), ""]["clicked"] == 1


def test_words_of_few_shoppers_are_not_shown(shop: Connection) -> None:
    for number in range(5):
        put(shop, Search(NOW - timedelta(days=3 + number), f"c{number}", "Red dress", ["a"]))
        put(shop, Search(NOW - timedelta(days=3), f"c{min(number, 3)}", "mary jones", ["a"]))
    for _ in range(2):
        shown = dict(rows(shop, "SELECT kind, sum(searches) FROM query_daily GROUP BY kind"))
        assert sum(shown.values()) == 10
        texts = {text for (text,) in rows(shop, "SELECT user_query FROM query_daily")}
        assert "mary jones" not in texts
        assert "red dress" in texts
        shop.execute("SELECT tend_rollups(100)")
    name_all(shop)
    shop.execute("UPDATE rollup_day SET is_stale = true")
    shop.execute("SELECT tend_rollups(100)")
    assert ("mary jones",) in rows(shop, "SELECT user_query FROM query_daily")


def test_a_purchase_that_names_no_search_is_credited_to_the_last_click(shop: Connection) -> None:
    first = Search(NOW - timedelta(hours=50), "c1", None, ["a"], deeds=[("click", 1, "a")])
    second = Search(NOW - timedelta(hours=48), "c1", None, ["a"], deeds=[("click", 1, "a")])
    for search in (first, second):
        put(shop, search)
    event(shop, second, "purchase", 3, "a", query_id=None)
    event(shop, second, "purchase", 4, "b", query_id=None)
    event(shop, second, "purchase", 4, "a", query_id=None, client_id="c2")
    (row,) = rows(shop, "SELECT sum(purchased), sum(revenue) FROM query_daily")
    assert row == (1, 10)
    found = rows(
        shop,
        "SELECT query_id FROM search_outcomes(current_date - 4, current_date) WHERE purchased",
    )
    assert found == [(second.query_id,)]


def test_positions(shop: Connection) -> None:
    searches = fill(shop)
    shown: Counter[int] = Counter()
    clicked: Counter[int] = Counter()
    for search in searches:
        for action, _, product in search.deeds:
            place = search.found.index(product) + 1
            shown[place] += action == "impression"
            clicked[place] += action == "click"
    shop.execute("SELECT tend_rollups(3)")
    found = rows(
        shop, "SELECT position, sum(impressions), sum(clicks) FROM click_through GROUP BY position"
    )
    assert {(p, int(i), int(c)) for p, i, c in found} == {(p, shown[p], clicked[p]) for p in shown}


def test_categories_count_for_those_above_them_once(shop: Connection) -> None:
    shop.execute("INSERT INTO category (name) VALUES ('women')")
    shop.execute(
        "INSERT INTO category (parent_id, name) "
        "SELECT category_id, unnest('{skirts,dresses}'::text[]) FROM category"
    )
    shop.execute("INSERT INTO product (external_id) VALUES ('a')")
    shop.execute(
        "INSERT INTO product_category SELECT product_id, category_id FROM product, category "
        "WHERE name <> 'women'"
    )
    put(
        shop,
        Search(NOW, "c1", None, ["a"], deeds=[("click", 0, "a"), ("purchase", 0, "a")]),
    )
    found = rows(
        shop,
        "SELECT path, clicks, purchases, conversion, revenue FROM category_conversion "
        "ORDER BY path",
    )
    assert found == [(path, 1, 1, 1, 10) for path in ("women", "women/dresses", "women/skirts")]


def test_drift(shop: Connection) -> None:
    name_all(shop)
    monday = NOW - timedelta(days=NOW.weekday() + 14)
    for words, week in (("boots", 0), ("boots", 0), ("hats", 1), ("boots", 1)):
        put(shop, Search(monday + timedelta(weeks=week), "c1", words, []))
    found = rows(
        shop,
        "SELECT user_query, share, share_before, change FROM query_drift "
        "WHERE week = %s ORDER BY 1",
        (monday + timedelta(weeks=1)).date(),
    )
    assert [(w, float(s), float(b), float(c)) for w, s, b, c in found] == [
        ("boots", 0.5, 1, -0.5),
        ("hats", 0.5, 0, 0.5),
    ]
    # Half of 0.5 log2(2/3) + 0.5 log2(2) + 1 log2(4/3): Lin's formula by hand.
    (weekly,) = rows(
        shop,
        "SELECT divergence FROM query_drift_weekly WHERE week = %s",
        (monday + timedelta(weeks=1)).date(),
    )
    assert float(weekly[0]) == pytest.approx(0.3113, abs=1e-4)


def documented(view: str) -> str:
    """The example of a view in the analysts' documentation."""
    examples = re.findall(r"```sql\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (query,) = (one for one in examples if f"FROM vitrine.{view} " in one)
    return str(query)


@pytest.mark.parametrize("rolled", [0, 100])
def test_days_without_a_failure_count_in_its_share(shop: Connection, rolled: int) -> None:
    name_all(shop)
    for number in range(32):
        at = NOW - timedelta(days=3 + number % 4)
        # Nine are abandoned, on two of the four days.
        bought = [] if number % 4 == 0 or number == 1 else [("click", 0.1, "a")]
        put(shop, Search(at, f"c{number}", "umbrella", ["a"], deeds=bought))
        put(shop, Search(at, f"c{number}", "parasol", [] if number % 4 == 0 else ["a"]))
        put(shop, Search(at, f"c{number}", "hat", ["a"], deeds=[("click", 0.1, "a")]))
    if rolled:
        shop.execute("SELECT tend_rollups(%s)", (rolled,))
    assert rows(shop, documented("abandoned_query")) == [
        ("parasol", 24, Decimal("0.750")),
        ("umbrella", 9, Decimal("0.281")),
    ]
    assert rows(shop, documented("zero_result_query")) == [("parasol", 32, 8)]


@pytest.mark.parametrize("taken", [4.1234567890123, "0.0000000001", 1e-300, 12345678.0625])
def test_however_exact_a_duration_is_it_counts(shop: Connection, taken: Any) -> None:
    name_all(shop)
    put(shop, Search(NOW, "c1", "boots", ["a"], milliseconds=taken))
    found = rows(shop, "SELECT timed, milliseconds, slowest FROM query_daily")
    assert found == [(1, pytest.approx(float(taken)), pytest.approx(float(taken)))]


@pytest.mark.parametrize("taken", ["slow", "", -1, "1e9", 1e12, "4."])
def test_what_is_no_duration_does_not_count(shop: Connection, taken: Any) -> None:
    put(shop, Search(NOW, "c1", "boots", ["a"], milliseconds=taken))
    assert rows(shop, "SELECT searches, timed FROM query_daily") == [(1, 0)]


def test_slow_searches_and_the_funnel(shop: Connection) -> None:
    searches = fill(shop)
    (slowest,) = rows(shop, "SELECT max(slowest_ms), sum(searches) FROM slow_query")
    timed = [s.milliseconds for s in searches if s.milliseconds is not None]
    assert (float(slowest[0]), slowest[1]) == (max(timed), len(timed))
    (funnel,) = rows(
        shop, "SELECT sum(searches), sum(with_results), sum(clicked) FROM search_funnel"
    )
    assert [int(n) for n in funnel] == [
        len(searches),
        sum(bool(s.found) for s in searches),
        sum(s.did("click") for s in searches),
    ]


def test_analysts_read_all_views_and_nobody_else_rolls_up(shop: Connection) -> None:
    fill(shop)
    views = rows(
        shop,
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'vitrine'::regnamespace "
        "AND c.relkind = 'v' AND c.relname <> 'near_duplicate'",
    )
    shop.execute("SET ROLE vitrine_analyst")
    for (view,) in views:
        shop.execute(psycopg.sql.SQL("SELECT * FROM {}").format(psycopg.sql.Identifier(view)))
    for call in ("tend_rollups()", "roll_up(current_date, current_date)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            shop.execute(f"SELECT {call}".encode())
    shop.execute("RESET ROLE; SET ROLE vitrine_worker")
    shop.execute("SELECT tend_rollups()")


def test_without_any_search_the_views_are_empty(connection: Connection) -> None:
    assert connection.execute("SELECT tend_rollups()").fetchone() == (0,)
    assert rows(connection, "SELECT * FROM search_funnel") == []
