"""Where a price lies among those of its category: whether shoppers take what is cheap or dear."""

from __future__ import annotations

import pytest

from tests.conftest import CopyOf
from tests.integration.searchable import Product, Variant, add_product, ask, make_space
from tests.integration.test_personal_features import Event, log
from tests.integration.test_product_values import fold
from vitrine.database import Connection, connect

BANDS = ["lowest quarter", "second quarter", "third quarter", "highest quarter"]
BAND_OF = """
    SELECT p.external_id, b.band FROM product_bands(ARRAY(SELECT product_id FROM product)) b
    JOIN product p USING (product_id)"""
KEPT_AS = """
    SELECT p.external_id, (SELECT substr(s.value, 7) FROM value_share s
        WHERE s.value LIKE 'price=%' AND s.number = ANY (k.numbers))
    FROM product_value k JOIN product p USING (product_id)"""


def add(connection: Connection, name: str, price: float | None, category: str) -> None:
    add_product(
        connection,
        Product(name, categories=[category], variants=[Variant(f"{name}-1", price=price)]),
    )


def priced_shop(connection: Connection) -> None:
    """Teas for 1 to 40, of which four are teas of China; salts of one price; a few spices."""
    make_space(connection)
    for number in range(1, 41):
        add(connection, f"T{number}", number, "Tea/China" if number % 10 == 0 else "Tea")
    for number in range(10):
        add(connection, f"S{number}", 2, "Salt")
    for number in range(7):
        add(connection, f"P{number}", 10 * number, "Spice")
    connection.execute("SELECT ensure_partitions((now() - interval '99 days')::date)")


@pytest.fixture
def shop(copy_of: CopyOf) -> Connection:
    connection: Connection = copy_of(priced_shop)[0]
    return connection


def bands(connection: Connection, statement: str = BAND_OF) -> dict[str, str]:
    return dict(connection.execute(statement.encode()).fetchall())


def set_price(connection: Connection, name: str, price: float) -> None:
    connection.execute("UPDATE variant SET price = %s WHERE sku = %s", (price, f"{name}-1"))


