"""WooCommerce's product export: variable products, then variations that name their parent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import ClassVar

from vitrine.catalogue.markup import to_line
from vitrine.catalogue.presets.base import (
    OPTION_NAMES,
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
    image_array,
    parse_date,
    stock_count,
)

__all__ = ["WooCommercePreset"]

_ATTRIBUTE = re.compile(r"Attribute (\d+) name")
_COMMA = re.compile(r"(?<!\\),")
_URL_COMMA = re.compile(r",\s*(?=https?://|/)|,\s+")
# Against formulas in spreadsheets the exporter puts a quote before the first character.
_ESCAPED = ("'=", "'+", "'-", "'@")
_BRANDS = ("brand", "brands", "manufacturer")


class WooCommercePreset(Preset):
    """Reads the columns of WooCommerce's own product export, in English."""

    name = "woocommerce"
    required = ("Type", "SKU", "Name", "Regular price")
    optional = (
        "ID", "Published", "Visibility in catalog", "Short description", "Description",
        "Date sale price starts", "Date sale price ends", "Sale price", "In stock?", "Stock",
        "Backorders allowed?", "Categories", "Tags", "Images", "Parent", "Brands",
    )  # fmt: skip
    provides: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "description": ("Description", "Short description"),
        "categories": ("Categories",),
        "price": ("Regular price",),
        "stock": ("Stock", "In stock?"),
        "images": ("Images",),
        "attributes": ("Tags", "Attribute 1 name"),
        "brand": ("Brands", "Attribute 1 name"),
    }
    columns_of: ClassVar[Mapping[str, str]] = {
        "sku": "SKU",
        "product": "SKU",
        "parent": "Parent",
        "title": "Name",
    }

    @classmethod
    def dynamic(cls, columns: Sequence[str]) -> tuple[str, ...]:
        """The numbered pairs of columns that hold attributes."""
        numbers = [match[1] for match in map(_ATTRIBUTE.fullmatch, columns) if match]
        return tuple(f"Attribute {n} {part}" for n in numbers for part in ("name", "value(s)"))

    def add(self, line: int, cells: Sequence[str], out: Collected) -> None:
        """Take one row of the export."""
        (
            kind, sku, name, regular, number, published, visibility, short, description, start,
            end, sale, in_stock, stock, backorders, categories, tags, images, parent, brands,
            *attributes,
        ) = _unescaped(cells)  # fmt: skip
        key = key_text("SKU", sku.strip() or (f"id:{number.strip()}" if number.strip() else ""))
        kinds = {part.strip().lower() for part in kind.split(",")}
        pairs = _attributes(attributes)
        record = Record(
            line,
            "variant",
            sku=key,
            price=self._price(regular, sale, start, end),
            stock=checked("Stock", stock, _stock, in_stock, stock, backorders),
            active=published.strip() in {"", "1"},
        )
        uris = checked("Images", images, image_array, _URL_COMMA.split(images))
        if "variation" in kinds:
            record = record._replace(
                product_key=key_text("Parent", parent),
                options=attribute_json((label, values[0]) for label, values in pairs),
                variant_images=uris,
            )
            out.records.append(record)
            return
        variable = "variable" in kinds
        own_brands = to_line(brands.split(",")[0])
        named = [values[0] for label, values in pairs if label in _BRANDS]
        options = [(n, values[0]) for n, values in pairs if n in OPTION_NAMES and len(values) == 1]
        record = record._replace(
            role="product",
            product_key=key,
            sku=None if variable else key,
            title=title_text("Name", name),
            description=description_text(
                "Description", (description.strip() or short).replace("\\n", "\n")
            ),
            brand=own_brands or (named[0] if named else None),
            attributes=_free_attributes(pairs, tags),
            categories=checked("Categories", categories, _categories, categories),
            options=None if variable else attribute_json(options),
            active=record.active and visibility.strip().lower() != "hidden",
            images=uris,
        )
        out.records.append(record)

    def identify(self, cells: Sequence[str]) -> dict[str, str | None]:
        """What a refused row was about."""
        cells = _unescaped(cells)
        sku = (cells[1].strip() or f"id:{cells[4].strip()}")[:KEY_LENGTH]
        parent = cells[18].strip()[:KEY_LENGTH]
        return {"key": parent or sku, "sku": sku}

    def _price(self, regular: str, sale: str, start: str, end: str) -> str | None:
        cost = checked("Regular price", regular, self.prices.parse, regular)
        if sale.strip():
            first = checked("Date sale price starts", start, parse_date, start)
            last = checked("Date sale price ends", end, parse_date, end)
            if (first or date.min) <= self.today <= (last or date.max):
                return checked("Sale price", sale, self.prices.parse, sale)
        return cost


def _unescaped(cells: Sequence[str]) -> list[str]:
    return [cell[1:] if cell.startswith(_ESCAPED) else cell for cell in cells]


def _attributes(cells: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Names in lower case with their values; a comma inside a value is escaped."""
    found = []
    for name, values in zip(cells[::2], cells[1::2], strict=True):
        several = [to_line(value.replace("\\,", ",")) for value in _COMMA.split(values)]
        several = [value for value in several if value]
        if name.strip() and several:
            found.append((to_line(name).lower(), several))
    return found


def _free_attributes(pairs: Sequence[tuple[str, list[str]]], tags: str) -> str:
    free: list[tuple[str, str | list[str]]] = [
        (name, values if len(values) > 1 else values[0])
        for name, values in pairs
        if name not in _BRANDS
    ]
    several = [to_line(tag.replace("\\,", ",")) for tag in _COMMA.split(tags) if tag.strip()]
    if several:
        free.append(("tags", several))
    return attribute_json(free)


def _categories(cell: str) -> str | None:
    """`Clothing > Shirts, Sale`: a comma in a name is escaped."""
    paths = [path.replace("\\,", ",").split(" > ") for path in _COMMA.split(cell)]
    return category_array(paths)


def _stock(in_stock: str, stock: str, backorders: str) -> int | None:
    """Pieces to sell; None where WooCommerce does not count them or sells what it has not."""
    # The pieces of a variation may be counted with its product's, which all of them share.
    count = None if stock.strip() == "parent" else stock_count(stock)
    if in_stock.strip() == "0":
        return 0
    allowed = in_stock.strip() == "backorder" or backorders.strip() in {"1", "notify"}
    return None if allowed and (count or 0) <= 0 else count
