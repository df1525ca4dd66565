"""Who opted out or was forgotten, as hashes, and the secret that pseudonyms are made with."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vitrine.models.base import Base, BigInt, Now, SmallInt

__all__ = ["ClientSecret", "ForgetGate", "Forgotten", "OptOut"]


class ClientSecret(Base):
    """The two random keys of pseudonyms; one row."""

    __tablename__ = "client_secret"
    __table_args__ = (
        sa.CheckConstraint("single", name="client_secret_single"),
        {"comment": "What pseudonyms of shoppers are made with; no role but the owner reads it."},
    )

    single: Mapped[bool] = mapped_column(primary_key=True, server_default=sa.true())
    inner_key: Mapped[bytes]
    outer_key: Mapped[bytes]


class OptOut(Base):
    """A shopper whose history is not written."""

    __tablename__ = "opt_out"
    __table_args__ = {  # noqa: RUF012 - SQLAlchemy reads a plain dictionary here
        "comment": "Shoppers whose history is not written, as hashes that say nothing without"
        " client_secret and the id."
    }

    shopper_hash: Mapped[bytes] = mapped_column(primary_key=True)
    opted_out_at: Mapped[Now]


class Forgotten(Base):
    """A shopper who was forgotten less than two days ago."""

    __tablename__ = "forgotten"
    __table_args__ = {  # noqa: RUF012 - SQLAlchemy reads a plain dictionary here
        "comment": "Shoppers forgotten lately, as hashes, so that what began to be written before"
        " is not kept; emptied after two days."
    }

    shopper_hash: Mapped[bytes] = mapped_column(primary_key=True)
    forgotten_at: Mapped[datetime] = mapped_column(
        server_default=sa.text("'infinity'"), comment="Set when the forgetting commits."
    )


class ForgetGate(Base):
    """A counter that forgetting moves and writers of an older snapshot lock."""

    __tablename__ = "forget_gate"
    __table_args__ = {  # noqa: RUF012 - SQLAlchemy reads a plain dictionary here
        "comment": "Counts forgettings by a part of the shopper's hash: a writer that cannot see"
        " the newest ones collides with them here."
    }

    bucket: Mapped[SmallInt] = mapped_column(primary_key=True, autoincrement=False)
    forgets: Mapped[BigInt] = mapped_column(server_default=sa.text("0"))
