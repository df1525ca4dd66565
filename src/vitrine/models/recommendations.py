"""What recommendations rest on: counts of products, of pairs of them, and of trends."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from vitrine.models.base import Base, BigInt, Double, Now, Real, known

__all__ = [
    "Association",
    "AssociationCount",
    "CategoryAffinity",
    "CategoryCount",
    "CategoryPair",
    "RecommendationDue",
    "RecommendationHorizon",
    "Trend",
]

KINDS = ("bought_together", "viewed_after")


def _product() -> sa.ForeignKey:
    return sa.ForeignKey("product.product_id", ondelete="CASCADE")


def _category() -> sa.ForeignKey:
    return sa.ForeignKey("category.category_id", ondelete="CASCADE")


class Association(Base):
    """Two products that enough shoppers bought together, or viewed one after the other."""

    __tablename__ = "association"
    __table_args__ = (
        known("association", "kind", *KINDS),
        {
            "comment": "Products bought together with a product, or viewed after it: the 50 that"
            " say most, each of enough shoppers; it names nobody."
        },
    )

    product_id: Mapped[BigInt] = mapped_column(_product(), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    partner_id: Mapped[BigInt] = mapped_column(primary_key=True)
    times: Mapped[int] = mapped_column(
        comment="Baskets with both; visits that went on to the partner, those that bought it"
        " counted twice."
    )
    shoppers: Mapped[int]
    score: Mapped[Real] = mapped_column(
        comment="How much the partner says of the product: association_score, when it was counted."
    )


class AssociationCount(Base):
    """How often one product was bought, or viewed."""

    __tablename__ = "association_count"
    __table_args__ = (
        known("association_count", "kind", *KINDS),
        {
            "comment": "How often a product was bought or viewed at all, where enough shoppers"
            " did; it names nobody."
        },
    )

    product_id: Mapped[BigInt] = mapped_column(_product(), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    times: Mapped[int]
    shoppers: Mapped[int]
    again: Mapped[int] = mapped_column(comment="How many shoppers did so on two days or more.")
    interval_days: Mapped[Real | None] = mapped_column(
        comment="The median number of days from one such day of a shopper to the next."
    )


class CategoryAffinity(Base):
    """Two kinds of things that are bought together."""

    __tablename__ = "category_affinity"
    __table_args__ = (
        sa.Index("category_affinity_partner_idx", "partner_id"),
        {
            "comment": "Which kinds of things are bought with which, learned from association;"
            " what completes a look comes from these."
        },
    )

    category_id: Mapped[BigInt] = mapped_column(_category(), primary_key=True)
    partner_id: Mapped[BigInt] = mapped_column(_category(), primary_key=True)
    times: Mapped[BigInt]
    lift: Mapped[Real] = mapped_column(
        comment="How many times oftener than if baskets were filled at random."
    )


class CategoryCount(Base):
    """How many shoppers bought from one category."""

    __tablename__ = "category_count"
    __table_args__ = (
        {
            "comment": "How many shoppers of a sample bought from a category within a year, where"
            " enough did; it names nobody."
        },
    )

    category_id: Mapped[BigInt] = mapped_column(_category(), primary_key=True)
    shoppers: Mapped[int]


class CategoryPair(Base):
    """Two categories from which the same shoppers bought."""

    __tablename__ = "category_pair"
    __table_args__ = (
        sa.CheckConstraint("lift > 0", name="category_pair_lift_positive"),
        sa.Index("category_pair_partner_idx", "partner_id"),
        {
            "comment": "How many shoppers of the same sample bought from both of two categories,"
            " where enough did: of each the 300 that say most; it names nobody."
        },
    )

    category_id: Mapped[BigInt] = mapped_column(_category(), primary_key=True)
    partner_id: Mapped[BigInt] = mapped_column(_category(), primary_key=True)
    shoppers: Mapped[int]
    lift: Mapped[Real] = mapped_column(
        comment="How many times oftener than if one had nothing to do with the other, drawn"
        " towards 1 by 50 shoppers."
    )


class Trend(Base):
    """How much a product was looked at, carted and bought lately."""

    __tablename__ = "trend"
    __table_args__ = (
        sa.Index("trend_heat_idx", sa.text("heat DESC"), sa.text("product_id DESC")),
        sa.Index("trend_cold_idx", "counted_at", postgresql_where=sa.text("shoppers = 0")),
        {
            "comment": "How much shoppers have looked at, carted and bought a product lately, each"
            " counted once a day; it names nobody."
        },
    )

    product_id: Mapped[BigInt] = mapped_column(_product(), primary_key=True)
    heat: Mapped[Double] = mapped_column(
        comment="Logarithm to base 2 of the decayed sum at a fixed moment: all decay alike, so that"
        " the order holds without being written again."
    )
    shoppers: Mapped[int]
    neighbours: Mapped[list[int] | None] = mapped_column(
        ARRAY(sa.BigInteger),
        comment="The products that look like it, whose heat stands in for its own while it has"
        " none.",
    )
    counted_at: Mapped[Now]


class RecommendationDue(Base):
    """A product whose events are to be counted again."""

    __tablename__ = "recommendation_due"
    __table_args__ = (
        known("recommendation_due", "kind", *KINDS, "trending"),
        sa.Index("recommendation_due_kind_idx", "kind", "counted"),
        {
            "comment": "Products whose events are to be counted again, because new ones came or old"
            " ones have aged."
        },
    )

    product_id: Mapped[BigInt] = mapped_column(_product(), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    counted: Mapped[bool] = mapped_column(
        server_default=sa.false(),
        comment="Whether its own events are counted already, and only its partners are not.",
    )


class RecommendationHorizon(Base):
    """Up to when the events are counted."""

    __tablename__ = "recommendation_horizon"
    __table_args__ = (
        known("recommendation_horizon", "kind", *KINDS, "trending", "affinity", "categories"),
        {
            "comment": "Up to when events are counted, when all products were counted last, and"
            " how often they were bought or viewed in all; of categories, how many shoppers were"
            " counted."
        },
    )

    kind: Mapped[str] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(server_default=sa.text("'-infinity'"))
    recounted_at: Mapped[Now]
    total: Mapped[Double] = mapped_column(server_default=sa.text("0"))
