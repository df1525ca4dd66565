"""Files of no known platform: the user says which column is which field."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from vitrine.catalogue.markup import to_line
from vitrine.catalogue.presets.base import (
    Preset,
    checked,
    description_text,
    key_text,
    title_text,
)
from vitrine.catalogue.records import Collected, Record, RejectedError
from vitrine.catalogue.values import (
    KEY_LENGTH,
    attribute_json,
    category_array,
    flag,
    image_array,
    stock_count,
)
from vitrine.errors import CatalogueError

__all__ = ["FIELDS", "MappedPreset", "mapped_preset"]

FIELDS = {
    "sku": "the variant's own key; needed",
    "product": "key of the product that the row belongs to; without it each SKU is a product",
    "title": "the product's name; needed for new products",
    "description": "text or HTML",
    "brand": "the maker",
    "category": "a path with > or / between its names; several paths with | between them",
    "price": "a number, with or without a currency",
    "stock": "pieces; empty means not tracked",
    "image": "picture of the product, path or URL; several with | between them",
    "variant_image": "picture of this row's variant alone; several with | between them",
    "active": "yes or no; no retires",
    "locale": "language of the row's texts, such as de or pt-BR",
    "option.NAME": "what tells a product's variants apart, such as option.color",
    "attribute.NAME": "anything else, such as attribute.material; several values with |",
}
_SINGLE = tuple(name for name in FIELDS if "." not in name)
_MANY = frozenset({"category", "image", "variant_image"})
_NAMED = re.compile(r"(option|attribute)\.(.+)")
_URIS = re.compile(r"\||,\s*(?=https?://|/)|\s+(?=https?://)")


class MappedPreset(Preset):
    """Reads the columns that a mapping names; made by `mapped_preset`."""

    name = "mapped"
    required: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    places: ClassVar[Mapping[str, tuple[int, ...]]] = {}  # field → its cells, in order
    options: ClassVar[Sequence[tuple[str, int]]] = ()
    attributes: ClassVar[Sequence[tuple[str, int]]] = ()

    def add(self, line: int, cells: Sequence[str], out: Collected) -> None:
        """Take one row: a product's first one describes it, all of them are variants."""
        sku = key_text(self.column("sku"), self._cell(cells, "sku"))
        key = self._cell(cells, "product").strip() or sku
        key = key_text(self.column("product"), key)
        locale = self._cell(cells, "locale").strip()
        title = self._cell(cells, "title")
        markup = self._cell(cells, "description")
        description = description_text(self.column("description"), markup)
        if locale and self.locale(locale) != self.default_locale:
            text = Record(line, "text", key, None, self.locale(locale), to_line(title) or None)
            out.records.append(text._replace(description=description or None))
            return
        alone = "product" not in self.places
        uris = [self._uris(cells, field) for field in ("image", "variant_image")]
        record = Record(
            line,
            "item" if alone else "product" if title.strip() else "variant",
            None if alone else key,
            sku,
            title=title_text(self.column("title"), title) if title.strip() else None,
            description=description or None,
            brand=to_line(self._cell(cells, "brand")) or None,
            attributes=self._attributes(cells),
            categories=self._categories(cells),
            price=self._checked(cells, "price", self.prices.parse),
            stock=self._checked(cells, "stock", stock_count),
            options=self._options(cells),
            active=self._checked(cells, "active", flag),
            # A product sold in one variant has pictures of no variant in particular.
            images=None if alone else uris[0],
            variant_images=uris[0] or uris[1] if alone else uris[1],
        )
        out.records.append(record)

    def identify(self, cells: Sequence[str]) -> dict[str, str | None]:
        """What a refused row was about."""
        sku = self._cell(cells, "sku").strip()[:KEY_LENGTH] or None
        return {"key": self._cell(cells, "product").strip()[:KEY_LENGTH] or sku, "sku": sku}

    def _cell(self, cells: Sequence[str], field: str) -> str:
        places = self.places.get(field)
        return cells[places[0]] if places else ""

    def _checked(self, cells: Sequence[str], field: str, parse: Any) -> Any:
        value = self._cell(cells, field)
        return checked(self.column(field), value, parse, value)

    def _uris(self, cells: Sequence[str], field: str) -> str | None:
        uris: list[str] = []
        for place in self.places.get(field, ()):
            uris += self._list(cells, place) or _URIS.split(cells[place])
        return checked(self.column(field), "", image_array, uris)

    def _categories(self, cells: Sequence[str]) -> str | None:
        paths: list[list[str]] = []
        for place in self.places.get("category", ()):
            written = self._list(cells, place) or cells[place].split("|")
            paths += (path.split(">" if ">" in path else "/") for path in written)
        return checked(self.column("category"), "", category_array, paths)

    def _options(self, cells: Sequence[str]) -> str | None:
        if not self.options:
            return None
        pairs = ((name, to_line(cells[place])) for name, place in self.options)
        return attribute_json((name, value) for name, value in pairs if value)

    def _attributes(self, cells: Sequence[str]) -> str | None:
        if not self.attributes:
            return None
        pairs: list[tuple[str, str | list[str]]] = []
        for name, place in self.attributes:
            values = self._list(cells, place) or cells[place].split("|")
            several = [value for value in map(to_line, values) if value]
            if several:
                pairs.append((name, several if len(several) > 1 else several[0]))
        return attribute_json(pairs)

    def _list(self, cells: Sequence[str], place: int) -> list[str] | None:
        """The items of a list that JSON lines or Parquet gave; numbers as they are written."""
        cell = cells[place]
        if not cell.startswith("["):
            return None
        try:
            items = json.loads(cell, parse_int=str, parse_float=str)
        except ValueError:
            return None
        texts = [item for item in items if item is not None]
        if not all(isinstance(item, str) for item in texts):
            raise RejectedError(
                self.required[place], cell[:200], "a list holds something that is no text"
            )
        return texts


