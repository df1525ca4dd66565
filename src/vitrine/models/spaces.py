"""Embedding spaces, the work queue, workers, known queries and what clients wait for."""

from __future__ import annotations

import uuid
from datetime import datetime

import sqlalchemy as sa
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from vitrine.models.base import Base, BigInt, Now, Real, SmallInt, known
from vitrine.models.catalogue import Product

__all__ = ["EncodingRequest", "QueryVector", "Space", "WorkQueue", "Worker"]


class Space(Base):
    """Model, revision, dimension and preprocessing; the active one serves searches."""

    __tablename__ = "space"
    __table_args__ = (
        sa.UniqueConstraint("name", name="space_name_key"),
        sa.UniqueConstraint(
            "model", "revision", "dimension", "preprocessing", name="space_identity_key"
        ),
        sa.CheckConstraint("dimension BETWEEN 1 AND 4000", name="space_dimension_valid"),
        known("space", "status", "building", "active", "retired"),
        sa.Index(
            "space_one_active_idx",
            "status",
            unique=True,
            postgresql_where=sa.text("status = 'active'"),
        ),
        {
            "comment": "Model, revision, dimension and preprocessing: vectors of two spaces never"
            " meet. The active one serves."
        },
    )

    space_id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    name: Mapped[str]
    model: Mapped[str]
    revision: Mapped[str]
    dimension: Mapped[int]
    preprocessing: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="building")
    created_at: Mapped[Now]

    work: Mapped[list[WorkQueue]] = relationship(
        primaryjoin=lambda: foreign(WorkQueue.space_id) == Space.space_id,
        back_populates="space",
        viewonly=True,
    )
    workers: Mapped[list[Worker]] = relationship(back_populates="space", viewonly=True)


class WorkQueue(Base):
    """An image or caption (`item_id`) that waits for its vector, or failed for good (`dead_at`)."""

    __tablename__ = "work_queue"
    __table_args__ = (
        known("work_queue", "kind", "image", "caption"),
        sa.Index(
            "work_queue_claim_idx",
            "space_id",
            "priority",
            "available_at",
            postgresql_where=sa.text("dead_at IS NULL"),
        ),
        sa.Index(
            "work_queue_dead_idx",
            "space_id",
            "reason",
            postgresql_where=sa.text("dead_at IS NOT NULL"),
        ),
        {
            "comment": "One entry per image or caption and space that waits for its vector, or that"
            " failed for good (dead_at)."
        },
    )

    # Triggers keep these true instead of foreign keys.
    product_id: Mapped[BigInt] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    item_id: Mapped[BigInt] = mapped_column(primary_key=True)
    space_id: Mapped[int] = mapped_column(primary_key=True)
    input_version: Mapped[BigInt]
    priority: Mapped[SmallInt] = mapped_column(server_default=sa.text("0"))
    enqueued_at: Mapped[Now]
    available_at: Mapped[Now] = mapped_column(
        comment="When a worker may take the entry; a claim moves it to the end of the lease."
    )
    lease_token: Mapped[uuid.UUID | None]
    claims: Mapped[SmallInt] = mapped_column(
        server_default=sa.text("0"),
        comment="Claims since the last outcome: many mean that workers die on this entry.",
    )
    attempts: Mapped[SmallInt] = mapped_column(server_default=sa.text("0"))
    dead_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    detail: Mapped[str | None]

    product: Mapped[Product] = relationship(
        primaryjoin=lambda: foreign(WorkQueue.product_id) == Product.product_id, viewonly=True
    )
    space: Mapped[Space] = relationship(
        primaryjoin=lambda: foreign(WorkQueue.space_id) == Space.space_id,
        back_populates="work",
        viewonly=True,
    )


class Worker(Base):
    """A running worker by its heartbeat; `rate` is items encoded a second, lately."""

    __tablename__ = "worker"
    __table_args__ = {  # noqa: RUF012 - SQLAlchemy reads a plain dictionary here
        "comment": "The workers that run, by their heartbeat; rate is items encoded a second,"
        " lately."
    }

    worker_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    space_id: Mapped[int] = mapped_column(sa.ForeignKey(Space.space_id, ondelete="CASCADE"))
    host: Mapped[str]
    pid: Mapped[int]
    version: Mapped[str]
    device: Mapped[str]
    started_at: Mapped[Now]
    seen_at: Mapped[Now]
    encoded: Mapped[BigInt] = mapped_column(server_default=sa.text("0"))
    failed: Mapped[BigInt] = mapped_column(server_default=sa.text("0"))
    rate: Mapped[Real] = mapped_column(server_default=sa.text("0"))

    space: Mapped[Space] = relationship(back_populates="workers", viewonly=True)


class QueryVector(Base):
    """The vector of a known query; `key` is the hex SHA-256 of words, bytes or address."""

    __tablename__ = "query_vector"
    __table_args__ = (
        known("query_vector", "kind", "text", "image"),
        sa.Index("query_vector_created_idx", "space_id", "created_at"),
        {
            "comment": "Vectors of known queries; key is the SHA-256 of the normalised words, of"
            " the picture's bytes or of its web address."
        },
    )

    space_id: Mapped[int] = mapped_column(
        sa.ForeignKey(Space.space_id, ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    query: Mapped[str | None]
    embedding: Mapped[list[float]] = mapped_column(HALFVEC)
    created_at: Mapped[Now]

    space: Mapped[Space] = relationship(viewonly=True)


class EncodingRequest(Base):
    """Words or a picture that a client waits for; a worker answers into `QueryVector`."""

    __tablename__ = "encoding_request"
    __table_args__ = (
        known("encoding_request", "kind", "text", "image"),
        sa.CheckConstraint(
            "num_nonnulls(query, picture, image_url) = 1", name="encoding_request_content"
        ),
        {
            "prefixes": ["UNLOGGED"],
            "comment": "Words and pictures that a client waits for; a worker answers into"
            " query_vector.",
        },
    )

    space_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    query: Mapped[str | None]
    picture: Mapped[bytes | None] = mapped_column(deferred=True)
    requested_at: Mapped[Now]
    available_at: Mapped[Now]
    error: Mapped[str | None]
    image_url: Mapped[str | None]
