"""Cuts through an evaluation: all cases, new and repeat purchases, by history and by question."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vitrine.evaluate.answering import Answer
from vitrine.evaluate.cases import HISTORY_GROUPS, Case, history_group
from vitrine.evaluate.intervals import Interval, resampled_means
from vitrine.evaluate.measures import Numbers, ranked_measures
from vitrine.evaluate.report import Difference, Measured, Section

__all__ = ["Sheet", "make_sections", "only_new", "only_repeat"]

Values = dict[str, Numbers]
CLASSES = (
    "key",
    "words",
    "words with filters",
    "picture",
    "picture and words",
    "category",
    "browse",
)


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Cases with their answers under each variation, and measures that were made already."""

    cases: Sequence[Case]
    answers: Sequence[Sequence[Answer]]
    beside: Sequence[Values]


def make_sections(sheet: Sheet, k: int, seed: int) -> list[Section]:
    """All cases first, then each cut that holds any."""
    whole = [
        {**ranked_measures([case.grades for case in sheet.cases], answers, k), **beside}
        for answers, beside in zip(sheet.answers, sheet.beside, strict=True)
    ]
    sections = [_section("all", "all cases", sheet.cases, whole, seed)]
    if any(case.known for case in sheet.cases):
        for name, narrow in (("new items", only_new), ("repeat items", only_repeat)):
            sections += _of_items(name, narrow, sheet, k, seed)
    for kind, name, members in _groups(sheet.cases):
        values = [{key: array[members] for key, array in column.items()} for column in whole]
        cases = [sheet.cases[place] for place in members]
        sections.append(_section(kind, name, cases, values, seed))
    return sections


def only_new(case: Case, answer: Answer) -> tuple[Case, Answer]:
    """Without what the shopper had bought before: neither wanted nor listed."""
    wanted = {key: grade for key, grade in case.grades.items() if key not in case.known}
    return replace(case, grades=wanted), _without(answer, case.known)


def only_repeat(case: Case, answer: Answer) -> tuple[Case, Answer]:
    """What is bought again, without the new products that were wanted too."""
    wanted = {key: grade for key, grade in case.grades.items() if key in case.known}
    return replace(case, grades=wanted), _without(answer, case.grades.keys() - wanted.keys())


def _without(answer: Answer, unwanted: frozenset[str] | set[str]) -> Answer:
    kept = [place for place, key in enumerate(answer.keys) if key not in unwanted]
    return Answer(
        keys=[answer.keys[place] for place in kept],
        product_ids=[answer.product_ids[place] for place in kept] if answer.product_ids else (),
        total=answer.total - (len(answer.keys) - len(kept)),
    )


def _of_items(
    name: str,
    narrow: Callable[[Case, Answer], tuple[Case, Answer]],
    sheet: Sheet,
    k: int,
    seed: int,
) -> list[Section]:
    narrowed = [
        [narrow(case, answer) for case, answer in zip(sheet.cases, answers, strict=True)]
        for answers in sheet.answers
    ]
    members = [place for place, (case, _) in enumerate(narrowed[0]) if case.grades]
    if not members:
        return []
    cases = [narrowed[0][place][0] for place in members]
    grades = [case.grades for case in cases]
    values = [
        ranked_measures(grades, [column[place][1] for place in members], k) for column in narrowed
    ]
    return [_section("items", name, cases, values, seed)]


def _groups(cases: Sequence[Case]) -> Iterator[tuple[str, str, list[int]]]:
    """Groups by length of history and by kind of question, with the places of their cases."""
    histories = [None if case.history is None else history_group(case.history) for case in cases]
    classes = [case.query_class for case in cases]
    for kind, names, member_of in (
        ("history", [name for _, name in HISTORY_GROUPS], histories),
        ("question", CLASSES, classes),
    ):
        for name in names:
            members = [place for place, group in enumerate(member_of) if group == name]
            # A group of all cases says nothing that the first section does not.
            if 0 < len(members) < len(cases):
                yield kind, name, members


def _section(
    kind: str, name: str, cases: Sequence[Case], values: Sequence[Values], seed: int
) -> Section:
    shoppers = [case.shopper for case in cases]
    names = [*values[0]]
    columns = [column[measure] for measure in names for column in values]
    columns += [column[measure] - values[0][measure] for measure in names for column in values[1:]]
    intervals = resampled_means(np.stack(columns, axis=1), shoppers, seed=seed)
    width, others = len(values), len(values) - 1
    measures = []
    for place, measure in enumerate(names):
        means = intervals[place * width : (place + 1) * width]
        start = len(names) * width + place * others
        differences = [_difference(d, means[0]) for d in intervals[start : start + others]]
        measures.append(Measured(name=measure, values=means, differences=differences))
    return Section(
        kind=kind, name=name, cases=len(cases), shoppers=len(set(shoppers)), measures=measures
    )


def _difference(interval: Interval | None, first: Interval | None) -> Difference | None:
    if interval is None or first is None:
        return None
    percent = 100 * interval.mean / first.mean if first.mean else None
    return Difference(interval=interval, percent=percent)
