"""Personal search as delivered, in a shop of 2,000 simulated shoppers: it serves or stays still."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

import pytest

from tests.conftest import SCHEMA, Postgres
from tests.integration.simulated import fill
from vitrine.database import Connection
from vitrine.events import Event
from vitrine.simulation import (
    Verdict,
    draw_shoppers,
    judge,
    read_assortment,
    shuffled,
    shuffled_pages,
    visits,
    write_popularity,
    write_visits,
)

SHOPPERS, SAMPLE, SEED = 2_000, 150, 2
UNTIL = datetime.now(UTC)


def acted(events: Iterable[Event]) -> list[Event]:
    """Without impressions, which say nothing of a taste."""
    return [event for event in events if event["action_name"] != "impression"]


DEALT: dict[str, Callable[[list[Event]], list[Event]]] = {
    "": acted,
    "shuffled-": lambda events: list(shuffled(acted(events), seed=SEED)),
    "pages-": lambda events: acted(shuffled_pages(events, seed=SEED, prefix="pages-")),
}


@pytest.fixture(scope="module")
def served(
    postgres: Postgres, template_database: str
) -> Iterator[dict[str, tuple[Verdict, dict[str, float]]]]:
    """What histories gain, and the weights, by how they were dealt out."""
    found = {}
    with postgres.clone(template_database) as name, postgres.open(name) as connection:
        fill(connection)
        assortment = read_assortment(connection)
        shoppers = draw_shoppers(assortment, SHOPPERS, seed=SEED)
        events = list(visits(assortment, shoppers, UNTIL, seed=SEED))
        write_popularity(connection, events)
        for prefix, deal in DEALT.items():
            connection.execute("DELETE FROM event")
            write_visits(connection, SCHEMA, deal(events))
            connection.execute("SELECT tend_shares('0 seconds')")
            verdict = judge(connection, assortment, shoppers, sample=SAMPLE, prefix=prefix)
            found[prefix] = (verdict.gain, weights(connection))
        yield found


def weights(connection: Connection) -> dict[str, float]:
    row = connection.execute("SELECT personal_weights()").fetchone()
    assert row is not None
    return dict(row[0])


def test_own_histories_serve(served: dict[str, tuple[Verdict, dict[str, float]]]) -> None:
    gain, used = served[""]
    assert gain.low > 0
    assert used["attributes"] == 0.5


@pytest.mark.parametrize("prefix", ["shuffled-", "pages-"])
def test_histories_of_others_move_nothing(
    served: dict[str, tuple[Verdict, dict[str, float]]], prefix: str
) -> None:
    gain, used = served[prefix]
    assert gain.low > -0.01
    assert used["attributes"] < 0.05
