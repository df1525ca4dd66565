"""Full text: a document per product and locale, and the words of the catalogue."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from vitrine.models.base import Base, BigInt
from vitrine.models.catalogue import Product

__all__ = ["HeldDocument", "ProductDocument", "Word"]


class ProductDocument(Base):
    """All words of a product that full text finds it by; only triggers write it."""

    __tablename__ = "product_document"
    __table_args__ = (
        sa.Index("product_document_document_idx", "document", postgresql_using="gin"),
        sa.Index("product_document_locale_idx", "locale"),
        {
            "comment": "All words of a product that full text finds it by, per locale; "
            "kept by triggers (functions/document.sql)."
        },
    )

    product_id: Mapped[BigInt] = mapped_column(
        sa.ForeignKey(Product.product_id, ondelete="CASCADE"), primary_key=True
    )
    locale: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[str] = mapped_column(TSVECTOR)


class Word(Base):
    """A word of the catalogue as it is written; `keys` find those a typing error is near to."""

    __tablename__ = "word"
    __table_args__ = (
        sa.Index("word_word_idx", "word", postgresql_ops={"word": "text_pattern_ops"}),
        sa.Index("word_keys_idx", "keys", postgresql_using="gin"),
        {
            "comment": "Words of the catalogue, as they are written; "
            "keys find those that a typing error is near to."
        },
    )

    word_id: Mapped[BigInt] = mapped_column(sa.Identity(always=True), primary_key=True)
    word: Mapped[str]
    keys: Mapped[list[int]] = mapped_column(ARRAY(sa.Integer))


class HeldDocument(Base):
    """A product whose documents a running import has still to make; empty to everybody else."""

    __tablename__ = "held_document"
    __table_args__ = {  # noqa: RUF012 - SQLAlchemy reads a plain dictionary here
        "comment": "Products whose documents a running import has still to make; "
        "empty to everybody else."
    }

    made_by: Mapped[BigInt] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[BigInt] = mapped_column(sa.Identity(always=True), primary_key=True)
    product_id: Mapped[BigInt]
