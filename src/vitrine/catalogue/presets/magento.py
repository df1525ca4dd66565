"""Magento's product export: hidden simple rows, then the configurable that names them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from vitrine.catalogue.markup import to_line, to_text
from vitrine.catalogue.presets.base import Preset, checked, key_text, title_text
from vitrine.catalogue.records import Collected, Link, Record, Reject, RejectedError
from vitrine.catalogue.values import (
    attribute_json,
    category_array,
    image_array,
    parse_date,
    stock_count,
)

__all__ = ["MagentoPreset"]

# Names of the mini-languages' pairs follow a comma or start the cell; other commas are in a value.
_PAIR = re.compile(r",(?=[A-Za-z][\w-]*=)")
_VARIATION = re.compile(r"\|(?=sku=)")
_PATH = re.compile(r",(?=[^,]*)")
_BOOKKEEPING = frozenset({"has_options", "required_options", "msrp_display_actual_price_type"})
_BRANDS = ("brand", "manufacturer")
_OPTIONS = ("color", "colour", "size")
_HIDDEN = frozenset({"not visible individually", "1"})
_DEFAULT_STORES = frozenset({"", "default", "admin", "all"})


class MagentoPreset(Preset):
    """Reads the columns of Magento's own product export."""

    name = "magento"
    required = ("sku", "product_type", "name", "price")
    optional = (
        "store_view_code", "categories", "description", "short_description", "product_online",
        "visibility", "special_price", "special_price_from_date", "special_price_to_date",
        "base_image", "small_image", "thumbnail_image", "additional_images",
        "additional_attributes", "qty", "is_in_stock", "manage_stock", "use_config_manage_stock",
        "allow_backorders", "use_config_backorders", "configurable_variations",
    )  # fmt: skip
    signature = ("product_type", "sku")
    provides = {
        "description": ("description", "short_description"),
        "categories": ("categories",),
        "price": ("price",),
        "stock": ("qty",),
        "images": ("base_image", "additional_images"),
        "attributes": ("additional_attributes",),
        "brand": ("additional_attributes",),
        "active": ("product_online",),
    }
    columns_of = {
        "product": "sku",
        "parent": "sku",
        "link": "configurable_variations",
        "title": "name",
    }

    def add(self, line: int, cells: Sequence[str], out: Collected) -> None:
        """Take one row of the export."""
        (
            sku, kind, name, price, store, categories, description, short, online, visibility,
            special, special_from, special_to, base, small, thumbnail, additional, attributes,
            qty, in_stock, manage, default_manage, backorders, default_backorders, variations,
        ) = cells  # fmt: skip
        sku = key_text("sku", sku)
        if store.lower() not in _DEFAULT_STORES:
            out.records.append(
                Record(
                    line, "text", sku, locale=self.locale(store), title=to_line(name) or None,
                    description=to_text(description or short) or None,
                )
            )  # fmt: skip
            return
        active = online != "2"
        images = _images(base, small, thumbnail, additional)
        cost = self.price(price, special, special_from, special_to)
        configurable = kind == "configurable"
        stock = None
        if not configurable:
            stock = checked(
                "qty", qty, _stock, qty, in_stock, manage, default_manage, backorders,
                default_backorders,
            )  # fmt: skip
            if visibility.lower() in _HIDDEN:
                # Never shown by itself, so its own words are not needed.
                out.records.append(
                    Record(
                        line, "hidden", sku=sku, price=cost, stock=stock, active=active,
                        variant_images=images,
                    )
                )  # fmt: skip
                return
        brand, options, free = _attributes(attributes)
        record = Record(
            line, "product" if configurable else "item", sku if configurable else None,
            None if configurable else sku, title=title_text("name", name),
            description=to_text(description or short) or None, brand=brand, attributes=free,
            categories=checked("categories", categories, _categories, categories),
            price=cost, stock=stock, options=None if configurable else options, active=active,
            images=images if configurable else None,
            variant_images=None if configurable else images,
        )  # fmt: skip
        if configurable:
            self._link(line, sku, variations, out)
        out.records.append(record)

    def price(self, price: str, special: str, start: str, end: str) -> str | None:
        """The price today: the special one between its dates."""
        if special:
            first = checked("special_price_from_date", start, parse_date, start)
            last = checked("special_price_to_date", end, parse_date, end)
            if (first or date.min) <= self.today <= (last or date.max):
                return checked("special_price", special, self.prices.parse, special)
        return checked("price", price, self.prices.parse, price)

    def _link(self, line: int, key: str, variations: str, out: Collected) -> None:
        column = "configurable_variations"
        if not variations:
            raise RejectedError(column, "", "a configurable product without variations")
        for variation in _VARIATION.split(variations):
            pairs = dict(_pairs(variation))
            sku = pairs.pop("sku", "")
            if sku and len(sku) <= 500:
                options = attribute_json((name.lower(), value) for name, value in pairs.items())
                out.links.append(Link(sku, key, line, options))
            else:
                out.rejects.append(Reject(line, column, variation[:200], "no sku= in a variation"))


def _pairs(cell: str) -> list[tuple[str, str]]:
    """The pairs of `name=value,name=value`, either whole pair in quotes if Magento enclosed it."""
    found = []
    for pair in _PAIR.split(cell):
        name, equals, value = pair.strip('"').partition("=")
        if equals and value:
            found.append((name.strip(), to_line(value.strip('"'))))
    return found


@lru_cache(4096)
def _attributes(cell: str) -> tuple[str | None, str, str]:
    """Brand, a simple product's options, and free attributes of `additional_attributes`."""
    brand = None
    options: list[tuple[str, str | list[str]]] = []
    free: list[tuple[str, str | list[str]]] = []
    for name, value in _pairs(cell):
        name = name.lower()
        if name in _BOOKKEEPING:
            continue
        if name in _BRANDS:
            brand = brand or value
            continue
        several = [part.strip() for part in value.split("|") if part.strip()]
        free.append((name, several if len(several) > 1 else value))
        if name in _OPTIONS and len(several) == 1:
            options.append((name, value))
    return brand, attribute_json(options), attribute_json(free)


@lru_cache(4096)
def _categories(cell: str) -> str | None:
    """`Root/Men/Tops,Root/Sale`: a slash in a name is escaped, a comma there cannot be told."""
    paths = []
    for path in cell.split(","):
        names = path.replace("\\/", "\x00").split("/")
        paths.append([name.replace("\x00", "/") for name in names])
    return category_array(paths)


@lru_cache(1024)
def _images(base: str, small: str, thumbnail: str, additional: str) -> str | None:
    uris = [base, small, thumbnail, *additional.split(",")]
    return checked(
        "additional_images", additional, image_array, [u for u in uris if u != "no_selection"]
    )


@lru_cache(4096)
def _stock(
    qty: str, in_stock: str, manage: str, default_manage: str, backorders: str, default_back: str
) -> int | None:
    """Pieces to sell; None where Magento does not count them or sells what it has not."""
    if manage == "0" and default_manage == "0":
        return None
    if in_stock == "0":
        return 0
    count = stock_count(qty)
    if count is not None and count <= 0 and backorders not in {"", "0"} and default_back == "0":
        return None
    return count
