"""The report: as a table, as JSON, and as a page that needs nothing else."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from vitrine.evaluate import Answer, Case, Report, Sheet, Variation, report_on
from vitrine.evaluate.page import report_page
from vitrine.evaluate.table import report_table

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
EVIL = "<script>alert('$x_')</script> & \"quoted\""


@pytest.fixture(scope="module")
def report() -> Report:
    """A page that always shows the wanted product first, beside one that shows it fifth."""
    cases = [
        Case(
            shopper=f"s{number % 20}",
            grades={"wanted": 1},
            known=frozenset({"wanted"} if number % 2 else {"x"}),
            history=number % 40,
            query_class="words" if number % 3 else "key",
        )
        for number in range(60)
    ]
    late = Answer(keys=["x", "y", "z", "u", "wanted"], product_ids=[1, 2, 3, 4, 5], total=50)
    early = Answer(keys=["wanted", "x"], product_ids=[5, 1], total=50)
    return report_on(
        Sheet(
            cases=cases,
            answers=[[late] * 60, [early] * 60],
            beside=[{"novelty@3": np.full(60, np.nan)}] * 2,
        ),
        [Variation(name=EVIL, options={"x": EVIL}), Variation(name="better")],
        source=f"judgements of {EVIL}",
        k=3,
        depth=10,
        products=50,
        left_out={EVIL: 2},
    )


def test_a_comparison_says_what_is_better_and_by_how_much(report: Report) -> None:
    found = report.whole.measure("MRR")
    (difference,) = found.differences
    assert difference is not None
    assert difference.interval.mean == pytest.approx(0.8)
    assert difference.percent == pytest.approx(400)
    assert difference.verdict == "better"
    assert report.coverage == [3 / 50, 2 / 50]


def test_sections_are_all_new_repeat_histories_and_questions(report: Report) -> None:
    assert [section.name for section in report.sections] == [
        "all cases",
        "new items",
        "repeat items",
        "none",
        "1 to 4",
        "5 to 19",
        "20 to 99",
        "key",
        "words",
    ]
    assert sum(section.cases for section in report.of_kind("history")) == 60
    assert sum(section.cases for section in report.of_kind("question")) == 60
    assert sum(section.cases for section in report.of_kind("items")) == 60


def test_json_holds_every_figure_and_null_for_what_is_undefined(report: Report) -> None:
    plain = json.loads(report.to_json())
    assert plain["variations"][0] == EVIL
    measures = {one["name"]: one for one in plain["sections"][0]["measures"]}
    assert measures["MRR"]["values"][1]["mean"] == 1
    assert measures["MRR"]["differences"][0]["verdict"] == "better"
    assert measures["novelty@3"]["values"] == [None, None]


def test_the_table_shows_names_as_they_are(report: Report) -> None:
    written = io.StringIO()
    Console(width=400, file=written).print(report_table(report))
    text = written.getvalue()
    assert EVIL in text
    assert "60 cases of 20 shoppers" in text
    assert "novelty" not in text


class Elements(HTMLParser):
    """What stands in a page: its elements with their attributes, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_no_network_and_runs_nothing(report: Report) -> None:
    page = report_page(report)
    elements = Elements()
    elements.feed(page)
    assert EVIL in elements.text
    tags = {tag for tag, _ in elements.found}
    assert not tags & {"script", "link", "img", "iframe", "image", "foreignobject", "object"}
    for _, attributes in elements.found:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_the_page_has_each_plot_and_no_id_twice(report: Report) -> None:
    page = report_page(report)
    assert page.count("<svg") == 4
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'"#([^"]+)"', page)) | set(re.findall(r"url\(#([^)]+)\)", page))
    assert used <= set(ids)


def test_one_variation_alone_is_a_report_too() -> None:
    answer = Answer(keys=["a"], product_ids=[1], total=2)
    alone = report_on(
        Sheet(cases=[Case(shopper="s", grades={"a": 1})], answers=[[answer]], beside=[{}]),
        [Variation(name="search")],
        source="x",
        k=1,
        depth=1,
        products=2,
    )
    assert alone.whole.measure("nDCG@1").differences == []
    assert "<svg" in report_page(alone)


def test_several_reports_stand_on_one_page(report: Report) -> None:
    second = replace(
        report, title=EVIL, listed="kinds", chosen_of_shown=False, cut=NOON, notes=[f"note {EVIL}"]
    )
    page = report_page(replace(report, cut=NOON), second, title="Both")
    elements = Elements()
    elements.feed(page)
    assert elements.text.count("How this was made") == 2
    assert f"note {EVIL}" in elements.text
    assert "The first 10 products" in elements.text
    assert "The first 10 kinds" in elements.text
    # Only of the first the shoppers chose from what they were shown.
    assert elements.text.count("favour the search that showed it") == 1
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids)) > 20


def test_a_cut_into_one_group_is_left_out() -> None:
    cases = [Case(shopper=f"s{n}", grades={"wanted": 1}, query_class="category") for n in range(9)]
    sheet = Sheet(cases=cases, answers=[[Answer(keys=["wanted"])] * 9], beside=[{}])
    alone = report_on(sheet, [Variation(name="one")], source="x", k=3, depth=10, products=5)
    assert [section.name for section in alone.sections] == ["all cases"]
