"""The request bus from SQL: `CALL encode(…)` and a worker on the other side."""

from __future__ import annotations

import hashlib
import io
import threading

import psycopg
import pytest
from PIL import Image

from tests.integration.searchable import WORDS, ask, know, names
from tests.integration.workers import Shop, until


def png(colour: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (6, 4), colour).save(file, "PNG")
    return file.getvalue()


def sqlstate(connection: psycopg.Connection, statement: str, *values: object) -> str | None:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(statement.encode(), values)
    return caught.value.sqlstate


def test_words_are_encoded_once_for_every_spelling(shop: Shop) -> None:
    with shop.working():
        key = shop.one("CALL encode(%s)", "  Warm COAT ")
        assert key == hashlib.sha256(b"warm coat").hexdigest()
        assert shop.one("CALL encode(query => %s, timeout_ms => 1)", "warm  coat") == key
    assert shop.all("SELECT kind, key, query FROM query_vector") == [("text", key, "warm coat")]
    assert shop.all("SELECT * FROM encoding_request") == []


def test_a_picture_is_encoded_and_found(shop: Shop) -> None:
    red = shop.product("red")
    shop.image(red, (250, 0, 0))
    shop.image(shop.product("blue"), (0, 0, 250))
    shop.work()
    with shop.working():
        key = shop.one("CALL encode(image => %s)", png((240, 10, 10)))
    assert names(ask(shop.connection, terms=[{"image": key}])) == ["red", "blue"]


def test_many_clients_wait_for_the_same_words(shop: Shop) -> None:
    keys: list[str] = []

    def client() -> None:
        with psycopg.connect(shop.url, autocommit=True) as connection:
            row = connection.execute(
                "CALL vitrine.encode('the same', timeout_ms => 9000)"
            ).fetchone()
            assert row is not None
            keys.append(row[0])

    clients = [threading.Thread(target=client) for _ in range(5)]
    for thread in clients:
        thread.start()
    until(lambda: shop.one("SELECT count(*) FROM encoding_request") == 1, "one request")
    with shop.working():
        for thread in clients:
            thread.join(10)
    assert len(keys) == 5
    assert len(set(keys)) == 1


def test_what_is_no_picture_is_an_error_with_its_reason_and_can_be_tried_again(shop: Shop) -> None:
    with shop.working():
        for _ in range(2):
            assert sqlstate(shop.connection, "CALL encode(image => %s)", b"<html>") == "VT007"


@pytest.mark.parametrize(
    ("statement", "value", "expected"),
    [
        ("CALL encode(%s)", "", "VT001"),
        ("CALL encode(%s)", "x" * 1001, "VT001"),
        ("CALL encode(image => %s)", b"", "VT001"),
        ("CALL encode('x', image => %s)", b"x", "VT001"),
        ("CALL encode('x', timeout_ms => %s)", 0, "VT001"),
        ("CALL encode('x', space => %s)", "none", "VT005"),
        ("CALL encode('x', timeout_ms => %s)", 5, "VT006"),
    ],
)
def test_bad_requests(shop: Shop, statement: str, value: object, expected: str) -> None:
    assert sqlstate(shop.connection, statement, value) == expected


def test_a_picture_of_more_than_20_mib_is_refused(shop: Shop) -> None:
    statement = "CALL encode(image => decode(repeat('00', 20 * 1024 * 1024 + 1), 'hex'))"
    assert sqlstate(shop.connection, statement) == "VT001"
    assert shop.all("SELECT * FROM encoding_request") == []


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        ("encode()", "CALL vitrine.encode('black hooded jacket') or CALL vitrine.encode(image"),
        ("encode('')", "Give the words"),
    ],
)
def test_a_call_without_content_is_told_one_that_works(shop: Shop, call: str, hint: str) -> None:
    with psycopg.connect(shop.url, autocommit=True) as plain, pytest.raises(psycopg.Error) as error:
        plain.execute(f"CALL vitrine.{call}".encode())
    assert error.value.sqlstate == "VT001"
    assert str(error.value.diag.message_hint).startswith(hint)


def test_a_read_only_session_is_told_where_to_call_it(shop: Shop) -> None:
    with psycopg.connect(shop.url, autocommit=True) as reader:
        reader.execute("SET default_transaction_read_only = on")
        with pytest.raises(psycopg.Error, match="read-only") as caught:
            reader.execute("CALL vitrine.encode('new words')")
    assert caught.value.sqlstate == "VT009"
    assert "primary server" in str(caught.value.diag.message_hint)


AGED = "UPDATE encoding_request SET requested_at = now() - %s::interval"


def test_a_request_that_is_repeated_is_young_again_and_keeps_its_place(shop: Shop) -> None:
    call, state = "CALL encode('x', timeout_ms => 1)", "SELECT now() - requested_at < '1 minute'"
    assert sqlstate(shop.connection, call) == "VT006"
    place = shop.one("SELECT available_at FROM encoding_request")
    shop.connection.execute(AGED, ("14 minutes",))
    assert sqlstate(shop.connection, call) == "VT006"
    assert shop.one(f"{state} FROM encoding_request") is True
    assert shop.one("SELECT available_at FROM encoding_request") == place


def test_inside_a_transaction_it_says_why_not(shop: Shop) -> None:
    with pytest.raises(psycopg.Error) as caught, shop.connection.transaction():
        shop.connection.execute("CALL encode('x')")
    assert caught.value.sqlstate == "VT008"
    assert "transaction" in str(caught.value)
    assert shop.all("SELECT * FROM encoding_request") == []


def test_it_works_whatever_the_callers_settings_are(shop: Shop) -> None:
    with psycopg.connect(shop.url, autocommit=True) as plain, shop.working():
        plain.execute("SET search_path = ''")
        plain.execute("SET default_transaction_isolation = 'serializable'")
        plain.execute("SET synchronous_commit = on")
        assert plain.execute("CALL vitrine.encode('new words')").fetchone()
        assert plain.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_known_words_need_no_worker_and_write_nothing(shop: Shop) -> None:
    know(shop.connection, (1, 0, 0, 0, 0, 0, 0, 0))
    with psycopg.connect(shop.url, autocommit=True) as reader:
        reader.execute("SET default_transaction_read_only = on")
        assert reader.execute("CALL vitrine.encode(%s)", (WORDS,)).fetchone()
