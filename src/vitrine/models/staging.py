"""Where an import keeps its file until it is applied; the tables are unlogged and empty between."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from vitrine.models.base import Base, Json, known

__all__ = ["ImportLink", "ImportMember", "ImportReject", "ImportRow"]


class ImportRow(Base):
    """One row of the file being imported."""

    __tablename__ = "import_row"
    __table_args__ = (
        known(
            "import_row",
            "role",
            "product",
            "item",
            "hidden",
            "variant",
            "text",
            "picture",
            "rejected",
        ),
        {
            "prefixes": ["UNLOGGED"],
            "comment": "Rows of the file being imported, in the order of the file.",
        },
    )

    record: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[int]
    role: Mapped[str]
    product_key: Mapped[str | None]
    sku: Mapped[str | None]
    locale: Mapped[str | None]
    title: Mapped[str | None]
    description: Mapped[str | None]
    brand: Mapped[str | None]
    attributes: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    categories: Mapped[list[str] | None]
    price: Mapped[Decimal | None]
    stock: Mapped[int | None]
    options: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    active: Mapped[bool | None]
    position: Mapped[int | None]
    images: Mapped[list[str] | None]
    variant_images: Mapped[list[str] | None]


class ImportLink(Base):
    """A variant that a product's row names."""

    __tablename__ = "import_link"
    __table_args__ = {  # noqa: RUF012 - SQLAlchemy reads a plain dictionary here
        "prefixes": ["UNLOGGED"],
        "comment": "Variants that a product's row names, which may stand anywhere in the file.",
    }

    sku: Mapped[str]
    product_key: Mapped[str]
    line: Mapped[int]
    options: Mapped[Json]

    # The table has no key of its own, a mapping needs one.
    __mapper_args__ = {"primary_key": ["sku", "product_key", "line"]}  # noqa: RUF012


class ImportMember(Base):
    """A row's part in one product, which its `anchor` stands for."""

    __tablename__ = "import_member"
    __table_args__ = (
        known("import_member", "part", "own", "variant", "text", "picture"),
        sa.Index("import_member_anchor_idx", "anchor"),
        {
            "prefixes": ["UNLOGGED"],
            "comment": "Which rows make one product (an anchor each); batches are ranges of"
            " anchors.",
        },
    )

    anchor: Mapped[int]
    record: Mapped[int]
    product_key: Mapped[str]
    part: Mapped[str]
    complete: Mapped[bool]
    options: Mapped[dict[str, Any] | None] = mapped_column(JSONB)

    # The table has no key of its own, a mapping needs one.
    __mapper_args__ = {"primary_key": ["anchor", "record", "part"]}  # noqa: RUF012


class ImportReject(Base):
    """One value that was not imported, and why."""

    __tablename__ = "import_reject"
    __table_args__ = {  # noqa: RUF012 - SQLAlchemy reads a plain dictionary here
        "prefixes": ["UNLOGGED"],
        "comment": "What was not imported, and why; written to a file at the end.",
    }

    line: Mapped[int]
    column_name: Mapped[str]
    value: Mapped[str]
    reason: Mapped[str]

    # The table has no key of its own, a mapping needs one.
    __mapper_args__ = {"primary_key": ["line", "column_name"]}  # noqa: RUF012
