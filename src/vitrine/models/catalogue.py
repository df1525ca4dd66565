"""Products, their texts, categories and variants: what the shop sells."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vitrine.models.base import Base, BigInt, Json, Now, Real, known
from vitrine.models.domains import Domain

if TYPE_CHECKING:
    from vitrine.models.pictures import Caption, Image

__all__ = [
    "LINK_OF_IMAGE",
    "LINK_OF_VARIANT",
    "Category",
    "ImportRun",
    "Product",
    "ProductCategory",
    "ProductText",
    "Setting",
    "Variant",
]

# Triggers stand in for the foreign keys of image_variant: the joins of both sides are spelled out.
LINK_OF_IMAGE = (
    "and_(foreign(ImageVariant.product_id) == Image.product_id,"
    " foreign(ImageVariant.image_id) == Image.image_id)"
)
LINK_OF_VARIANT = (
    "and_(foreign(ImageVariant.product_id) == Variant.product_id,"
    " foreign(ImageVariant.variant_id) == Variant.variant_id)"
)


class Setting(Base):
    """What the whole shop shares; `value` is any JSON."""

    __tablename__ = "setting"
    __table_args__ = {  # noqa: RUF012 - SQLAlchemy reads a plain dictionary here
        "comment": "What the whole shop shares, such as its currency and its default locale."
    }

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSONB, nullable=False)
    updated_at: Mapped[Now]


class Product(Base):
    """What a result list shows once; `external_id` is the shop's own key."""

    __tablename__ = "product"
    __table_args__ = (
        sa.UniqueConstraint("external_id", name="product_external_id_key"),
        sa.CheckConstraint("external_id <> ''", name="product_external_id_not_empty"),
        sa.CheckConstraint("jsonb_typeof(attributes) = 'object'", name="product_attributes_object"),
        sa.CheckConstraint(
            "popularity >= 0 AND popularity < 'Infinity'", name="product_popularity_finite"
        ),
        known("product", "status", "active", "retired"),
        sa.Index("product_popularity_idx", sa.text("popularity DESC"), sa.text("product_id DESC")),
        sa.Index("product_created_idx", sa.text("created_at DESC"), sa.text("product_id DESC")),
        {"comment": "What a result list shows once."},
    )

    product_id: Mapped[BigInt] = mapped_column(sa.Identity(always=True), primary_key=True)
    external_id: Mapped[str] = mapped_column(comment="The shop's own key.")
    brand: Mapped[str | None]
    attributes: Mapped[Json]
    popularity: Mapped[Real] = mapped_column(server_default=sa.text("0"))
    status: Mapped[str] = mapped_column(server_default="active")
    created_at: Mapped[Now]
    updated_at: Mapped[Now]

    texts: Mapped[list[ProductText]] = relationship(
        back_populates="product", cascade="all, delete-orphan", passive_deletes=True
    )
    variants: Mapped[list[Variant]] = relationship(
        back_populates="product",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="Variant.variant_id",
    )
    images: Mapped[list[Image]] = relationship(
        back_populates="product",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="Image.position",
    )
    captions: Mapped[list[Caption]] = relationship(
        back_populates="product", cascade="all, delete-orphan", passive_deletes=True
    )
    categories: Mapped[list[Category]] = relationship(
        secondary=lambda: ProductCategory.__table__, back_populates="products", passive_deletes=True
    )


class ProductText(Base):
    """Title and description of a product in one locale."""

    __tablename__ = "product_text"
    __table_args__ = {  # noqa: RUF012 - SQLAlchemy reads a plain dictionary here
        "comment": "Title and description of a product, per locale."
    }

    product_id: Mapped[BigInt] = mapped_column(
        sa.ForeignKey(Product.product_id, ondelete="CASCADE"), primary_key=True
    )
    locale: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")

    product: Mapped[Product] = relationship(back_populates="texts")


class Category(Base):
    """A node of the category tree; a trigger keeps `path` true to name and parent."""

    __tablename__ = "category"
    __table_args__ = (
        sa.UniqueConstraint("path", name="category_path_key"),
        sa.CheckConstraint("btrim(name) <> ''", name="category_name_not_empty"),
        sa.Index("category_parent_idx", "parent_id"),
        sa.Index("category_path_prefix_idx", "path", postgresql_ops={"path": "text_pattern_ops"}),
        sa.Index("category_name_idx", sa.text("lower(replace(btrim(name), '/', '-'))")),
        {"comment": "A tree; path is the lower-case names from the root, joined by slashes."},
    )

    category_id: Mapped[BigInt] = mapped_column(sa.Identity(always=True), primary_key=True)
    parent_id: Mapped[BigInt | None] = mapped_column(sa.ForeignKey("vitrine.category.category_id"))
    name: Mapped[str]
    # The trigger's to write: left out of the INSERT, read back after it.
    path: Mapped[str] = mapped_column(server_default=sa.FetchedValue())
    lineage: Mapped[list[int]] = mapped_column(
        ARRAY(sa.BigInteger),
        server_default=sa.text("'{}'"),
        comment="The category_ids from the root down to the category itself.",
    )

    parent: Mapped[Category | None] = relationship(
        back_populates="children", remote_side="Category.category_id"
    )
    children: Mapped[list[Category]] = relationship(back_populates="parent")
    products: Mapped[list[Product]] = relationship(
        secondary=lambda: ProductCategory.__table__,
        back_populates="categories",
        passive_deletes=True,
    )


