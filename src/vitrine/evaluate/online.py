"""The report of an experiment, from the event tables alone; shoppers are what is counted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np

from vitrine import sql_files
from vitrine.errors import QueryError
from vitrine.evaluate.measures import Numbers
from vitrine.evaluate.reading import reading
from vitrine.evaluate.significance import (
    ALPHA,
    Comparison,
    Preference,
    compare_means,
    compare_shares,
    prefer,
    sample_ratio,
)
from vitrine.experiments import Experiment
from vitrine.shop import Shop

__all__ = ["Arm", "ExperimentReport", "experiment_report"]

METRICS = ("buyers", "clickers", "purchases", "revenue", "carts", "clicks")
SHARES = ("buyers", "clickers")
# How unlikely sizes must be before the report says that something is wrong with them.
BROKEN_RATIO = 0.001
ACTIONS = {
    "clicks": ["click"],
    "clickers": ["click"],
    "carts": ["add_to_cart"],
    "buyers": ["purchase"],
    "purchases": ["purchase"],
    "revenue": ["purchase"],
}


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One arm: how many shoppers it had, and against the first arm each metric's comparison."""

    name: str
    share: float
    shoppers: int
    comparisons: Mapping[str, Comparison]


@dataclass(frozen=True, kw_only=True)
class ExperimentReport:
    """What the events say of an experiment.

    `final`: it ended as planned, so the fixed tests hold; before that only the always-valid ones
    do. `ratio_p` under 0.001 means that shoppers are missing in an arm, and nothing else counts.
    """

    name: str
    kind: str
    metric: str
    final: bool
    peek: str | None
    arms: Sequence[Arm]
    preference: Preference | None
    ratio_p: float
    moved: int

    def verdict(self, arm: Arm | None = None) -> str:
        """Better, worse or undecided by the experiment's metric, or that its sizes are broken."""
        if self.ratio_p < BROKEN_RATIO:
            return "broken: the arms' sizes do not fit their shares"
        if self.preference is not None:
            found = self.preference
            better, p = found.share > 0.5, found.p if self.final else found.always_p
        else:
            comparison = (arm or self.arms[-1]).comparisons[self.metric]
            better = comparison.difference > 0
            p = comparison.p if self.final else comparison.always_p
        if p >= ALPHA:
            return "undecided"
        return "better" if better else "worse"

    def to_json(self) -> str:
        """Everything, with the verdicts."""
        plain = asdict(self)
        for arm, known in zip(plain["arms"][1:], self.arms[1:], strict=True):
            arm["verdict"] = self.verdict(known)
        if self.preference is not None:
            plain["verdict"] = self.verdict()
        return json.dumps(plain, indent=1, ensure_ascii=False, default=str)


def experiment_report(shop: Shop, name: str, *, seed: int = 0) -> ExperimentReport:
    """Compare every arm with the first, or the two teams of an interleaving.

    Raises:
        QueryError: there is no such experiment, or nobody was shown a page while it ran.

    """
    experiment = shop.experiments.get(name)
    final, peek = _when(experiment, datetime.now(UTC))
    if experiment.kind == "interleaving":
        return _interleaved(shop, experiment, final=final, peek=peek)
    with reading(shop) as connection:
        rows = connection.execute(
            sql_files.read("evaluate/experiment_shoppers").encode(), {"name": name}
        ).fetchall()
    groups = {
        arm: np.array([row[2:] for row in rows if row[0] == arm and row[1]], dtype=np.float64)
        for arm in experiment.names
    }
    for arm, group in groups.items():
        if len(group) < 2:
            raise QueryError(
                f"{len(group)} shoppers of the arm {arm} were shown a page since "
                f"{experiment.starts_at:%Y-%m-%d %H:%M %Z}, two are the least: log searches and "
                "pages with the shopper's id (docs/experiments.md)"
            )
    sizes = np.array([len(group) for group in groups.values()], dtype=np.float64)
    shares = np.array([arm["share"] for arm in experiment.arms], dtype=np.float64)
    first = _metrics(groups[experiment.names[0]])
    return ExperimentReport(
        name=name,
        kind=experiment.kind,
        metric=experiment.metric,
        final=final,
        peek=peek,
        arms=[
            Arm(
                name=arm["name"],
                share=arm["share"],
                shoppers=len(groups[arm["name"]]),
                comparisons=_compared(first, _metrics(groups[arm["name"]]), seed) if place else {},
            )
            for place, arm in enumerate(experiment.arms)
        ],
        preference=None,
        # After a change of shares who stayed is no sample of the present shares.
        ratio_p=1.0 if experiment.former_arms else sample_ratio(sizes, shares),
        moved=sum(not row[1] for row in rows),
    )


def _interleaved(
    shop: Shop, experiment: Experiment, *, final: bool, peek: str | None
) -> ExperimentReport:
    first, second = experiment.names
    values = {
        "name": experiment.name,
        "actions": ACTIONS[experiment.metric],
        "first": first,
        "second": second,
    }
    with reading(shop) as connection:
        rows = connection.execute(
            sql_files.read("evaluate/interleaved_credit").encode(), values
        ).fetchall()
    if not rows:
        raise QueryError(
            f"no page of the interleaving {experiment.name} was logged: log each with its "
            "query_attributes (docs/experiments.md)"
        )
    chosen = np.array([row[1:] for row in rows], dtype=np.float64)
    return ExperimentReport(
        name=experiment.name,
        kind=experiment.kind,
        metric=experiment.metric,
        final=final,
        peek=peek,
        arms=[
            Arm(name=arm["name"], share=arm["share"], shoppers=len(rows), comparisons={})
            for arm in experiment.arms
        ],
        preference=prefer(chosen[:, 0], chosen[:, 1]),
        ratio_p=1.0,
        moved=0,
    )


def _when(experiment: Experiment, now: datetime) -> tuple[bool, str | None]:
    """Whether the planned end has come, else why a fixed test must not be believed."""
    if experiment.ends_at is None:
        return False, "no end was planned"
    if experiment.stopped_at is not None and experiment.stopped_at < experiment.ends_at:
        return False, f"it was stopped before its end ({experiment.ends_at:%Y-%m-%d %H:%M %Z})"
    if now < experiment.ends_at:
        return False, f"it runs until {experiment.ends_at:%Y-%m-%d %H:%M %Z}"
    return True, None


def _metrics(group: Numbers) -> dict[str, Numbers]:
    """Per shopper: clicks, carts, purchases and revenue as read, and whether there were any."""
    clicks, carts, purchases, revenue = group.T
    return {
        "buyers": (purchases > 0).astype(np.float64),
        "clickers": (clicks > 0).astype(np.float64),
        "purchases": purchases,
        "revenue": revenue,
        "carts": carts,
        "clicks": clicks,
    }


def _compared(
    first: Mapping[str, Numbers], other: Mapping[str, Numbers], seed: int
) -> dict[str, Comparison]:
    return {
        metric: compare_shares(first[metric], other[metric])
        if metric in SHARES
        else compare_means(first[metric], other[metric], seed=seed)
        for metric in METRICS
    }
