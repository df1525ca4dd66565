"""What a search answers: order, pictures, variants, completeness."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.integration.searchable import (
    WORDS,
    Picture,
    Product,
    Variant,
    add_product,
    ask,
    know,
    know_picture,
    make_space,
    names,
    random_vector,
)
from vitrine.database import Connection

EAST, NORTH, UP, PAST = (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)
KEY = "0f" * 32


@pytest.fixture(autouse=True)
def space(connection: Connection) -> int:
    space = make_space(connection)
    know(connection, EAST)
    know_picture(connection, KEY, EAST)
    return space


def near_east(distance: float) -> tuple[float, ...]:
    return (1, distance, 0, 0)


def test_columns_and_types_are_the_interface(connection: Connection) -> None:
    signature = connection.execute(
        "SELECT pg_get_function_arguments(oid), pg_get_function_result(oid), provolatile "
        "FROM pg_proc WHERE proname = 'search' AND pronamespace = 'vitrine'::regnamespace"
    ).fetchall()
    assert signature == [
        (
            "query text DEFAULT NULL::text, terms jsonb DEFAULT NULL::jsonb, "
            "filters jsonb DEFAULT '{}'::jsonb, k integer DEFAULT 24, "
            "cursor text DEFAULT NULL::text, client text DEFAULT NULL::text, "
            "session text DEFAULT NULL::text, "
            "options jsonb DEFAULT '{}'::jsonb",
            "TABLE(rank integer, product_id bigint, external_id text, variant_id bigint, "
            "image_id bigint, score real, why jsonb)",
            "v",
        )
    ]


def test_words_rank_by_picture_and_caption_together(connection: Connection) -> None:
    add_product(connection, Product("picture", pictures=[Picture(near_east(0.1))], caption=PAST))
    add_product(connection, Product("caption", pictures=[Picture(UP)], caption=near_east(0.4)))
    add_product(connection, Product("both", pictures=[Picture(near_east(0.2))], caption=EAST))
    add_product(connection, Product("neither", pictures=[Picture(UP)], caption=near_east(0.6)))
    hits = ask(connection, query=WORDS, options={"arms": {"image": 2, "caption": 1, "text": 1}})
    assert names(hits) == ["both", "picture", "caption", "neither"]
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4]
    nearness = [(2 * 60 / 61 + 1) / 3, (2 + 60 / 63) / 3]  # pictures twice
    scores = [hit["score"] for hit in hits[:2]]
    assert scores == pytest.approx([0.29 * near for near in nearness])  # and no word anywhere
    best = hits[0]["why"]
    assert (best["image"]["rank"], best["caption"]["rank"]) == (2, 1)
    assert best["caption"]["similarity"] == pytest.approx(1, abs=0.001)
    assert best["plan"] == {"image": "exact", "caption": "exact", "text": "text"}


def test_words_are_known_however_they_are_written(connection: Connection) -> None:
    add_product(connection, Product("a", caption=EAST))
    assert names(ask(connection, query="  Warm\n COAT ")) == ["a"]


def test_scores_fall_with_rank(connection: Connection) -> None:
    rng = random.Random(3)
    for number in range(80):
        add_product(
            connection,
            Product(
                f"p{number}",
                pictures=[Picture(random_vector(rng)) for _ in range(rng.randrange(3))],
                caption=rng.choice([None, random_vector(rng)]),
            ),
        )
    for asked in ({"query": WORDS}, {"terms": [{"image": KEY}]}, {}):
        hits = ask(connection, k=1000, **asked)
        scores = [hit["score"] for hit in hits]
        assert len(set(names(hits))) == len(hits) == 80
        assert scores == sorted(scores, reverse=True)


def test_a_picture_finds_the_exact_order(connection: Connection) -> None:
    rng = random.Random(4)
    products = [
        add_product(
            connection,
            Product(f"p{n}", pictures=[Picture(random_vector(rng)) for _ in range(1 + n % 3)]),
        )
        for n in range(50)
    ]
    nearest = {
        p.external_id: max((x.vector[0], x.image_id) for x in p.pictures if x.vector)
        for p in products
    }
    hits = ask(connection, terms=[{"image": KEY}], k=10)
    assert names(hits) == sorted(nearest, key=lambda name: -nearest[name][0])[:10]
    for hit in hits:
        similarity, image_id = nearest[hit["external_id"]]
        assert hit["image_id"] == image_id
        assert hit["why"]["image"]["similarity"] == pytest.approx(similarity, abs=0.002)


def test_a_product_with_very_many_pictures_does_not_crowd_the_others_out(
    connection: Connection,
) -> None:
    add_product(connection, Product("many", pictures=[Picture(EAST) for _ in range(450)]))
    for number in range(5):
        add_product(connection, Product(f"p{number}", pictures=[Picture(NORTH)]))
    hits = ask(connection, terms=[{"image": KEY}], k=6)
    assert names(hits)[0] == "many"
    assert len(hits) == 6
    assert not any("waiting" in hit["why"] for hit in hits)


def test_what_has_no_vector_yet_comes_last(connection: Connection) -> None:
    add_product(connection, Product("waits", popularity=1, pictures=[Picture(None)]))
    add_product(connection, Product("popular", popularity=9, pictures=[Picture(None)]))
    add_product(connection, Product("bare", popularity=1))
    add_product(connection, Product("far", pictures=[Picture((-1, 0, 0, 0))]))
    hits = ask(connection, query=WORDS)
    assert names(hits) == ["far", "popular", "bare", "waits"]
    assert [hit["why"].get("waiting", False) for hit in hits] == [False, True, True, True]
    assert [hit["image_id"] is None for hit in hits] == [False, False, True, False]
    assert names(ask(connection, query=WORDS, k=1)) == ["far"]


def test_what_only_the_other_arm_could_find_comes_last(connection: Connection) -> None:
    """A picture is compared with pictures alone; nothing waits for a vector here."""
    add_product(connection, Product("pictured", pictures=[Picture(EAST)]))
    add_product(connection, Product("captioned", caption=EAST))
    hits = ask(connection, terms=[{"image": KEY}])
    assert names(hits) == ["pictured", "captioned"]
    assert ["image" in hit["why"] for hit in hits] == [True, False]


def test_retired_products_variants_and_their_pictures_are_never_shown(
    connection: Connection,
) -> None:
    add_product(connection, Product("retired", status="retired", pictures=[Picture(EAST)]))
    gone = Variant("gone-1", status="retired")
    add_product(connection, Product("sold off", variants=[gone], pictures=[Picture(EAST)]))
    kept = add_product(
        connection,
        Product(
            "kept",
            variants=[Variant("old", price=1, status="retired"), Variant("new", price=9)],
            pictures=[Picture(EAST, shows=["old"]), Picture(near_east(1), shows=["new", "old"])],
        ),
    )
    for asked in ({"query": WORDS}, {"terms": [{"image": KEY}]}, {}):
        [hit] = ask(connection, **asked)
        assert hit["variant_id"] == kept.variants[1].variant_id
        assert hit["image_id"] == kept.pictures[1].image_id


def test_browsing_is_by_popularity_then_newest(connection: Connection) -> None:
    for name, popularity in (("old", 1), ("best", 5), ("new", 1), ("none", 0)):
        add_product(connection, Product(name, popularity=popularity))
    hits = ask(connection)
    assert names(hits) == ["best", "new", "old", "none"]
    assert [hit["score"] for hit in hits] == [5, 1, 1, 0]
    assert names(ask(connection, k=2)) == ["best", "new"]
    assert names(ask(connection, filters={"external_id": ["OLD", "none"]})) == ["old", "none"]


def test_browsing_needs_no_space(connection: Connection) -> None:
    connection.execute("UPDATE space SET status = 'retired'")
    product = add_product(connection, Product("a", pictures=[Picture(EAST), Picture(NORTH)]))
    [hit] = ask(connection)
    assert hit["image_id"] == product.pictures[0].image_id


def coat() -> Product:
    """Red and blue, the blue one sold out in M; the red picture is the nearest."""
    return Product(
        "coat",
        variants=[
            Variant("red-m", price=90, options={"color": "Red", "size": "M"}),
            Variant("red-l", price=95, options={"color": "Red", "size": "L"}),
            Variant("blue-m", price=40, stock=0, options={"color": "Blue", "size": "M"}),
            Variant("blue-l", price=45, options={"color": "Blue", "size": "L"}),
        ],
        pictures=[
            Picture(EAST, shows=["red-m", "red-l"]),
            Picture(near_east(2), shows=["blue-m", "blue-l"]),
            Picture(near_east(3)),
        ],
    )


@pytest.mark.parametrize(
    ("filters", "sku", "picture"),
    [
        ({}, "red-m", 0),
        ({"options": {"size": "L"}}, "red-l", 0),
        ({"options": {"color": "blue"}}, "blue-l", 1),
        ({"options": {"color": "blue"}, "in_stock": False}, "blue-m", 1),
        ({"options": {"color": "Blue", "size": "M"}, "in_stock": True}, None, None),
        ({"options": {"color": "Red"}, "price": {"lt": 80}}, None, None),
        ({"any": [{"options": {"color": "Blue"}}, {"price": {"gt": 92}}]}, "red-l", 0),
        ({"not": {"options": {"color": "Red"}}}, "blue-l", 1),
        ({"not": {"options": {"color": ["Red", "Blue"]}}}, None, None),
        ({"price": {"lt": 42}}, "blue-m", 0),
        ({"sku": "BLUE-L"}, "blue-l", 0),
        ({"options": {"color": "Blue"}, "not": {"sku": "blue-l"}}, "blue-m", 1),
    ],
)
def test_one_variant_satisfies_the_whole_filter_and_is_named(
    connection: Connection, filters: dict[str, Any], sku: str | None, picture: int | None
) -> None:
    product = add_product(connection, coat())
    for asked in ({"query": WORDS}, {"terms": [{"image": KEY}]}):
        hits = ask(connection, filters=filters, **asked)
        skus = {variant.variant_id: variant.sku for variant in product.variants}
        assert [skus[hit["variant_id"]] for hit in hits] == ([] if sku is None else [sku])
        if picture is not None:
            assert hits[0]["image_id"] == product.pictures[picture].image_id


def test_options_without_a_picture_of_their_own_still_match(connection: Connection) -> None:
    add_product(
        connection,
        Product(
            "parka",
            variants=[
                Variant("r", options={"color": "Red"}),
                Variant("b", options={"color": "Blue"}),
            ],
            pictures=[Picture(EAST, shows=["r"])],
        ),
    )
    [hit] = ask(connection, query=WORDS, filters={"options": {"color": "blue"}})
    assert hit["image_id"] is None
    assert hit["why"]["waiting"] is True


def test_similar_leaves_the_product_out_and_a_sku_asks_for_its_colour(
    connection: Connection,
) -> None:
    mixed = Product(
        "mixed",
        variants=[Variant("mixed-e"), Variant("mixed-n")],
        pictures=[Picture(EAST, shows=["mixed-e"]), Picture(NORTH, shows=["mixed-n"])],
    )
    add_product(connection, mixed)
    add_product(connection, Product("east", pictures=[Picture(EAST)]))
    add_product(connection, Product("north", pictures=[Picture(NORTH)]))
    add_product(connection, Product("between", pictures=[Picture((1, 1, 0, 0))]))
    assert names(ask(connection, terms=[{"product": "mixed"}]))[0] == "between"
    assert names(ask(connection, terms=[{"product": "mixed-e"}])) == ["east", "between", "north"]
    assert names(ask(connection, terms=[{"product": "mixed-n"}], k=1)) == ["north"]


def test_similar_works_on_captions_alone_and_on_retired_products(connection: Connection) -> None:
    add_product(connection, Product("asked", status="retired", caption=EAST))
    add_product(connection, Product("far", caption=NORTH))
    add_product(connection, Product("near", caption=near_east(0.1)))
    assert names(ask(connection, terms=[{"product": "asked"}])) == ["near", "far"]


def test_terms_of_one_part_of_words_are_words(connection: Connection) -> None:
    add_product(connection, Product("a", caption=EAST))
    assert names(ask(connection, terms=[{"words": WORDS, "weight": 1}])) == ["a"]
    assert names(ask(connection, query=WORDS, terms=[])) == ["a"]


def test_another_space_is_searched_by_name_and_never_mixed(connection: Connection) -> None:
    other = make_space(connection, dimension=3, name="next")
    product = add_product(connection, Product("a", pictures=[Picture(EAST)]))
    connection.execute(
        f"INSERT INTO image_vector_{other} (product_id, image_id, embedding, input_version, "
        "content) VALUES (%s, %s, '[0,1,0]', 1, 'x')".encode(),
        (product.product_id, product.pictures[0].image_id),
    )
    know(connection, (0, 1, 0), space=other)
    [hit] = ask(connection, query=WORDS, options={"space": "next"})
    assert hit["why"]["image"]["similarity"] == pytest.approx(1)


def test_an_answer_can_be_joined_and_filtered_in_sql(connection: Connection) -> None:
    add_product(connection, Product("a", brand="Acme", caption=EAST))
    add_product(connection, Product("b", brand="Bolt", caption=NORTH))
    rows = connection.execute(
        "SELECT s.rank, p.brand FROM product p "
        "JOIN vitrine.search(%s, k => 5) s USING (product_id) "
        "WHERE p.brand = 'Bolt' ORDER BY s.rank",
        (WORDS,),
    ).fetchall()
    assert rows == [(2, "Bolt")]


def test_k_beyond_the_catalogue_is_all_of_it_and_a_filter_may_match_nothing(
    connection: Connection,
) -> None:
    assert ask(connection, query=WORDS) == []
    for number in range(30):
        add_product(connection, Product(f"p{number}", caption=EAST))
    assert len(ask(connection, query=WORDS)) == 24
    assert len(ask(connection, query=WORDS, k=1000)) == 30
    for filters in ({"brand": "none"}, {"category": "none"}, {"brand": []}, {"any": []}):
        assert ask(connection, query=WORDS, filters=filters) == []
