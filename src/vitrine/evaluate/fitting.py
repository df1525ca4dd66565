"""Weights from choices: pairs of a chosen and a passed product of one page, by logistic regression.

Each pair counts by the inverse of the chosen product's propensity, clipped (Joachims, Swaminathan
and Schnabel 2017), and the difference of the positions is one more feature, so that being seen is
not taken for being liked. scikit-learn fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from vitrine.errors import QueryError
from vitrine.evaluate.measures import Numbers
from vitrine.evaluate.shown import FEATURES, Shown

__all__ = ["CLIP", "Fitted", "chosen_weights", "fit_weights"]

CLIP = 10.0
FEWEST_PAGES = 50
# An impression that its page would rather not have had was drawn; so many tell what positions do.
DRAWN, EXPLORED = 0.5, 100
DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Weights for the features, relevance at 1; `examination` is the exponent of the position.

    It is None where too few impressions were drawn to tell what positions do.
    """

    weights: Mapping[str, float]
    examination: float | None
    pages: int
    pairs: int
    explored: int


def fit_weights(
    pages: Sequence[Shown], present: Mapping[str, float], *, clip: float = CLIP
) -> Fitted:
    """Fit the weights of FEATURES to the choices on these pages.

    A weight that would be negative is 0: less of what a shopper likes is no taste. The relevance of
    the search sets the scale; on pages without words, the present weight of popularity does.

    Raises:
        QueryError: there are too few pages, or they say nothing in favour of the scale.

    """
    if len(pages) < FEWEST_PAGES:
        raise QueryError(
            f"only {len(pages)} pages of shoppers with a history can be learned from, "
            f"{FEWEST_PAGES} are the least: wait for more events, or learn from more --days"
        )
    columns, weights = _pairs(pages, clip)
    explored = int(sum((page.propensities < DRAWN).sum() for page in pages))
    scales = columns.std(axis=0)
    used = scales > 0
    coefficients = np.zeros(columns.shape[1])
    for _ in range(columns.shape[1]):
        coefficients[:] = 0
        coefficients[used] = _regression(columns[:, used] / scales[used], weights) / scales[used]
        negative = (coefficients < 0) & used
        negative[-1] = False  # a position further down is worse: that one is negative
        if not negative.any():
            break
        used &= ~negative
    return Fitted(
        weights=_scaled(coefficients, present),
        examination=float(coefficients[-1]) if explored >= EXPLORED else None,
        pages=len(pages),
        pairs=len(columns),
        explored=explored,
    )


def chosen_weights(page: Shown, examination: float | None, clip: float = CLIP) -> Numbers:
    """How much each choice counts: the less likely it was to be shown and seen, the more."""
    inverse = 1 / page.propensities
    if examination is not None:
        inverse = inverse * page.positions ** -min(examination, 0.0)
    clipped: Numbers = np.minimum(inverse, clip)
    return clipped


def _pairs(pages: Sequence[Shown], clip: float) -> tuple[Numbers, Numbers]:
    """Differences of features and log positions, better less worse; each page counts about 1."""
    differences: list[Numbers] = []
    weights: list[Numbers] = []
    for page in pages:
        better, worse = np.nonzero(page.grades[:, None] > page.grades[None, :])
        rows = np.column_stack([page.features, np.log(page.positions)])
        differences.append(rows[better] - rows[worse])
        weights.append(chosen_weights(page, None, clip)[better] / len(better))
    return np.concatenate(differences), np.concatenate(weights)


def _regression(columns: Numbers, weights: Numbers) -> Numbers:
    """Coefficients of a logistic regression on pairs: each stands for itself and its mirror."""
    model = LogisticRegression(fit_intercept=False, C=1.0, max_iter=1_000)
    signs: NDArray[np.float64] = np.where(np.arange(len(columns)) % 2 == 0, 1.0, -1.0)
    model.fit(columns * signs[:, None], signs, sample_weight=weights)
    found: Numbers = model.coef_[0]
    return found


def _scaled(coefficients: Numbers, present: Mapping[str, float]) -> dict[str, float]:
    relevance, parts = coefficients[0], coefficients[1 : 1 + len(FEATURES)]
    if relevance > 0:
        scale, served = relevance, 1.0
    elif parts[0] > 0 and present["popularity"] > 0:
        # No page of words to learn from: what they are served by stays.
        scale, served = parts[0] / present["popularity"], present.get("relevance", 1.0)
    else:
        raise QueryError(
            "what shoppers chose has nothing to do with the search's relevance, nor with "
            "popularity: the events may belong to other products or searches"
        )
    weights = {
        name: round(float(part / scale), DIGITS) for name, part in zip(FEATURES, parts, strict=True)
    }
    return {"relevance": served, **weights}