def test_a_price_lies_in_a_quarter_of_its_category(shop: Connection) -> None:
    assert bands(shop) == {}  # nothing is counted yet
    shop.execute("SELECT tend_shares('0')")
    # Four teas of China are too few for quarters of their own; salts cost the same; spices are few.
    assert bands(shop) == {f"T{number}": BANDS[(number - 1) // 10] for number in range(1, 41)}


def test_it_is_the_lowest_price_of_what_is_sold_that_counts(shop: Connection) -> None:
    shop.execute("SELECT tend_shares('0')")
    add_product(
        shop,
        Product(
            "many",
            categories=["Tea"],
            variants=[
                Variant("many-1", price=39),
                Variant("many-2", price=12, stock=0),
                Variant("many-3", price=1, status="retired"),
                Variant("many-4", price=None),
            ],
        ),
    )
    add(shop, "unpriced", None, "Tea")
    assert bands(shop)["many"] == "second quarter"
    assert "unpriced" not in bands(shop)


def test_a_category_of_its_own_prices_comes_before_the_one_above(shop: Connection) -> None:
    for number in range(8):
        add(shop, f"C{number}", 100 + number, "Tea/China")
    shop.execute("SELECT tend_shares('0')")
    found = bands(shop)
    assert (found["T40"], found["C7"], found["T39"]) == (
        "second quarter",
        "highest quarter",
        "highest quarter",
    )


@pytest.mark.parametrize(
    ("prices", "wanted"),
    [
        ([9.99] * 12 + [19.99] * 8, {9.99: BANDS[1], 19.99: BANDS[3]}),
        ([0] * 30 + [10] * 10, {0: BANDS[1], 10: BANDS[3]}),
        ([5] * 10 + [20] * 10, {5: BANDS[0], 20: BANDS[3]}),
        ([2] * 3 + [3] * 7, {2: BANDS[0], 3: BANDS[2]}),
        ([1, 2, 3, 4] * 2, {1: BANDS[0], 2: BANDS[1], 3: BANDS[2], 4: BANDS[3]}),
        ([1] + [2] * 98 + [3], {}),  # hardly any differs
    ],
)
def test_of_what_costs_the_same_the_middle_counts(
    connection: Connection, prices: list[float], wanted: dict[float, str]
) -> None:
    for number, price in enumerate(prices):
        add(connection, f"X{number}", price, "Tea")
    connection.execute("SELECT tend_shares('0')")
    found = bands(connection)
    assert {(prices[int(name[1:])], band) for name, band in found.items()} == set(wanted.items())


def test_prices_that_no_server_can_calculate_with_stop_nothing(shop: Connection) -> None:
    for name, price in (("huge", "1e309"), ("tiny", "1e-400")):
        add(shop, name, 1, "Tea")
        shop.execute("UPDATE variant SET price = %s::numeric WHERE sku = %s", (price, f"{name}-1"))
    shop.execute("SELECT tend_shares('0')")
    assert (bands(shop)["huge"], bands(shop)["tiny"]) == (BANDS[3], BANDS[0])


def test_bands_follow_the_prices_of_their_category(shop: Connection) -> None:
    shop.execute("SELECT tend_shares('0')")
    shop.execute("UPDATE variant SET price = price + 100 WHERE sku ~ '^T[2-9]-'")
    shop.execute("SELECT tend_shares('0')")
    found = bands(shop)
    assert (found["T1"], found["T12"], found["T2"]) == (BANDS[0], BANDS[0], BANDS[3])


def test_a_product_in_two_categories_counts_once_above_them(connection: Connection) -> None:
    for number in range(8):
        add(connection, f"A{number}", 1 + number, "Tea/China")
    for number in range(4):
        product = Product(f"B{number}", categories=["Tea/India", "Tea/Green"])
        product.variants = [Variant(f"B{number}-1", price=20)]
        add_product(connection, product)
    connection.execute("SELECT tend_shares('0')")
    ends = connection.execute(
        "SELECT ends FROM price_band JOIN category USING (category_id) WHERE path = 'tea'"
    ).fetchone()
    assert ends == ([3.75, 6.5, 20],)  # of twelve products, not of sixteen


def test_a_category_may_go_while_its_prices_are_counted(database: str) -> None:
    with connect(database, "vitrine") as worker, connect(database, "vitrine") as app:
        priced_shop(worker)
        worker.execute("SELECT tend_shares('0')")
        worker.execute("SET statement_timeout = '20s'")
        app.execute("SET statement_timeout = '20s'")
        gone = "DELETE FROM category WHERE path = %s"
        app.execute("DELETE FROM product_category")
        with app.transaction():
            app.execute(gone, ("tea/china",))
            worker.execute("UPDATE variant SET price = price * 2")
            worker.execute("SELECT tend_shares('0')")
            app.execute(gone, ("tea",))
        with worker.transaction():
            worker.execute("SELECT tend_shares('0')")
            app.execute(gone, ("salt",))
    # Nothing waited for another.


def test_bands_go_where_prices_no_longer_differ(shop: Connection) -> None:
    shop.execute("SELECT tend_shares('0')")
    shop.execute("UPDATE variant SET price = 3")
    shop.execute("SELECT tend_shares('0')")
    assert bands(shop) == {}
    assert shop.execute("SELECT count(*) FROM price_band").fetchone() == (0,)


def test_who_buys_the_cheapest_sees_what_is_cheap_and_why(shop: Connection) -> None:
    shop.execute("SELECT tend_shares('0')")
    fold(shop)
    log(shop, [Event("purchase", f"T{n}", 1) for n in (1, 2, 3, 5)], client="thrifty")
    log(shop, [Event("purchase", f"T{n}", 1) for n in (31, 32, 38, 39)], client="lavish")
    tea = {"category": "tea"}
    for client, band, first in (("thrifty", BANDS[0], 1), ("lavish", BANDS[3], 31)):
        page = ask(shop, filters=tea, client=client, k=10, options={"weights": {"repurchase": 0}})
        assert {hit["external_id"] for hit in page} == {f"T{n}" for n in range(first, first + 10)}
        told = [one for hit in page for one in hit["why"]["personal"]["values"]]
        liked = [one for one in told if one["field"] == "price"]
        assert {one["value"] for one in liked} == {band}
        assert all(one["preference"] > 0 for one in liked)


def test_a_worker_looks_at_all_products_a_few_at_a_time(shop: Connection) -> None:
    fold(shop)
    assert set(bands(shop, KEPT_AS).values()) == {None}  # folded before anything was counted
    shop.execute("SELECT tend_shares('0')")
    due = [shop.execute("SELECT tend_price_bands(10)").fetchone() for _ in range(6)]
    assert due == [(10,)] * 4 + [(0,)] * 2  # teas come first; the last call reaches the end
    assert {n: b for n, b in bands(shop, KEPT_AS).items() if b} == bands(shop)
    rows = (
        "SELECT product_id, xmin::text FROM product_value "
        "UNION ALL SELECT -1, xmin::text FROM price_sweep ORDER BY product_id"
    )
    before = shop.execute(rows).fetchall()
    assert shop.execute("SELECT tend_price_bands()").fetchone() == (0,)
    assert shop.execute(rows).fetchall() == before  # what is right is not written again
    assert shop.execute("SELECT tend_price_bands(0)").fetchone() == (0,)  # one at the least


def test_what_was_kept_before_most_bands_came_is_kept_anew(shop: Connection) -> None:
    """Of one who buys the cheapest, what knows nothing of bands says nothing of prices."""
    fold(shop)
    pinned = "INSERT INTO rerank_weights (weights, active) VALUES ('{\"repurchase\": 1}', true)"
    shop.execute(pinned)  # or other weights would have it made anew
    log(shop, [Event("purchase", f"T{n}", 1 + n / 99) for n in range(1, 5)] * 5, client="thrifty")
    shop.execute("SELECT tend_histories()")
    shop.execute("UPDATE event SET received_at = now() - interval '1 hour'")
    made = "SELECT made_at FROM kept_history"
    before = shop.execute(made).fetchone()
    shop.execute("SELECT tend_histories()")
    assert shop.execute(made).fetchone() == before
    shop.execute("SELECT tend_shares('0')")
    while shop.execute("SELECT tend_price_bands(20)").fetchone() != (0,):
        pass
    shop.execute("SELECT tend_price_bands()")
    shop.execute("SELECT tend_histories()")
    after = shop.execute(made).fetchone()
    assert after is not None
    assert after != before
    liked = (
        "SELECT p.external_id, f.attributes FROM personal_features('thrifty', NULL, ARRAY("
        "SELECT product_id FROM product)) f JOIN product p USING (product_id)"
    )
    likes = dict(shop.execute(liked).fetchall())
    assert likes["T9"] > likes["T19"]
    assert likes["T9"] > likes["T39"]
    set_price(shop, "T1", 40)  # few change: what was kept stays
    shop.execute("SELECT tend_price_bands()")
    shop.execute("SELECT tend_histories()")
    assert shop.execute(made).fetchone() == after


def test_a_band_that_is_no_more_is_still_said_in_words(shop: Connection) -> None:
    shop.execute("SELECT tend_shares('0')")
    fold(shop)
    log(shop, [Event("purchase", f"T{n}", 1) for n in (1, 2, 3, 5)], client="thrifty")
    shop.execute("UPDATE variant SET price = 3")
    shop.execute("SELECT tend_shares('0')")
    page = ask(shop, filters={"category": "tea"}, client="thrifty", k=40)
    told = [one for hit in page for one in hit["why"].get("personal", {}).get("values", [])]
    assert {one["field"] for one in told} == {"category", "price"}


def test_what_runs_as_its_owner_looks_into_the_shop_alone(shop: Connection) -> None:
    paths = shop.execute(
        "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'vitrine'::regnamespace AND "
        "p.proname IN ('product_prices', 'product_bands', 'price_band_of', 'count_price_bands') "
        "AND NOT 'search_path=vitrine, pg_temp' = ANY (p.proconfig)"
    )
    assert paths.fetchall() == []


def test_a_new_price_is_followed_when_a_worker_comes_by(shop: Connection) -> None:
    shop.execute("SELECT tend_shares('0')")
    fold(shop)
    set_price(shop, "T1", 40)
    set_price(shop, "T40", 39)  # in its quarter still
    shop.execute("UPDATE variant SET status = 'retired' WHERE sku = 'T5-1'")
    shop.execute("DELETE FROM variant WHERE sku = 'T6-1'")
    assert shop.execute("SELECT tend_price_bands()").fetchone() == (3,)
    kept = bands(shop, KEPT_AS)
    assert (kept["T1"], kept["T40"], kept["T5"], kept["T6"], kept["T7"]) == (
        "highest quarter",
        "highest quarter",
        None,
        None,
        "lowest quarter",
    )
    assert shop.execute("SELECT tend_price_bands()").fetchone() == (0,)


def test_it_waits_for_who_folds(database: str) -> None:
    with connect(database, "vitrine") as worker, connect(database, "vitrine") as other:
        priced_shop(worker)
        worker.execute("SELECT tend_shares('0')")
        fold(worker)
        set_price(worker, "T1", 40)
        with other.transaction():
            other.execute("SELECT fold_facets()")
            assert worker.execute("SELECT tend_price_bands()").fetchone() == (0,)
        assert worker.execute("SELECT tend_price_bands()").fetchone() == (1,)
