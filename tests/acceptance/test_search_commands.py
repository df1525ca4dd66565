"""`vitrine search` and `vitrine similar` as a user runs them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from PIL import Image

from tests.integration.searchable import (
    WORDS,
    Picture,
    Product,
    Variant,
    add_product,
    know,
    make_space,
)
from tests.unit.tiny_models import save_tiny
from vitrine.database import Connection

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def shop(connection: Connection, database: str) -> str:
    """A coat in two colours and a bag, and known words; returns the database's URL."""
    make_space(connection)
    know(connection, (1, 0, 0, 0))
    coat = Product(
        "coat",
        brand="Acme",
        variants=[
            Variant("coat-red", price=80, options={"color": "Red"}),
            Variant("coat-blue", price=49.9, options={"color": "Blue"}),
        ],
        pictures=[Picture((1, 0, 0, 0), shows=["coat-red"]), Picture((1, 1, 0, 0))],
    )
    add_product(connection, coat)
    add_product(connection, Product("bag", pictures=[Picture((0, 1, 0, 0))]))
    connection.execute(
        "INSERT INTO product_text (product_id, locale, title) "
        "VALUES (%s, 'en', 'Long [bold] coat')",
        (coat.product_id,),
    )
    return database


def test_words_and_filters_make_a_table(run_vitrine: Run, shop: str) -> None:
    done = run_vitrine("search", WORDS, "--filters", '{"options": {"color": "blue"}}', url=shop)
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if "coat" in line]
    for part in ("Long [bold] coat", "Acme", "49.90", "Blue", "image 0.71"):
        assert part in line
    assert "bag" not in done.stdout
    assert done.stderr == ""


def test_json_holds_the_hits_and_what_they_show(run_vitrine: Run, shop: str) -> None:
    done = run_vitrine("search", WORDS, "--json", "-k", "2", url=shop)
    coat, bag = json.loads(done.stdout)
    assert (coat["rank"], coat["external_id"], coat["sku"]) == (1, "coat", "coat-red")
    assert (coat["title"], coat["price"]) == ("Long [bold] coat", 80.0)
    assert coat["uri"] == "coat-0.jpg"
    assert coat["why"]["image"]["similarity"] == pytest.approx(1, abs=0.001)
    assert (bag["title"], bag["brand"], bag["price"]) == ("bag", None, None)


def test_similar_and_browsing(run_vitrine: Run, shop: str) -> None:
    similar = json.loads(run_vitrine("similar", "coat-red", "--json", url=shop).stdout)
    assert [hit["external_id"] for hit in similar] == ["bag"]
    browsed = json.loads(run_vitrine("search", "--json", url=shop).stdout)
    assert [hit["external_id"] for hit in browsed] == ["bag", "coat"]
    none = run_vitrine("search", WORDS, "--filters", '{"brand": "None"}', url=shop)
    assert (none.returncode, none.stdout.strip()) == (0, "no product matches")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["search", WORDS, "--filters", "{brand: A}"], "--filters is no valid JSON"),
        (["search", WORDS, "--filters", "[1]"], "--filters must be a JSON object"),
        (["search", WORDS, "--filters", '{"colour": "red"}'], "The fields are category, brand"),
        (["search", WORDS, "--k", "1001"], "Ask for 1 to 1,000 products"),
        (["search", ""], "the query is empty"),
        (["search", "word " * 10_000], "at most 1,000 characters"),
        (["search", "--image", "missing.jpg"], "missing.jpg cannot be read"),
        (["search", WORDS, "--sort", "cheap"], "Sort by one of relevance, price"),
        (["search", "--image", "https://shop.example/x.jpg"], "needs a worker"),
        (["similar", "nothing"], 'no product has the external_id or SKU "nothing"'),
    ],
)
def test_bad_input_is_one_clear_line(
    run_vitrine: Run, shop: str, tmp_path: Path, arguments: list[str], said: str
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    done = run_vitrine(*arguments, url=shop)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_not_there_or_not_set_up(run_vitrine: Run, empty_database: str) -> None:
    gone = run_vitrine("search", WORDS, url="postgresql://nobody@127.0.0.1:1/none")
    assert (gone.returncode, "cannot be used" in gone.stderr) == (1, True)
    empty = run_vitrine("search", WORDS, url=empty_database)
    assert (empty.returncode, "vitrine upgrade" in empty.stderr) == (1, True)


def test_right_after_the_encoding_no_worker_is_needed(
    run_vitrine: Run, connection: Connection, database: str, tmp_path: Path
) -> None:
    model = save_tiny("clip", tmp_path / "model")
    for name, colour in (("red", (220, 0, 0)), ("blue", (0, 0, 220))):
        Image.new("RGB", (40, 40), colour).save(tmp_path / f"{name}.png")
        connection.execute(
            "WITH p AS (INSERT INTO product (external_id) VALUES (%s) RETURNING product_id) "
            "INSERT INTO image (product_id, uri) SELECT product_id, %s FROM p",
            (name, f"{name}.png"),
        )
    settings = {"VITRINE_MODEL": str(model), "VITRINE_IMAGES": str(tmp_path)}
    worked = run_vitrine("work", "--once", url=database, extra=settings)
    assert worked.returncode == 0, worked.stderr
    by_words = run_vitrine("search", "red dress", "--json", url=database, extra=settings)
    assert "vitrine work" in by_words.stderr
    assert len(json.loads(by_words.stdout)) == 2
    by_picture = run_vitrine(
        "search", "--image", "blue.png", "--json", url=database, extra=settings
    )
    best = json.loads(by_picture.stdout)[0]
    assert best["external_id"] == "blue"
    assert best["why"]["image"]["similarity"] == pytest.approx(1, abs=0.01)
    # A worker that was killed just now counts as alive for some seconds.
    connection.execute(
        "INSERT INTO worker (worker_id, space_id, host, pid, version, device, seen_at) "
        "VALUES (gen_random_uuid(), 1, 'h', 1, '0', 'cpu', now() + interval '1 minute')"
    )
    killed = run_vitrine("search", "blue dress", "--json", url=database, extra=settings)
    assert len(json.loads(killed.stdout)) == 2, killed.stderr
    again = run_vitrine("search", "Red  dress", url=database, extra={"VITRINE_MODEL": "/nowhere"})
    assert (again.returncode, again.stderr) == (0, "")


def test_a_login_that_may_not_store_vectors_is_told_so_at_once(
    run_vitrine: Run, shop: str, connection: Connection
) -> None:
    connection.execute("CREATE ROLE shop_web LOGIN")
    try:
        connection.execute("GRANT vitrine_app TO shop_web")
        url = psycopg.conninfo.make_conninfo(shop, user="shop_web")
        assert run_vitrine("search", WORDS, url=url).returncode == 0
        new = run_vitrine("search", "never asked", url=url)
        assert new.returncode == 1
        assert "start `vitrine work`" in new.stderr
        assert "encodes the query" not in new.stderr
    finally:
        connection.execute("DROP ROLE shop_web")
