"""The export formats that are known by name."""

from __future__ import annotations

from collections.abc import Sequence

from vitrine.catalogue.presets.base import Preset, check_columns
from vitrine.catalogue.presets.magento import MagentoPreset
from vitrine.errors import CatalogueError

__all__ = ["PRESETS", "Preset", "choose_preset"]

PRESETS: dict[str, type[Preset]] = {preset.name: preset for preset in (MagentoPreset,)}


def choose_preset(columns: Sequence[str], name: str | None) -> type[Preset]:
    """The preset of that name, or without one the only one that fits these columns.

    Raises:
        CatalogueError: no such preset, or the file lacks its columns.

    """
    if name is not None:
        if name not in PRESETS:
            raise CatalogueError(f"unknown preset {name!r}; known are {', '.join(sorted(PRESETS))}")
        chosen = PRESETS[name]
    else:
        fitting = [preset for preset in PRESETS.values() if preset.fits(columns)]
        if len(fitting) != 1:
            raise CatalogueError(
                "the columns fit no preset; give --preset "
                f"({', '.join(sorted(PRESETS))}) or --map column=field"
            )
        chosen = fitting[0]
    check_columns(chosen, columns, PRESETS.values())
    return chosen
