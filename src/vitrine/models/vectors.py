"""Models of the vector tables: one pair per embedding space, made while the shop runs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

import sqlalchemy as sa
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.orm import Mapped, declared_attr, foreign, mapped_column, registry, relationship

from vitrine.models.base import NAMING, SCHEMA, BigInt, Now, types
from vitrine.models.catalogue import Product
from vitrine.models.pictures import Caption, Image

__all__ = ["CaptionVector", "ImageVector", "caption_vector", "image_vector"]


class _Vector:
    """The columns that both kinds of vector table share."""

    # The order in the table, and so in its primary key: a mixin's columns would come last.
    product_id: Mapped[BigInt] = mapped_column(primary_key=True, sort_order=-2)
    embedding: Mapped[list[float]]
    input_version: Mapped[BigInt]
    content: Mapped[bytes]
    encoded_at: Mapped[Now]

    @declared_attr
    @classmethod
    def product(cls) -> Mapped[Product]:
        """The product of the picture or caption."""
        return relationship(
            Product,
            primaryjoin=lambda: Product.product_id == foreign(cls.product_id),
            viewonly=True,
        )

    @classmethod
    def distance(cls, vector: Sequence[float]) -> sa.ColumnElement[float]:
        """The negative inner product with a unit vector of the space's dimension.

        It is -1 for the same direction and 1 for the opposite. Order by it as it stands,
        ascending: any arithmetic around it keeps PostgreSQL from using the HNSW index.
        """
        return sa.type_coerce(cls.embedding.op("<#>")(vector), sa.Float)


class ImageVector(_Vector):
    """The vector of a picture; `image_vector(space_id, dimension)` gives one space's model."""

    image_id: Mapped[BigInt] = mapped_column(primary_key=True, sort_order=-1)

    @declared_attr
    @classmethod
    def image(cls) -> Mapped[Image]:
        """The picture."""
        return relationship(Image, viewonly=True)


class CaptionVector(_Vector):
    """The vector of a caption; `caption_vector(space_id, dimension)` gives one space's model."""

    caption_id: Mapped[BigInt] = mapped_column(primary_key=True, sort_order=-1)

    @declared_attr
    @classmethod
    def caption(cls) -> Mapped[Caption]:
        """The caption."""
        return relationship(Caption, viewonly=True)


@cache
def image_vector(space_id: int, dimension: int) -> type[ImageVector]:
    """The model of `image_vector_<space_id>`; the pair is that of a row of `Space`."""
    return _mapped(ImageVector, "image", space_id, dimension, [Image.product_id, Image.image_id])


@cache
def caption_vector(space_id: int, dimension: int) -> type[CaptionVector]:
    """The model of `caption_vector_<space_id>`; the pair is that of a row of `Space`."""
    return _mapped(
        CaptionVector, "caption", space_id, dimension, [Caption.product_id, Caption.caption_id]
    )


_Kind = TypeVar("_Kind", bound=_Vector)


def _mapped(
    base: type[_Kind], kind: str, space_id: int, dimension: int, item_key: list[Any]
) -> type[_Kind]:
    table = f"{kind}_vector_{space_id}"
    columns = {
        "__tablename__": table,
        "__table_args__": (
            sa.ForeignKeyConstraint(["product_id", f"{kind}_id"], item_key, ondelete="CASCADE"),
            sa.CheckConstraint("abs(l2_norm(embedding) - 1) < 0.01", name=f"{table}_unit_length"),
            sa.Index(
                f"{table}_hnsw_idx",
                "embedding",
                postgresql_using="hnsw",
                postgresql_ops={"embedding": "halfvec_ip_ops"},
                postgresql_with={"m": 16, "ef_construction": 64},
            ),
            {
                "comment": f"Vectors of every {kind} in space {space_id};"
                " content is the SHA-256 of what was encoded."
            },
        ),
        "embedding": mapped_column(HALFVEC(dimension), nullable=False),
    }
    # Metadata of its own: spaces of two shops may share a number, and migrations know none of them.
    own = registry(
        metadata=sa.MetaData(schema=SCHEMA, naming_convention=NAMING), type_annotation_map=types
    )
    name = f"{base.__name__}{space_id}"
    return own.mapped(type(name, (base,), columns))
