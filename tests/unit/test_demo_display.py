"""The demo on a terminal and in a file: everything is said, and nothing but text in a file."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from rich.console import Console

from vitrine.demo.asking import Answer, Found
from vitrine.demo.display import print_answer, print_commands, print_personal, step
from vitrine.demo.personal import Asked, Personal, Placed
from vitrine.demo.shoppers import Shopper
from vitrine.demo.showcase import Search
from vitrine.search import Hit


@pytest.fixture
def open_console():
    def make(width: int = 120, *, terminal: bool = False) -> Console:
        return Console(file=io.StringIO(), width=width, force_terminal=terminal)

    return make


def printed(console: Console) -> str:
    return console.file.getvalue()


def answer(*titles: str, why: dict | None = None, encoding: float | None = 0.0123) -> Answer:
    why = {"image": {"rank": 2, "similarity": 0.81}, "caption": {"rank": 7, "similarity": 0.6}}
    found = [
        Found(
            hit=Hit(
                rank=place, product_id=place, external_id=f"P{place}", variant_id=1, image_id=1,
                score=0.5, why=why,
            ),
            title=title,
            brand="Calla & Reed",
            price=Decimal("1290"),
            options={"size": "XS", "color": "Black"},
            picture=None,
        )
        for place, title in enumerate(titles, 1)
    ]  # fmt: skip
    search = Search(title="red [bold] dress", words="x", small_print=("under $90",))
    return Answer(search=search, found=found, encoding=encoding, seconds=0.0034)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_a_table_says_everything_at_any_width(open_console, width):
    console = open_console(width)
    print_answer(console, answer("Striped [red] Dress"))
    text = printed(console)
    for part in (
        "red [bold] dress", "under $90", "Calla & Reed", "$1,290.00", "Black, XS", "0.500",
        "0.81 #2", "0.60 #7", "3.4 ms", "12 ms",
    ):  # fmt: skip
        assert part in text
    assert "Striped [red]" in " ".join(text.split())
    assert max(len(line) for line in text.splitlines()) <= width


def test_tables_line_up(open_console):
    starts = set()
    for title in ("Mug", "Hana Short-Sleeved Midi Belted Dress"):
        console = open_console()
        print_answer(console, answer(title))
        starts.add(next(line.index("$") for line in printed(console).splitlines() if "$1" in line))
    assert len(starts) == 1


def test_no_hits_are_said(open_console):
    console = open_console()
    print_answer(console, answer())
    assert "no product matches" in printed(console)


def test_a_step_in_a_file_leaves_one_line(open_console):
    console = open_console()
    with step(console, "shop") as current:
        current.doing("starting")
        current.advance("drawing", 10, 100)
        current.summary = "100 products"
    [line] = printed(console).splitlines()
    assert line.split()[:2] == ["✓", "shop"]
    assert "100 products" in line


def test_a_step_on_a_terminal_shows_how_far_it_is(open_console):
    console = open_console(terminal=True)
    with step(console, "shop") as current:
        current.advance("drawing", 10, 1000)
    assert "10/1,000" in printed(console)


def test_a_step_that_fails_is_not_ticked_off(open_console):
    console = open_console()
    with pytest.raises(KeyError), step(console, "shop"):
        raise KeyError
    assert "✓" not in printed(console)


def test_commands_are_never_broken_into_lines(open_console):
    console = open_console(40)
    command = "vitrine search 'x' --filters '" + "y" * 100 + "' [a]"
    print_commands(console, [("long", command)])
    assert command in printed(console)


@pytest.mark.parametrize("width", [60, 120])
def test_each_shopper_is_shown_beside_everybody(open_console, width):
    found = answer("Tee [x]", "Cap").found
    moved = [
        Placed(found=found[1], moved="up from 2", reason="likes [red]"),
        Placed(found=found[0]),
    ]
    console = open_console(width)
    print_personal(
        console,
        Personal(
            asked=[Asked(title="jackets", words="jacket")],
            shoppers=[Shopper(client="s-1", likes=("red", "Acme & Co"))],
            general=[found],
            answers={"s-1": [moved]},
            for_you={"s-1": [Placed(found=found[0], reason="because of Cap")]},
        ),
    )
    text = printed(console)
    for part in ("PERSONAL  jackets  s-1 likes red, Acme & Co", "FOR YOU  s-1", "up from 2"):
        assert part in text
    words = " ".join(text.split())
    assert "1 Tee [x] Cap up from 2 · likes [red]" in words
    assert "2 Cap Tee [x]" in words
    assert "because of Cap" in words
    assert max(len(line) for line in text.splitlines()) <= width
