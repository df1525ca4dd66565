"""Offline quality on a shop: cases from events and files, asked through search."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CopyOf
from tests.integration.searchable import Product, Variant, add_product, know, make_space
from vitrine.database import Connection
from vitrine.errors import QueryError
from vitrine.evaluate import (
    Case,
    Cases,
    Split,
    Variation,
    cases_from_events,
    evaluate,
    read_judgements,
)
from vitrine.evaluate.reading import reading
from vitrine.shop import Shop, connect

CUT = datetime(2026, 6, 1, tzinfo=UTC)
Log = Callable[..., None]


def fill(connection: Connection) -> None:
    """Thirty coats, less popular the later, and a hat; P1 and the hat can be found by words."""
    make_space(connection)
    know(connection, [1, 0, 0, 0])
    for number in range(30):
        add_product(
            connection,
            Product(
                f"P{number}",
                categories=["Coats"],
                popularity=100.0 - number,
                variants=[Variant(f"P{number}-S")],
                caption=[1, number / 10, 0, 0],
            ),
        )
    add_product(connection, Product("HAT", categories=["Hats"], variants=[Variant("HAT-S")]))


@pytest.fixture
def filled(copy_of: CopyOf) -> Connection:
    return copy_of(fill)[0]


@pytest.fixture
def shop(filled: Connection) -> Iterator[Shop]:
    with connect(filled.info.dsn, pool_size=1) as opened:
        yield opened


@pytest.fixture
def log(filled: Connection) -> Log:
    """Return a function that writes an event, so many days after the cut."""
    filled.execute("SELECT ensure_partitions('2026-01-01', '2026-12-31')")

    def write(action: str, client: str, product: str, day: float, **more: Any) -> None:
        values = {"action_name": action, "client_id": client, "object_id": product, **more}
        values["timestamp"] = CUT + timedelta(days=day)
        columns = ", ".join(values)
        places = ", ".join(f"%({name})s" for name in values)
        filled.execute(f"INSERT INTO event ({columns}) VALUES ({places})".encode(), values)

    return write


@pytest.fixture
def asked(filled: Connection) -> Callable[..., uuid.UUID]:
    """Return a function that writes a search and returns its id."""

    def write(client: str | None, query: str | None, day: float, **more: Any) -> uuid.UUID:
        query_id = uuid.uuid4()
        filled.execute(
            "INSERT INTO query (query_id, timestamp, client_id, user_query, filters) "
            "VALUES (%s, %s, %s, %s, %s)",
            (
                query_id,
                CUT + timedelta(days=day),
                client,
                query,
                json.dumps(more.get("filters", {})),
            ),
        )
        return query_id

    return write


def found(shop: Shop, **options: Any) -> Cases:
    given: dict[str, Any] = {"cut": CUT} | options
    with reading(shop) as connection:
        return cases_from_events(connection, Split(**given))


def test_what_was_chosen_after_a_search_is_its_case(
    shop: Shop, log: Log, asked: Callable[..., uuid.UUID]
) -> None:
    filters = {"category": "/coats"}
    for _ in range(2):  # asked twice, one case
        query = asked("u", "warm coat", 2, filters=filters)
        log("click", "u", "P3", 2, query_id=query)
    log("purchase", "u", "P3", 3, query_id=query)
    log("add_to_cart", "u", "P4", 3, query_id=query)
    log("impression", "u", "P5", 3, query_id=query)
    log("purchase", "u", "gone", 3, query_id=query)
    log("purchase", "u", "P9", -10)
    log("view", "u", "P8", -9)
    log("impression", "u", "P8", -9)
    (case,) = found(shop).cases
    assert (case.query, case.filters, case.client) == ("warm coat", filters, "u")
    assert case.grades == {"P3": 3, "P4": 2}
    assert (case.history, case.known, case.as_of) == (2, {"P9"}, CUT)
    assert case.query_class == "words with filters"


def test_without_a_search_the_case_is_the_products_category(shop: Shop, log: Log) -> None:
    log("purchase", "u", "P9", -10)
    log("purchase", "u", "P3", 1)
    log("purchase", "u", "P4", 2)
    log("purchase", "u", "HAT", 2)  # one product alone is nothing to rank
    (case,) = found(shop).cases
    assert (case.query, case.filters) == (None, {"category": "/coats"})
    assert case.grades == {"P3": 3, "P4": 3}
    assert case.query_class == "category"


def test_a_visitor_without_an_account_is_a_shopper_by_session(
    shop: Shop, log: Log, filled: Connection
) -> None:
    log("view", "u", "P1", -1)
    log("click", "u", "P3", 1)
    filled.execute("UPDATE event SET client_id = NULL, session_id = 's-1'")
    (case,) = found(shop, actions=("click", "view")).cases
    assert (case.client, case.session, case.shopper) == (None, "s-1", "session s-1")
    assert case.history == 1


def test_a_share_cuts_at_a_quantile_of_the_actions(shop: Shop, log: Log) -> None:
    for day in range(10):
        log("purchase", f"u{day}", f"P{day}", day)
    cases = found(shop, cut=0.8)
    assert cases.cut == CUT + timedelta(days=7)
    assert sorted(case.shopper for case in cases.cases) == ["u8", "u9"]


def test_rarer_products_hold_more_information(shop: Shop, log: Log) -> None:
    for client in "abcd":
        log("purchase", client, "P1", -5)
    log("purchase", "a", "P2", -5)
    log("purchase", "a", "P3", 1)
    cases = found(shop)
    assert cases.information == {"P1": 0, "P2": 2}
    assert cases.most_information == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "the shop has no events yet"),
        ({"cut": 1.5}, "the cut is 1.5"),
    ],
)
def test_without_events_it_says_what_to_do(shop: Shop, options: Any, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        found(shop, **options)


def test_events_of_another_kind_or_time_are_named(shop: Shop, log: Log) -> None:
    log("view", "u", "P1", 1)
    with pytest.raises(QueryError, match=r"no event is purchase: found are view \(1\)"):
        found(shop, actions=("purchase",))
    with pytest.raises(QueryError, match="leaves nothing on one of its sides"):
        found(shop, actions=("view",))
    log("view", "u", "P2", -1)
    log("view", "u", "gone", 2)
    with pytest.raises(QueryError, match="no shopper did view with a product of this shop"):
        found(shop, actions=("view",), cut=CUT + timedelta(days=1))


def test_variations_are_compared_on_the_same_cases(shop: Shop) -> None:
    cases = [
        Case(shopper=f"s{n}", grades={f"P{n}": 1}, filters={"category": "/coats"}) for n in range(4)
    ]
    report = evaluate(
        shop,
        Cases(cases=cases, source="test"),
        [
            Variation(name="popular", options={"sort": "popularity"}),
            Variation(name="newest", options={"sort": "newest"}),
        ],
        k=5,
        depth=30,
    )
    hits = report.whole.measure("hit rate@5").values
    assert [value.mean for value in hits if value] == [1, 0]
    area = report.whole.measure("ROC AUC").values[0]
    assert area is not None
    assert area.mean == pytest.approx(1 - 1.5 / 29)
    assert report.coverage == [5 / 31, 5 / 31]
    assert report.whole.measure("diversity@5").values[0] is not None


def test_words_filters_and_products_that_are_gone_are_counted_not_hidden(shop: Shop) -> None:
    cases = [
        Case(shopper="a", query="warm coat", grades={"P0": 1, "gone": 2}),
        Case(shopper="b", filters={"nonsense": 1}, grades={"P0": 1}),
    ]
    report = evaluate(shop, Cases(cases=cases, source="test"), [Variation(name="search")], k=3)
    assert report.whole.cases == 1
    assert sorted(report.left_out.values()) == [1, 1]
    assert any("nonsense" in reason for reason in report.left_out)
    recall = report.whole.measure("recall@3").values[0]
    assert recall is not None
    assert recall.mean == 1
    with pytest.raises(QueryError, match="none of the 1 cases could be answered"):
        evaluate(shop, Cases(cases=cases[1:], source="test"), [Variation(name="search")])
    lost = [Case(shopper="a", grades={"gone": 1})]
    with pytest.raises(QueryError, match="not one relevant product"):
        evaluate(shop, Cases(cases=lost, source="test"), [Variation(name="search")])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seed": -1}, "the seed is -1"),
        ({"most": 0}, "cases is 0: give 1 to"),
        ({"most": -5}, "cases is -5: give 1 to"),
        ({"candidates": 0}, "candidates are 0"),
    ],
)
def test_a_split_that_cannot_be_is_refused_before_any_work(given: Any, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        Split(**given)


def test_a_seed_below_zero_is_refused_before_anything_is_asked(shop: Shop) -> None:
    asked: list[None] = []
    cases = Cases(cases=[Case(shopper="a", query="P1", grades={"P1": 1})], source="test")
    with pytest.raises(QueryError, match="the seed is -1: give a whole number, 0 or more"):
        evaluate(shop, cases, [Variation(name="search")], seed=-1, tick=lambda: asked.append(None))
    assert asked == []


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_judgements_are_read_from_csv_and_json_lines(tmp_path: Path) -> None:
    table = written(
        tmp_path / "a.csv",
        "query,filters,external_id,grade,shopper\n"
        'coat,"{""brand"": ""A""}",P1,3,u\ncoat,"{""brand"": ""A""}",P2,0,u\nhat,,P3,1,\n',
    )
    lines = written(
        tmp_path / "a.jsonl",
        '{"query": "coat", "filters": {"brand": "A"}, "external_id": "P1", "grade": 3, '
        '"shopper": "u"}\n\n{"query": "hat", "external_id": "P3", "grade": 1}\n',
    )
    for path in (table, lines):
        first, second = read_judgements(path).cases
        assert (first.query, first.filters, first.grades) == ("coat", {"brand": "A"}, {"P1": 3})
        assert (first.shopper, second.query, second.grades) == ("u", "hat", {"P3": 1})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "query,external_id\n", "has no column grade"),
        ("a.csv", "query,external_id,grade\ncoat,P1,good\n", "line 2: grade is 'good'"),
        ("a.csv", "query,external_id,grade\ncoat,P1,-1\n", "give 0 to 100"),
        ("a.csv", "query,external_id,grade\ncoat,,1\n", "line 2 names no product"),
        ("a.csv", "query,external_id,grade\ncoat,P1,0\n", "no query with a relevant product"),
        ("a.csv", "query,external_id,grade\nx,P1,1\nx,P1,2\n", "P1 has the grade 2 here and 1"),
        ("a.csv", "query,filters,external_id,grade\nx,{,P1,1\n", "filters is no valid JSON"),
        ("a.csv", "query,external_id,grade,note\nx,P1,1,y\n", "unknown column note"),
        (
            "a.csv",
            "query,external_id,grade\nred, coat,P1,1\n",
            "line 2 has 4 fields, the first line 3",
        ),
        ("a.jsonl", "[1]\n", "line 1 must be an object"),
        ("a.jsonl", "{\n", "line 1 is no valid JSON"),
        ("a.csv", "query,external_id,grade\n\x00\n", "names no product|cannot be read"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        read_judgements(written(tmp_path / name, text))


def test_a_file_that_is_not_there_or_no_text_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="cannot be read"):
        read_judgements(tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(QueryError, match="cannot be read"):
        read_judgements(tmp_path / "b.csv")
