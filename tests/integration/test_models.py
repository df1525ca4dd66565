"""The models against a real shop: writing, joining, another schema, and their types."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session, configure_mappers

from tests.typing import shop_queries
from vitrine import models
from vitrine.database import set_search_path
from vitrine.migrate import upgrade

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def make_engine() -> Iterator[Callable[[str], sa.Engine]]:
    """Return a function that makes an engine as a shop would: its search path is the server's."""
    made: list[sa.Engine] = []

    def make(url: str) -> sa.Engine:
        made.append(sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url)))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


@pytest.fixture
def session(database: str, make_engine: Callable[[str], sa.Engine]) -> Iterator[Session]:
    with Session(make_engine(database)) as opened:
        yield opened


def test_every_table_has_a_model(database: str, session: Session) -> None:
    found = sa.inspect(session.connection()).get_table_names("vitrine")
    known = {table.name for table in models.Base.metadata.sorted_tables}
    own = {name for name in found if not name[-2:].isdigit()} - {"alembic_version"}
    assert own == known
    exported = {getattr(models, name) for name in models.__all__}
    assert {mapper.class_ for mapper in models.Base.registry.mappers} <= exported


def test_a_product_is_saved_whole_and_read_back(session: Session) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        configure_mappers()
    product = shop_queries.add_product(session)
    session.expire_all()
    assert [image.uri for image in product.images] == ["jacket-red.jpg", "jacket-back.jpg"]
    assert [variant.sku for variant in product.images[0].variants] == ["JACKET-RED"]
    assert product.images[1].variants == []
    assert product.categories[0].path == "women/jackets"
    assert product.categories[0].parent is not None
    assert product.categories[0].parent.children == product.categories
    assert product.variants[0].stock is None
    assert product.created_at.tzinfo is not None


def test_deleting_a_product_takes_its_own_and_leaves_its_categories(session: Session) -> None:
    session.delete(shop_queries.add_product(session))
    session.commit()
    for model in (models.Product, models.Variant, models.Image, models.ImageVariant):
        assert session.scalar(sa.select(sa.func.count()).select_from(model)) == 0
    assert session.scalar(sa.select(sa.func.count()).select_from(models.Category)) == 2


def test_joins_and_filters(session: Session) -> None:
    product = shop_queries.add_product(session)
    assert shop_queries.affordable(session, Decimal(70)) == [product]
    assert shop_queries.affordable(session, Decimal(60)) == []


def test_history_joins_the_catalogue(session: Session) -> None:
    product = shop_queries.add_product(session)
    query = models.Query(user_query="jacket", object_ids=["JACKET"])
    session.add(query)
    session.flush()
    session.add_all(
        [
            models.Event(
                action_name="click", query_id=query.query_id, object_id="JACKET", sku="JACKET-RED"
            ),
            models.Event(action_name="click", query_id=query.query_id, object_id="GONE"),
        ]
    )
    session.commit()
    assert shop_queries.clicked_after(session, "jacket") == [product]
    first, second = query.events
    assert first.product is product
    assert first.variant is product.variants[0]
    assert second.product is None
    assert first.query is query


def test_vectors_are_ordered_by_distance(session: Session) -> None:
    shop_queries.add_product(session)
    with session.connection().connection.cursor() as cursor:
        cursor.execute("SELECT vitrine.create_space('model', 'revision', 2, 'plain')")
    vectors = models.image_vector(1, 2)
    images = session.scalars(sa.select(models.Image).order_by(models.Image.position)).all()
    for image, embedding in zip(images, ([0.6, 0.8], [1.0, 0.0]), strict=True):
        session.add(
            vectors(
                product_id=image.product_id,
                image_id=image.image_id,
                embedding=embedding,
                input_version=1,
                content=b"",
            )
        )
    session.flush()
    found = shop_queries.looks_like(session, [1.0, 0.0], 5)
    assert [external_id for external_id, _ in found] == ["JACKET", "JACKET"]
    assert [similarity for _, similarity in found] == pytest.approx([1.0, 0.6], abs=1e-3)
    nearest = session.scalars(sa.select(vectors).order_by(vectors.distance([1.0, 0.0]))).first()
    assert nearest
    assert nearest.image is images[1]
    assert nearest.embedding == [1.0, 0.0]


def test_a_vector_of_another_dimension_or_length_is_refused(session: Session) -> None:
    product = shop_queries.add_product(session)
    with session.connection().connection.cursor() as cursor:
        cursor.execute("SELECT vitrine.create_space('model', 'revision', 2, 'plain')")
    vectors = models.image_vector(1, 2)
    key = {"product_id": product.product_id, "image_id": product.images[0].image_id}
    for embedding, message in (([1.0, 0, 0], "expected 2 dimensions"), ([3.0, 4.0], "unit_length")):
        with pytest.raises(sa.exc.DBAPIError, match=message), session.begin_nested():
            session.execute(
                sa.insert(vectors).values(**key, embedding=embedding, input_version=1, content=b"")
            )


def test_a_translate_map_leads_to_another_shop(
    database: str, make_engine: Callable[[str], sa.Engine]
) -> None:
    upgrade(database, "shop2")
    engine = make_engine(database)
    with shop_queries.in_another_shop(engine, "shop2") as second:
        shop_queries.add_product(second)
        assert len(shop_queries.affordable(second, Decimal(70))) == 1
    with Session(engine) as first:
        assert shop_queries.affordable(first, Decimal(70)) == []
    with psycopg.connect(database) as connection:
        set_search_path(connection, "shop2")
        assert connection.execute("SELECT count(*) FROM product").fetchone() == (1,)


def test_spaces_of_two_shops_may_share_a_number() -> None:
    assert models.image_vector(1, 2) is models.image_vector(1, 2)
    assert models.image_vector(1, 2) is not models.image_vector(1, 3)


def test_a_shops_code_type_checks_strictly() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "tests/typing/shop_queries.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
