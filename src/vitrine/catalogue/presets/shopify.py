"""Shopify's product export: a product's rows share a handle; the first one describes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from vitrine.catalogue.markup import to_line
from vitrine.catalogue.presets.base import (
    Preset,
    checked,
    description_text,
    key_text,
    title_text,
)
from vitrine.catalogue.records import Collected, Record
from vitrine.catalogue.values import (
    KEY_LENGTH,
    attribute_json,
    category_array,
    flag,
    image_array,
    stock_count,
)

__all__ = ["ShopifyPreset"]

_METAFIELD = re.compile(r".+\(product\.metafields\.[\w-]+\.([\w-]+)\)")


class ShopifyPreset(Preset):
    """Reads the columns of Shopify's own product export."""

    name = "shopify"
    required = ("Handle", "Title", "Variant Price", "Option1 Value")
    optional = (
        "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published", "Status",
        "Option1 Name", "Option2 Name", "Option2 Value", "Option3 Name", "Option3 Value",
        "Variant SKU", "Variant Inventory Tracker", "Variant Inventory Qty",
        "Variant Inventory Policy", "Image Src", "Image Position", "Variant Image",
    )  # fmt: skip
    provides: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "description": ("Body (HTML)",),
        "categories": ("Product Category", "Type"),
        "price": ("Variant Price",),
        # A shop of several places exports its stock in a file of its own.
        "stock": ("Variant Inventory Qty",),
        "images": ("Image Src",),
        "attributes": ("Tags",),
        "brand": ("Vendor",),
    }
    columns_of: ClassVar[Mapping[str, str]] = {
        "sku": "Variant SKU",
        "product": "Handle",
        "parent": "Handle",
        "title": "Title",
    }
    stateful = True  # a product's first row alone names its options and says whether it is shown
    _handle = ""
    _option_names: tuple[str, ...] = ()
    _active = True

    @classmethod
    def dynamic(cls, columns: Sequence[str]) -> tuple[str, ...]:
        """The metafields, which are free attributes."""
        return tuple(name for name in columns if _METAFIELD.fullmatch(name))

    def add(self, line: int, cells: Sequence[str], out: Collected) -> None:
        """Take one row: a product with its first variant, another variant, or one more picture."""
        (
            handle, title, price, value1, body, vendor, taxonomy, kind, tags, published, status,
            name1, name2, value2, name3, value3, sku, tracker, quantity, policy, image, position,
            variant_image, *metafields,
        ) = cells  # fmt: skip
        handle = key_text("Handle", handle)
        if handle != self._handle or title:
            self._handle, self._option_names = handle, (name1, name2, name3)
            shown = checked("Published", published, flag, published) is not False
            self._active = shown and status.strip().lower() in {"", "active"}
        images = checked("Image Src", image, image_array, [image])
        place = checked("Image Position", position, stock_count, position)
        if not (title or value1 or sku or price):
            out.records.append(Record(line, "picture", handle, position=place, images=images))
            return
        values = (value1, value2, value3)
        record = Record(
            line,
            "variant",
            handle,
            key_text("Variant SKU", sku) if sku.strip() else _made_sku(handle, values),
            price=checked("Variant Price", price, self.prices.parse, price),
            stock=checked("Variant Inventory Qty", quantity, _stock, tracker, quantity, policy),
            options=self._options(values),
            active=self._active,
            position=place,
            images=images,
            variant_images=checked("Variant Image", variant_image, image_array, [variant_image]),
        )
        if title:
            free = self._attributes(kind, tags, metafields)
            record = record._replace(
                role="product",
                title=title_text("Title", title),
                description=description_text("Body (HTML)", body),
                brand=to_line(vendor) or None,
                attributes=attribute_json(free),
                categories=checked("Product Category", taxonomy, _categories, taxonomy, kind),
            )
        out.records.append(record)

    def identify(self, cells: Sequence[str]) -> dict[str, str | None]:
        """What a refused row was about."""
        values = (cells[3], *(cells[place] for place in (13, 15)))
        handle = cells[0].strip()
        sku = cells[16].strip() or _made_sku(handle, values)
        return {"key": handle[:KEY_LENGTH], "sku": sku[:KEY_LENGTH]}

    def _options(self, values: Sequence[str]) -> str:
        """Options by name; a product without any has one called Title, with a made-up value."""
        pairs = [
            (to_line(name).lower(), to_line(value))
            for name, value in zip(self._option_names, values, strict=True)
            if name.strip() and value.strip()
        ]
        return attribute_json(() if pairs == [("title", "Default Title")] else pairs)

    def _attributes(
        self, kind: str, tags: str, metafields: Sequence[str]
    ) -> list[tuple[str, str | list[str]]]:
        found: list[tuple[str, str | list[str]]] = []
        if kind.strip():
            found.append(("type", to_line(kind)))
        several = [to_line(tag) for tag in tags.split(",") if tag.strip()]
        if several:
            found.append(("tags", several))
        for column, cell in zip(self.dynamic_columns, metafields, strict=True):
            match = _METAFIELD.fullmatch(column)
            values = [to_line(value) for value in cell.split(";") if value.strip()]
            if match and values:
                name = match[1].lower().replace("-", "_")
                found.append((name, values if len(values) > 1 else values[0]))
        return found


def _made_sku(handle: str, values: Sequence[str]) -> str:
    """A stable SKU for a variant without one; Shopify does not ask for any."""
    options = "/".join(value.strip() for value in values if value.strip())
    name = handle if options in {"", "Default Title"} else f"{handle}:{options}"
    return name[:KEY_LENGTH]


def _categories(taxonomy: str, kind: str) -> str | None:
    return category_array([taxonomy.split(" > "), [kind]])


def _stock(tracker: str, quantity: str, policy: str) -> int | None:
    """Pieces to sell; None where Shopify does not count them or sells what it has not."""
    count = stock_count(quantity)
    if not tracker.strip() or (policy.lower() == "continue" and (count or 0) <= 0):
        return None
    return count
