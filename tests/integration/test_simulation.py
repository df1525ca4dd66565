"""Personal search on a simulated shop: tastes are served and found again, noise does no harm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.conftest import SCHEMA, Postgres
from tests.integration.simulated import fill
from vitrine.database import Connection
from vitrine.errors import QueryError
from vitrine.simulation import (
    Assortment,
    Shoppers,
    draw_shoppers,
    judge,
    read_assortment,
    recovered,
    shuffled,
    visits,
    write_popularity,
    write_visits,
)

SHOPPERS = 150
# Nothing is bought again here, and no visit has a purpose of its own: these two would be noise.
WEIGHTS = {"taste": 0.3, "attributes": 0.4, "session": 0, "repurchase": 0}
UNTIL = datetime.now(UTC)


@dataclass(frozen=True)
class Simulated:
    connection: Connection
    assortment: Assortment
    shoppers: Shoppers


@pytest.fixture(scope="module")
def simulated(postgres: Postgres, template_database: str) -> Iterator[Simulated]:
    """A shop whose histories are written twice: as they are, and dealt out anew."""
    with postgres.clone(template_database) as name, postgres.open(name) as connection:
        fill(connection)
        assortment = read_assortment(connection)
        shoppers = draw_shoppers(assortment, SHOPPERS, seed=3)
        events = list(visits(assortment, shoppers, UNTIL, seed=3))
        write_popularity(connection, events)
        connection.execute("SELECT tend_shares()")
        assert write_visits(connection, SCHEMA, events).written == len(events)
        write_visits(connection, SCHEMA, shuffled(events))
        connection.execute(
            "INSERT INTO rerank_weights (weights, active) VALUES (%s, true)", (json.dumps(WEIGHTS),)
        )
        yield Simulated(connection, assortment, shoppers)


def test_personal_search_serves_true_tastes_better(simulated: Simulated) -> None:
    served = judge(simulated.connection, simulated.assortment, simulated.shoppers, sample=SHOPPERS)
    assert served.gain.low > 0.02


def test_the_tastes_are_found_again(simulated: Simulated) -> None:
    found = recovered(simulated.connection, simulated.assortment, simulated.shoppers)
    assert found.low > 0.2


def test_shuffled_histories_do_no_harm(simulated: Simulated) -> None:
    served = judge(
        simulated.connection,
        simulated.assortment,
        simulated.shoppers,
        sample=SHOPPERS,
        prefix="shuffled-",
    )
    assert served.gain.mean > -0.03


def test_shuffled_histories_tell_no_taste(simulated: Simulated) -> None:
    found = recovered(
        simulated.connection, simulated.assortment, simulated.shoppers, prefix="shuffled-"
    )
    assert abs(found.mean) < 0.1


def test_the_same_seed_gives_the_same_visits(simulated: Simulated) -> None:
    assortment, shoppers = simulated.assortment, simulated.shoppers
    again = draw_shoppers(assortment, SHOPPERS, seed=3)
    assert np.array_equal(again.utility, shoppers.utility)
    first, second = (list(visits(assortment, shoppers, UNTIL, seed=3)) for _ in range(2))
    assert first == second
    assert first != list(visits(assortment, shoppers, UNTIL, seed=4))


def test_what_is_wanted_more_is_clicked_more(simulated: Simulated) -> None:
    names = {name: place for place, name in enumerate(simulated.assortment.external_ids)}
    clients = {name: place for place, name in enumerate(simulated.shoppers.clients)}
    wanted: dict[str, list[float]] = {"impression": [], "click": [], "purchase": []}
    for event in visits(simulated.assortment, simulated.shoppers, UNTIL, seed=3):
        taste = simulated.shoppers.tastes[
            clients[str(event.get("client"))], names[str(event.get("object_id"))]
        ]
        wanted.setdefault(event["action_name"], []).append(float(taste))
    assert np.mean(wanted["impression"]) < np.mean(wanted["click"]) < np.mean(wanted["purchase"])


def test_too_small_a_shop_is_refused(connection: Connection) -> None:
    with pytest.raises(QueryError, match="0 products"):
        read_assortment(connection)
