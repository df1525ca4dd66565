"""A product's caption follows its texts, whoever writes them, and is encoded anew with them."""

from __future__ import annotations

import pytest

from tests.integration.workers import Shop

CAPTIONS = "SELECT locale, text, input_version FROM caption ORDER BY locale"
ADD = "INSERT INTO product_text (product_id, locale, title, description) VALUES (%s, %s, %s, %s)"


@pytest.fixture
def described(shop: Shop) -> Shop:
    """A product with texts in two locales, and an encoded caption of each."""
    product_id = shop.product()
    shop.connection.execute(ADD, (product_id, "de", "Jacke", "Warm."))
    shop.connection.execute(ADD, (product_id, "en", "Jacket", "It is warm."))
    assert shop.one("SELECT count(*) FROM work_queue WHERE kind = 'caption'") == 2
    shop.work()
    return shop


def test_texts_make_captions(described: Shop) -> None:
    assert described.all(CAPTIONS) == [("de", "Jacke. Warm.", 1), ("en", "Jacket. It is warm.", 1)]
    assert described.all("SELECT * FROM work_queue") == []


def test_a_changed_text_changes_its_caption_and_queues_it(described: Shop) -> None:
    described.connection.execute("UPDATE product_text SET title = 'Coat' WHERE locale = 'en'")
    assert described.all(CAPTIONS) == [("de", "Jacke. Warm.", 1), ("en", "Coat. It is warm.", 2)]
    assert described.all("SELECT kind, input_version FROM work_queue") == [("caption", 2)]


def test_what_a_caption_does_not_say_changes_nothing(described: Shop) -> None:
    before = "Fine wool. " * 40
    described.connection.execute("UPDATE product_text SET description = %s", (before,))
    described.work()
    versions = described.all(CAPTIONS)
    described.connection.execute("UPDATE product_text SET description = description || 'More.'")
    described.connection.execute("UPDATE product_text SET title = title")
    assert described.all(CAPTIONS) == versions
    assert described.all("SELECT * FROM work_queue") == []


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM product_text WHERE locale = 'en'",
        "UPDATE product_text SET title = ' ', description = '' WHERE locale = 'en'",
    ],
)
def test_a_caption_goes_with_its_text(described: Shop, change: str) -> None:
    described.connection.execute(change.encode())
    assert described.all(CAPTIONS) == [("de", "Jacke. Warm.", 1)]
    assert described.one("SELECT count(*) FROM caption_vector_1") == 1


@pytest.mark.parametrize(
    ("title", "description", "caption"),
    [("  ", "Some text.", ["Some text."]), ("\u00a0\n\t", "", []), (" Jacket\n", " ", ["Jacket"])],
)
def test_blanks_say_nothing(shop: Shop, title: str, description: str, caption: list[str]) -> None:
    shop.connection.execute(ADD, (shop.product(), "en", title, description))
    assert [text for _, text, _ in shop.all(CAPTIONS)] == caption


def test_another_locale_takes_the_caption_along(described: Shop) -> None:
    described.connection.execute("UPDATE product_text SET locale = 'fr' WHERE locale = 'en'")
    assert [row[:2] for row in described.all(CAPTIONS)] == [
        ("de", "Jacke. Warm."),
        ("fr", "Jacket. It is warm."),
    ]


def test_generated_captions_are_left_alone(described: Shop) -> None:
    described.connection.execute(
        "INSERT INTO caption (product_id, locale, source, text) "
        "VALUES (1, 'en', 'generated', 'a red jacket')"
    )
    described.connection.execute("UPDATE product_text SET title = 'Coat'")
    described.connection.execute("DELETE FROM product_text")
    assert [row[:2] for row in described.all(CAPTIONS)] == [("en", "a red jacket")]