class ProductCategory(Base):
    """A product's place in one category; it may have several."""

    __tablename__ = "product_category"
    __table_args__ = (sa.Index("product_category_category_idx", "category_id", "product_id"),)

    product_id: Mapped[BigInt] = mapped_column(
        sa.ForeignKey(Product.product_id, ondelete="CASCADE"), primary_key=True
    )
    category_id: Mapped[BigInt] = mapped_column(
        sa.ForeignKey(Category.category_id, ondelete="CASCADE"), primary_key=True
    )


class Variant(Base):
    """What is sold: `price` in the shop's one currency, `stock` None when it is not tracked."""

    __tablename__ = "variant"
    __table_args__ = (
        sa.UniqueConstraint("sku", name="variant_sku_key"),
        {
            "comment": "What is sold. No vector and no index that updates of price and stock would"
            " write: they stay cheap."
        },
    )

    product_id: Mapped[BigInt] = mapped_column(
        sa.ForeignKey(Product.product_id, ondelete="CASCADE"), primary_key=True
    )
    variant_id: Mapped[BigInt] = mapped_column(sa.Identity(always=True), primary_key=True)
    sku: Mapped[str]
    price: Mapped[Decimal | None] = mapped_column(
        Domain(
            "variant_price",
            sa.Numeric(),
            "variant_price_valid",
            "VALUE >= 0 AND VALUE < 'Infinity'",
        )
    )
    stock: Mapped[int | None] = mapped_column(
        comment="NULL means not tracked, which counts as available."
    )
    options: Mapped[Json]
    status: Mapped[str] = mapped_column(
        Domain(
            "variant_status",
            sa.Text(),
            "variant_status_known",
            "VALUE IN ('active', 'retired')",
        ),
        server_default="active",
    )
    updated_at: Mapped[Now]

    product: Mapped[Product] = relationship(back_populates="variants")
    images: Mapped[list[Image]] = relationship(
        secondary="vitrine.image_variant",
        primaryjoin=LINK_OF_VARIANT,
        secondaryjoin=LINK_OF_IMAGE,
        back_populates="variants",
        passive_deletes=True,
    )


# None has a key, hence no class: rows of the first may hold no longer, the others note a product
# as often as something of it changed.
sa.Table(
    "listed_price",
    Base.metadata,
    sa.Column("price", sa.Double, nullable=False),
    sa.Column("product_id", sa.BigInteger, nullable=False),
    sa.Column("variant_id", sa.BigInteger, nullable=False),
    sa.Index("listed_price_idx", "price", "product_id", "variant_id"),
    sa.Index("listed_price_product_idx", "product_id"),
    comment="The prices of variants as they were when last folded, in their order; of products in"
    " price_change they may be others.",
)
sa.Table(
    "price_change",
    Base.metadata,
    sa.Column("product_id", sa.BigInteger, nullable=False),
    comment="Products of which variants were updated since prices and stock were folded; searches"
    " and counts read these from the catalogue.",
)
sa.Table(
    "place_change",
    Base.metadata,
    sa.Column("product_id", sa.BigInteger, nullable=False),
    comment="Products of which vectors came or moved, or variants came, since prices were placed by"
    " district; searches under prices ask these for themselves.",
)


class ImportRun(Base):
    """One catalogue import: what it read, how far it came, what it changed."""

    __tablename__ = "import_run"
    __table_args__ = (
        known("import_run", "status", "staging", "applying", "done", "failed"),
        {"comment": "Each catalogue import: what it read, how far it came, what it changed."},
    )

    import_run_id: Mapped[BigInt] = mapped_column(sa.Identity(always=True), primary_key=True)
    source: Mapped[str]
    fingerprint: Mapped[str]
    options: Mapped[Json]
    status: Mapped[str] = mapped_column(server_default="staging")
    progress: Mapped[Json]
    counts: Mapped[Json]
    started_at: Mapped[Now]
    finished_at: Mapped[datetime | None]
