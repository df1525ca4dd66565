"""Shoppers with known tastes, which a shop never sees but a simulation can compare with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitrine.simulation.assortment import Assortment

__all__ = ["Shoppers", "draw_shoppers"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Shoppers:
    """Shoppers in rows: the truth. `tastes` (shoppers x products) is their own part of `utility`.

    `appeal` is what all shoppers agree on, `interests` (shoppers x categories) how often each
    category is looked at; it sums to 1.
    """

    clients: tuple[str, ...]
    appeal: NDArray[np.float64]
    tastes: NDArray[np.float64]
    interests: NDArray[np.float64]

    @property
    def utility(self) -> NDArray[np.float64]:
        """How much each shopper wants each product: shoppers x products."""
        return np.asarray(self.appeal + self.tastes)


def draw_shoppers(
    assortment: Assortment, count: int = 2_000, *, seed: int = 7, strength: float = 1.0
) -> Shoppers:
    """Draw shoppers; the same for a seed and an assortment.

    `strength` is the deviation of a shopper's own taste; that of the common appeal is 0.7.
    """
    rng = np.random.default_rng(seed)
    appeal = rng.normal(0, 0.7, len(assortment))
    liked = rng.normal(size=(count, len(assortment.values)))
    # One cares most for the brand, another for the material.
    fields = [value.partition("=")[0] for value in assortment.values]
    numbers = {name: place for place, name in enumerate(dict.fromkeys(fields))}
    cares = rng.exponential(size=(count, len(numbers)))
    tastes = _even((liked * cares[:, [numbers[name] for name in fields]]) @ assortment.held.T)
    if assortment.looks.shape[1]:
        # Looks like two products that the shopper has in mind.
        models = rng.integers(len(assortment), size=(count, 2))
        tastes = tastes + _even(assortment.looks[models].sum(1) @ assortment.looks.T)
    return Shoppers(
        clients=tuple(f"simulated-{number + 1}" for number in range(count)),
        appeal=appeal,
        tastes=strength * _even(tastes),
        interests=rng.dirichlet(np.full(len(assortment.paths), 0.5), count),
    )


def _even(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each shopper's with mean 0 and deviation 1."""
    centred = scores - scores.mean(1, keepdims=True)
    return np.asarray(centred / np.maximum(centred.std(1, keepdims=True), 1e-9))
