"""The export formats that are known by name, and the mapping for all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vitrine.catalogue.presets.base import Preset, check_columns
from vitrine.catalogue.presets.magento import MagentoPreset
from vitrine.catalogue.presets.mapped import FIELDS, mapped_preset
from vitrine.catalogue.presets.shopify import ShopifyPreset
from vitrine.catalogue.presets.woocommerce import WooCommercePreset
from vitrine.errors import CatalogueError

__all__ = ["FIELDS", "PRESETS", "Preset", "choose_preset"]

PRESETS: dict[str, type[Preset]] = {
    preset.name: preset for preset in (MagentoPreset, ShopifyPreset, WooCommercePreset)
}


def choose_preset(
    columns: Sequence[str], name: str | None, mapping: Mapping[str, str]
) -> type[Preset]:
    """The preset of that name, one made of the mapping, or the one that fits these columns.

    Raises:
        CatalogueError: no such preset, or the file lacks its columns.
    """
    if name is not None and mapping:
        raise CatalogueError("give --preset or --map, not both")
    if mapping or (name is None and "sku" in columns and "title" in columns):
        chosen: type[Preset] = mapped_preset(mapping, columns)
    elif name is None:
        fitting = [preset for preset in PRESETS.values() if preset.fits(columns)]
        if len(fitting) != 1:
            raise CatalogueError(
                "the columns fit no preset; give --preset "
                f"({', '.join(sorted(PRESETS))}) or --map COLUMN=FIELD"
            )
        chosen = fitting[0]
    elif name in PRESETS:
        chosen = PRESETS[name]
    else:
        raise CatalogueError(f"unknown preset {name!r}; known are {', '.join(sorted(PRESETS))}")
    check_columns(chosen, columns, PRESETS.values())
    return chosen