def mapped_preset(mapping: Mapping[str, str], columns: Sequence[str]) -> type[MappedPreset]:
    """A preset for one mapping of columns to fields; columns that bear a field's name need none.

    Raises:
        CatalogueError: an unknown column or field, a field given twice, or no SKU.
    """
    chosen = {name: name for name in columns if _is_field(name)} | dict(mapping)
    for column, field in mapping.items():
        if column not in columns:
            raise CatalogueError(
                f"--map {column}={field}: the file has no column {column!r}; it has "
                f"{', '.join(columns)}"
            )
        if not _is_field(field):
            raise CatalogueError(
                f"--map {column}={field}: {field!r} is no field; the fields are {', '.join(FIELDS)}"
            )
    order = tuple(chosen)
    places: dict[str, tuple[int, ...]] = {}
    for place, column in enumerate(order):
        field = chosen[column]
        if field in places and field not in _MANY:
            raise CatalogueError(
                f"--map: two columns are read as {field}: {order[places[field][0]]} and {column}"
            )
        places[field] = (*places.get(field, ()), place)
    if "sku" not in places:
        raise CatalogueError(
            f"no column is read as sku; give --map COLUMN=sku, with one of {', '.join(columns)}"
        )
    named = {
        kind: [
            (match[2].strip().lower(), place[0])
            for field, place in places.items()
            if (match := _NAMED.fullmatch(field)) and match[1] == kind
        ]
        for kind in ("option", "attribute")
    }
    has = {"description", "price", "stock", "brand"} & set(places)
    provides: dict[str, tuple[str, ...]] = {name: (order[places[name][0]],) for name in has}
    if "category" in places:
        provides["categories"] = (order[places["category"][0]],)
    if "image" in places or "variant_image" in places:
        provides["images"] = order
    if named["attribute"]:
        provides["attributes"] = order
    body: dict[str, Any] = {
        "required": order,
        "places": places,
        "options": named["option"],
        "attributes": named["attribute"],
        "provides": provides,
        "columns_of": {
            **{field: order[place[0]] for field, place in places.items()},
            "parent": order[places.get("product", places["sku"])[0]],
        },
    }
    return type("MappedPreset", (MappedPreset,), body)


def _is_field(name: str) -> bool:
    return name in _SINGLE or _NAMED.fullmatch(name) is not None
