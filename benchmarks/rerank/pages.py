"""The pages of a category, as a search gives them to a household and to anybody."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from benchmarks.rerank.histories import Case, Histories
from benchmarks.rerank.measures import Difference, difference, ndcg
from benchmarks.rerank.shop import category_of

from vitrine.database import Connection

__all__ = ["Judged", "judge_pages"]

K = 10


@dataclass(kw_only=True)
class Judged:
    """nDCG@10 of each case with the history and without, and whose case it is."""

    personal: list[float] = field(default_factory=list)
    general: list[float] = field(default_factory=list)
    households: list[str] = field(default_factory=list)

    def add(self, case: Case, pages: Sequence[Sequence[str]], without: Set[str]) -> None:
        """Judge one case; what is `without` counts neither as found nor as sought."""
        relevant = case.bought - without
        if not relevant:
            return
        personal, general = (
            ndcg([item for item in page if item not in without], relevant, K) for page in pages
        )
        self.personal.append(personal)
        self.general.append(general)
        self.households.append(case.household)

    def difference(self) -> Difference:
        """With the history against without."""
        return difference(self.personal, self.general, self.households)


def judge_pages(
    connection: Connection, histories: Histories, cases: Iterable[Case]
) -> Mapping[str, Judged]:
    """All that was bought, and only what was new to the household."""
    judged = {"all": Judged(), "new only": Judged()}
    general: dict[str, list[str]] = {}
    for case in cases:
        if case.category not in general:
            general[case.category] = _page(connection, case.category, 1_000)
        pages = (
            # As many more as may have to be left out.
            _page(connection, case.category, K + len(case.known), case.household, histories.cut),
            general[case.category],
        )
        judged["all"].add(case, pages, frozenset())
        judged["new only"].add(case, pages, case.known)
    return judged


def _page(
    connection: Connection,
    category: str,
    k: int,
    household: str | None = None,
    moment: datetime | None = None,
) -> list[str]:
    options: dict[str, Any] = {"as_of": moment.isoformat()} if moment else {}
    rows = connection.execute(
        "SELECT external_id FROM search(filters => %s, k => %s, client => %s, options => %s) "
        "ORDER BY rank",
        (json.dumps({"category": category_of(category)}), k, household, json.dumps(options)),
    )
    return [row[0] for row in rows]
