"""Merchandising: what the shop's own people say about the answers to some words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from vitrine.models.base import Base, BigInt, Now, Real, known
from vitrine.models.catalogue import Product

__all__ = ["Rule"]

PARTS = """CASE kind
    WHEN 'pin' THEN num_nonnulls(product, position) = 2
        AND num_nulls(products, filters, factor, words, instead, url) = 6
    WHEN 'boost' THEN num_nonnulls(products, filters) = 1
        AND num_nulls(product, position, words, instead, url) = 5
        AND factor IS NOT NULL AND factor > 1
    WHEN 'bury' THEN num_nonnulls(products, filters) = 1
        AND num_nulls(product, position, words, instead, url) = 5
        AND factor IS NOT NULL AND factor < 1
    WHEN 'hide' THEN num_nonnulls(products, filters) = 1
        AND num_nulls(product, position, factor, words, instead, url) = 6
    WHEN 'synonym' THEN num_nonnulls(words, instead) = 2
        AND num_nulls(query, product, position, products, filters, factor, url) = 7
        AND match = 'phrase'
    WHEN 'redirect' THEN url IS NOT NULL
        AND num_nulls(product, position, products, filters, factor, words, instead) = 7
        AND num_nonnulls(query, category) > 0
    ELSE false END"""


class Rule(Base):
    """A pin, boost, burial, hidden product, synonym or redirect; a trigger checks each change.

    Which columns a kind has, and what they mean: docs/merchandising.md.
    """

    __tablename__ = "rule"
    __table_args__ = (
        sa.UniqueConstraint("name", name="rule_name_key"),
        sa.CheckConstraint("btrim(name) <> ''", name="rule_name_not_empty"),
        known("rule", "match", "exact", "phrase"),
        sa.CheckConstraint("position BETWEEN 1 AND 1000", name="rule_position_valid"),
        sa.CheckConstraint("factor > 0 AND factor <= 1000", name="rule_factor_valid"),
        sa.CheckConstraint("jsonb_typeof(filters) = 'object'", name="rule_filters_object"),
        sa.CheckConstraint("starts_at < ends_at", name="rule_period_valid"),
        sa.CheckConstraint(PARTS, name="rule_kind_has_its_parts"),
        sa.Index(
            "rule_phrases_idx",
            "phrases",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        ),
        sa.Index("rule_category_idx", "category", postgresql_where=sa.text("phrases = '{}'")),
        {
            "comment": "Merchandising: pins, boosts, burials, hidden products, synonyms and"
            " redirects, each for some words, a category or always."
        },
    )

    rule_id: Mapped[BigInt] = mapped_column(sa.Identity(always=True), primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    query: Mapped[str | None]
    match: Mapped[str] = mapped_column(
        server_default="exact",
        comment="Whether the shopper's words are the query (exact) or hold it among others"
        " (phrase).",
    )
    category: Mapped[str | None] = mapped_column(
        comment="A path: the rule is for searches in this category or below it."
    )
    product: Mapped[str | None]
    position: Mapped[int | None]
    products: Mapped[list[str] | None]
    filters: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    factor: Mapped[Real | None]
    words: Mapped[list[str] | None]
    instead: Mapped[list[str] | None]
    url: Mapped[str | None]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    enabled: Mapped[bool] = mapped_column(server_default=sa.true())
    note: Mapped[str | None]
    phrases: Mapped[list[str]] = mapped_column(
        server_default=sa.text("'{}'"),
        comment="The words that set the rule off, as searches compare them; a trigger keeps it.",
    )
    created_at: Mapped[Now]
    updated_at: Mapped[Now]

    pinned: Mapped[Product | None] = relationship(
        primaryjoin=lambda: foreign(Rule.product) == Product.external_id, viewonly=True
    )
