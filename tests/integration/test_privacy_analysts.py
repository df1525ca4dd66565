"""What analysts see of shoppers: pseudonyms, and words that many have searched for."""

from __future__ import annotations

import hashlib
import hmac
import re

import psycopg
import pytest

from vitrine.database import Connection

# RFC 4231: key, data, HMAC-SHA256; the fifth is cut to 128 bits there.
LONG_DATA = (
    b"This is a test using a larger than block-size key and a larger than block-size data. "
    b"The key needs to be hashed before being used by the HMAC algorithm."
)
VECTORS = [
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        b"\xaa" * 20,
        b"\xdd" * 50,
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    ),
    (
        bytes(range(1, 26)),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    (b"\x0c" * 20, b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        LONG_DATA,
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
]


@pytest.mark.parametrize(("key", "data", "expected"), VECTORS)
def test_hmac_is_that_of_rfc_4231(
    connection: Connection, key: bytes, data: bytes, expected: str
) -> None:
    row = connection.execute("SELECT hmac_sha256(%s, %s)", (data, key)).fetchone()
    assert row
    assert row[0].hex().startswith(expected)


@pytest.mark.parametrize(
    "client", ["u-42", "", "Zoë", "鞋", "x" * 10_000, "'; DROP TABLE event; --"]
)
@pytest.mark.parametrize("key", ["k" * 16, "schlüssel" * 9])
def test_client_hash_is_pythons(connection: Connection, client: str, key: str) -> None:
    expected = hmac.new(key.encode(), client.encode(), hashlib.sha256).hexdigest()
    row = connection.execute("SELECT client_hash(%s, %s)", (client, key)).fetchone()
    assert row == (expected,)


@pytest.mark.parametrize("key", [None, "", "too short"])
def test_a_key_that_could_be_guessed_is_refused_and_not_repeated(
    connection: Connection, key: str | None
) -> None:
    with pytest.raises(psycopg.Error, match="fewer than 16 bytes") as caught:
        connection.execute("SELECT client_hash('u-42', %s::text)", (key,))
    assert not key or key not in str(caught.value)


def log_searches(connection: Connection, words: str, shoppers: int) -> None:
    connection.execute(
        "INSERT INTO query (client_id, session_id, user_query)"
        " SELECT 'u-' || i, 's-' || i, %s FROM generate_series(1, %s) i",
        (words, shoppers),
    )


def test_pseudonyms_hold_over_both_logs_and_hide_the_ids(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO query (client_id, session_id)"
        " VALUES ('u-1', 's-1'), ('u-2', NULL), (NULL, 's-1')"
    )
    connection.execute(
        "INSERT INTO event (action_name, client_id, order_id, message, event_attributes)"
        " VALUES ('purchase', 'u-1', 'o-7', 'to u-1', '{\"mail\": \"u-1\"}')"
    )
    searches = connection.execute(
        "SELECT client_pseudonym, session_pseudonym FROM search_log ORDER BY client_pseudonym"
    ).fetchall()
    [(client, row)] = connection.execute(
        "SELECT client_pseudonym, l::text FROM event_log l"
    ).fetchall()
    assert len({c for c, _ in searches}) == 3
    assert len({s for _, s in searches}) == 2
    assert client in {c for c, _ in searches}
    assert re.fullmatch("[0-9a-f]{32}", client)
    assert "u-1" not in row
    assert "o-7" not in row


def test_pseudonyms_hang_on_the_shops_secret(connection: Connection) -> None:
    before = connection.execute("SELECT client_pseudonym('u-1')").fetchone()
    connection.execute(
        "UPDATE client_secret SET inner_key = sha256(inner_key), outer_key = sha256(outer_key)"
    )
    assert connection.execute("SELECT client_pseudonym('u-1')").fetchone() != before


def test_words_of_few_shoppers_are_not_shown(connection: Connection) -> None:
    log_searches(connection, "Red  Jacket", 5)
    log_searches(connection, "present for anna meier", 4)
    shown = (
        "SELECT user_query, count(*), count(DISTINCT words_pseudonym) FROM search_log GROUP BY 1"
    )
    assert set(connection.execute(shown).fetchall()) == {("red jacket", 5, 1), (None, 4, 1)}
    connection.execute("INSERT INTO setting (name, value) VALUES ('smallest_group', '4')")
    assert set(connection.execute(shown).fetchall()) == {
        ("red jacket", 5, 1),
        ("present for anna meier", 4, 1),
    }


def test_one_shopper_who_repeats_herself_is_one(connection: Connection) -> None:
    for _ in range(9):
        log_searches(connection, "present for anna meier", 1)
    rows = connection.execute("SELECT DISTINCT user_query FROM search_log").fetchall()
    assert rows == [(None,)]


def test_words_cost_nothing_where_nobody_asks_for_them(connection: Connection) -> None:
    plan = connection.execute(
        "EXPLAIN SELECT client_pseudonym, count(*) FROM search_log GROUP BY 1"
    ).fetchall()
    assert "normalize_query" not in str(plan)
    assert str(plan).count("Join") == 0
