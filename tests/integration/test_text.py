"""Full text: what it finds, in any script, with typing errors, and in step with the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.at_once import at_once
from tests.integration.searchable import Product, Variant, add_category, add_product, ask, names
from vitrine.database import Connection

TEXT = {"arms": {"text": 1}, "understand": False}


@pytest.fixture
def add(connection: Connection) -> Callable[..., Product]:
    """Adds a product with a title."""
    return lambda external_id, title="", **given: with_title(
        connection, Product(external_id, **given), title
    )


def with_title(
    connection: Connection, product: Product, title: str, description: str = "", locale: str = "en"
) -> Product:
    added = add_product(connection, product)
    if title:
        connection.execute(
            "INSERT INTO product_text (product_id, locale, title, description) "
            "VALUES (%s, %s, %s, %s)",
            (added.product_id, locale, title, description),
        )
    return added


def found(connection: Connection, words: str, **more: Any) -> list[str]:
    return names(ask(connection, query=words, options={**TEXT, **more}))


def corrected(connection: Connection, words: str) -> Any:
    return connection.execute("SELECT corrected FROM text_query(%s)", (words,)).fetchone()


def test_words_are_found_in_every_part_and_prominent_ones_first(
    connection: Connection, add: Callable[..., Product]
) -> None:
    add_category(connection, "Linen/Sheets")
    add("title", "Linen shirt")
    add("attribute", "Shirt", attributes={"material": "linen"})
    add("category", "Shirt", categories=["Linen/Sheets"])
    with_title(connection, Product("description"), "Shirt", "Woven of the finest linen.")
    add("brand", "Shirt", brand="Linen")
    add("option", "Shirt", variants=[Variant("v", options={"fabric": "Linen"})])
    add("nothing", "Shirt of wool")
    assert set(found(connection, "linen")) == {
        "title", "attribute", "category", "description", "brand", "option"
    }  # fmt: skip
    order = found(connection, "linen")
    assert set(order[:2]) == {"title", "brand"}
    assert order[-1] == "description"


def test_all_the_words_come_before_some_of_them(
    connection: Connection, add: Callable[..., Product]
) -> None:
    add("both", "A long description of a wonderful thing: red and also shoe")
    add("red", "Red")
    add("shoe", "Shoe")
    assert found(connection, "red shoes")[0] == "both"
    assert set(found(connection, "red shoes")) == {"both", "red", "shoe"}


def test_phrases_and_beginnings(connection: Connection, add: Callable[..., Product]) -> None:
    add("apart", "Dress in red, with a summer hat")
    add("together", "Red summer dress")
    assert found(connection, '"summer dress"') == ["together"]
    assert set(found(connection, "summ*")) == {"apart", "together"}
    assert set(found(connection, "red summ")) == {"apart", "together"}  # still being typed
    assert found(connection, '"dress red"') == []


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("jaket", "jacket"),  # left out
        ("jackket", "jacket"),  # put in
        ("jackat", "jacket"),  # exchanged
        ("jakcet", "jacket"),  # swapped
        ("waterprooff", "waterproof"),
        ("watreprof", "waterproof"),  # two, in a long word
        ("jacket", "jacket"),
        ("coat", "coat"),  # a word of its own, though near to boat
        ("abc", "abc"),  # too short to be sure
        ("xyzzyqua", "xyzzyqua"),
    ],
)
def test_typing_errors_are_forgiven(
    connection: Connection, add: Callable[..., Product], written: str, meant: str
) -> None:
    add("j", "Waterproof jacket")
    add("c", "Coat")
    add("b", "Boat")
    add("abd", "Abd")
    assert corrected(connection, f"{written} boat") == (f"{meant} boat",)
    [(corrections,)] = connection.execute(
        "SELECT corrections FROM text_query(%s)", (f"{written} boat",)
    ).fetchall()
    assert corrections == ([] if written == meant else [{"written": written, "meant": meant}])


def test_a_word_that_is_gone_is_no_longer_meant(
    connection: Connection, add: Callable[..., Product]
) -> None:
    add("j", "Jacket")
    assert corrected(connection, "jaket here") == ("jacket here",)
    connection.execute("UPDATE product_text SET title = 'Coat'")
    assert corrected(connection, "jaket here") == ("jaket here",)
    connection.execute("SELECT tidy_words()")
    assert connection.execute("SELECT word FROM word").fetchall() == [("coat",)]


@pytest.mark.parametrize(
    "description",
    [
        "Warm, red-hot\nboots\tfor (all) seasons; O'Neil's best.",
        '<a title="summer hat" href="/hats/summer">Straw</a> hat &amp; scarf',
        "Crème brûlée™ für Straßen, 黑色连帽外套 jacket",
        "wear www.example.com/hats or write to hats@example.com: a1 b2c, 3-in-1",
    ],
)
def test_words_are_what_the_parser_finds_in_the_whole_text(
    connection: Connection, description: str
) -> None:
    with_title(connection, Product("p"), "Hat", description)
    whole = connection.execute(
        "SELECT DISTINCT word FROM unnest(tsvector_to_array(to_tsvector('simple', "
        "fold(%s)))) word WHERE word ~ '^[[:alpha:]]{3,30}$'",
        (f"Hat, {description}",),
    )
    known = connection.execute("SELECT word FROM word")
    assert {row[0] for row in known} == {row[0] for row in whole}


def test_typing_errors_can_be_taken_at_their_word(
    connection: Connection, add: Callable[..., Product]
) -> None:
    add("j", "Jacket")
    assert found(connection, "jaket") == ["j"]
    assert found(connection, "jaket", typos=False) == []


@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("黑色连帽外套", "连帽"),
        ("黑色连帽外套", "黑色外套"),
        ("黑色连帽外套", "套"),
        ("東京の赤いドレス", "ドレス"),
        ("東京の赤いドレス", "赤い ドレス"),
        ("빨간 여름 원피스", "원피스"),
        ("빨간여름원피스", "여름"),
        ("Nike 运动鞋 42", "nike 运动鞋"),
        ("Café crème", "cafe"),
        ("Cafe creme", "crème"),
        ("Красное платье", "платья"),
    ],
)
def test_scripts(connection: Connection, title: str, query: str) -> None:
    locale = "ru" if "платье" in title else "und"
    with_title(connection, Product("it"), title, locale=locale)
    with_title(connection, Product("other"), "蓝色裤子 青いズボン 파란 바지 blue")
    assert found(connection, query)[0] == "it"
    if " " not in query and query != "黑色外套":
        assert found(connection, query) == ["it"]


def test_each_language_has_its_own_endings(connection: Connection) -> None:
    with_title(connection, Product("de"), "Rote Kleider", locale="de")
    with_title(connection, Product("en"), "Red dresses", locale="en")
    assert found(connection, "kleid") == ["de"]
    assert found(connection, "dress") == ["en"]
    assert found(connection, "dress", locale="de") == []
    assert found(connection, "dress", locale="en-GB") == ["en"]


def test_exact_keys_come_first(connection: Connection, add: Callable[..., Product]) -> None:
    for number in range(5):
        add(f"other-{number}", "MH01 MH01 bag like MH01-S-Red", popularity=9)
    add("MH01", "Hoodie", variants=[Variant("MH01-S-Red"), Variant("MH01-M-Red")])
    for words in ("MH01", "mh01", "MH01-S-Red", "mh01-m-red", "hoodie MH01-S-Red"):
        hits = ask(connection, query=words, options=TEXT)
        assert hits[0]["external_id"] == "MH01"
        assert hits[0]["why"]["named"] == "key"


def test_the_brand_itself_comes_before_those_that_mention_it(
    connection: Connection, add: Callable[..., Product]
) -> None:
    add("mention", "Nike Nike Nike: a case for your Nike", brand="Other")
    add("own", "Running shoe", brand="Nike")
    hits = ask(connection, query="NIKE", options=TEXT)
    assert names(hits) == ["own", "mention"]
    assert hits[0]["why"]["named"] == "brand"


def test_a_title_in_full_comes_before_longer_ones(
    connection: Connection, add: Callable[..., Product]
) -> None:
    add("longer", "Hero Hoodie Hero Hoodie: the hoodie of heroes")
    add("it", "Hero Hoodie")
    hits = ask(connection, query="hero  HOODIE", options=TEXT)
    assert names(hits) == ["it", "longer"]
    assert hits[0]["why"]["named"] == "title"


CHANGES = [
    ("UPDATE product_text SET title = 'Velvet' WHERE product_id = {it}", True),
    ("UPDATE product_text SET description = 'Velvet' WHERE product_id = {it}", True),
    ("UPDATE product SET brand = 'Velvet' WHERE product_id = {it}", True),
    ('UPDATE product SET attributes = \'{{"of": ["velvet"]}}\' WHERE product_id = {it}', True),
    ("UPDATE product SET attributes = '{{\"velvet\": true}}' WHERE product_id = {it}", True),
    ("UPDATE product SET external_id = 'velvet' WHERE product_id = {it}", True),
    ('UPDATE variant SET options = \'{{"of": "velvet"}}\' WHERE product_id = {it}', True),
    ("UPDATE variant SET sku = 'velvet' WHERE product_id = {it}", True),
    ("INSERT INTO variant (product_id, sku) VALUES ({it}, 'velvet')", True),
    ("INSERT INTO variant (product_id, sku, status) VALUES ({it}, 'velvet', 'retired')", False),
    ("UPDATE category SET name = 'Velvet' WHERE path = 'old'", True),
    ("UPDATE category SET name = 'Velvet' WHERE path = 'old/below'", True),
    ("INSERT INTO product_text (product_id, locale, title) VALUES ({it}, 'fr', 'Velvet')", True),
    ("UPDATE product SET popularity = 3", False),
    ("TRUNCATE product_text", False),
]


@pytest.mark.parametrize(("statement", "finds"), CHANGES)
def test_documents_are_in_step_with_the_catalogue(
    connection: Connection, add: Callable[..., Product], statement: str, finds: bool
) -> None:
    add_category(connection, "Old/Below")
    it = add("it", "Silk", categories=["Old/Below"], variants=[Variant("v", options={"of": "x"})])
    add("bystander", "Cotton")
    assert found(connection, "velvet") == []
    connection.execute(statement.format(it=it.product_id).encode())
    assert bool(found(connection, "velvet", typos=False)) is finds
    check_documents(connection)
    for undo in ("DELETE FROM product_text", "DELETE FROM variant", "DELETE FROM product_category"):
        connection.execute(undo.encode())
        check_documents(connection)


def check_documents(connection: Connection) -> None:
    """What is kept is what would be made from nothing."""
    kept = "SELECT product_id, locale, document FROM product_document ORDER BY 1, 2"
    before = connection.execute(kept.encode()).fetchall()
    connection.execute("DELETE FROM product_document")
    connection.execute("SELECT document_products(array_agg(product_id)) FROM product")
    assert connection.execute(kept.encode()).fetchall() == before


def test_two_writers_of_one_product_lose_nothing(
    connection: Connection, session: Callable[[], Connection]
) -> None:
    with_title(connection, Product("it", variants=[Variant("v")]), "Silk")
    title = "UPDATE product_text SET title = 'Velvet'"
    at_once(connection, session, title, "UPDATE variant SET sku = 'needle-1'")
    check_documents(connection)
    assert found(connection, "velvet needle-1") == ["it"]


def test_a_title_without_end_is_kept_and_found(
    connection: Connection, add: Callable[..., Product]
) -> None:
    add("long", " ".join(f"word{number}" for number in range(200_000)))
    assert found(connection, "word7") == ["long"]
