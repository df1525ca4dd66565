"""Embedding spaces: one serves, another is built, and the switch is one transaction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.integration.stub_encoder import StubEncoder
from tests.integration.workers import Shop
from vitrine.errors import SpaceError
from vitrine.vectors import (
    activate_space,
    drop_space,
    ensure_space,
    list_spaces,
    reopen_space,
    retire_space,
)

RED = (250, 0, 0)
NEXT = StubEncoder(model="acme/Next Model").identity


def statuses(shop: Shop) -> dict[str, str]:
    return {space.name: space.status for space in list_spaces(shop.connection)}


def test_the_first_space_serves_and_the_next_is_built(shop: Shop) -> None:
    space = ensure_space(shop.connection, NEXT)
    assert ensure_space(shop.connection, NEXT) == space
    assert statuses(shop) == {"stub-1": "active", space.name: "building"}
    assert space.dimension == 8


def test_a_space_serves_when_it_is_complete(shop: Shop) -> None:
    shop.image(shop.product(), RED)
    shop.work()
    name = ensure_space(shop.connection, NEXT).name
    with pytest.raises(SpaceError, match=f'space "{name}" lacks 1 vectors'):
        activate_space(shop.connection, name)
    assert statuses(shop)["stub-1"] == "active"

    shop.work(StubEncoder(model=NEXT.model))
    activate_space(shop.connection, name)
    assert statuses(shop) == {"stub-1": "retired", name: "active"}
    assert len(shop.vectors()) == 1  # the old vectors stay, to go back to


def test_force_activates_what_is_not_complete(shop: Shop) -> None:
    shop.image(shop.product(), RED)
    name = ensure_space(shop.connection, NEXT).name
    activate_space(shop.connection, name, force=True)
    assert statuses(shop)[name] == "active"
    spaces = shop.all("SELECT DISTINCT space_id FROM work_queue")
    assert spaces == [(2,)]  # nobody works for the retired one any more


def test_a_reopened_space_catches_up(shop: Shop) -> None:
    shop.work()
    activate_space(shop.connection, ensure_space(shop.connection, NEXT).name)
    image_id = shop.image(shop.product(), RED)
    with pytest.raises(SpaceError, match="retired"):
        shop.work()

    reopen_space(shop.connection, "stub-1")
    shop.work()
    shop.assert_colours({image_id: RED})
    activate_space(shop.connection, "stub-1")


def test_the_serving_space_is_neither_retired_nor_dropped(shop: Shop) -> None:
    with pytest.raises(SpaceError, match=r"serves the searches\. Activate another"):
        retire_space(shop.connection, "stub-1")
    with pytest.raises(SpaceError, match="not retired"):
        drop_space(shop.connection, "stub-1")


def test_a_dropped_space_leaves_nothing(shop: Shop) -> None:
    name = ensure_space(shop.connection, NEXT).name
    shop.image(shop.product(), RED)
    retire_space(shop.connection, name)
    drop_space(shop.connection, name)
    assert statuses(shop) == {"stub-1": "active"}
    assert shop.one("SELECT to_regclass('image_vector_2')") is None
    assert shop.one("SELECT count(*) FROM pg_proc WHERE proname ~ 'unfiltered_2$'") == 0


def test_an_unknown_name_lists_the_known_ones(shop: Shop) -> None:
    with pytest.raises(SpaceError, match=r'no space named "nope"\. The spaces are stub-1'):
        activate_space(shop.connection, "nope")


@pytest.mark.parametrize(
    ("model", "name"),
    [("acme/Red Dress", "reddress-2"), ("模型", "space-2"), ("-5", "5-2"), ("a/../..", "space-2")],
)
def test_a_spaces_name_can_be_typed_and_has_its_number(shop: Shop, model: str, name: str) -> None:
    assert ensure_space(shop.connection, replace(NEXT, model=model)).name == name


def test_numbers_of_spaces_are_not_used_again(shop: Shop) -> None:
    gone = ensure_space(shop.connection, NEXT).name
    retire_space(shop.connection, gone)
    drop_space(shop.connection, gone)
    assert ensure_space(shop.connection, NEXT).name == "nextmodel-3"
