"""What `vitrine tune` prints: whole words in a terminal of 80 columns."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

from rich.console import Console

from vitrine.cli.tune import trials_table
from vitrine.evaluate.fitting import Fitted
from vitrine.evaluate.intervals import Interval
from vitrine.evaluate.shown import FEATURES
from vitrine.evaluate.tuning import Trial, Tuned


def test_the_widest_table_has_no_cut_word_at_80_columns() -> None:
    weights = dict.fromkeys(("relevance", *FEATURES), 12.3456)
    ndcg = Interval(mean=0.5, low=0.4, high=0.6)
    less = Interval(mean=-0.25, low=-0.3, high=-0.2)
    trials = [
        Trial(name="no history", weights=weights, ndcg=ndcg, difference=less),
        Trial(name="present", weights=weights, ndcg=ndcg),
        Trial(name="fitted", weights=weights, ndcg=ndcg, difference=less),
    ]
    tuned = Tuned(
        cut=datetime(2026, 3, 1, tzinfo=UTC),
        fitted=Fitted(weights=weights, examination=None, pages=50, pairs=90, explored=0),
        trials=trials,
        pages=50,
        shoppers=20,
        k=1_000,
        passed_over={},
    )
    out = StringIO()
    Console(file=out, width=80).print(trials_table(tuned))
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines[1:]] == [*weights, "nDCG@1000", "difference"]
    assert lines[0].split() == ["no", "history", "present", "fitted"]
    assert lines[-1].split(maxsplit=1)[1].count("-0.250 [-0.300, -0.200]") == 2
    assert "…" not in out.getvalue()
