"""Personal search in the demo: tastes and reasons in words, and a page that no text can break."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from vitrine.demo.asking import Found
from vitrine.demo.personal import Asked, Personal, Placed, placed
from vitrine.demo.personal_page import personal_page
from vitrine.demo.products import products
from vitrine.demo.shoppers import Shopper
from vitrine.demo.tastes import liked
from vitrine.search import Hit

EVIL = "<b onclick=\"x()\">'Tom' & $count</b>"
TITLES = {"P7": "A known thing"}


def found(title="Plain Tee", *, picture=None, brand="Acme", **why):
    hit = Hit(
        rank=1, product_id=1, external_id="P1", variant_id=1, image_id=1, score=0.5, why=why
    )  # fmt: skip
    return Found(
        hit=hit, title=title, brand=brand, price=Decimal(5), options={}, picture=picture
    )  # fmt: skip


def moved(asked=None, **personal):
    parts = {"taste": 0.0, "session": 0.0, "attributes": 0.0, "repurchase": 0.0}
    why = {"from": 9, "to": 2} | personal | {"parts": parts | personal.get("parts", {})}
    return placed(found(personal=why), asked or Asked(title="x", words="x"), TITLES)


def value(field, name, preference):
    return {"field": field, "value": name, "preference": preference}


@pytest.fixture(scope="module")
def shop():
    return tuple(products(200))


def test_a_taste_is_named_by_what_the_liked_products_share(shop):
    for color in ("red", "teal"):
        tastes = {
            product.sku: float(any(v.color.lower() == color for v in product.variants))
            for product in shop
        }
        assert liked(shop, tastes)[0] == color
    brand = shop[0].brand
    assert liked(shop, {each.sku: float(each.brand == brand) for each in shop})[0] == brand


def test_a_taste_is_at_most_one_word_of_a_field_and_none_where_all_is_liked_alike(shop):
    reds = {"red": 2.0, "orange": 1.5, "pink": 1.0}
    tastes = {each.sku: max(reds.get(v.color.lower(), 0.0) for v in each.variants) for each in shop}
    words = liked(shop, tastes)
    assert words[0] == "red"
    assert len(words) <= 3
    assert not {"orange", "pink"} & set(words)
    assert not liked(shop, dict.fromkeys(tastes, 0.7))
    assert not liked(shop, {})


def test_what_did_not_move_has_no_reason():
    same = placed(found(plan="browse"), Asked(title="x", words="x"), TITLES)
    assert (same.moved, same.reason) == ("", "")


def test_the_parts_that_moved_a_product_are_said_the_largest_first():
    values = [value("brand", "acme", 0.9), value("attributes.material", "wool", -0.5)]
    up = moved(
        parts={"taste": 0.2, "attributes": 0.5, "repurchase": 0.1, "session": -1},
        values=values,
        like=["P7", "P8"],
    )
    assert up.moved == "up from 9"
    assert up.reason == "likes Acme; looks like A known thing"
    down = moved(
        **{"from": 1, "to": 3}, parts={"taste": 0.2, "attributes": -0.5}, values=values
    )  # fmt: skip
    assert (down.moved, down.reason) == ("down from 1", "seldom chooses wool")
    assert moved(**{"from": 1, "to": 3}, parts={"taste": 0.2}).reason == "others moved past it"


def test_the_category_of_the_whole_page_is_no_reason():
    values = [value("category", "women", 0.9), value("category", "women/tops", 0.3)]
    browsing = moved(Asked(title="x", category="women"), parts={"attributes": 1}, values=values)
    assert browsing.reason == "likes tops"
    searching = moved(parts={"attributes": 1}, values=[values[0]])
    assert searching.reason == "likes women"


def test_a_value_is_said_once_and_not_with_what_lies_above_it():
    values = [
        value("category", "season", 0.9),
        value("category", "season/summer", 0.8),
        value("attributes.season", "summer", 0.3),
    ]
    assert moved(parts={"attributes": 1}, values=values).reason == "likes summer"


def page(folder, *, title="Plain Tee", picture=None, client="simulated-1", **given):
    shoppers = [Shopper(client=client, likes=(title, "red")), Shopper(client="two", likes=())]
    hit = found(title, picture=picture, brand=title)
    changed = Placed(found=hit, moved="up from 3", reason=f"likes {title}")
    personal = Personal(
        asked=[Asked(title=title, words="x")],
        shoppers=shoppers,
        general=[[hit]],
        answers={client: [[changed]], "two": [given.get("second", [Placed(found=hit)])]},
        for_you={client: [Placed(found=hit, reason=f"because of {title}")], "two": []},
    )
    return LexborHTMLParser(personal_page(personal, folder=folder, count=60, category=title))


def test_the_page_says_what_moved_for_whom_and_why(tmp_path):
    tree = page(tmp_path)
    columns = [column.text(separator="\n") for column in tree.css("section")[0].css(".column")]
    assert ["Without a history" in column for column in columns] == [True, False, False]
    assert ["likes Plain Tee, red" in column for column in columns] == [False, True, False]
    assert ["up from 3" in column for column in columns] == [False, True, False]
    assert [len(column.css(".reason")) for column in tree.css(".column")] == [0, 1, 0, 1, 0]
    assert "nothing found" in tree.css(".column")[-1].text()
    assert "60 shoppers" in tree.body.text()


def test_no_text_becomes_markup(tmp_path):
    tree = page(tmp_path, title=EVIL, client=EVIL)
    assert not tree.css("b")
    assert not [node for node in tree.css("*") if "onclick" in node.attributes]
    assert tree.css("h2")[0].text() == EVIL
    assert tree.css("h3")[1].text() == EVIL
    assert {node.text() for node in tree.css(".title")} == {EVIL}
    assert tree.css(".reason")[0].text() == f"likes {EVIL}"


def test_pictures_are_named_from_the_page_whatever_their_names_are(tmp_path):
    tree = page(tmp_path, picture=tmp_path / "shop" / 'a "b" #1?.jpg')
    assert {img.attributes["src"] for img in tree.css("img")} == {"shop/a%20%22b%22%20%231%3F.jpg"}
    assert not page(tmp_path).css("img")
    elsewhere = page(tmp_path / "out", picture=Path(tmp_path) / "in" / "1.jpg")
    assert elsewhere.css("img")[0].attributes["src"] == "../in/1.jpg"
