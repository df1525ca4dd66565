"""Personal search: what a shopper's history moves, what it must not, and what it says of it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.conftest import CopyOf
from tests.integration.searchable import (
    Picture,
    Product,
    Variant,
    add_product,
    ask,
    know,
    make_space,
    names,
    random_vector,
    unit,
)
from vitrine.database import Connection

PRODUCTS = 80


# Of a title, a brand and a title, a brand and a model; the product that they name.
EXACT = {
    "acme warm coat number 9": "P9",
    "acme, warm coat number 9": "P9",
    "Acme - Warm Coat Number 9": "P9",
    "warm coat number 9 by Acme": "P9",
    "acme qx-200": "P11",
    "QX-200": "P11",
    "QX-200 (Acme)": "P11",
    '"SKU-30"': "P30",
}


def fill(connection: Connection) -> None:
    """Coats of four directions and two brands; the words `warm coat` are known."""
    rng = random.Random(3)
    make_space(connection)
    for n in range(PRODUCTS):
        direction = [0.3 * x for x in random_vector(rng)]
        direction[n % 4] += 1
        product = Product(
            f"P{n}",
            brand="Acme" if n % 8 < 4 else "Bolt",
            categories=["Women/Coats" if n % 2 else "Men/Coats"],
            attributes={"material": ["wool", "silk", "hemp"][n % 3]}
            | ({"Model": "QX-200"} if n == 11 else {}),
            popularity=float(PRODUCTS - n),
            variants=[Variant(f"SKU-{n}")],
            pictures=[Picture(unit(direction))],
            caption=unit(direction),
        )
        add_product(connection, product)
        connection.execute(
            "INSERT INTO product_text (product_id, locale, title) VALUES (%s, 'en', %s)",
            (product.product_id, f"Warm coat number {n}" if n < 40 else f"Jacket of kind {n}"),
        )
    know(connection, [1, 1, 1, 1])
    know(connection, [1, 1, 0.9, 1], words="warm coat number 7")
    for words in EXACT:
        know(connection, [1, 1, 0.9, 1], words=words)
    connection.execute("SELECT tend_shares('0')")
    connection.execute("SELECT ensure_partitions()")


@pytest.fixture
def shop(copy_of: CopyOf) -> Connection:
    return copy_of(fill)[0]


Log = Callable[..., None]


@pytest.fixture
def log(shop: Connection) -> Log:
    """Return a function that writes events of a shopper, now."""

    def write(
        client: str | None, *products: str, action: str = "view", session: str | None = None
    ) -> None:
        for product in products:
            shop.execute(
                "INSERT INTO event (action_name, client_id, session_id, object_id) "
                "VALUES (%s, %s, %s, %s)",
                (action, client, session, product),
            )

    return write


def page(connection: Connection, **arguments: Any) -> str:
    """The answer of search_page as text."""
    given = {
        "query": None,
        "filters": {},
        "client": None,
        "session": None,
        "options": {},
        **arguments,
    }
    row = connection.execute(
        "SELECT search_page(query => %(query)s::text, filters => %(filters)s::jsonb, k => 10, "
        "client => %(client)s::text, session => %(session)s::text, "
        "options => %(options)s::jsonb)::text",
        {name: json.dumps(v) if isinstance(v, dict) else v for name, v in given.items()},
    ).fetchone()
    assert row is not None
    return str(row[0])


SEARCHES: list[dict[str, Any]] = [
    {"query": "warm coat"},
    {},
    {"filters": {"category": "men"}},
    {"query": "warm coat", "filters": {"brand": "Acme"}, "options": {"diversity": 0.4}},
    {"query": "warm coat", "options": {"cutoff": True, "total": True, "facets": ["brand"]}},
]
LIKED = [f"P{n}" for n in range(2, PRODUCTS, 8)]  # of one direction, all of them Acme


@pytest.mark.parametrize("asked", SEARCHES)
def test_history_moves_what_is_like_it_up(
    shop: Connection, log: Log, asked: dict[str, Any]
) -> None:
    log("u", *LIKED[:6])
    before = ask(shop, k=10, **asked)
    after = ask(shop, k=10, client="u", **asked)
    assert len(after) == len(before) == 10

    def liked(hits: list[dict[str, Any]]) -> int:
        return sum(int(hit["external_id"][1:]) % 4 == 2 for hit in hits)

    # Variety is chosen from what is liked too.
    assert liked(after) > liked(before) or asked.get("options", {}).get("diversity")
    scores = [hit["score"] for hit in after]
    assert scores == sorted(scores, reverse=True)


def test_who_opted_out_sees_the_page_of_a_stranger(shop: Connection, log: Log) -> None:
    stranger = page(shop)
    log("u-1", "P61", "P65", "P69")
    assert page(shop, client="u-1") != stranger
    shop.execute("SELECT opt_out('u-1')")
    assert page(shop, client="u-1") == stranger


@pytest.mark.parametrize("asked", SEARCHES)
def test_without_a_history_the_page_is_the_same_to_the_byte(
    shop: Connection, log: Log, asked: dict[str, Any]
) -> None:
    log("u", *LIKED)
    log("looked", *LIKED, action="impression")
    log("elsewhere", "not here", "nor this")
    plain = page(shop, **asked)
    for whose in (
        {"client": "nobody"},
        {"client": "looked"},
        {"client": "elsewhere"},
        {"session": "nobody"},
        {"client": "'; DROP TABLE event --"},
        {"client": "x" * 10_000},
    ):
        assert page(shop, **asked, **whose) == plain
    options = {**asked.get("options", {}), "strength": 0}
    assert page(shop, **{**asked, "options": options}, client="u") == plain
    assert page(shop, **asked, client="u") != plain


@pytest.mark.parametrize(
    "asked",
    [
        {"query": "SKU-30"},
        {"query": "p30"},
        {"query": "warm coat number 7"},
        *({"query": query} for query in EXACT),
        {"options": {"sort": "price"}},
        {"options": {"sort": "newest"}},
        {"options": {"sort": "popularity"}},
        {"query": "warm coat", "options": {"sort": "-price"}},
    ],
)
def test_exact_words_and_sorts_are_not_touched(
    shop: Connection, log: Log, asked: dict[str, Any]
) -> None:
    log("u", *LIKED, action="purchase")
    plain = page(shop, **asked)
    assert page(shop, **asked, client="u") == plain
    assert json.loads(plain)["hits"]


@pytest.mark.parametrize("query", EXACT)
def test_exact_words_find_what_they_name_first(shop: Connection, log: Log, query: str) -> None:
    log("u", *LIKED, action="purchase")
    assert names(ask(shop, query=query, client="u"))[0] == EXACT[query]


def test_a_model_that_was_understood_is_exact(shop: Connection, log: Log) -> None:
    log("u", *LIKED, action="purchase")
    row = shop.execute("SELECT understand('acme qx-200') -> 'filters'").fetchone()
    assert row is not None
    assert "Model" in row[0].get("attributes", {})
    assert page(shop, query="acme qx-200", client="u") == page(shop, query="acme qx-200")


def test_words_of_other_titles_are_reranked(shop: Connection, log: Log) -> None:
    log("u", *LIKED, action="purchase")
    know(shop, [1, 1, 1, 1], words="warm coat number")
    for query in ("warm coat", "warm coat number"):
        assert page(shop, query=query, client="u") != page(shop, query=query)


def history(connection: Connection) -> tuple[int, list[str] | None]:
    row = connection.execute(
        "SELECT h.events, h.external_ids FROM personal_history('u', NULL) h"
    ).fetchone()
    assert row is not None
    return int(row[0]), row[1]


def test_what_the_catalogue_does_not_know_takes_nobodys_place(shop: Connection, log: Log) -> None:
    log("u", "P61", "P65")
    known = ask(shop, k=10, client="u")
    log("u", *(f"gone{n}" for n in range(400)))
    assert history(shop)[0] == 2
    assert names(ask(shop, k=10, client="u")) == names(known)
    shop.execute("SELECT keep_history('u', 1)")
    assert names(ask(shop, k=10, client="u")) == names(known)
    # As far as ten times as many go back: what one shopper's flood costs is bounded.
    log("u", *(f"gone{n}" for n in range(3_000)))
    assert history(shop) == (0, None)


def test_what_is_about_something_else_than_a_product_is_no_history(
    shop: Connection, log: Log
) -> None:
    stranger = page(shop)
    log("u", "P61", "P65")
    shop.execute("UPDATE event SET object_id_field = 'category'")
    assert page(shop, client="u") == stranger


def test_an_event_counts_in_the_same_transaction(shop: Connection, log: Log) -> None:
    with shop.transaction():
        before = names(ask(shop, k=10, client="u"))
        log("u", "P70", "P70", action="purchase")
        after = names(ask(shop, k=10, client="u"))
    assert "P70" not in before
    assert "P70" in after


def test_a_visit_without_an_account_counts(shop: Connection, log: Log) -> None:
    log(None, *LIKED[:6], session="s")
    assert page(shop, session="s") != page(shop)
    assert names(ask(shop, session="s")) == names(ask(shop, session="s", client="nobody"))


def test_the_stronger_the_more(shop: Connection, log: Log) -> None:
    log("u", "P60", action="purchase")
    ranks = []
    for strength in (0, 0.2, 0.4, 0.6, 0.8, 1):
        hits = ask(shop, k=PRODUCTS, client="u", options={"strength": strength})
        ranks.append(names(hits).index("P60"))
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] == 60
    assert ranks[-1] < ranks[0]


def test_every_hit_that_moved_says_why(shop: Connection, log: Log) -> None:
    log("u", *LIKED[:6])
    log("u", "P2", action="purchase")
    before = names(ask(shop, k=PRODUCTS))
    hits = ask(shop, k=20, client="u", options={"explain": True})
    for place, hit in enumerate(hits):
        was = before.index(hit["external_id"])
        said = hit["why"].get("personal")
        assert (said is not None) == (was != place)
        if said is not None:
            assert (said["from"], said["to"]) == (was + 1, place + 1)
            assert set(said["parts"]) == {"taste", "session", "attributes", "repurchase"}
            assert said["strength"] == 1
            assert 0 < said["gate"] < 1
            looks = said["parts"]["taste"] + said["parts"]["session"]
            assert ("like" in said) == (place < was and looks > 0)
            assert set(said.get("like", [])) <= set(LIKED)
            assert {value["field"] for value in said["values"]} <= {
                "brand",
                "category",
                "attributes.material",
            }
    first = hits[0]["why"]["personal"]
    assert hits[0]["external_id"] == "P2"
    assert first["parts"]["repurchase"] > 0
    assert len(first["values"]) == 3
    explained = hits[0]["why"]["search"]
    assert explained["personal"]["events"] == 7
    assert explained["personal"]["vectors"] == "image"
    assert explained["milliseconds"]["personal"] >= 0
    nobody = ask(shop, client="nobody", options={"explain": True})[0]["why"]["search"]["personal"]
    assert nobody == {"gate": 0, "events": 0, "strength": 0}


def test_reasons_do_not_depend_on_how_rows_are_read(shop: Connection, log: Log) -> None:
    rng = random.Random(5)
    liked = [f"Q{n}" for n in range(12)]
    for name in liked:
        pictures = [Picture(random_vector(rng)) for _ in range(2)]
        add_product(shop, Product(name, variants=[Variant(name)], pictures=pictures))
    # The first picture of each product comes to lie behind the second.
    shop.execute(
        "UPDATE image_vector_1 v SET encoded_at = now() WHERE image_id = "
        "(SELECT min(o.image_id) FROM image_vector_1 o WHERE o.product_id = v.product_id)"
    )
    log("u", *liked)
    pages = set()
    for kind in ("indexscan", "bitmapscan"):
        with shop.transaction(force_rollback=True):
            shop.execute(f"SET LOCAL enable_{kind} = off".encode())
            pages.add(page(shop, client="u"))
    assert len(pages) == 1


def test_pages_hold_every_product_once_whatever_happens_meanwhile(
    shop: Connection, log: Log
) -> None:
    shown: list[str] = []
    cursor: str | None = None
    log("u", *LIKED[:3])
    while True:
        hits = ask(shop, query="warm coat", k=9, client="u", cursor=cursor)
        shown += names(hits)
        log("u", *names(hits)[:3])
        cursor = hits[-1]["why"].get("cursor") if hits else None
        if cursor is None:
            break
    assert sorted(shown) == sorted({f"P{n}" for n in range(PRODUCTS)})


def test_pins_and_filters_hold(shop: Connection, log: Log) -> None:
    log("u", *LIKED)
    shop.execute("SELECT pin('first', 'P77', 2)")
    shop.execute("SELECT hide('gone', products => ARRAY['P10'])")
    hits = ask(shop, k=20, client="u", filters={"brand": "Acme"})
    assert "P77" not in names(hits)
    hits = ask(shop, k=20, client="u")
    assert names(hits)[1] == "P77"
    assert "personal" not in hits[1]["why"]
    assert "P10" not in names(hits)


def test_the_past_is_searched_as_it_was(shop: Connection, log: Log) -> None:
    log("u", *LIKED)
    earlier = {"options": {"as_of": "2020-01-01T00:00:00Z"}}
    assert page(shop, client="u", **earlier) == page(shop)
    assert page(shop, client="u", options={"as_of": "2199-01-01"}) != page(shop)


def test_without_shares_or_vectors_the_rest_still_counts(shop: Connection, log: Log) -> None:
    shop.execute("DELETE FROM value_share")
    shop.execute("DELETE FROM image_vector_1")
    shop.execute("DELETE FROM caption_vector_1")
    log("u", "P50", action="purchase")
    hit = next(h for h in ask(shop, k=40, client="u") if h["external_id"] == "P50")
    parts = hit["why"]["personal"]["parts"]
    assert parts["repurchase"] > 0
    assert parts["taste"] == parts["attributes"] == 0


def test_a_login_that_may_not_read_events_is_told_so(shop: Connection, log: Log) -> None:
    log("u", *LIKED)
    with shop.transaction(force_rollback=True):
        shop.execute("REVOKE SELECT ON event FROM vitrine_analyst")
        shop.execute("SET LOCAL ROLE vitrine_analyst")
        assert ask(shop, k=5)
        with pytest.raises(
            psycopg.errors.InsufficientPrivilege, match="personal search reads"
        ) as caught:
            ask(shop, k=5, client="u")
        assert "vitrine_app" in str(caught.value.diag.message_hint)
