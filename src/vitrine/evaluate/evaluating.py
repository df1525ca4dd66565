"""An evaluation from cases to report: ask, measure, resample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np

from vitrine.errors import QueryError
from vitrine.evaluate.answering import Answer, Answers, answer_cases
from vitrine.evaluate.cases import Case, Cases
from vitrine.evaluate.compared import Variation
from vitrine.evaluate.intervals import RESAMPLES, check_seed, resampled_means
from vitrine.evaluate.measures import GRID, Numbers, precision_at_recall, relevant_at, roc
from vitrine.evaluate.pages import coverage, diversity, load_vectors, novelty
from vitrine.evaluate.reading import reading
from vitrine.evaluate.report import Curve, Report
from vitrine.evaluate.sections import Sheet, Values, make_sections
from vitrine.shop import Shop

__all__ = ["evaluate", "report_on"]

DEPTH = 200


def evaluate(
    shop: Shop,
    cases: Cases,
    variations: Sequence[Variation],
    *,
    k: int = 10,
    depth: int = DEPTH,
    seed: int = 0,
    tick: Callable[[], None] = lambda: None,
) -> Report:
    """Ask the shop's search every case under every variation, and measure what it lists.

    `k` is where a page ends, `depth` how many products of each answer are looked at; `tick` is
    called after each case.

    Raises:
        QueryError: `k`, `depth` or `seed` cannot be used, or not one case could be answered.

    """
    if not 1 <= k <= depth <= 1_000:
        raise QueryError(f"k is {k} and the depth {depth}: give 1 <= k <= depth <= 1,000")
    check_seed(seed)
    known, unknown = _known_products(shop, cases.cases)
    answered = answer_cases(shop, known, variations, depth, tick)
    left_out = {**cases.left_out, **answered.refused}
    if unknown:
        left_out["relevant products that the shop does not show (any more)"] = unknown
    products, beside = _beside(shop, cases, answered, k)
    return report_on(
        Sheet(cases=answered.cases, answers=answered.answers, beside=beside),
        variations,
        source=cases.source,
        cut=cases.cut,
        k=k,
        depth=depth,
        products=products,
        left_out=left_out,
        seed=seed,
    )


def report_on(
    sheet: Sheet,
    variations: Sequence[Variation],
    *,
    source: str,
    k: int,
    depth: int,
    products: int,
    cut: datetime | None = None,
    left_out: dict[str, int] | None = None,
    seed: int = 0,
) -> Report:
    """Measure answers that are there already, of the shop's search or of anything else."""
    return Report(
        source=source,
        created_at=datetime.now(UTC),
        cut=cut,
        k=k,
        depth=depth,
        variations=[variation.name for variation in variations],
        options=[dict(variation.options) for variation in variations],
        products=products,
        coverage=[coverage(answers, k, products) for answers in sheet.answers],
        sections=make_sections(sheet, k, seed),
        curves=_curves(sheet, k, seed),
        left_out=left_out or {},
        seed=seed,
        resamples=RESAMPLES,
    )


def _known_products(shop: Shop, cases: Sequence[Case]) -> tuple[list[Case], int]:
    """Cases with the products that a search could show, and how many others were wanted."""
    keys = sorted({key for case in cases for key in case.grades})
    with reading(shop) as connection:
        rows = connection.execute(
            "SELECT external_id FROM product WHERE external_id = ANY (%s) AND status = 'active'",
            (keys,),
        ).fetchall()
    there = {row[0] for row in rows}
    kept = []
    for case in cases:
        grades = {key: grade for key, grade in case.grades.items() if key in there}
        if grades:
            kept.append(Case(**{**vars(case), "grades": grades}))
    if not kept:
        raise QueryError(
            "not one relevant product is an active product of this shop: the judgements name "
            f"{', '.join(keys[:3])}; external_id must be the shop's own key"
        )
    return kept, len(keys) - len(there)


def _beside(shop: Shop, cases: Cases, answered: Answers, k: int) -> tuple[int, list[Values]]:
    """How many products the shop shows at all, and what needs its vectors."""
    ids = sorted({i for answers in answered.answers for a in answers for i in a.product_ids[:k]})
    with reading(shop) as connection:
        row = connection.execute("SELECT count(*) FROM product WHERE status = 'active'").fetchone()
        vectors = load_vectors(connection, ids)
    measured = [
        {
            f"diversity@{k}": diversity(answers, k, vectors),
            f"novelty@{k}": novelty(answers, k, cases.information, cases.most_information),
        }
        for answers in answered.answers
    ]
    return int(row[0]) if row else 0, measured


def _curves(sheet: Sheet, k: int, seed: int) -> list[Curve]:
    grades = [case.grades for case in sheet.cases]
    shoppers = [case.shopper for case in sheet.cases]

    def curve(
        name: str, x: Sequence[float], measured: Callable[[Sequence[Answer]], Numbers]
    ) -> Curve:
        lines, bounds = [], []
        for answers in sheet.answers:
            values = measured(answers)
            found = resampled_means(values, shoppers, seed=seed)
            lines.append([0.0 if one is None else one.mean for one in found])
            bounds.append([(0.0, 0.0) if one is None else (one.low, one.high) for one in found])
        return Curve(name=name, x=x, lines=lines, bounds=bounds)

    return [
        curve(
            "precision and recall",
            [place / 10 for place in range(11)],
            lambda answers: precision_at_recall(grades, answers),
        ),
        curve("ROC", [float(rate) for rate in GRID], lambda answers: roc(grades, answers)),
        curve(
            "by position",
            [float(place) for place in np.arange(1, k + 1)],
            lambda answers: relevant_at(grades, answers, k),
        ),
    ]
