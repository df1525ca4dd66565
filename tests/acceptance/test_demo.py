"""`vitrine demo` as a new user runs it: from an empty database to tables and a contact sheet."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from PIL import Image
from selectolax.lexbor import LexborHTMLParser

import vitrine
from vitrine.embedded import binaries

from .conftest import VITRINE, environment

SCHEMA = "vitrine_demo"
PRODUCTS = 60


@dataclass(frozen=True, kw_only=True)
class Demo:
    """A finished run: where it ran, against which database, and what it printed."""

    url: str
    folder: Path
    output: str

    @property
    def sheet(self) -> Path:
        return self.folder / "demo-output" / "contact-sheet.png"

    @property
    def page(self) -> Path:
        return self.folder / "demo-output" / "personal.html"


def run_demo(url: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(VITRINE), "demo", *options],
        env=environment(url, folder),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.fixture(scope="module")
def demo(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE demo")
    url = psycopg.conninfo.make_conninfo(server_url, dbname="demo")
    done = run_demo(url, folder, "--products", str(PRODUCTS))
    assert done.returncode == 0, done.stdout + done.stderr
    return Demo(url=url, folder=folder, output=done.stdout)


def test_every_search_shows_its_hits(demo: Demo) -> None:
    # Without a terminal there are no bars, no colours and no control characters.
    assert "\x1b" not in demo.output
    assert "\r" not in demo.output
    assert "0 rejects" in demo.output
    tables = re.split(r"\n\n(?=[A-Z, ]+  )", demo.output)[1:]
    sorts = [table.split("  ")[0] for table in tables if re.search(r"products? in", table)]
    assert {"WORDS", "WORDS AND FILTERS", "PICTURE", "SIMILAR", "SIMILAR, BUT"} == set(sorts)
    hits = [re.findall(r"^ +\d  .+\$\d", table, re.MULTILINE) for table in tables]
    assert sum(len(found) == 6 for found in hits) >= 4
    assert all(found for found in hits[: len(sorts)])


def test_the_contact_sheet_is_a_picture_full_of_products(demo: Demo) -> None:
    assert str(demo.sheet.relative_to(demo.folder)) in demo.output
    with Image.open(demo.sheet) as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > 1200
        assert sheet.height > 1500
        # Products are colourful, paper and text are not.
        colorful = sheet.convert("HSV").getchannel("S").point(lambda value: 255 * (value > 100))
        share = colorful.histogram()[255] / (sheet.width * sheet.height)
    assert share > 0.04


def test_the_page_shows_two_shoppers_the_same_search_in_different_orders(demo: Demo) -> None:
    assert str(demo.page.relative_to(demo.folder)) in demo.output
    tree = LexborHTMLParser(demo.page.read_text(encoding="utf-8"))
    *searches, recommended = tree.css("section")
    assert len(searches) == 2
    for search in searches:
        orders = [
            [title.text() for title in column.css(".title")] for column in search.css(".column")
        ]
        assert [len(order) for order in orders] == [6, 6, 6]
        assert len({tuple(order) for order in orders}) == 3
        # Where a product moved, and only there, it says why.
        for item in search.css("li"):
            assert (
                bool(item.css(".reason"))
                == bool(item.css(".move"))
                == (item.attributes["class"] == "moved")
            )
    first, second = ([t.text() for t in c.css(".title")] for c in recommended.css(".column"))
    assert len(first) == len(second) == 6
    assert first != second
    assert len({node.text() for node in tree.css(".likes") if "likes " in node.text()}) == 2
    pictures = [demo.page.parent / str(img.attributes["src"]) for img in tree.css("img")]
    assert len(pictures) == 48
    assert all(picture.is_file() for picture in pictures)


def test_the_page_is_what_search_answers_with_that_history(demo: Demo) -> None:
    tree = LexborHTMLParser(demo.page.read_text(encoding="utf-8"))
    for column in tree.css("section")[0].css(".column")[1:]:
        client = column.css_first("h3").text()
        with vitrine.connect(demo.url, schema=SCHEMA) as shop, shop.connection() as connection:
            [(category,)] = connection.execute(
                f"SELECT DISTINCT filters ->> 'category' FROM {SCHEMA}.query "
                "WHERE %s LIKE '%%browsing ' || (filters ->> 'category')",
                (tree.css_first("h2").text(),),
            ).fetchall()
            titles = [
                connection.execute(
                    f"SELECT title FROM {SCHEMA}.product_text WHERE product_id = %s",
                    (hit.product_id,),
                ).fetchall()[0][0]
                for hit in shop.search(filters={"category": category}, client=client, k=6)
            ]
        assert titles == [title.text() for title in column.css(".title")]


def test_everything_is_encoded(demo: Demo) -> None:
    with psycopg.connect(demo.url) as connection:
        row = connection.execute(
            f"SELECT products, images, images_encoded, captions, captions_encoded, status "
            f"FROM {SCHEMA}.status"
        ).fetchone()
    assert row is not None
    products, images, images_encoded, captions, captions_encoded, status = row
    assert (products, status) == (PRODUCTS, "active")
    assert images_encoded == images > PRODUCTS
    assert captions_encoded == captions >= PRODUCTS


def test_a_filter_on_a_colour_shows_pictures_of_that_colour(demo: Demo) -> None:
    with psycopg.connect(demo.url) as connection:
        colors = connection.execute(
            f"SELECT DISTINCT options ->> 'color' FROM {SCHEMA}.variant"
        ).fetchall()
    shown = 0
    with vitrine.connect(demo.url, schema=SCHEMA) as shop, shop.connection() as connection:
        for (color,) in colors:
            for hit in shop.search(filters={"options": {"color": color}}, k=PRODUCTS):
                [(uri,)] = connection.execute(
                    f"SELECT uri FROM {SCHEMA}.image WHERE image_id = %s", (hit.image_id,)
                ).fetchall()
                assert f"-{color.lower()}-" in uri
                shown += 1
    assert shown >= PRODUCTS


def test_what_to_try_next_works_as_it_is_printed(demo: Demo) -> None:
    _, _, advice = demo.output.partition("TRY NEXT")
    commands = [line.strip() for line in advice.splitlines() if line.strip()[:1] not in {"", "#"}]
    # New words need the model, which takes seconds to load; the rest is known by now.
    known = [command for command in commands if "scarf" not in command]
    assert len(known) == len(commands) - 1 >= 6
    env = environment(demo.url, demo.folder)
    env["PATH"] = f"{env['PATH']}{os.pathsep}{binaries(18)}"
    for command in known:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            env=env,
            cwd=demo.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert len(done.stdout.splitlines()) > 1, command


def test_a_second_run_changes_nothing_and_shows_the_same(demo: Demo) -> None:
    first_sheet, first_page = demo.sheet.read_bytes(), demo.page.read_bytes()
    events = count_events(demo)
    again = run_demo(demo.url, demo.folder, "--products", str(PRODUCTS))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "0 changes" in again.stdout
    assert "events already" in again.stdout
    assert tables(again.stdout) == tables(demo.output)
    assert demo.sheet.read_bytes() == first_sheet
    assert demo.page.read_bytes() == first_page
    assert count_events(demo) == events


def test_another_edition_replaces_what_its_shoppers_did(demo: Demo) -> None:
    before = count_events(demo)
    done = run_demo(demo.url, demo.folder, "--products", str(PRODUCTS + 20))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "events already" not in done.stdout
    events = count_events(demo)
    assert 0.5 * before < events < 1.5 * before


def count_events(demo: Demo) -> int:
    with psycopg.connect(demo.url) as connection:
        [(count,)] = connection.execute(f"SELECT count(*) FROM {SCHEMA}.event").fetchall()
    return int(count)


def tables(output: str) -> list[str]:
    return [line for line in output.splitlines() if re.match(r" +\d  ", line)]


def test_a_shop_of_a_few_products_has_no_shoppers(
    empty_database: str,
    run_vitrine: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    done = run_vitrine("demo", "--products", "3", url=empty_database)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PERSONAL" not in done.stdout
    assert not (tmp_path / "demo-output" / "personal.html").exists()


def test_a_folder_that_cannot_be_written_is_named(
    empty_database: str,
    run_vitrine: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    (tmp_path / "occupied").write_text("a file")
    done = run_vitrine("demo", "--out", "occupied", url=empty_database)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "occupied" in done.stderr
    assert "--out" in done.stderr


def test_another_shop_is_left_alone(
    database: str, run_vitrine: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO vitrine.product (external_id) VALUES ('mine')")
        done = run_vitrine("demo", "--schema", "vitrine", url=database)
        assert done.returncode == 1
        assert "holds a shop of its own" in done.stderr
        assert connection.execute("SELECT external_id, status FROM vitrine.product").fetchall() == [
            ("mine", "active")
        ]
