"""Searches and what shoppers did, in the field names of the User Behavior Insights standard."""

from __future__ import annotations

import uuid
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from vitrine.models.base import Base, BigInt, Json, Now
from vitrine.models.catalogue import Product, Variant

__all__ = ["Event", "Query"]

TELLING = (
    "action_name IN ('click', 'view', 'wishlist', 'add_to_cart', 'remove_from_cart', 'purchase')"
)


class Query(Base):
    """One search; `object_ids` are the external_ids shown, in order."""

    __tablename__ = "query"
    __table_args__ = (
        sa.Index("query_client_idx", "client_id", "timestamp"),
        {
            "postgresql_partition_by": "RANGE (timestamp)",
            "comment": "Searches, as User Behavior Insights names them; object_ids are the"
            " external_ids shown, in order.",
        },
    )

    query_id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, server_default=sa.func.gen_random_uuid()
    )
    timestamp: Mapped[Now] = mapped_column(primary_key=True)
    application: Mapped[str | None]
    client_id: Mapped[str | None]
    session_id: Mapped[str | None]
    user_query: Mapped[str | None]
    filters: Mapped[Json]
    query_attributes: Mapped[Json]
    object_ids: Mapped[list[str] | None]

    events: Mapped[list[Event]] = relationship(
        primaryjoin=lambda: Query.query_id == foreign(Event.query_id),
        back_populates="query",
        order_by=lambda: Event.timestamp,
        viewonly=True,
    )


class Event(Base):
    """An impression, click, cart or purchase; `object_id` is a product's external_id."""

    __tablename__ = "event"
    __table_args__ = (
        sa.Index("event_client_idx", "client_id", "timestamp"),
        sa.Index("event_object_idx", "object_id", "timestamp"),
        sa.Index("event_query_idx", "query_id"),
        sa.Index("event_history_idx", "client_id", "timestamp", postgresql_where=sa.text(TELLING)),
        sa.Index(
            "event_visit_idx",
            "session_id",
            "timestamp",
            postgresql_where=sa.text(f"{TELLING} AND client_id IS NULL"),
        ),
        {
            "postgresql_partition_by": "RANGE (timestamp)",
            "comment": "Impressions, clicks, carts and purchases, as User Behavior Insights names"
            " them.",
        },
    )

    event_id: Mapped[BigInt] = mapped_column(sa.Identity(always=True), primary_key=True)
    timestamp: Mapped[Now] = mapped_column(primary_key=True)
    application: Mapped[str | None]
    action_name: Mapped[str]
    query_id: Mapped[uuid.UUID | None]
    client_id: Mapped[str | None]
    session_id: Mapped[str | None]
    object_id: Mapped[str | None]
    object_id_field: Mapped[str] = mapped_column(server_default="external_id")
    position: Mapped[int | None]
    sku: Mapped[str | None]
    quantity: Mapped[Decimal | None]
    amount: Mapped[Decimal | None]
    currency: Mapped[str | None]
    order_id: Mapped[str | None]
    message: Mapped[str | None]
    event_attributes: Mapped[Json]

    query: Mapped[Query | None] = relationship(
        primaryjoin=lambda: foreign(Event.query_id) == Query.query_id,
        back_populates="events",
        viewonly=True,
    )
    product: Mapped[Product | None] = relationship(
        primaryjoin=lambda: sa.and_(
            foreign(Event.object_id) == Product.external_id,
            Event.object_id_field == "external_id",
        ),
        viewonly=True,
    )
    variant: Mapped[Variant | None] = relationship(
        primaryjoin=lambda: foreign(Event.sku) == Variant.sku, viewonly=True
    )
