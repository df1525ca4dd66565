"""Rules of merchandising: what they refuse, when they apply, and what search_rules says of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import CopyOf
from tests.integration.ruled import applying, column, fill, pins, put, rules
from tests.integration.searchable import Product, Variant, add_category, add_product, ask, names
from vitrine.database import Connection


@pytest.fixture
def shop(copy_of: CopyOf) -> Connection:
    return copy_of(fill)[0]


@pytest.mark.parametrize(
    "url", ["/", "/sale", "/s?q=a&b=c#d", "https://shop.example", "HTTP://shop.example:80/a?b"]
)
def test_a_redirect_leads_to_a_page(shop: Connection, url: str) -> None:
    put(shop, "redirect", "r", url=url, query="Summer sale")
    assert rules(shop, " summer   SALE")["redirect"] == url
    assert rules(shop, "summer sale shoes")["redirect"] is None


def test_words_compare_without_case_punctuation_and_spacing_but_in_order(shop: Connection) -> None:
    put(shop, "hide", "exact", products=["P1"], query="Dress Shirt")
    put(shop, "hide", "phrase", products=["P1"], query="dress-shirt", match="phrase")
    for words in ("dress shirt", "  DRESS\n shirt!", "dress-shirt"):
        assert applying(rules(shop, words)) == ["exact", "phrase"]
    for words in ("white dress shirt", "dress shirt, white"):
        assert applying(rules(shop, words)) == ["phrase"]
    for words in ("shirt dress", "dress", "dress red shirt", "address shirt", "dress shirts", None):
        assert applying(rules(shop, words)) == []


def test_chinese_and_japanese_need_no_spaces(shop: Connection) -> None:
    put(shop, "add_synonym", "coat", words="外套", instead=["夹克", "jacket"])
    answer = rules(shop, "黑色连帽外套")["synonyms"]
    assert answer == [{"words": "外套", "instead": ["夹克", "jacket"], "rule": "coat"}]
    assert rules(shop, "外 黑 套")["synonyms"] == []


def test_a_category_means_all_below_it(shop: Connection) -> None:
    put(shop, "hide", "women", products=["P1"], category=" Women ")
    put(shop, "hide", "tops", products=["P1"], category="women/tops", query="red")
    put(shop, "hide", "always", products=["P1"])
    assert applying(rules(shop)) == ["always"]
    assert applying(rules(shop, None, "Women / Dresses")) == ["women", "always"]
    assert applying(rules(shop, "red", "women/tops/shirts")) == ["tops", "women", "always"]
    assert applying(rules(shop, "red", "men/tops", "womens")) == ["always"]
    assert applying(rules(shop, "red", "men", "women/tops")) == ["tops", "women", "always"]


def test_a_rule_holds_from_its_start_until_its_end(shop: Connection) -> None:
    start, end = "2027-03-01T00:00Z", "2027-04-01T00:00Z"
    put(shop, "hide", "march", products=["P1"], starts_at=start, ends_at=end)
    for at, expected in (
        ("2027-02-28T23:59:59Z", []), (start, ["march"]), ("2027-03-31T23:59:59Z", ["march"]),
        (end, []),
    ):  # fmt: skip
        assert applying(rules(shop, at=at)) == expected
    assert column(shop, "state", "march") in ("scheduled", "ended")


@pytest.mark.parametrize(
    ("period", "state"),
    [
        ({}, "active"),
        ({"starts_at": "yesterday", "ends_at": "tomorrow"}, "active"),
        ({"starts_at": "tomorrow"}, "scheduled"),
        ({"ends_at": "yesterday"}, "ended"),
        ({"starts_at": "yesterday", "enabled": False}, "disabled"),
    ],
)
def test_the_state_of_a_rule(shop: Connection, period: dict[str, Any], state: str) -> None:
    put(shop, "hide", "r", products=["P1"], **period)
    assert column(shop, "state", "r") == state
    assert applying(rules(shop)) == (["r"] if state == "active" else [])


def test_again_is_replaced_and_removed_is_gone(shop: Connection) -> None:
    first = put(shop, "pin", "r", product="P1", position=1, query="x", note="a note")
    made = column(shop, "created_at", "r"), column(shop, "updated_at", "r")
    assert put(shop, "pin", "r", product="P1", position=1, query="x", note="a note") == first
    assert (column(shop, "created_at", "r"), column(shop, "updated_at", "r")) == made
    assert put(shop, "boost", "r", products=["P2"]) == first
    assert column(shop, "(kind, products, product, query, note)::text", "r") == "(boost,{P2},,,)"
    assert column(shop, "created_at", "r") == made[0] < column(shop, "updated_at", "r")
    assert applying(rules(shop)) == ["r"]
    assert shop.execute("SELECT remove_rule('r'), remove_rule('r')").fetchone() == (True, False)
    assert applying(rules(shop)) == []


def test_pins_make_room_for_each_other(shop: Connection) -> None:
    put(shop, "pin", "b phrase", product="P2", position=1, query="red", match="phrase")
    put(shop, "pin", "z exact", product="P1", position=1, query="red")
    put(shop, "pin", "third", product="P3", position=2)
    put(shop, "pin", "last", product="P4", position=9)
    put(shop, "pin", "twice", product="P1", position=5)
    assert pins(rules(shop, "red")) == [(1, "P1"), (2, "P2"), (3, "P3"), (9, "P4")]
    assert pins(rules(shop, "blue")) == [(2, "P3"), (5, "P1"), (9, "P4")]


def test_a_pin_waits_for_its_product(shop: Connection) -> None:
    heard: list[str | None] = []
    shop.add_notice_handler(lambda notice: heard.append(notice.message_primary))
    put(shop, "pin", "later", product="P9", position=1)
    assert heard == ['no product has the external_id "P9" yet']
    assert column(shop, "problem", "later") == "no product P9 yet"
    assert pins(rules(shop)) == []
    add_product(shop, Product("P9"))
    assert pins(rules(shop)) == [(1, "P9")]
    assert column(shop, "problem", "later") is None
    shop.execute("UPDATE product SET status = 'retired' WHERE external_id = 'P9'")
    assert pins(rules(shop)) == []
    assert column(shop, "problem", "later") == "the product P9 is retired"


def test_filters_of_rules_are_filters_of_searches(shop: Connection) -> None:
    add_product(shop, Product("X", categories=["Sale"], variants=[Variant("X-1", price=3)]))
    put(shop, "hide", "a", products=["p1", "P2", "P1"])
    put(shop, "hide", "b", filters={"any": [{"category": ["Dresses"]}, {"not": {"brand": "Acme"}}]})
    answer = rules(shop)["hidden"]
    assert answer[0] == {"filter": {"external_id": ["p1", "P2", "P1"]}, "rule": "a"}
    hidden = {"not": {"any": [rule["filter"] for rule in answer]}}
    assert sorted(names(ask(shop, filters=hidden))) == ["P3", "P4", "P5"]


def test_a_category_that_goes_or_is_renamed_breaks_no_search(shop: Connection) -> None:
    put(shop, "hide", "r", filters={"category": "Sale", "any": [{"category": ["Sale"]}]})
    put(shop, "boost", "s", products=["P1"], category="Sale")
    add_product(shop, Product("on sale", categories=["Sale"]))
    kept = {"not": rules(shop)["hidden"][0]["filter"]}
    assert "on sale" not in names(ask(shop, filters=kept))
    # By its name alone it would now stand for two categories.
    shop.execute("UPDATE category SET name = 'Outlet' WHERE path = 'sale'")
    add_category(shop, "Women/Sale")
    add_category(shop, "Men/Sale")
    assert "on sale" in names(ask(shop, filters=kept))
    assert column(shop, "problem", "s") == "no category sale any more"
    shop.execute("UPDATE rule SET enabled = false")
    assert column(shop, "state", "r") == "disabled"


def test_boosts_and_burials_say_by_how_much(shop: Connection) -> None:
    put(shop, "boost", "up", filters={"brand": "Acme"}, factor=1.5)
    put(shop, "bury", "down", products=["P1"])
    assert rules(shop)["boosts"] == [
        {"filter": {"external_id": ["P1"]}, "factor": 0.5, "rule": "down"},
        {"filter": {"brand": "Acme"}, "factor": 1.5, "rule": "up"},
    ]


def test_synonyms_one_way_and_both_ways(shop: Connection) -> None:
    put(shop, "add_synonym", "one", words="Jumper", instead=["Sweater"])
    put(shop, "add_synonym", "two", words="trainers", instead=["sneakers", "Running Shoes"],
        both_ways=True)  # fmt: skip
    assert rules(shop, "red JUMPER")["synonyms"] == [
        {"words": "jumper", "instead": ["sweater"], "rule": "one"}
    ]
    assert rules(shop, "sweater")["synonyms"] == []
    assert rules(shop, "black running-shoes")["synonyms"] == [
        {"words": "running shoes", "instead": ["trainers", "sneakers"], "rule": "two"}
    ]
    assert len(rules(shop, "sneakers or trainers")["synonyms"]) == 2


def test_the_nearest_redirect_wins(shop: Connection) -> None:
    put(shop, "redirect", "a", url="/category", category="women")
    put(shop, "redirect", "b", url="/phrase", query="sale", match="phrase")
    put(shop, "redirect", "c", url="/long", query="summer sale", match="phrase")
    put(shop, "redirect", "d", url="/exact", query="sale")
    wanted = {"sale": "/exact", "big sale": "/phrase", "the summer sale": "/long", "x": "/category"}
    for words, url in wanted.items():
        assert rules(shop, words, "women")["redirect"] == url


def test_search_rules_writes_nothing(shop: Connection) -> None:
    put(shop, "pin", "r", product="P1", position=1)
    with shop.transaction():
        shop.execute("SET TRANSACTION READ ONLY")
        assert pins(rules(shop)) == [(1, "P1")]
    # NULL counts as not given.
    assert shop.execute(
        "SELECT search_rules(NULL, NULL, NULL) -> 'pins' -> 0 ->> 'rule'"
    ).fetchone() == ("r",)


def test_a_search_with_filters_leaves_out_what_is_hidden(shop: Connection) -> None:
    put(shop, "hide", "r", products=["P1"])
    for filters in ({}, {"brand": "Acme"}, {"all": [{"brand": "Acme"}]}, {"not": {"brand": "B"}}):
        assert sorted(names(ask(shop, filters=filters))) == ["P2", "P3", "P4", "P5"]
