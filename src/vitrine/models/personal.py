"""Personal search: the weights of reranking, and how common each value is in the catalogue."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pgvector import SparseVector
from pgvector.sqlalchemy import HALFVEC, SPARSEVEC
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from vitrine.models.base import Base, BigInt, Now
from vitrine.models.spaces import Space

__all__ = [
    "CommonPreference",
    "HistorySweep",
    "KeptHistory",
    "PriceBand",
    "PriceSweep",
    "ProductValue",
    "RerankWeights",
    "ValueShare",
]


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
            " shoppers buy the same again, =loyal how far they keep to what they like."
        },
    )

    value: Mapped[str] = mapped_column(primary_key=True)
    share: Mapped[float]
    counted_at: Mapped[Now]
    number: Mapped[BigInt | None] = mapped_column(
        sa.Computed("hashtextextended(value, 0)", persisted=True),
        comment="value_number of the value.",
    )
    said_as: Mapped[dict[str, str] | None] = mapped_column(
        JSONB(none_as_null=True),
        comment="The value as reasons say it: a category by its path.",
    )
    is_common: Mapped[bool] = mapped_column(
        server_default=sa.false(),
        comment="Whether it is among the commonest, which common_preference holds.",
    )


class CommonPreference(Base):
    """What the commonest values say of shoppers who never met them, by a history's weight."""

    __tablename__ = "common_preference"
    __table_args__ = (
        {
            "comment": "How much less than anybody a shopper deals with the commonest values"
            " without having met them, by value_place, by how many priors the history weighs."
        },
    )

    ratio: Mapped[float] = mapped_column(primary_key=True, autoincrement=False)
    preferences: Mapped[SparseVector] = mapped_column(SPARSEVEC)


class ProductValue(Base):
    """The values of a product as numbers, as they were when its changes were folded last."""

    __tablename__ = "product_value"
    __table_args__ = (
        sa.PrimaryKeyConstraint("product_id", postgresql_include=["profile"]),
        {
            "comment": "The values of a product, such as brand=acme, each as value_number, as they"
            " were when its changes were folded last; personal search reads the catalogue for a"
            " product that is not here."
        },
    )

    product_id: Mapped[BigInt] = mapped_column(autoincrement=False)
    numbers: Mapped[list[int]] = mapped_column(ARRAY(sa.BigInteger))
    profile: Mapped[SparseVector] = mapped_column(
        SPARSEVEC,
        comment="How often the product has each value, by value_place; read from the index alone.",
    )


class PriceBand(Base):
    """The prices that part a category's products into quarters, the cheapest first."""

    __tablename__ = "price_band"
    __table_args__ = (
        sa.CheckConstraint(
            "cardinality(ends) = 3 AND ends[1] <= ends[2] AND ends[2] <= ends[3]",
            name="price_band_ends",
        ),
        {
            "comment": "The prices at which the cheapest quarter, the half and the three quarters"
            " of a category's products end, from a sample; of categories whose prices differ."
        },
    )

    category_id: Mapped[BigInt] = mapped_column(primary_key=True, autoincrement=False)
    ends: Mapped[list[float]] = mapped_column(ARRAY(sa.Double))


class PriceSweep(Base):
    """How far a worker has looked whether prices lie in other quarters than before."""

    __tablename__ = "price_sweep"
    __table_args__ = (
        sa.CheckConstraint("one", name="price_sweep_one"),
        {
            "comment": "Up to which product, by the order of their ids, tend_price_bands has"
            " looked in this round."
        },
    )

    one: Mapped[bool] = mapped_column(primary_key=True, server_default=sa.text("true"))
    product_id: Mapped[BigInt] = mapped_column(server_default=sa.text("0"))
    looked_at: Mapped[BigInt] = mapped_column(
        server_default=sa.text("0"), comment="At how many products it has looked in this round."
    )
    changed: Mapped[BigInt] = mapped_column(
        server_default=sa.text("0"), comment="How many of these lay in another band."
    )
    settled_at: Mapped[datetime | None] = mapped_column(
        comment="When the last round ended that put many products into other bands; histories"
        " kept before know too little of them."
    )


class KeptHistory(Base):
    """What is worked out of a shopper's latest events, kept for the next search."""

    __tablename__ = "kept_history"
    __table_args__ = (
        {
            "comment": "What is worked out of a shopper's latest events (the type"
            " personal_history), kept for the next searches; what happened since is added to it,"
            " for a week at most."
        },
    )

    client_id: Mapped[str] = mapped_column(primary_key=True)
    space_id: Mapped[int] = mapped_column(sa.ForeignKey(Space.space_id, ondelete="CASCADE"))
    made_at: Mapped[datetime]
    fingerprint: Mapped[BigInt] = mapped_column(
        comment="Of the events (but for the oldest of very many) and the weights that it was"
        " worked out of."
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
    events_read: Mapped[int] = mapped_column(
        comment="How many events it was worked out of, those of unknown products among them."
    )
    last_at: Mapped[datetime] = mapped_column(comment="When the latest of these happened.")
    taste_norm: Mapped[float | None]
    recent_norm: Mapped[float | None]
    preferences: Mapped[SparseVector | None] = mapped_column(
        SPARSEVEC,
        comment="How much more or less than somebody who never met it the shopper deals with"
        " each value, by value_place.",
    )


class HistorySweep(Base):
    """Up to which shopper a worker has looked for histories to keep."""

    __tablename__ = "history_sweep"
    __table_args__ = (
        sa.CheckConstraint("one", name="history_sweep_one"),
        {
            "comment": "Up to which shopper, by the order of their ids, tend_histories has looked"
            " for histories to keep; no row where it begins anew."
        },
    )

    one: Mapped[bool] = mapped_column(primary_key=True, server_default=sa.text("true"))
    client_id: Mapped[str]
