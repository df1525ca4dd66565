"""Many vectors at once into cells: centres and nearest ones are found here, in blocks.

The database does the same row by row (`tune_cells`), for few of them and where no worker is.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from psycopg import sql

from vitrine.worker.binary_rows import binary_copy, read_rows, row_type
from vitrine.worker.centres import Centres, centre_counts, train_centres
from vitrine.worker.placing import Run, place_batches, sorting_alone

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vitrine.database import Connection

__all__ = ["sort_vectors"]

MANY = 10_000  # sketches in cells of earlier trainings, from which on it is done here
BATCH = 20_000  # sketches that one transaction moves
PATIENCE = 2.0  # seconds for transactions that began before a training
CENTRE = {"cell_id": "int4", "parent_id": "int4", "centroid": "halfvec"}


def sort_vectors(run: Run, kind: str, space_id: int, stopped: Callable[[], bool]) -> bool:
    """Train the cells of a space if they are due, and move its sketches; whether there were many.

    They come to lie in the order of their cells. Each action bears repeating, and whoever else
    does the same is not hindered.
    """
    run(lambda connection: _train(connection, kind, space_id))
    if run(lambda connection: _behind(connection, kind, space_id)) < MANY:
        return False
    if not _settled(run, kind, space_id, stopped):
        return False
    with sorting_alone(run, kind, space_id) as alone:
        if not alone:
            return True
        found = run(lambda connection: _nearest(connection, kind, space_id))
        products, items, cells = found
        order = np.lexsort((items, products, cells))
        batches = (found[:, order[i : i + BATCH]] for i in range(0, len(order), BATCH))
        # Shoppers wait for the first sorting, and are to notice nothing of a later one.
        first = run(lambda connection: _trainings(connection, kind, space_id)) == 1
        place_batches(run, kind, space_id, batches, stopped, together=first)
    if stopped():
        return True
    run(lambda connection: connection.execute("SELECT index_sketches(%s, %s)", (kind, space_id)))
    return True


def _trainings(connection: Connection, kind: str, space_id: int) -> int:
    """How many trainings are known: those before the last until nothing lies in their cells."""
    [(count,)] = connection.execute(
        "SELECT count(*) FROM cell_generation WHERE space_id = %s AND kind = %s", (space_id, kind)
    ).fetchall()
    return int(count)


def _train(connection: Connection, kind: str, space_id: int) -> None:
    with connection.transaction():
        asked = (kind, space_id)
        [(due, total, generation, base)] = connection.execute(
            "SELECT n.* FROM next_training(%s, %s) n", asked
        ).fetchall()
        if not due:
            return
        counts = centre_counts(total)
        share = min(100.0, 400.0 * counts[2] / max(total, 1))
        query = sql.SQL(
            "SELECT embedding FROM {} TABLESAMPLE BERNOULLI ({}) REPEATABLE ({})"
        ).format(_table(kind, "vector", space_id), share, generation)
        blocks = read_rows(connection, query, {"embedding": "halfvec"})
        samples = np.concatenate([block["embedding"] for block in blocks]).astype(np.float32)
        mixed = samples[np.random.default_rng(generation).permutation(len(samples))]
        rows = _rows_of(train_centres(mixed, counts), base)
        _write(connection, rows, (space_id, kind, generation))


def _behind(connection: Connection, kind: str, space_id: int) -> int:
    query = sql.SQL(
        "SELECT count(*) FROM (SELECT FROM {} s WHERE s.cell_id < first_cell(%s, %s) LIMIT %s) s"
    ).format(_table(kind, "sketch", space_id))
    [(count,)] = connection.execute(query, (kind, space_id, MANY)).fetchall()
    return int(count)


def _settled(run: Run, kind: str, space_id: int, stopped: Callable[[], bool]) -> bool:
    """Whether nobody is left who began before the training, and may yet write by older cells."""
    until = time.monotonic() + PATIENCE
    while not stopped():
        [(settled,)] = run(
            lambda connection: connection.execute(
                "SELECT cells_settled(%s, %s)", (kind, space_id)
            ).fetchall()
        )
        if settled or time.monotonic() > until:
            return bool(settled)
        time.sleep(0.05)
    return False


def _nearest(connection: Connection, kind: str, space_id: int) -> NDArray[np.int64]:
    """Products, items and cells (3, vectors) of all vectors of a space."""
    centres, numbers = _known_centres(connection, kind, space_id)
    columns = {"product_id": "int8", f"{kind}_id": "int8", "embedding": "halfvec"}
    query = sql.SQL("SELECT product_id, {}, embedding FROM {}").format(
        sql.Identifier(f"{kind}_id"), _table(kind, "vector", space_id)
    )
    found = [np.empty((3, 0), np.int64)]
    for block in read_rows(connection, query, columns):
        cells = numbers[centres.nearest(block["embedding"].astype(np.float32))]
        ids = (block[name].astype(np.int64) for name in list(columns)[:2])
        found.append(np.stack([*ids, cells]))
    return np.concatenate(found, axis=1)


def _known_centres(
    connection: Connection, kind: str, space_id: int
) -> tuple[Centres, NDArray[np.int64]]:
    """The centres of the last training, and the numbers of its cells in their order."""
    query = sql.SQL(
        "SELECT cell_id, parent_id, centroid FROM cell WHERE space_id = {0} AND kind = {1} "
        "AND generation = (SELECT max(generation) FROM cell_generation "
        "WHERE space_id = {0} AND kind = {1}) ORDER BY cell_id"
    ).format(space_id, kind)
    rows = np.concatenate(list(read_rows(connection, query, CENTRE)))
    numbers, parents = rows["cell_id"].astype(np.int64), rows["parent_id"].astype(np.int64)
    vectors = rows["centroid"].astype(np.float32)
    region = parents == 0
    cell = np.isin(parents, numbers[~region]) & (numbers % 256 != 0)
    district = ~region & ~cell
    by_region = np.argsort(parents[district], kind="stable")
    districts = numbers[district][by_region]
    order = np.argsort(districts)
    of_cell = order[np.searchsorted(districts[order], parents[cell])]
    by_district = np.argsort(of_cell, kind="stable")
    centres = Centres(
        regions=vectors[region],
        districts=vectors[district][by_region],
        district_region=np.searchsorted(numbers[region], parents[district][by_region]),
        cells=vectors[cell][by_district],
        cell_district=of_cell[by_district],
    )
    return centres, numbers[cell][by_district]


def _rows_of(centres: Centres, base: int) -> NDArray[np.void]:
    """The centres as rows of a binary COPY, numbered from a district on."""
    regions = (base + np.arange(len(centres.regions))) * 256
    districts = regions[-1] + 256 * (1 + np.arange(len(centres.districts)))
    starts = np.searchsorted(centres.cell_district, np.arange(len(districts)))
    within = 1 + np.arange(len(centres.cells)) - starts[centres.cell_district]
    numbers = [regions, districts, districts[centres.cell_district] + within]
    parents = [
        np.zeros(len(regions), np.int64),
        regions[centres.district_region],
        districts[centres.cell_district],
    ]
    vectors = np.concatenate([centres.regions, centres.districts, centres.cells])
    rows = np.zeros(len(vectors), row_type(CENTRE, vectors.shape[1]))
    rows["fields"] = len(CENTRE)
    rows["cell_id length"] = rows["parent_id length"] = 4
    rows["cell_id"], rows["parent_id"] = np.concatenate(numbers), np.concatenate(parents)
    rows["centroid length"] = 4 + 2 * vectors.shape[1]
    rows["centroid header"] = (vectors.shape[1], 0)
    rows["centroid"] = vectors
    return rows


def _write(connection: Connection, rows: NDArray[np.void], training: tuple[int, str, int]) -> None:
    connection.execute(
        "CREATE TEMP TABLE new_centre (cell_id integer, parent_id integer, centroid halfvec) "
        "ON COMMIT DROP"
    )
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY new_centre FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.write(binary_copy(rows))
    connection.execute(
        "INSERT INTO cell (space_id, kind, generation, cell_id, parent_id, centroid) "
        "SELECT %s, %s, %s, cell_id, parent_id, centroid FROM new_centre",
        training,
    )
    connection.execute("ANALYZE cell")  # passed over where it is another role's


def _table(kind: str, what: str, space_id: int) -> sql.Identifier:
    return sql.Identifier(f"{kind}_{what}_{space_id}")
