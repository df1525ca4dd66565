"""Many vectors sorted into cells by a worker: the database's cells, beside whoever writes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import psycopg
import pytest

from tests.conftest import SCHEMA
from tests.integration.searchable import make_space
from tests.integration.test_cells import (
    DIMENSION,
    Vectors,
    clustered,
    generations,
    homeless,
    load,
    nearest_are_found,
    one,
    unit,
)
from vitrine.database import Connection, set_search_path
from vitrine.errors import DatabaseError
from vitrine.worker import binary_rows, placing, sorting
from vitrine.worker.sorting import sort_vectors

R = TypeVar("R")

LOCK = "hashtextextended(current_schema() || '.tune_cells.image_sketch_1', 0)"


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "MANY", 100)
    monkeypatch.setattr(sorting, "BATCH", 1_000)
    monkeypatch.setattr(binary_rows, "BLOCK", 1_700)
    monkeypatch.setattr(sorting, "PATIENCE", 0.0)


@pytest.fixture
def space(connection: Connection) -> Connection:
    make_space(connection, DIMENSION)
    connection.execute("DROP INDEX image_vector_1_hnsw_idx")
    return connection


@pytest.fixture
def shop(space: Connection) -> Connection:
    load(space, clustered(6_000))
    space.execute("ANALYZE image_sketch_1")
    return space


def sort(connection: Connection, before_placing: Callable[[], object] = lambda: None) -> bool:
    """Sort by one connection; something may happen once the cells are known."""

    def run(action: Callable[[Connection], R]) -> R:
        done = action(connection)
        if isinstance(done, np.ndarray):
            before_placing()
        return done

    return sort_vectors(run, "image", 1, lambda: False)


def number(connection: Connection, query: str) -> int:
    value = one(connection, query)
    assert isinstance(value, int)
    return value


def misplaced(connection: Connection) -> int:
    """Sketches in another cell than the one nearest to their vector as the database finds it."""
    row = connection.execute("SELECT nearest_cell_sql('image', 1, 'v.embedding')").fetchone()
    assert row is not None
    return number(
        connection,
        "SELECT count(*) FROM image_vector_1 v JOIN image_sketch_1 s USING (product_id, image_id)"
        f" CROSS JOIN LATERAL ({row[0]}) n WHERE n.cell_id <> s.cell_id",
    )


def test_all_lie_in_the_cells_that_the_database_would_choose(shop: Connection) -> None:
    assert sort(shop) is True
    assert generations(shop) == [1]
    assert one(shop, "SELECT count(*) FROM image_sketch_1 WHERE cell_id = 0") == 0
    assert number(shop, "SELECT count(DISTINCT cell_id) FROM image_sketch_1") > 100
    assert homeless(shop) == 0
    # Sums of floats in another order may put one on the border elsewhere.
    assert misplaced(shop) <= 6
    assert nearest_are_found(shop) >= 0.95
    assert sort(shop) is False


def test_what_lies_in_one_cell_lies_together(shop: Connection) -> None:
    sort(shop)
    # A page of the table, which two may write, or a batch ends in the middle of a cell.
    pieces, pages, cells = shop.execute(
        "SELECT count(DISTINCT (cell_id, page)), count(DISTINCT page), count(DISTINCT cell_id) "
        "FROM (SELECT cell_id, (ctid::text::point)[0] AS page FROM image_sketch_1) s"
    ).fetchall()[0]
    assert pieces <= cells + 2 * pages + 6_000 / sorting.BATCH
    assert pages > 20


def test_the_first_sorting_places_two_batches_at_a_time(
    shop: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = placing._place_one
    both = threading.Barrier(2)
    used: list[Connection] = []

    def meet(connection: Connection, values: tuple[object, ...]) -> bool:
        used.append(connection)
        if used.count(connection) == 1:
            both.wait(timeout=30)
        return place(connection, values)

    monkeypatch.setattr(placing, "_place_one", meet)
    sort(shop)
    assert len(used) == 6
    used.clear()
    both = threading.Barrier(1)  # a later sorting is to leave a core to shoppers
    shop.execute("UPDATE cell_generation SET trained_on = 1400")
    sort(shop)
    assert used == [shop] * 6


def test_who_loses_the_second_connection_goes_on_alone(
    shop: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = placing._place_one

    def lose(connection: Connection, values: tuple[object, ...]) -> bool:
        if connection is not shop:
            connection.close()
        return place(connection, values)

    monkeypatch.setattr(placing, "_place_one", lose)
    assert sort(shop) is True
    assert one(shop, "SELECT count(*) FROM image_sketch_1 WHERE cell_id = 0") == 0
    assert misplaced(shop) <= 6


def test_who_gets_no_second_connection_goes_on_alone(
    shop: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    another = placing._another
    asked: list[Connection] = []

    def refuse(connection: Connection) -> Connection:
        asked.append(connection)
        if len(asked) == 2:
            raise psycopg.OperationalError("too many connections for this role")
        return another(connection)

    monkeypatch.setattr(placing, "_another", refuse)
    assert sort(shop) is True
    assert len(asked) == 2
    assert one(shop, "SELECT count(*) FROM image_sketch_1 WHERE cell_id = 0") == 0


def test_the_second_ends_with_the_first(shop: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    place = placing._place_one

    def fail(connection: Connection, values: tuple[object, ...]) -> bool:
        if connection is shop:
            raise DatabaseError("out of disk")
        return place(connection, values)

    monkeypatch.setattr(placing, "_place_one", fail)
    with pytest.raises(DatabaseError):
        sort(shop)
    assert number(shop, "SELECT count(*) FROM image_sketch_1 WHERE cell_id = 0") > 0
    monkeypatch.undo()
    shop.execute("SELECT tune_search()")
    assert one(shop, "SELECT count(*) FROM image_sketch_1 WHERE cell_id = 0") == 0


def test_statistics_of_other_rows_do_not_mislead(shop: Connection) -> None:
    """They say that nothing lies in the cells before, so that to read these costs nothing."""
    sort(shop)
    shop.execute("ANALYZE image_sketch_1")
    shop.execute("DELETE FROM cell_generation")
    shop.execute("UPDATE image_sketch_1 SET cell_id = 0")
    shop.execute("SELECT pg_stat_force_next_flush()")
    shop.execute("SELECT pg_stat_reset()")
    assert sort(shop) is True
    shop.execute("SELECT pg_stat_force_next_flush()")
    by_key = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'image_sketch_1_pkey'"
    assert number(shop, by_key) >= 6_000


def test_nobody_goes_on_looking_at_what_was_moved(shop: Connection) -> None:
    sort(shop)
    looking = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    assert one(shop, looking + " AND state = 'idle in transaction'") == 0


def test_a_sketch_that_another_has_locked_is_passed_over(shop: Connection, database: str) -> None:
    with psycopg.connect(database) as other:
        set_search_path(other, SCHEMA)
        lock = "SELECT FROM image_sketch_1 WHERE product_id <= 50 FOR UPDATE"
        assert sort(shop, lambda: other.execute(lock)) is True
        assert one(shop, "SELECT count(*) FROM image_sketch_1 WHERE cell_id = 0") == 50
    shop.execute("SELECT tune_search()")
    assert one(shop, "SELECT count(*) FROM image_sketch_1 WHERE cell_id = 0") == 0


def test_a_second_training_has_numbers_of_its_own(shop: Connection) -> None:
    sort(shop)
    last = number(shop, "SELECT max(cell_id) FROM cell")
    shop.execute("UPDATE cell_generation SET trained_on = 1400")
    assert sort(shop) is True
    assert generations(shop) == [1, 2]
    assert number(shop, "SELECT min(cell_id) FROM image_sketch_1") > last
    assert misplaced(shop) <= 6
    assert one(shop, "SELECT forget_cells('image', 1)") is True
    assert homeless(shop) == 0


def test_what_is_written_meanwhile_keeps_its_cell(shop: Connection) -> None:
    def write() -> None:
        shop.execute("DELETE FROM product WHERE product_id <= 500")
        shop.execute(
            "UPDATE image_vector_1 v SET embedding = (SELECT embedding FROM image_vector_1 "
            "WHERE product_id = 6000) WHERE v.product_id BETWEEN 501 AND 1500"
        )
        load(shop, clustered(100, seed=3))

    assert sort(shop, write) is True
    assert one(shop, "SELECT count(*) FROM image_sketch_1") == 5_600
    assert homeless(shop) == 0
    assert misplaced(shop) <= 6


def test_a_training_meanwhile_is_not_undone(shop: Connection) -> None:
    sort(shop)
    shop.execute("UPDATE cell_generation SET trained_on = 1400")
    assert sort(shop, lambda: shop.execute("SELECT train_cells('image', 1)")) is True
    newest = one(shop, "SELECT first_cell('image', 1)")
    assert generations(shop) == [1, 2, 3]
    assert one(shop, f"SELECT count(*) FROM image_sketch_1 WHERE cell_id >= {newest}") == 0
    assert sort(shop) is True
    assert misplaced(shop) <= 6


def test_another_who_sorts_is_left_to_it(shop: Connection, database: str) -> None:
    with psycopg.connect(database) as other:
        set_search_path(other, SCHEMA)
        other.execute(f"SELECT pg_advisory_xact_lock({LOCK})".encode())
        assert sort(shop) is True
        assert one(shop, "SELECT count(*) FROM image_sketch_1 WHERE cell_id = 0") == 6_000
    assert sort(shop) is True
    assert one(shop, "SELECT count(*) FROM image_sketch_1 WHERE cell_id = 0") == 0
    assert generations(shop) == [1]


def test_while_one_looks_for_cells_nobody_else_sorts(shop: Connection, database: str) -> None:
    seen: list[object] = []

    def another() -> None:
        with psycopg.connect(database, autocommit=True) as other:
            set_search_path(other, SCHEMA)
            seen.append(sort(other))
            seen.append(one(other, "SELECT tune_cells('image', 1)"))
            seen.append(one(other, "SELECT count(*) FROM image_sketch_1 WHERE cell_id > 0"))

    assert sort(shop, another) is True
    assert seen == [True, None, 0]
    assert one(shop, "SELECT count(*) FROM image_sketch_1 WHERE cell_id = 0") == 0


def test_nothing_is_sorted_while_one_writes_who_began_before_the_training(
    shop: Connection, database: str
) -> None:
    with psycopg.connect(database) as older:
        set_search_path(older, SCHEMA)
        older.execute("UPDATE product SET popularity = 1 WHERE product_id = 1")
        assert sort(shop) is False
        older.commit()
    assert sort(shop) is True
    assert generations(shop) == [1]


@pytest.mark.parametrize(
    "vectors",
    [
        np.tile(clustered(1), (5_000, 1)),
        np.repeat(clustered(7), 1_000, axis=0),
        np.repeat(unit(np.eye(DIMENSION)), 400, axis=0),
        np.concatenate([clustered(3_000), -clustered(3_000)]),
    ],
    ids=["all the same", "seven kinds", "orthogonal", "opposite"],
)
def test_odd_sets_of_vectors_are_sorted(space: Connection, vectors: Vectors) -> None:
    load(space, vectors)
    space.execute("ANALYZE image_sketch_1")
    assert sort(space) is True
    assert homeless(space) == 0
    assert one(space, "SELECT count(*) FROM image_sketch_1 WHERE cell_id = 0") == 0


def test_too_few_are_left_to_the_database(space: Connection) -> None:
    load(space, clustered(50))
    assert sort(space) is False
    assert generations(space) == []


def test_a_large_load_leaves_no_entries_to_be_indexed(space: Connection) -> None:
    load(space, clustered(10_500))
    pending = (
        "SELECT sum(gin_clean_pending_list(format('image_sketch_1_%s_idx', i)::regclass)) "
        "FROM unnest('{terms,placed}'::text[]) i"
    )
    assert one(space, pending) == 0
    sort(space)
    assert one(space, pending) == 0
