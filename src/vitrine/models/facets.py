"""What facet counts are made from: the catalogue as bitmaps, and what changed since."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BIT, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from vitrine.models.base import Base, BigInt

__all__ = ["FacetBitmap", "FacetChange", "FacetColumn", "FacetValue"]


class FacetValue(Base):
    """A category, a brand, one value of an attribute or of an option, with its number."""

    __tablename__ = "facet_value"
    __table_args__ = (
        sa.Index(
            "facet_value_meaning_idx",
            "field",
            sa.text("lower(name)"),
            "name",
            sa.text("md5(element::text)"),
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        {
            "comment": "What products and variants have, each with the number of its bitmaps: a"
            " category, a brand, one value of an attribute or of an option."
        },
    )

    value_id: Mapped[int] = mapped_column(sa.Identity(always=True, start=1024), primary_key=True)
    field: Mapped[str]
    name: Mapped[str]
    element: Mapped[Any | None] = mapped_column(JSONB)
    held: Mapped[int] = mapped_column(
        server_default=sa.text("0"), comment="How many products of the bitmaps have it."
    )
    spelt: Mapped[bool] = mapped_column(
        server_default=sa.false(), comment="Whether it has, or had, another spelling."
    )


class FacetBitmap(Base):
    """Which of 32,000 consecutive products, or of their n-th variants, have a value."""

    __tablename__ = "facet_bitmap"
    __table_args__ = (
        sa.PrimaryKeyConstraint("value_id", "plane", "block"),
        {
            "comment": "Which of 32,000 consecutive products have a value (plane 0), which of their"
            " first, second, … variants do (plane 1, 2, …), and of which it is the first, second, …"
            " of their values (plane -1, -2, …)."
        },
    )

    value_id: Mapped[int] = mapped_column(autoincrement=False)
    block: Mapped[int] = mapped_column(autoincrement=False)
    plane: Mapped[int] = mapped_column(autoincrement=False)
    ones: Mapped[int] = mapped_column(sa.Computed("bit_count(bits)::integer", persisted=True))
    bits: Mapped[str] = mapped_column(BIT(32000))


# Neither compressed nor moved out of the row: unpacking would take longer than counting.
sa.event.listen(
    FacetBitmap.__table__,
    "after_create",
    sa.DDL("ALTER TABLE %(fullname)s ALTER bits SET STORAGE PLAIN"),  # type: ignore[no-untyped-call]
)


class FacetColumn(Base):
    """Of a field with many values, which value each of 800 consecutive products has."""

    __tablename__ = "facet_column"
    __table_args__ = (
        sa.PrimaryKeyConstraint("field", "name", "piece"),
        {
            "comment": "Of a field with many values, the number of the value that each of 800"
            " consecutive products has: the bitmaps turned round, for counts of few products."
        },
    )

    field: Mapped[str]
    name: Mapped[str]
    piece: Mapped[int] = mapped_column(autoincrement=False)
    firsts: Mapped[list[int] | None] = mapped_column(
        ARRAY(sa.Integer), comment="NULL where a product has more than two."
    )
    seconds: Mapped[list[int] | None] = mapped_column(ARRAY(sa.Integer))


# A look at some of them should not unpack all.
sa.event.listen(
    FacetColumn.__table__,
    "after_create",
    sa.DDL(  # type: ignore[no-untyped-call]
        "ALTER TABLE %(fullname)s ALTER firsts SET STORAGE PLAIN, ALTER seconds SET STORAGE PLAIN"
    ),
)


class FacetChange(Base):
    """A product that changed since it was folded into the bitmaps."""

    __tablename__ = "facet_change"
    __table_args__ = {  # noqa: RUF012 - SQLAlchemy reads a plain dictionary here
        "comment": "Products that changed since they were folded into the bitmaps; counts read"
        " them from the catalogue."
    }

    number: Mapped[BigInt] = mapped_column(sa.Identity(always=True), primary_key=True)
    product_id: Mapped[BigInt]
