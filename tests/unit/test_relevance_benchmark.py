"""The benchmark of relevance measures what it says: its queries, what it hides, its triples."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from benchmarks.relevance.composed import Triple, hits, make_triples
from benchmarks.relevance.cutoff import letters
from benchmarks.relevance.hiding import WORD, hidden_keys, stems, without
from benchmarks.relevance.judgements import FORMS, Query, facets, make_queries
from benchmarks.relevance.magento import Style, read_related, read_styles
from benchmarks.relevance.measures import interval, interval_of_groups, ndcg
from benchmarks.relevance.products import Product, halves, make_products
from benchmarks.relevance.shop import write_products

MakeStyle = Callable[..., Style]


def stem(word: str) -> str | None:
    return None if word in {"for", "and"} else word.removesuffix("s")


@pytest.fixture
def style() -> MakeStyle:
    def make(key: str, colours: str = "red blue", **changes: object) -> Style:
        said = {
            "title": f"{key} Trail Jacket",
            "description": f"A warm jacket in red, for rain.\n• Style {key}.",
            "department": "men",
            "category": "Jackets",
            "kinds": ("jacket",),
            "attributes": {"material": ("Wool", "Nylon"), "climate": ("All-weather", "Cold")},
            "pictures": {c: (f"{key}-{c}_main.jpg",) for c in colours.split()},
        }
        return Style(key=key, **(said | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture
def styles(style: MakeStyle) -> list[Style]:
    tees = {"category": "Tees", "kinds": ("tee",), "attributes": {"material": ("Wool",)}}
    return [
        *(style(f"MJ{n:02}") for n in range(4)),
        *(style(f"WT{n:02}", "red green", department="women", **tees) for n in range(4)),
        style("WJ01", "green white", department="women"),
        style("WSH01", "red blue", department="women", category="Shorts", kinds=("shorts",)),
        style("WSH02", "red", department="women", category="Shorts", kinds=("shorts",)),
    ]


def test_a_style_is_read_with_its_facts_and_the_pictures_of_each_colour(tmp_path: Path) -> None:
    (tmp_path / "images/m/h").mkdir(parents=True)
    for name in ("mh01-red_back", "mh01-red_main", "mh01-blue_main"):
        (tmp_path / f"images/m/h/{name}.jpg").touch()
    row = {
        "sku": "MH01",
        "product_type": "configurable",
        "name": "Trail&trade; Hoodie ",
        "description": "<p>Warm.</p>",
        "categories": "Default Category/Men/Tops/Hoodies & Sweatshirts,Default Category",
        "additional_attributes": "material=Wool|Lycra&reg;,new=No,climate=Cool",
    }
    with (tmp_path / "products.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerows([row, row | {"sku": "MH01-S-Red", "product_type": "simple"}])
    (tmp_path / "related.csv").write_text('sku,linked_sku\n"MH01","MH02\nMH03"\n')
    [read] = read_styles(tmp_path)
    assert (read.key, read.title, read.description) == ("MH01", "Trail Hoodie", "Warm.")
    assert (read.department, read.kinds) == ("men", ("hoodie", "sweatshirt"))
    assert read.attributes == {"material": ("Wool", "Lycra"), "climate": ("Cool",)}
    assert read.pictures == {
        "blue": ("m/h/mh01-blue_main.jpg",),
        "red": ("m/h/mh01-red_main.jpg", "m/h/mh01-red_back.jpg"),
    }
    assert read_related(tmp_path) == {"MH01": {"MH02", "MH03"}, "MH02": {"MH01"}, "MH03": {"MH01"}}


def test_halves_share_no_style_and_have_as_much_of_each_kind(styles: list[Style]) -> None:
    first, second = halves(styles, 3)
    assert sorted(s.key for s in (*first, *second)) == sorted(s.key for s in styles)
    assert all(sum(s.kinds == ("tee",) for s in half) == 2 for half in (first, second))
    assert [s.key for s in first] == [s.key for s in halves(styles, 3)[0]]
    assert [s.key for s in first] != [s.key for s in halves(styles, 5)[0]]


def test_a_product_is_a_style_or_one_colour_of_it_and_its_key_tells_nothing(
    styles: list[Style],
) -> None:
    assert len(make_products(styles, "style", 1)) == len(styles)
    single = make_products(styles, "colour", 1)
    assert len(single) == sum(len(s.pictures) for s in styles)
    assert all(len(p.colours) == 1 and len(p.pictures) == 1 for p in single)
    assert not any(p.style.key in p.key for p in single)


def said_as(queries: dict[str, Query], *ways: str) -> Query:
    """The one query that is put in one of these ways."""
    [query] = [queries[way] for way in ways if way in queries]
    return query


@pytest.mark.parametrize("unit", ["style", "colour"])
def test_grades_follow_from_what_a_product_is(styles: list[Style], unit: str) -> None:
    products = {p.key: p for p in make_products(styles, unit, 1)}
    queries = {q.words: q for q in make_queries(list(products.values()), {}, 500, 1)}
    red_jacket = queries["red jacket"]
    for key, product in products.items():
        is_jacket, is_red = "jacket" in product.style.kinds, "red" in product.colours
        assert red_jacket.grades.get(key, 0) == (3 if is_red else 1) * is_jacket
    for_men = said_as(queries, "red jacket for men", "men red jacket")
    for key, product in products.items():
        if product.style.key == "WJ01":
            assert key not in for_men.grades  # it lacks two of three parts
    assert {q.form for q in queries.values()} >= {"colour + kind", "name", "other words"}
    assert said_as(queries, "crimson anorak", "anorak in crimson").grades == red_jacket.grades
    assert all(3 in q.grades.values() for q in queries.values())


def test_a_name_wants_its_style_first_then_what_is_shown_beside_it(styles: list[Style]) -> None:
    products = {p.key: p for p in make_products(styles, "style", 1)}
    queries = make_queries(list(products.values()), {"MJ01": {"WT02"}}, 500, 1)
    [named] = [q for q in queries if q.words == "mj01 trail jacket"]
    graded = {products[key].style.key: grade for key, grade in named.grades.items()}
    assert graded == {"MJ01": 3, "MJ00": 1, "MJ02": 1, "MJ03": 1, "WT02": 1}


def test_queries_are_drawn_by_form_and_always_the_same(styles: list[Style]) -> None:
    products = make_products(styles, "colour", 1)
    drawn = make_queries(products, {}, 2, 7)
    assert all(sum(q.form == form for q in drawn) <= 2 for form in FORMS)
    assert drawn == make_queries(products, {}, 2, 7)
    assert drawn != make_queries(products, {}, 2, 8)


def test_hidden_products_have_no_word_of_any_query_and_the_others_all(
    styles: list[Style], tmp_path: Path
) -> None:
    products = make_products(styles, "colour", 1)
    queries = make_queries(products, {}, 500, 1)
    removed = stems([q.words for q in queries], stem)
    hidden = hidden_keys([p.key for p in products], 1)
    assert len(hidden) == len(products) // 2
    write_products(tmp_path / "p.csv", products, hidden, removed, stem)
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    by_key = {p.key: p for p in products}
    for row in rows:
        said = " ".join(value for name, value in row.items() if name != "variant_image").lower()
        left = {stem(word) for word in WORD.findall(said)}
        product = by_key[row["product"]]
        if product.key in hidden:
            assert not left & removed
            assert row["title"]
        else:
            assert {"jacket", "trail"} & left
            assert row["title"] == product.style.title
            assert row["attribute.material"] == "|".join(product.style.attributes["material"])
        assert row["variant_image"] == product.pictures[0]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Red jackets, for rain", ", for rain"),
        ("redder jacket's", "redder"),
        ("All-weather", "All-weather"),
        ("rain-red", "rain"),
        ("Red", ""),
    ],
)
def test_words_are_removed_in_every_form_but_not_parts_of_words(text: str, left: str) -> None:
    def possessive(word: str) -> str | None:
        return stem(word.removesuffix("'s"))

    assert without(text, {"red", "jacket"}, possessive).strip() == left


def test_triples_are_all_pairs_of_colours_of_a_style(styles: list[Style]) -> None:
    products = make_products(styles, "colour", 1)
    triples = make_triples(products)
    assert len(triples) == 9 * 2  # nine styles of two letters in two colours each
    assert all(t.source.style is t.wanted.style and t.source is not t.wanted for t in triples)
    assert all(t.word == t.wanted.colours[0] != t.source.colours[0] for t in triples)
    assert len(make_triples(products, every=True)) == len(triples) + 2


def test_the_source_is_left_out_before_the_first_ten_are_counted(style: MakeStyle) -> None:
    source, wanted = (
        Product(key=key, style=style("MJ01"), colours=(colour,))
        for key, colour in (("S", "red"), ("W", "blue"))
    )
    triple = Triple(source, "blue", wanted)
    others = [f"P{n}" for n in range(10)]
    answers = [["S", *others[:9], "W"], [*others[:9], "W"], [*others, "W"], []]
    assert list(hits([triple] * 4, answers)) == [1, 1, 0, 0]


def test_ndcg_is_that_of_the_graded_answer() -> None:
    query = Query("red jacket", "colour + kind", {"a": 3, "b": 1})
    values = ndcg([query] * 4, [["a", "b"], ["b", "a"], ["x"], []])
    second = 1 / np.log2(3)
    assert values == pytest.approx([1, (1 + 3 * second) / (3 + second), 0, 0], abs=1e-6)


def test_intervals_hold_the_mean_and_widen_where_values_go_together() -> None:
    values = np.tile([0.0, 1.0], 50)
    alone = interval(values)
    together = interval_of_groups(np.sort(values), [n // 10 for n in range(100)])
    assert alone.low < alone.mean == 0.5 < alone.high
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert interval(np.ones(5)).low == 1


def test_random_letters_are_as_many_as_asked_for_and_always_the_same() -> None:
    made = letters(20, 1)
    assert (len(made), made[0]) == (20, "asdf qwerty")
    assert made == letters(20, 1) != letters(20, 2)


def test_facets_name_what_shoppers_ask_for(style: MakeStyle) -> None:
    [product] = make_products([style("MJ01", "gray")], "style", 1)
    assert facets(product)["climate"] == {"cold"}
    assert facets(product)["other_colour"] == {"grey"}
