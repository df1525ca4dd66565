"""Searches and what shoppers did, in the field names of the User Behavior Insights standard."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from vitrine.models.base import Base, BigInt, Double, Json, Now, known
from vitrine.models.catalogue import Product, Variant

__all__ = ["Event", "EventDay", "EventRow", "Quarantine", "Query"]

RECEIVED = "When the row was written; the timestamp says when it happened."

TELLING = (
    "action_name IN ('click', 'view', 'wishlist', 'add_to_cart', 'remove_from_cart', 'purchase')"
)


class Query(Base):
    """One search; `object_ids` are the external_ids shown, in order."""

    __tablename__ = "query"
    __table_args__ = (
        sa.Index("query_client_idx", "client_id", "timestamp"),
        sa.Index("query_timestamp_idx", "timestamp", postgresql_using="brin"),
        sa.Index("query_received_idx", "received_at", postgresql_using="brin"),
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
    received_at: Mapped[Now] = mapped_column(comment=RECEIVED)

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
        sa.Index("event_timestamp_idx", "timestamp", postgresql_using="brin"),
        sa.Index("event_object_idx", "object_id", "timestamp"),
        sa.Index("event_query_idx", "query_id"),
        sa.Index(
            "event_session_idx",
            "session_id",
            "timestamp",
            postgresql_where=sa.text("session_id IS NOT NULL"),
        ),
        sa.Index("event_received_idx", "received_at", postgresql_using="brin"),
        sa.CheckConstraint("propensity > 0 AND propensity <= 1", name="event_propensity_valid"),
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

    event_id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True,
        server_default=sa.func.gen_random_uuid(),
        comment="The shop's own id of the event, or a random one; with the timestamp it makes"
        " writing again harmless.",
    )
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
    propensity: Mapped[Double | None] = mapped_column(
        comment="Probability of this product at this position under the policy that showed it."
    )
    received_at: Mapped[Now] = mapped_column(comment=RECEIVED)

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


class Quarantine(Base):
    """An event or search whose date cannot be right, until somebody releases or drops it."""

    __tablename__ = "quarantine"
    __table_args__ = (
        sa.UniqueConstraint("record_id", "timestamp", "relation", name="quarantine_record_key"),
        known("quarantine", "relation", "query", "event"),
        known("quarantine", "reason", "future", "too old", "past retention"),
        sa.Index("quarantine_client_idx", "client_id"),
        {
            "comment": "Events and searches with dates that cannot be right, whole, until somebody"
            " releases or drops them."
        },
    )

    quarantine_id: Mapped[BigInt] = mapped_column(sa.Identity(always=True), primary_key=True)
    relation: Mapped[str]
    record_id: Mapped[uuid.UUID]
    timestamp: Mapped[datetime]
    client_id: Mapped[str | None]
    session_id: Mapped[str | None]
    reason: Mapped[str]
    record: Mapped[dict[str, Any]] = mapped_column(
        JSONB, comment="The row of query or event as it would have been written."
    )
    quarantined_at: Mapped[Now]


class EventDay(Base):
    """What is left of a day of a product once the month's rows are dropped."""

    __tablename__ = "event_day"
    __table_args__ = {  # noqa: RUF012 - SQLAlchemy reads a plain dictionary here
        "comment": "Events of a day by product and action, of the months whose rows are dropped;"
        " it names no client."
    }

    day: Mapped[date] = mapped_column(
        primary_key=True,
        comment="In UTC; the first of the month where a single day had too few clients to be kept.",
    )
    object_id: Mapped[str] = mapped_column(primary_key=True)
    action_name: Mapped[str] = mapped_column(primary_key=True)
    events: Mapped[BigInt]
    clients: Mapped[BigInt] = mapped_column(
        comment="How many different clients there were, never who."
    )
    quantity: Mapped[Decimal | None]


class EventRow(Base):
    """A row of a file of events on its way into the history."""

    __tablename__ = "event_row"
    __table_args__ = {  # noqa: RUF012 - SQLAlchemy reads a plain dictionary here
        "prefixes": ["UNLOGGED"],
        "comment": "Rows of a file of events, a chunk at a time; empty between imports.",
    }

    line: Mapped[int]
    event_id: Mapped[str]
    timestamp: Mapped[datetime]
    application: Mapped[str | None]
    action_name: Mapped[str]
    query_id: Mapped[uuid.UUID | None]
    client_id: Mapped[str | None]
    session_id: Mapped[str | None]
    object_id: Mapped[str | None]
    object_id_field: Mapped[str | None]
    position: Mapped[int | None]
    propensity: Mapped[Double | None]
    sku: Mapped[str | None]
    quantity: Mapped[Decimal | None]
    amount: Mapped[Decimal | None]
    currency: Mapped[str | None]
    order_id: Mapped[str | None]
    message: Mapped[str | None]
    event_attributes: Mapped[dict[str, Any] | None] = mapped_column(JSONB)

    # The table has no key of its own, a mapping needs one.
    __mapper_args__ = {"primary_key": ["line"]}  # noqa: RUF012
