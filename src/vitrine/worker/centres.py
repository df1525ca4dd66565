"""Centres of the cells of a space: learned from a sample, and which is the nearest to a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Numbers = NDArray[np.int64]

__all__ = ["Centres", "centre_counts", "train_centres"]

MOST_BELOW = 255  # of a parent: what a district has numbers for
NEAREST = 2  # regions and districts in which the nearest cell is looked for
ROUNDS = (5, 5, 3)
SAMPLES_OF_EACH = 100  # for a region


@dataclass(frozen=True, kw_only=True)
class Centres:
    """Regions, districts in their order, and cells in theirs: unit vectors (N, D).

    `district_region` and `cell_district` are the places of their parents.
    """

    regions: Vectors
    districts: Vectors
    district_region: Numbers
    cells: Vectors
    cell_district: Numbers

    def nearest(self, vectors: Vectors) -> Numbers:
        """The place of each vector's cell: of the two nearest districts of the two nearest regions.

        `nearest_cell_sql` says the same to the database.
        """
        regions = _best(vectors @ self.regions.T, NEAREST)
        districts = self._districts(vectors, regions)
        found = np.zeros(len(vectors), np.int64)
        nearest = np.full(len(vectors), -np.inf, np.float32)
        starts = np.searchsorted(self.cell_district, np.arange(len(self.districts) + 1))
        for district, rows in _grouped(districts):
            first, last = starts[district], starts[district + 1]
            similarity = vectors[rows] @ self.cells[first:last].T
            best = similarity.argmax(axis=1)
            value = similarity[np.arange(len(rows)), best]
            better = value > nearest[rows]
            found[rows[better]] = first + best[better]
            nearest[rows[better]] = value[better]
        return found

    def _districts(self, vectors: Vectors, regions: Numbers) -> Numbers:
        """The nearest districts (N, 2) in some regions (N, 2); -1 for none."""
        width = regions.shape[1] * NEAREST
        known = np.full((len(vectors), width), -1, np.int64)
        similarity = np.full((len(vectors), width), -np.inf, np.float32)
        starts = np.searchsorted(self.district_region, np.arange(len(self.regions) + 1))
        taken = np.zeros(len(vectors), np.int64)
        for region, rows in _grouped(regions):
            first, last = starts[region], starts[region + 1]
            own = vectors[rows] @ self.districts[first:last].T
            best = _best(own.copy(), NEAREST)
            places = taken[rows][:, None] + np.arange(best.shape[1])
            known[rows[:, None], places] = first + best
            similarity[rows[:, None], places] = np.take_along_axis(own, best, axis=1)
            taken[rows] += best.shape[1]
        return np.take_along_axis(known, _best(similarity, NEAREST), axis=1)


def centre_counts(total: int) -> tuple[int, int, int]:
    """How many regions, districts (of 8 cells) and cells (of some 32 vectors) so many get."""
    cells = max(total // 32, 16)
    districts = -(-cells // 8)
    return int(np.ceil(np.sqrt(districts))), districts, cells


def train_centres(samples: Vectors, counts: tuple[int, int, int]) -> Centres:
    """Lloyd's algorithm on the unit sphere, below each parent on its own; samples in no order."""
    wanted = [count / len(samples) for count in counts]
    few = samples[: SAMPLES_OF_EACH * counts[0]]
    regions = _lloyd(few, min(counts[0], MOST_BELOW), ROUNDS[0])
    districts: list[Vectors] = []
    cells: list[Vectors] = []
    district_region: list[int] = []
    kept: list[int] = []
    for region, rows in _grouped((samples @ regions.T).argmax(axis=1)[:, None]):
        own = samples[rows]
        made = _lloyd(own, _share(len(own), wanted[1]), ROUNDS[1])
        for district, below in _grouped((own @ made.T).argmax(axis=1)[:, None]):
            districts.append(made[district])
            district_region.append(len(kept))
            cells.append(_lloyd(own[below], _share(len(below), wanted[2]), ROUNDS[2]))
        kept.append(region)
    return Centres(
        regions=regions[kept],
        districts=np.stack(districts),
        district_region=np.array(district_region),
        cells=np.concatenate(cells),
        cell_district=np.repeat(np.arange(len(cells)), [len(below) for below in cells]),
    )


def _share(samples: int, wanted: float) -> int:
    return max(1, min(MOST_BELOW, round(samples * wanted)))


def _lloyd(samples: Vectors, count: int, rounds: int) -> Vectors:
    """At most so many centres: means of the samples nearest to them, begun at the first samples."""
    centres = samples[:count]
    for _ in range(rounds):
        own = (samples @ centres.T).argmax(axis=1)
        order = np.argsort(own, kind="stable")
        starts = np.flatnonzero(np.diff(own[order], prepend=-1))
        sums = np.add.reduceat(samples[order], starts, axis=0)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), samples[order[starts]])
    return centres


def _best(similarity: Vectors, count: int) -> Numbers:
    """The places of the highest of each row (N, count), the best first; the others are lost."""
    rows = np.arange(len(similarity))
    places: list[NDArray[Any]] = []
    for _ in range(min(count, similarity.shape[1])):
        place = similarity.argmax(axis=1)
        places.append(place)
        similarity[rows, place] = -np.inf
    return np.stack(places, axis=1)


def _grouped(groups: Numbers) -> Iterator[tuple[int, Numbers]]:
    """The rows of each number in (N, M); -1 is none."""
    flat = groups.ravel()
    order = np.argsort(flat, kind="stable")
    starts = np.flatnonzero(np.diff(flat[order], prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        yield int(flat[order[start]]), order[start:end] // groups.shape[1]
