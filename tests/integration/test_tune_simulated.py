"""`vitrine tune` where no history says anything: what chance fits is not put in force."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.conftest import SCHEMA
from tests.integration.simulated import fill
from vitrine.cli import build
from vitrine.database import Connection
from vitrine.events import Event
from vitrine.simulation import (
    Assortment,
    draw_shoppers,
    read_assortment,
    shuffled_pages,
    visits,
    write_popularity,
    write_searches,
    write_visits,
)

SHOPPERS, PAGES = 100, 5
# In force at first: whatever is fitted has to be better than no history at all.
NOTHING = {"popularity": 1, "taste": 0, "session": 0, "attributes": 0, "repurchase": 0}
# Of these held-out shoppers the fitted weights look a little better, by chance.
SEED = 12


@pytest.fixture
def shuffled_shop(connection: Connection, database: str) -> str:
    """Shoppers' pages with what was chosen of them, each in the history of somebody else."""
    fill(connection)
    assortment = read_assortment(connection)
    shoppers = draw_shoppers(assortment, SHOPPERS, seed=3)
    events = list(visits(assortment, shoppers, datetime.now(UTC), seed=3, pages=PAGES))
    write_popularity(connection, events)
    connection.execute("SELECT tend_shares()")
    dealt = list(shuffled_pages(events))
    assert write_visits(connection, SCHEMA, dealt).written == len(events)
    assert write_searches(connection, assortment, dealt) > 3 * SHOPPERS
    connection.execute("SELECT keep_weights(%s, activate => true)", (json.dumps(NOTHING),))
    connection.execute("ANALYZE")
    return database


def test_what_is_fitted_to_others_histories_is_not_put_in_force(
    shuffled_shop: str, connection: Connection
) -> None:
    before = connection.execute("SELECT personal_weights()").fetchone()
    done = CliRunner(env={"COLUMNS": "200"}).invoke(
        build(), ["tune", "--database-url", shuffled_shop, "--seed", str(SEED)]
    )
    assert done.exit_code == 0, done.output
    # The table says why: on average better, but 0 lies within the interval.
    [line] = [each for each in done.output.splitlines() if each.startswith("difference ")]
    *_, mean, low, high = map(float, re.findall(r"-?\d+\.\d+", line.replace("−", "-")))
    assert low < 0 < mean < high
    assert "not kept: no win with confidence" in done.output
    versions = connection.execute("SELECT version, active FROM rerank_weights").fetchall()
    assert versions == [(1, True)]
    assert connection.execute("SELECT personal_weights()").fetchone() == before


def test_pages_are_dealt_out_whole() -> None:
    assortment = Assortment(
        product_ids=np.arange(60),
        external_ids=tuple(f"P{number}" for number in range(60)),
        values=("brand=a", "brand=b"),
        held=np.eye(2)[np.arange(60) % 2],
        looks=np.zeros((60, 0)),
        shelves=np.arange(60) % 3,
        paths=("a", "b", "c"),
    )
    shoppers = draw_shoppers(assortment, 30, seed=3)
    events = list(visits(assortment, shoppers, datetime.now(UTC), seed=3, pages=PAGES))
    dealt = list(shuffled_pages(events, prefix="x-"))
    assert dealt == list(shuffled_pages(events, prefix="x-"))

    def pages(of: list[Event]) -> dict[str, list[tuple[object, ...]]]:
        found: dict[str, list[tuple[object, ...]]] = {}
        for event in of:
            what = tuple(event.get(name) for name in ("action_name", "object_id", "position"))
            found.setdefault(str(event.get("query_id")), []).append(what)
        return found

    def owners(of: list[Event]) -> list[tuple[str, str]]:
        return list(dict.fromkeys((str(e.get("query_id")), str(e.get("client"))) for e in of))

    assert list(pages(dealt).values()) == list(pages(events).values())
    assert not set(pages(dealt)) & set(pages(events))
    names = [client for _, client in owners(events)]
    others = [client.removeprefix("x-") for _, client in owners(dealt)]
    # A page has one shopper still, each shopper as many pages, and few pages their own.
    assert len(owners(dealt)) == len(pages(dealt))
    assert sorted(others) == sorted(names)
    assert sum(map(str.__eq__, names, others)) < len(names) / 5
