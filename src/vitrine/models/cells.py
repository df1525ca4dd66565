"""What searches keep beside the vectors: cells of a space, and products without vectors."""

from __future__ import annotations

import sqlalchemy as sa
from pgvector.sqlalchemy import HALFVEC, VECTOR
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from vitrine.models.base import Base, BigInt, known
from vitrine.models.spaces import Space

__all__ = ["Cell", "CellGeneration", "StaleProduct", "WaitingProduct", "Whitening"]


class CellGeneration(Base):
    """Each training of the cells of a space, on `trained_on` vectors."""

    __tablename__ = "cell_generation"
    __table_args__ = (
        known("cell_generation", "kind", "image", "caption"),
        {
            "comment": "Each training of the cells of a space; trained_on is how many vectors there"
            " were."
        },
    )

    space_id: Mapped[int] = mapped_column(
        sa.ForeignKey(Space.space_id, ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(primary_key=True)
    generation: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    trained_on: Mapped[BigInt]
    made_by: Mapped[BigInt] = mapped_column(
        server_default=sa.text("pg_current_xact_id()::text::bigint")
    )


class Cell(Base):
    """A region of a space (parent 0), a district of one, or a cell of a district: a centre."""

    __tablename__ = "cell"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["space_id", "kind", "generation"],
            [CellGeneration.space_id, CellGeneration.kind, CellGeneration.generation],
            ondelete="CASCADE",
        ),
        sa.Index("cell_parent_idx", "space_id", "kind", "parent_id", "generation"),
        {
            "comment": "Regions of a space, the districts of a region, the cells of a district,"
            " each with its centre; a vector lies in a cell near it."
        },
    )

    space_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(primary_key=True)
    cell_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    parent_id: Mapped[int]
    generation: Mapped[int]
    centroid: Mapped[list[float]] = mapped_column(HALFVEC)


class WaitingProduct(Base):
    """An active product that no vector of a space stands for yet; searches list it last."""

    __tablename__ = "waiting_product"
    __table_args__ = {  # noqa: RUF012 - SQLAlchemy reads a plain dictionary here
        "comment": "Active products that no vector of a space stands for yet; a search lists them"
        " last."
    }

    space_id: Mapped[int] = mapped_column(
        sa.ForeignKey(Space.space_id, ondelete="CASCADE"), primary_key=True
    )
    product_id: Mapped[BigInt] = mapped_column(primary_key=True, autoincrement=False)


class StaleProduct(Base):
    """A product whose sketches the running transaction makes anew, at its statement's end."""

    __tablename__ = "stale_product"
    __table_args__ = {  # noqa: RUF012 - SQLAlchemy reads a plain dictionary here
        "comment": "Products whose sketches a running transaction has to make anew, by statement;"
        " empty to everybody else."
    }

    made_by: Mapped[BigInt] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[BigInt] = mapped_column(sa.Identity(always=True), primary_key=True)
    product_id: Mapped[BigInt]


class Whitening(Base):
    """How pictures of a space differ as a rule, so that a search can tell what is special in one.

    `mean` (D) is the mean of `trained_on` of them, `factors` the D rows of the inverse of their
    covariance.
    """

    __tablename__ = "whitening"
    __table_args__ = {  # noqa: RUF012 - SQLAlchemy reads a plain dictionary here
        "comment": "How pictures of a space differ as a rule: their mean, and the rows of the"
        " inverse of their covariance."
    }

    space_id: Mapped[int] = mapped_column(
        sa.ForeignKey(Space.space_id, ondelete="CASCADE"), primary_key=True
    )
    trained_on: Mapped[BigInt]
    mean: Mapped[list[float]] = mapped_column(VECTOR)
    factors: Mapped[list[list[float]]] = mapped_column(ARRAY(VECTOR))
    height: Mapped[float | None] = mapped_column(
        sa.REAL,
        comment="By how much the picture nearest to a caption is more similar to it than pictures"
        " are on the average: the median.",
    )
