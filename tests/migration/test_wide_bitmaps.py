"""Bitmaps of facets became wider in 0021: what was folded before stays folded."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from alembic import command

from vitrine import provision
from vitrine.database import set_search_path
from vitrine.migrate import alembic_configuration, open_schema, upgrade

NARROW, WIDE = 8192, 32000
# Products by number of a bitmap and plane: at the ends of blocks, and of blocks that are not there.
HELD = {
    (1, 0): [1, 8191, 8192, 31999, 32000, 40959, 40960, 63999, 64000, 70000],
    (1024, 0): [31999],
    (1024, 3): [32000, 65535, 65536],
    (104, 1): [200_000],
}


def narrow_bits(products: list[int], block: int) -> str:
    places = {product - block * NARROW for product in products}
    return "".join("1" if place in places else "0" for place in range(NARROW))


def test_folded_bitmaps_stay_folded(make_database: Callable[[], str]) -> None:
    url = make_database()
    with psycopg.connect(url, autocommit=True) as connection:
        provision.create_extension(connection)
        provision.create_schema(connection, "vitrine")
        provision.create_roles(connection, "vitrine")
    with open_schema(url, "vitrine") as connection_before:
        command.upgrade(alembic_configuration(connection_before, "vitrine"), "0019")
    with psycopg.connect(url) as connection:
        set_search_path(connection, "vitrine")
        connection.cursor().executemany(
            "INSERT INTO facet_bitmap (value_id, plane, block, bits) VALUES (%s, %s, %s, %s)",
            [
                (value, plane, block, narrow_bits(products, block))
                for (value, plane), products in HELD.items()
                for block in sorted({product // NARROW for product in products})
            ],
        )
    upgrade(url)
    with psycopg.connect(url) as connection:
        set_search_path(connection, "vitrine")
        rows = connection.execute(
            "SELECT value_id, plane, block, ones, bits::text FROM facet_bitmap ORDER BY block"
        ).fetchall()
    found: dict[tuple[int, int], list[int]] = {}
    for value, plane, block, ones, bits in rows:
        assert len(bits) == WIDE
        assert ones == bits.count("1") > 0
        held = [block * WIDE + place for place in range(WIDE) if bits[place] == "1"]
        found.setdefault((value, plane), []).extend(held)
    assert found == HELD
