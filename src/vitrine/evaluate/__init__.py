"""How good the answers are: offline from judgements or events, with intervals over shoppers.

Needs the extra `evaluate`; no other part of the package imports this one.
"""

from __future__ import annotations

from vitrine.evaluate.answering import Answer
from vitrine.evaluate.cases import Case, Cases
from vitrine.evaluate.compared import Variation
from vitrine.evaluate.evaluating import evaluate, report_on
from vitrine.evaluate.history import Split, cases_from_events
from vitrine.evaluate.judgements import read_judgements
from vitrine.evaluate.report import Report
from vitrine.evaluate.sections import Sheet

__all__ = [
    "Answer",
    "Case",
    "Cases",
    "Report",
    "Sheet",
    "Split",
    "Variation",
    "cases_from_events",
    "evaluate",
    "read_judgements",
    "report_on",
]
