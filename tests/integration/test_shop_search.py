"""A shop's search as a whole: wishes, rules, composed queries, the page with its facets."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import psycopg
import pytest

from tests.integration.searchable import (
    WORDS,
    Picture,
    Product,
    Variant,
    add_category,
    add_product,
    ask,
    know,
    know_picture,
    make_space,
    names,
)
from vitrine.database import Connection
from vitrine.worker.whitening import inverse_covariance, typical_height, whiten

TEXT = {"arms": {"text": 1}}


def page(connection: Connection, **arguments: Any) -> dict[str, Any]:
    """The answer of `search_page`."""
    named = ", ".join(f"{name} => %({name})s" for name in arguments)
    values = {
        name: json.dumps(value) if isinstance(value, dict | list) else value
        for name, value in arguments.items()
    }
    row = connection.execute(f"SELECT search_page({named})".encode(), values).fetchone()
    assert row is not None
    answer: dict[str, Any] = row[0]
    return answer


@pytest.fixture
def shop(connection: Connection) -> Connection:
    """Shirts, shoes and one hat, each with a title, and no pictures."""
    make_space(connection)
    add_category(connection, "Women/Shirts")
    add_category(connection, "Men/Shirts")
    for number, (kind, colour, price, popularity) in enumerate(
        [
            ("Shirt", "Red", 20, 5),
            ("Shirt", "Red", 70, 4),
            ("Shirt", "Blue", 30, 3),
            ("Shirt", "Green", 90, 2),
            ("Shoe", "Red", 40, 1),
            ("Hat", "Blue", 10, 9),
        ]
    ):
        product = Product(
            f"{kind}-{colour}-{price}".lower(),
            brand="Acme" if number % 2 else "Bolt",
            categories=["Women/Shirts" if number % 2 else "Men/Shirts"] if kind == "Shirt" else [],
            variants=[Variant(f"v{number}", price=price, options={"color": colour})],
            popularity=popularity,
        )
        added = add_product(connection, product)
        connection.execute(
            "INSERT INTO product_text (product_id, locale, title) VALUES (%s, 'en', %s)",
            (added.product_id, kind),
        )
    connection.execute("SELECT tend_vocabulary()")
    return connection


def test_wishes_come_first_and_others_follow(shop: Connection) -> None:
    hits = ask(shop, query="red shirt under 50", options=TEXT)
    assert names(hits)[0] == "shirt-red-20"
    assert [hit["why"].get("beyond", False) for hit in hits] == [False] + [True] * (len(hits) - 1)
    assert set(names(hits)) == {"shirt-red-20", "shirt-blue-30", "shoe-red-40"}  # none over 50
    strict = ask(shop, query="red shirt under 50", options=TEXT | {"understand": {"strict": True}})
    assert names(strict) == ["shirt-red-20"]


def test_a_removed_chip_is_a_plain_word(shop: Connection) -> None:
    answer = page(shop, query="red shirt under 50", options=TEXT)
    assert [chip["text"] for chip in answer["understood"]["chips"]] == ["red", "shirt", "under 50"]
    without = TEXT | {"understand": {"without": ["under 50"], "strict": True}}
    assert set(names(ask(shop, query="red shirt under 50", options=without))) == {
        "shirt-red-20",
        "shirt-red-70",
    }
    at_its_word = page(shop, query="red shirt", options=TEXT | {"understand": False})
    assert "understood" not in at_its_word


def test_what_is_not_wanted_is_not_beyond_the_wishes(shop: Connection) -> None:
    hits = ask(shop, query="acme shirt not green", options=TEXT)
    assert "shirt-green-90" not in names(hits)
    assert names(hits)[0] == "shirt-red-70"


def test_understanding_sees_through_typing_errors(shop: Connection) -> None:
    answer = page(shop, query="rde shrit under 50", options=TEXT)
    assert answer["corrections"] == [
        {"written": "shrit", "meant": "shirt"}
    ]  # three letters are too few to be sure
    assert [chip["field"] for chip in answer["understood"]["chips"]] == ["category", "price"]


def test_totals_and_facets_count_the_wishes(shop: Connection) -> None:
    asked = {"facets": ["options.color", "brand"], **TEXT}
    answer = page(shop, query="red shirt under 50", k=1, options=asked)
    assert answer["total"] == 1
    colours = {value["value"]: value["count"] for value in answer["facets"]["options.color"]}
    assert colours == {"Red": 1, "Blue": 1}  # a facet ignores its own wish
    following = page(shop, query="red shirt under 50", cursor=answer["cursor"], options=asked)
    assert following["total"] == 1
    assert following["cursor"] is None
    assert "total" not in page(shop, query="red shirt", options=TEXT)


def test_the_page_and_the_rows_are_the_same(shop: Connection) -> None:
    rows = ask(shop, query="shirt", options=TEXT, k=2)
    hits = page(shop, query="shirt", options=TEXT, k=2)
    assert [hit["external_id"] for hit in hits["hits"]] == names(rows)
    assert hits["cursor"] == rows[-1]["why"]["cursor"]
    empty = page(shop, filters={"brand": "nobody"})
    assert empty == {"hits": [], "complete": True, "cursor": None}


def test_categories_that_there_are_not_come_with_the_nearest(shop: Connection) -> None:
    answer = page(shop, filters={"category": "women/shrits"})
    assert answer["suggestions"] == [
        {"category": "women/shrits", "nearest": ["men/shirts", "women/shirts"]}
    ]
    notices: list[str | None] = []
    shop.add_notice_handler(lambda notice: notices.append(notice.sqlstate))
    assert ask(shop, filters={"any": [{"category": ["x", "y"]}]}) == []
    assert "VT011" in notices


def test_pins_stand_where_they_are_told_to(shop: Connection) -> None:
    shop.execute("""SELECT pin('hat', 'hat-blue-10', 2, query => 'shirt')""")
    shop.execute("""SELECT pin('late', 'shoe-red-40', 5, query => 'shirt')""")
    plain = names(ask(shop, query="shirt", options=TEXT | {"rules": False}))
    assert "hat-blue-10" not in plain
    for k in (1, 2, 3, 10):
        seen: list[str] = []
        cursor = None
        while True:
            hits = ask(shop, query="shirt", options=TEXT, k=k, cursor=cursor)
            seen += names(hits)
            assert [hit["score"] for hit in hits] == sorted(
                (hit["score"] for hit in hits), reverse=True
            )
            cursor = hits[-1]["why"].get("cursor") if hits else None
            if cursor is None:
                break
        assert seen[1] == "hat-blue-10"
        assert seen[4] == "shoe-red-40"
        assert len(set(seen)) == len(seen) == 6
    [pinned] = [hit for hit in ask(shop, query="shirt", options=TEXT) if hit["rank"] == 2]
    assert pinned["why"]["pinned"] == "hat"
    cheap = {"price": {"gte": 15}}
    assert "hat-blue-10" not in names(ask(shop, query="shirt", filters=cheap, options=TEXT))


def test_boosts_burials_and_hiding(shop: Connection) -> None:
    plain = names(ask(shop, query="shirt", options=TEXT))
    last = plain[3]
    shop.execute("SELECT boost('up', ARRAY[%s], factor => 3)", (last,))
    boosted = ask(shop, query="shirt", options=TEXT)
    assert names(boosted)[0] == last
    assert boosted[0]["why"]["boosts"] == [{"rule": "up", "factor": 3}]
    shop.execute("SELECT bury('up', ARRAY[%s], factor => 0.1)", (plain[0],))
    assert names(ask(shop, query="shirt", options=TEXT))[3] == plain[0]
    shop.execute("SELECT hide('gone', ARRAY[%s])", (last,))
    assert last not in names(ask(shop, query="shirt", options=TEXT))
    assert last not in names(ask(shop))
    assert last in names(ask(shop, options={"rules": False}))
    total = page(shop, filters={"category": "women"}, options={"total": True})["total"]
    assert total == len(ask(shop, filters={"category": "women"}))


def test_synonyms_and_redirects(shop: Connection) -> None:
    assert names(ask(shop, query="blouse", options=TEXT)) == []
    shop.execute("SELECT add_synonym('blouses', 'blouse', ARRAY['shirt'])")
    assert len(ask(shop, query="blouse", options=TEXT)) == 4
    shop.execute("SELECT redirect('help', '/help', query => 'return policy')")
    assert page(shop, query="Return  Policy", options=TEXT)["redirect"] == "/help"


def test_explain_says_what_was_done(shop: Connection) -> None:
    [hit, *_] = ask(shop, query="shirt under 50", options=TEXT | {"explain": True})
    report = hit["why"]["search"]
    assert report["matching_products"] == 2
    assert set(report["milliseconds"]) == {"question", "products"}
    assert report["text"]["plan"] == "text"
    assert report["filters"]["price"] == {"lt": 50}


def clustered(connection: Connection) -> None:
    """Pictures (kind, colour): two kinds far apart on one axis, colours along another."""
    rng = np.random.default_rng(0)
    for kind in (-1, 1):
        for colour in range(4):
            for copy in range(50):
                vector = [kind * 1.0, 0.25 * colour, 0.3 + 0.008 * copy, 0.05 * rng.normal()]
                name = f"{'shoe' if kind < 0 else 'shirt'}-{colour}-{copy}"
                add_product(connection, Product(name, pictures=[Picture(vector)]))


def test_like_this_but_in_other_words(connection: Connection) -> None:
    make_space(connection)
    clustered(connection)
    assert whiten(connection, 1)
    assert not whiten(connection, 1)  # not due again
    know_picture(connection, "ab" * 32, [1.0, 0.0, 0.3, 0.0])
    know(connection, (0, 1, 0, 0), words="third colour")
    parts = [{"image": "ab" * 32}, {"words": "third colour"}]
    hits = ask(connection, terms=parts, k=10)
    assert all(name.startswith("shirt-") for name in names(hits))
    assert sum(name.startswith("shirt-3") for name in names(hits)) >= 8
    alone = ask(connection, terms=parts[:1], k=10)
    assert all(name.startswith("shirt-0") for name in names(alone))
    less = [parts[0], {"words": "third colour", "weight": -1}]
    assert all(name.startswith("shirt-0") for name in names(ask(connection, terms=less, k=10)))


def test_several_products_make_one_query_and_are_left_out(connection: Connection) -> None:
    make_space(connection)
    clustered(connection)
    both = [{"product": "shirt-0-0"}, {"product": "shirt-3-0"}]
    hits = names(ask(connection, terms=both, k=20))
    assert not {"shirt-0-0", "shirt-3-0"} & set(hits)
    between = sum(name.startswith(("shirt-1", "shirt-2")) for name in hits)
    assert between >= 10
    answer = page(connection, terms=both, options={"total": True})
    assert answer["total"] == 398


def test_nonsense_finds_nothing(connection: Connection) -> None:
    make_space(connection)
    clustered(connection)
    whiten(connection, 1)
    know(connection, (0, 0, 0, 1), words="qwzx")  # no picture is nearer than any other
    know(connection, (1, 0, 0, 0), words="warm things")
    assert ask(connection, query="qwzx", options={"cutoff": True}) == []
    assert len(ask(connection, query="qwzx")) == 24
    found = ask(connection, query="warm things", options={"cutoff": True}, k=1000)
    assert 0 < len(found) < 300
    assert all(name.startswith("shirt") for name in names(found))
    stricter = ask(connection, query="warm things", options={"cutoff": 1.2}, k=1000)
    assert len(stricter) < len(found)
    answer = page(connection, query="warm things", options={"cutoff": True, "total": True})
    assert answer["total"] == len(found)


def test_whitening_is_the_inverse_of_the_covariance() -> None:
    rng = np.random.default_rng(1)
    vectors = (rng.normal(size=(5000, 3)) * [1.0, 2.0, 4.0]).astype(np.float32)
    mean, inverse = inverse_covariance(vectors)
    assert np.abs(mean).max() < 0.2
    scale = inverse[0, 0] * (1 + 0.7)  # 0.1 of the mean variance, 7, is added to each
    assert inverse[2, 2] * (16 + 0.7) == pytest.approx(scale, rel=0.1)
    captions = np.eye(3, dtype=np.float32)
    height = typical_height(np.eye(3, dtype=np.float32), captions)
    assert height == pytest.approx(2 / 3)
    assert typical_height(vectors, np.empty((0, 3), np.float32)) is None


def test_words_alone_need_no_worker(connection: Connection) -> None:
    added = add_product(connection, Product("it"))
    connection.execute(
        "INSERT INTO product_text (product_id, locale, title) VALUES (%s, 'en', 'Lamp')",
        (added.product_id,),
    )
    assert names(ask(connection, query="lamps", options=TEXT)) == ["it"]
    with pytest.raises(psycopg.Error, match="no active embedding space"):
        ask(connection, query=WORDS)
