"""Magento's product export: hidden simple rows, then the configurable that names them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
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
from vitrine.catalogue.records import Collected, Link, Record, Reject, RejectedError
from vitrine.catalogue.values import (
    KEY_LENGTH,
    Prices,
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
_BOOKKEEPING = frozenset({"has_options", "required_options", "msrp_display_actual_price_type"})
_BRANDS = ("brand", "manufacturer")
_HIDDEN = frozenset({"not visible individually", "1"})
_DEFAULT_STORES = frozenset({"", "default", "admin", "all"})


class MagentoPreset(Preset):
    """Reads the columns of Magento's own product export."""

    name = "magento"
    required = ("sku", "product_type", "name", "price")
    optional = (
        "store_view_code", "categories", "description", "short_description", "product_online",
        "visibility", "base_image", "small_image", "thumbnail_image", "additional_images",
        "additional_attributes", "configurable_variations",
        # What `_offer` takes, in its order.
        "special_price", "special_price_from_date", "special_price_to_date", "qty", "is_in_stock",
        "manage_stock", "use_config_manage_stock", "allow_backorders", "use_config_backorders",
    )  # fmt: skip
    provides: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "description": ("description", "short_description"),
        "categories": ("categories",),
        "price": ("price",),
        "stock": ("qty",),
        "images": ("base_image", "additional_images"),
        "attributes": ("additional_attributes",),
        "brand": ("additional_attributes",),
    }
    columns_of: ClassVar[Mapping[str, str]] = {
        "product": "sku",
        "parent": "sku",
        "link": "configurable_variations",
        "title": "name",
    }

    def __init__(
        self,
        columns: Sequence[str],
        prices: Prices,
        locales: Mapping[str, str],
        default_locale: str,
        today: date,
    ) -> None:
        super().__init__(columns, prices, locales, default_locale, today)
        # A shop has few prices and stock counts, and one import has one day.
        self._offer = lru_cache(4096)(self._read_offer)

    def add(self, line: int, cells: Sequence[str], out: Collected) -> None:
        """Take one row of the export."""
        (
            sku, kind, name, price, store, categories, description, short, online, visibility,
            base, small, thumbnail, additional, attributes, variations, *offer,
        ) = cells  # fmt: skip
        sku = key_text("sku", sku)
        if store.lower() not in _DEFAULT_STORES:
            title = to_line(name) or None
            text = description_text("description", description or short)
            out.records.append(
                Record(line, "text", sku, None, self.locale(store), title, text or None)
            )
            return
        active = online != "2"
        images = _images(base, small, thumbnail, additional)
        cost, stock = self._offer(price, *offer)
        if kind != "configurable" and visibility.lower() in _HIDDEN:
            # Never shown by itself, so its own words are not needed.
            out.records.append(
                Record(
                    line, "hidden", None, sku, None, None, None, None, None, None, cost, stock,
                    None, active, None, None, images,
                )
            )  # fmt: skip
            return
        brand, options, free = _attributes(attributes)
        record = Record(
            line,
            "item",
            sku=sku,
            title=title_text("name", name),
            description=description_text("description", description or short),
            brand=brand,
            attributes=free,
            categories=checked("categories", categories, _categories, categories),
            price=cost,
            stock=stock,
            options=options,
            active=active,
            variant_images=images,
        )
        if kind == "configurable":
            _link(line, sku, variations, out)
            record = record._replace(
                role="product", product_key=sku, sku=None, images=images, variant_images=None
            )
        out.records.append(record)

    def _read_offer(
        self, price: str, special: str, start: str, end: str, *stock: str
    ) -> tuple[str | None, int | None]:
        """Today's price, which is the special one between its dates, and the stock to sell."""
        qty, in_stock, *policy = stock
        cost = checked("price", price, self.prices.parse, price)
        if special:
            first = checked("special_price_from_date", start, parse_date, start)
            last = checked("special_price_to_date", end, parse_date, end)
            if (first or date.min) <= self.today <= (last or date.max):
                cost = checked("special_price", special, self.prices.parse, special)
        return cost, checked("qty", qty, _stock, qty, in_stock, tuple(policy))


def _link(line: int, key: str, variations: str, out: Collected) -> None:
    """Note the variants that a configurable product names: `sku=A,size=S|sku=B,size=M`."""
    column = "configurable_variations"
    if not variations:
        raise RejectedError(column, "", "a configurable product without variations")
    links = []
    for variation in _VARIATION.split(variations):
        start, _, options = variation.partition(",")
        sku = start.removeprefix("sku=").strip()
        if sku == start or not sku or len(sku) > KEY_LENGTH:
            out.rejects.append(Reject(line, column, variation[:200], "no sku= in a variation"))
        else:
            links.append(Link(sku, key, line, _options(options)))
    out.links += links


def _pairs(cell: str) -> list[tuple[str, str]]:
    """The pairs of `name=value,name=value`, either whole pair in quotes if Magento enclosed it."""
    found = []
    for pair in _PAIR.split(cell):
        name, equals, value = pair.strip('"').partition("=")
        if equals and value:
            found.append((name.strip().lower(), to_line(value.strip('"'))))
    return found


@lru_cache(4096)
def _options(pairs: str) -> str:
    return attribute_json(_pairs(pairs))


@lru_cache(4096)
def _attributes(cell: str) -> tuple[str | None, str, str]:
    """Brand, a simple product's options, and free attributes of `additional_attributes`."""
    brand = None
    options: list[tuple[str, str | list[str]]] = []
    free: list[tuple[str, str | list[str]]] = []
    for name, value in _pairs(cell):
        if name in _BOOKKEEPING:
            continue
        if name in _BRANDS:
            brand = brand or value
            continue
        several = [part.strip() for part in value.split("|") if part.strip()]
        free.append((name, several if len(several) > 1 else value))
        if name in OPTION_NAMES and len(several) == 1:
            options.append((name, value))
    return brand, attribute_json(options), attribute_json(free)


@lru_cache(4096)
def _categories(cell: str) -> str | None:
    """`Root/Men/Tops,Root/Sale`: a slash in a name is escaped, a comma in one cannot be told."""
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


def _stock(qty: str, in_stock: str, policy: tuple[str, ...]) -> int | None:
    """Pieces to sell; None where Magento does not count them or sells what it has not."""
    manage, default_manage, backorders, default_backorders = policy
    if manage == "0" and default_manage == "0":
        return None
    if in_stock == "0":
        return 0
    count = stock_count(qty)
    sold_short = backorders not in {"", "0"} and default_backorders == "0"
    return None if sold_short and (count or 0) <= 0 else count
