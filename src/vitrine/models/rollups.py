"""Daily counts of searches and events for analysts; none of them names a shopper."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vitrine.models.base import Base, BigInt, Now, known

__all__ = ["CategoryDay", "PositionDay", "QueryDay", "RollupDay"]


class RollupDay(Base):
    """A day, in UTC, that the rollups hold, and how many rows they were made from."""

    __tablename__ = "rollup_day"
    __table_args__ = (
        {
            "comment": "The days, in UTC, that the rollups hold, and how many rows they were made"
            " from."
        },
    )

    day: Mapped[date] = mapped_column(primary_key=True)
    queries: Mapped[BigInt]
    events: Mapped[BigInt] = mapped_column(
        comment="Of this day and of the next, in which its searches may still lead to something."
    )
    is_stale: Mapped[bool] = mapped_column(
        server_default=sa.false(),
        comment="Rows of the day were taken away since, as when a shopper was forgotten.",
    )
    rolled_at: Mapped[Now]


class QueryDay(Base):
    """Searches of a day by their words, and what they led to within 24 hours."""

    __tablename__ = "query_day"
    __table_args__ = (
        known("query_day", "kind", "words", "rare", "browse"),
        {
            "comment": "Searches of a day by their words, and what they led to within 24 hours.",
        },
    )

    day: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(
        primary_key=True,
        comment="words; rare: words of too few shoppers to be written down; browse: no words.",
    )
    user_query: Mapped[str] = mapped_column(primary_key=True)
    searches: Mapped[BigInt]
    without_results: Mapped[BigInt]
    clicked: Mapped[BigInt]
    carted: Mapped[BigInt]
    purchased: Mapped[BigInt]
    abandoned: Mapped[BigInt]
    revenue: Mapped[Decimal]
    timed: Mapped[BigInt]
    milliseconds: Mapped[float] = mapped_column(
        sa.Double, comment="The sum over the searches whose duration was logged."
    )
    slowest: Mapped[float | None] = mapped_column(sa.Double)


class PositionDay(Base):
    """Impressions and clicks of a day by their position on the page."""

    __tablename__ = "position_day"
    __table_args__ = (
        {"comment": "Impressions and clicks of a day by their position on the page."},
    )

    day: Mapped[date] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    impressions: Mapped[BigInt]
    clicks: Mapped[BigInt]


class CategoryDay(Base):
    """Events of a day by category; what lies in a category counts for those above it too."""

    __tablename__ = "category_day"
    __table_args__ = (
        sa.Index("category_day_category_idx", "category_id"),
        {
            "comment": "Events of a day by category; what lies in a category counts for those"
            " above it too."
        },
    )

    day: Mapped[date] = mapped_column(primary_key=True)
    category_id: Mapped[BigInt] = mapped_column(
        sa.ForeignKey("vitrine.category.category_id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    impressions: Mapped[BigInt]
    clicks: Mapped[BigInt]
    carts: Mapped[BigInt]
    purchases: Mapped[BigInt]
    quantity: Mapped[Decimal]
    revenue: Mapped[Decimal]
