"""`vitrine rules`: what a merchandiser does in the shell."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.searchable import Product, add_product
from vitrine.database import Connection

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_rules_are_added_listed_replaced_and_removed(
    run_vitrine: Run, database: str, connection: Connection
) -> None:
    add_product(connection, Product("P1"))

    def rules(*arguments: str) -> str:
        done = run_vitrine("rules", *arguments, url=database)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def listed(*arguments: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(rules("list", "--json", *arguments))
        return found

    assert rules("list") == "no rule\n"
    assert "pin P1 to position 1" in rules("add", "pin", "a", "--product", "P1", "--position", "1")
    added = rules("add", "pin", "a", "--product", "P9", "--position", "2", "--query", "x")
    assert added == 'a: pin P9 to position 2, "x", active (now: no product P9 yet)\n'
    rules(
        "add", "boost", "b", "--filters", '{"brand": "A"}', "--factor", "3", "--query", "coat",
        "--phrase", "--starts", "2099-01-01T00:00+00:00", "--ends", "2099-02-01", "--note", "why",
    )  # fmt: skip
    rules("add", "hide", "c", "--product", "P1", "--product", "P2")
    rules("add", "synonym", "d", "--words", "x", "--instead", "y", "--instead", "z", "--both-ways")
    rules("add", "redirect", "e", "--url", "/sale", "--query", "sale")
    assert [rule["name"] for rule in listed()] == ["a", "b", "c", "d", "e"]
    (later,) = listed("--state", "scheduled")
    assert (later["factor"], later["match"], later["note"]) == (3.0, "phrase", "why")
    assert later["starts_at"].startswith("2099-01-01")
    table = rules("list")
    assert "… " in table
    assert "scheduled" in table
    assert rules("remove", "a") == "a is removed\n"
    assert len(listed()) == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["remove", "nothing"], 'there is no rule "nothing"'),
        (["add", "pin", "a", "--position", "1"], "a pin cannot be made of these options"),
        (["add", "synonym", "a", "--words", "x", "--instead", "y", "--url", "/"], "'url'"),
        (["add", "redirect", "a", "--url", "javascript:x", "--query", "x"], "A redirect leads to"),
        (["add", "hide", "a", "--filters", "{"], "--filters is no valid JSON"),
        (["add", "hide", "a", "--filters", "{}"], "a filter that says nothing"),
        (["add", "hide", "a", "--product", "P1", "--starts", "soon"], "--starts is soon"),
    ],
)
def test_what_cannot_be_is_one_clear_line(
    run_vitrine: Run, database: str, arguments: list[str], said: str
) -> None:
    done = run_vitrine("rules", *arguments, url=database)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
