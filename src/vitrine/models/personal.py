"""Personal search: the weights of reranking, and how common each value is in the catalogue."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from vitrine.models.base import Base, BigInt, Now

__all__ = ["ProductValue", "RerankWeights", "ValueShare"]


class RerankWeights(Base):
    """A version of the weights of personal search; the active one is laid over the defaults."""

    __tablename__ = "rerank_weights"
    __table_args__ = (
        sa.CheckConstraint("jsonb_typeof(weights) = 'object'", name="rerank_weights_object"),
        sa.Index(
            "rerank_weights_one_active_idx",
            "active",
            unique=True,
            postgresql_where=sa.text("active"),
        ),
        {
            "comment": "Versions of the weights of personal search; the active one is laid over"
            " the defaults."
        },
    )

    version: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    created_at: Mapped[Now]
    weights: Mapped[dict[str, Any]] = mapped_column(JSONB)
    note: Mapped[str | None]
    evidence: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB(none_as_null=True),
        comment="What the version was kept for: the figures of its fitting.",
    )
    active: Mapped[bool] = mapped_column(server_default=sa.false())
    activated_at: Mapped[datetime | None] = mapped_column(
        comment="When it was last put in force by name; taking back goes to the latest one before."
    )


class ValueShare(Base):
    """The share of a value in the catalogue by popularity; "" has the least that was counted."""

    __tablename__ = "value_share"
    __table_args__ = (
        sa.CheckConstraint("share > 0 AND share <= 1", name="value_share_valid"),
        sa.Index("value_share_number_idx", "number"),
        {
            "comment": "The share of a value, such as brand=acme, in the catalogue by popularity,"
            " from a sample; the empty value has the least share that was counted, =again how far"
            " shoppers buy the same again."
        },
    )

    value: Mapped[str] = mapped_column(primary_key=True)
    share: Mapped[float]
    counted_at: Mapped[Now]
    number: Mapped[BigInt | None] = mapped_column(
        sa.Computed("hashtextextended(value, 0)", persisted=True),
        comment="value_number of the value.",
    )


class ProductValue(Base):
    """The values of a product as numbers, as they were when its changes were folded last."""

    __tablename__ = "product_value"
    __table_args__ = (
        sa.PrimaryKeyConstraint("product_id", postgresql_include=["numbers"]),
        {
            "comment": "The values of a product, such as brand=acme, each as value_number, as they"
            " were when its changes were folded last; personal search reads the catalogue for a"
            " product that is not here."
        },
    )

    product_id: Mapped[BigInt] = mapped_column(autoincrement=False)
    numbers: Mapped[list[int]] = mapped_column(ARRAY(sa.BigInteger))
