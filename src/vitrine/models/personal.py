"""Personal search: the weights of reranking, and how common each value is in the catalogue."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from vitrine.models.base import Base, BigInt, Now
from vitrine.models.spaces import Space

__all__ = ["KeptHistory", "ProductValue", "RerankWeights", "ValueShare"]


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


class KeptHistory(Base):
    """What is worked out of a shopper's latest events, kept for the next search."""

    __tablename__ = "kept_history"
    __table_args__ = (
        {
            "comment": "What is worked out of a shopper's latest events (the type"
            " personal_history), kept for the next search; it is used while the events are still"
            " the same, for a day at most."
        },
    )

    client_id: Mapped[str] = mapped_column(primary_key=True)
    space_id: Mapped[int] = mapped_column(sa.ForeignKey(Space.space_id, ondelete="CASCADE"))
    made_at: Mapped[datetime]
    fingerprint: Mapped[BigInt] = mapped_column(
        comment="Of the events and the weights that it was worked out of."
    )
    events: Mapped[int]
    gate: Mapped[float]
    weights: Mapped[dict[str, Any]] = mapped_column(JSONB)
    product_ids: Mapped[list[int] | None] = mapped_column(ARRAY(sa.BigInteger))
    external_ids: Mapped[list[str] | None] = mapped_column(ARRAY(sa.Text))
    tastes: Mapped[list[float] | None] = mapped_column(ARRAY(sa.Double))
    recents: Mapped[list[float] | None] = mapped_column(ARRAY(sa.Double))
    repurchases: Mapped[list[float] | None] = mapped_column(ARRAY(sa.Double))
    kind: Mapped[str | None]
    taste: Mapped[list[float] | None] = mapped_column(HALFVEC)
    recent: Mapped[list[float] | None] = mapped_column(HALFVEC)
    liked: Mapped[list[int] | None] = mapped_column(ARRAY(sa.BigInteger))
    amounts: Mapped[list[float] | None] = mapped_column(ARRAY(sa.Double))
    total: Mapped[float | None]
