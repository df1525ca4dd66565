"""The result of an evaluation, as it is shown, written as JSON and drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from vitrine.evaluate.intervals import Interval

__all__ = ["Curve", "Difference", "Measured", "Report", "Section"]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A variation's mean less the first's, over the same cases; `percent` of the first's mean."""

    interval: Interval
    percent: float | None

    @property
    def verdict(self) -> str:
        """Better or worse where the interval lies on one side of 0, else undecided."""
        if self.interval.low > 0:
            return "better"
        return "worse" if self.interval.high < 0 else "undecided"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One measure under each variation, and the differences of all but the first to the first."""

    name: str
    values: Sequence[Interval | None]
    differences: Sequence[Difference | None]


@dataclass(frozen=True, kw_only=True)
class Section:
    """Some of the cases: all, those of a kind of purchase, of shoppers, or of questions."""

    kind: str
    name: str
    cases: int
    shoppers: int
    measures: Sequence[Measured]

    def measure(self, name: str) -> Measured:
        """The measure of that name."""
        return next(measured for measured in self.measures if measured.name == name)


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A line per variation over the same x, with bounds where they are known."""

    name: str
    x: Sequence[float]
    lines: Sequence[Sequence[float]]
    bounds: Sequence[Sequence[tuple[float, float]]] = ()


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that one evaluation found; the first variation is what others compare with.

    `listed` is what answers list. `chosen_of_shown` says whether shoppers chose from what a search
    showed them. `title` stands above the report where a page has several, `notes` below it.
    """

    source: str
    created_at: datetime
    cut: datetime | None
    k: int
    depth: int
    variations: Sequence[str]
    options: Sequence[Mapping[str, Any]]
    products: int
    coverage: Sequence[float]
    sections: Sequence[Section]
    curves: Sequence[Curve]
    left_out: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0
    resamples: int = 0
    title: str = ""
    listed: str = "products"
    chosen_of_shown: bool = True
    notes: Sequence[str] = ()

    @property
    def whole(self) -> Section:
        """The section of all cases."""
        return self.sections[0]

    def of_kind(self, kind: str) -> list[Section]:
        """The sections of one kind, in order."""
        return [section for section in self.sections if section.kind == kind]

    def curve(self, name: str) -> Curve:
        """The curve of that name."""
        return next(curve for curve in self.curves if curve.name == name)

    def to_json(self) -> str:
        """The report as JSON; what is not defined is null."""
        plain = asdict(self)
        for section, known in zip(plain["sections"], self.sections, strict=True):
            for measured, shown in zip(section["measures"], known.measures, strict=True):
                for number, difference in enumerate(shown.differences):
                    if difference is not None:
                        measured["differences"][number]["verdict"] = difference.verdict
        return json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False, default=str)
