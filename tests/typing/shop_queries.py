"""How a shop's own code uses the models: run by the tests, and type-checked strictly."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, selectinload

from vitrine.models import (
    Category,
    Event,
    Image,
    Product,
    ProductText,
    Query,
    Space,
    Variant,
    image_vector,
)


def add_product(session: Session) -> Product:
    """A product with its texts, variants, pictures and category, saved in one go."""
    women = Category(name="Women")
    red = Variant(sku="JACKET-RED", price=Decimal("79.90"), options={"color": "Red"})
    front = Image(uri="jacket-red.jpg", position=1, variants=[red])
    product = Product(
        external_id="JACKET",
        brand="Acme",
        attributes={"material": "wool"},
        texts=[ProductText(locale="en", title="Hooded jacket")],
        variants=[red, Variant(sku="JACKET-BLUE", price=Decimal("69.90"), stock=0)],
        images=[Image(uri="jacket-back.jpg", position=2), front],
        categories=[Category(name="Jackets", parent=women)],
    )
    session.add(product)
    session.commit()
    return product


def affordable(session: Session, below: Decimal) -> Sequence[Product]:
    """Products with a variant under a price, their pictures loaded with one query more."""
    statement = (
        select(Product)
        .join(Product.variants)
        .where(Variant.price < below, Product.status == "active")
        .options(selectinload(Product.images).selectinload(Image.variants))
        .distinct()
    )
    return session.scalars(statement).all()


def looks_like(session: Session, vector: Sequence[float], limit: int) -> list[tuple[str, float]]:
    """The products whose pictures are nearest to a unit vector: (external_id, similarity)."""
    space = session.scalars(select(Space).where(Space.status == "active")).one()
    vectors = image_vector(space.space_id, space.dimension)
    distance = vectors.distance(vector)
    rows = session.execute(
        select(Product.external_id, distance).join(vectors.product).order_by(distance).limit(limit)
    )
    return [(external_id, -found) for external_id, found in rows]


def clicked_after(session: Session, words: str) -> Sequence[Product]:
    """What shoppers clicked on after a search for these words."""
    statement = (
        select(Product)
        .join(Event, Event.object_id == Product.external_id)
        .join(Event.query)
        .where(Query.user_query == words, Event.action_name == "click")
    )
    return session.scalars(statement).all()


def in_another_shop(engine: Engine, schema: str) -> Session:
    """A session for the shop in another schema of the same database."""
    return Session(engine.execution_options(schema_translate_map={"vitrine": schema}))
