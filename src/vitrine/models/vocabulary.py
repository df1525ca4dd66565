"""The vocabulary that queries are understood by."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vitrine.models.base import Base, BigInt, known

__all__ = ["Vocabulary", "VocabularyDoubt"]


class Vocabulary(Base):
    """A phrase that names a value of a field, with the evidence that it means it."""

    __tablename__ = "vocabulary"
    __table_args__ = (
        known("vocabulary", "field", "brand", "category", "options", "attributes"),
        sa.Index("vocabulary_key_idx", "key"),
        sa.Index("vocabulary_value_idx", "field", sa.text("lower(name)"), sa.text("lower(value)")),
        {
            "comment": "Phrases that name a value of a field: the whole of it, or its last words"
            " (not whole). A pair may stand twice."
        },
    )

    vocabulary_id: Mapped[BigInt] = mapped_column(sa.Identity(always=True), primary_key=True)
    field: Mapped[str]
    name: Mapped[str]
    value: Mapped[str]
    phrase: Mapped[str]
    key: Mapped[str] = mapped_column(comment="The stems of the phrase's words.")
    whole: Mapped[bool]
    products: Mapped[int | None]
    titles: Mapped[int | None] = mapped_column(
        comment="Evidence, as of judged_at: products with the phrase in a title; contrary are"
        " those of them without the value, products those with the value."
    )
    contrary: Mapped[int | None]
    judged_at: Mapped[datetime | None]


class VocabularyDoubt(Base):
    """A value that a product lost; the catalogue is asked whether another has it."""

    __tablename__ = "vocabulary_doubt"
    __table_args__ = (
        sa.Index("vocabulary_doubt_value_idx", "field", "name", "value"),
        {
            "comment": "Values that a product lost: a look-up asks the catalogue whether another"
            " has them, until tend_vocabulary has."
        },
    )

    doubt_id: Mapped[BigInt] = mapped_column(sa.Identity(always=True), primary_key=True)
    made_by: Mapped[BigInt] = mapped_column(
        server_default=sa.text("pg_current_xact_id()::text::bigint")
    )
    field: Mapped[str]
    name: Mapped[str]
    value: Mapped[str]
    waits_for: Mapped[BigInt | None] = mapped_column(
        comment="NULL: nothing looked yet; 0: no product had it, and nobody may rely on its"
        " phrases any more; else they go once the transactions before this one have ended."
    )
