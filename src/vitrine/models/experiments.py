"""A/B tests and interleavings of search."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from vitrine.models.base import Base, Now, known

__all__ = ["Experiment"]


class Experiment(Base):
    """Arms (options of search) with their shares of the shoppers; a trigger checks each change."""

    __tablename__ = "experiment"
    __table_args__ = (
        known("experiment", "kind", "ab", "interleaving"),
        known(
            "experiment",
            "metric",
            "buyers",
            "clickers",
            "purchases",
            "revenue",
            "carts",
            "clicks",
        ),
        {
            "comment": "A/B tests and interleavings: arms are options of search with their shares"
            " of the shoppers."
        },
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(server_default="ab")
    arms: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    former_arms: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB,
        server_default=sa.text("'[]'"),
        comment="What arms held before each change of shares: who changed arms is left out of the"
        " report.",
    )
    salt: Mapped[str] = mapped_column(
        server_default=sa.text("(gen_random_uuid())::text"),
        comment="Decides together with a shopper's id who sees what; never changes.",
    )
    metric: Mapped[str] = mapped_column(
        server_default="buyers",
        comment="What the experiment is decided by; all others are looked at beside it.",
    )
    starts_at: Mapped[Now]
    ends_at: Mapped[datetime | None] = mapped_column(
        comment="The end that was planned; an earlier stop (stopped_at) is a peek."
    )
    stopped_at: Mapped[datetime | None]
    note: Mapped[str | None]
    created_at: Mapped[Now]
