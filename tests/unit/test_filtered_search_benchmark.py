"""The benchmark of filtered search measures what it says: its truth, its filters, its shop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.filtered_search.catalogue import Dataset, make_dataset
from benchmarks.filtered_search.engines import make_engines
from benchmarks.filtered_search.filters import Filter, named_filters
from benchmarks.filtered_search.sentences import product_sentences
from benchmarks.filtered_search.targets import failures, slowness
from benchmarks.filtered_search.truth import Truth, find_truth, score
from benchmarks.filtered_search.vectors import clusters
from benchmarks.filtered_search.workplace import open_workplace

ROWS, QUERIES = 3_000, 6


@pytest.fixture(scope="module", params=[False, True], ids=["one picture", "several pictures"])
def data(request: pytest.FixtureRequest) -> Dataset:
    vectors, queries = clusters(ROWS, QUERIES, dimension=16)
    return make_dataset("clusters", vectors, queries, several_pictures=request.param)


@pytest.fixture(scope="module")
def truths(data: Dataset) -> dict[str, Truth]:
    return find_truth(data, named_filters(data.catalogue, data.queries), [10, 24])


def ranked(data: Dataset, number: int, wanted: Filter) -> list[int]:
    """Matching products, the best first, one at a time and without arrays."""
    best: dict[int, float] = {}
    similarity = data.vectors.astype(np.float32) @ data.queries[number].astype(np.float32)
    for owner, value in zip(data.catalogue.owner, similarity, strict=True):
        best[owner] = max(best.get(owner, -9.0), float(value))
    kept = wanted.mask(data.catalogue)
    return [p for p in sorted(best, key=lambda one: -best[one]) if kept[p]]


def test_every_picture_has_one_product_and_half_of_the_products_more(data: Dataset) -> None:
    shop = data.catalogue
    assert len(data.vectors) == ROWS == shop.first[-1]
    pictures = np.diff(shop.first)
    assert pictures.min() == 1
    assert ROWS / shop.products == pytest.approx(1 if pictures.max() == 1 else 1.5, abs=0.05)


def test_pictures_of_one_product_are_alike(data: Dataset) -> None:
    owner, vectors = data.catalogue.owner, data.vectors.astype(np.float32)
    together = (vectors[:-1] * vectors[1:]).sum(axis=1)
    same = owner[:-1] == owner[1:]
    if same.any():
        assert together[same].mean() > together[~same].mean() + 0.5


@pytest.mark.parametrize("k", [10, 24])
def test_the_exact_answer_has_full_recall_and_the_next_products_none(
    data: Dataset, truths: dict[str, Truth], k: int
) -> None:
    for name, wanted in named_filters(data.catalogue, data.queries).items():
        for number in range(QUERIES):
            order = ranked(data, number, wanted[number])
            assert truths[name].matching[number] == len(order)
            best = score(data, number, wanted[number], truths[name], k, order[:k])
            assert (best.recall, best.missing, best.wrong) == (1.0, 0, 0)
            worst = score(data, number, wanted[number], truths[name], k, order[k + 30 : 2 * k + 30])
            assert worst.recall < 0.5 or len(order) <= k


def test_an_answer_with_excluded_or_repeated_products_is_wrong(
    data: Dataset, truths: dict[str, Truth]
) -> None:
    wanted = named_filters(data.catalogue, data.queries)["price 50 %"][0]
    order = ranked(data, 0, wanted)
    excluded = int(np.flatnonzero(~wanted.mask(data.catalogue))[0])
    found = score(data, 0, wanted, truths["price 50 %"], 10, [*order[:8], order[0], excluded])
    assert found.wrong == 2
    assert found.recall == pytest.approx(0.8, abs=0.11)


def test_ties_are_hits() -> None:
    vectors = np.repeat(np.eye(4, dtype=np.float16), 200, axis=0)
    data = make_dataset("ties", vectors, vectors[:1])
    truth = find_truth(data, {"all": [Filter()]}, [10])["all"]
    for answer in (range(10), range(190, 200)):
        assert score(data, 0, Filter(), truth, 10, list(answer)).recall == 1.0
    assert score(data, 0, Filter(), truth, 10, list(range(195, 205))).recall == 0.5


def test_filters_of_a_query_name_its_own_category_and_the_farthest(data: Dataset) -> None:
    filters = named_filters(data.catalogue, data.queries)
    centres = data.catalogue.centres
    for number, query in enumerate(data.queries.astype(np.float32)):
        own, far = (filters[f"{side} category 1 %"][number].categories for side in ("own", "far"))
        assert own == (int((centres @ query).argmax()),)
        assert far == (int((centres @ query).argmin()),)
        assert own[0] in filters["own five categories 5 %"][number].categories


def test_a_filter_says_the_same_in_every_language() -> None:
    wanted = Filter(categories=(7, 31), brand=4, colour=2, material=1, cents=(1050, 2000))
    assert wanted.as_json() == {
        "category": ["department 0/category 7", "department 3/category 31"],
        "brand": "Brand 4",
        "options": {"color": "Colour 2"},
        "attributes": {"material": "Material 1"},
        "price": {"gte": 10.5, "lt": 20.0},
    }
    assert wanted.as_sql() == (
        "category IN (7, 31) AND brand = 4 AND colour = 2 AND material = 1 "
        "AND cents >= 1050 AND cents < 2000"
    )
    assert Filter(not_department=3).as_json() == {"not": {"category": "department 3"}}
    assert Filter().as_sql() == ""


def test_milvus_answers_exactly_from_a_folder_that_is_kept(
    data: Dataset, truths: dict[str, Truth], tmp_path: Path
) -> None:
    built = []
    for _ in range(2):
        with open_workplace(tmp_path, 18, rebuild=False) as place:
            [engine] = make_engines(["milvus-lite"], place)
            built.append(engine.build(data))
            for name, wanted in named_filters(data.catalogue, data.queries).items():
                for number, query in enumerate(data.queries):
                    answer = engine.search(number, query, wanted[number], 10)
                    found = score(data, number, wanted[number], truths[name], 10, answer)
                    assert (found.recall, found.missing, found.wrong) == (1.0, 0, 0)
    assert built[0] == built[1]  # the second found what the first had built


def test_sentences_are_different_and_always_the_same() -> None:
    made = product_sentences(500)
    assert len(set(made)) == 500
    assert made == product_sentences(500)


def figures(engine: str, **given: float) -> dict[str, Any]:
    good = {"k": 10, "recall": 0.99, "worst": 0.7, "short_queries": 0, "wrong_rows": 0}
    return {"engine": engine, "filter": "all", "p50_ms": 2.0, "p95_ms": 7.0} | good | given


@pytest.mark.parametrize(
    "bad", [{"recall": 0.97}, {"worst": 0.6}, {"short_queries": 1}, {"wrong_rows": 1}]
)
def test_only_vitrines_bad_answers_fail(bad: dict[str, float]) -> None:
    assert failures([figures("vitrine"), figures("pgvector", **bad)]) == []
    assert len(failures([figures("vitrine", **bad)])) == 1


@pytest.mark.parametrize(
    ("other", "missed"),
    [
        (figures("lancedb", p50_ms=1.0), 1),
        (figures("lancedb", p50_ms=1.0, recall=1.0), 0),  # which finds more
        (figures("lancedb", p50_ms=3.0), 0),
        (figures("pgvector-relaxed", p50_ms=10.0), 0),
        (figures("pgvector-relaxed", p50_ms=10.1), 0),
        (figures("pgvector-strict", p50_ms=11.0, recall=0.5), 0),
        (figures("pgvector", p50_ms=0.1), 0),
    ],
)
def test_slowness_is_judged_beside_engines_that_find_as_much(
    other: dict[str, Any], missed: int
) -> None:
    assert len(slowness([figures("vitrine"), other], 100_000)) == missed
    slower = figures("vitrine", p50_ms=2.5, p95_ms=9.0)
    assert len(slowness([slower], 100_000)) == 1
    assert slowness([slower], 1_000_000) == []


def test_a_scan_that_needs_long_is_to_be_beaten_five_times() -> None:
    scan = figures("pgvector-strict", p50_ms=12.0)
    assert slowness([figures("vitrine", p50_ms=2.4), scan], 100_000) == []
    assert len(slowness([figures("vitrine", p50_ms=2.5), scan], 100_000)) == 1
