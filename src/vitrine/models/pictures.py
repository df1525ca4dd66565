"""What is encoded: a product's pictures and captions."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vitrine.models.base import Base, BigInt, known
from vitrine.models.catalogue import LINK_OF_IMAGE, LINK_OF_VARIANT, Product, Variant

__all__ = ["Caption", "Image", "ImageVariant"]


class Image(Base):
    """A product's picture; the columns after `input_version` are what the worker saw."""

    __tablename__ = "image"
    __table_args__ = (
        sa.UniqueConstraint("product_id", "uri", name="image_uri_key"),
        sa.CheckConstraint("uri <> ''", name="image_uri_not_empty"),
        {
            "comment": "A product's pictures; the columns after input_version are what the worker"
            " saw."
        },
    )

    product_id: Mapped[BigInt] = mapped_column(
        sa.ForeignKey(Product.product_id, ondelete="CASCADE"), primary_key=True
    )
    image_id: Mapped[BigInt] = mapped_column(sa.Identity(always=True), primary_key=True)
    uri: Mapped[str]
    position: Mapped[int] = mapped_column(server_default=sa.text("0"))
    input_version: Mapped[BigInt] = mapped_column(
        server_default=sa.text("1"),
        comment="Grows when the bytes may have changed; a vector is written only for the version"
        " claimed.",
    )
    sha256: Mapped[bytes | None]
    byte_size: Mapped[BigInt | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    fetched_at: Mapped[datetime | None]

    product: Mapped[Product] = relationship(back_populates="images")
    variants: Mapped[list[Variant]] = relationship(
        secondary=lambda: ImageVariant.__table__,
        primaryjoin=LINK_OF_IMAGE,
        secondaryjoin=LINK_OF_VARIANT,
        back_populates="images",
        passive_deletes=True,
    )
    captions: Mapped[list[Caption]] = relationship(back_populates="image", viewonly=True)


class ImageVariant(Base):
    """A variant that a picture shows; a picture of none in particular has no row."""

    __tablename__ = "image_variant"
    __table_args__ = (
        sa.Index("image_variant_variant_idx", "product_id", "variant_id"),
        {"comment": "Which variants a picture shows; a picture of none in particular has no row."},
    )

    product_id: Mapped[BigInt] = mapped_column(primary_key=True)
    image_id: Mapped[BigInt] = mapped_column(primary_key=True)
    variant_id: Mapped[BigInt] = mapped_column(primary_key=True)


class Caption(Base):
    """A text worth encoding: title and description, or generated from the picture `image`."""

    __tablename__ = "caption"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["product_id", "image_id"], [Image.product_id, Image.image_id], ondelete="CASCADE"
        ),
        sa.UniqueConstraint(
            "product_id",
            "locale",
            "source",
            "image_id",
            name="caption_origin_key",
            postgresql_nulls_not_distinct=True,
        ),
        known("caption", "source", "catalogue", "generated"),
        sa.CheckConstraint("btrim(text) <> ''", name="caption_text_not_empty"),
        sa.Index("caption_image_idx", "product_id", "image_id"),
        {"comment": "A text worth encoding: title and description, or generated from a picture."},
    )

    product_id: Mapped[BigInt] = mapped_column(
        sa.ForeignKey(Product.product_id, ondelete="CASCADE"), primary_key=True
    )
    caption_id: Mapped[BigInt] = mapped_column(sa.Identity(always=True), primary_key=True)
    locale: Mapped[str]
    source: Mapped[str]
    image_id: Mapped[BigInt | None]
    text: Mapped[str]
    input_version: Mapped[BigInt] = mapped_column(server_default=sa.text("1"))

    product: Mapped[Product] = relationship(back_populates="captions")
    # To attach a generated caption, set image_id: product_id belongs to `product` already.
    image: Mapped[Image | None] = relationship(back_populates="captions", viewonly=True)
