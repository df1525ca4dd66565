"""How large and how high each kind is drawn, so that every product fills its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.demo.drawing.bottoms import dress_hem, skirt_length

if TYPE_CHECKING:
    from vitrine.demo.drawing.look import Look

__all__ = ["fit"]

# kind: the height of its middle in units, and the scale at which it fills the picture.
_FITS: dict[str, tuple[float, float]] = {
    "T-shirt": (0.485, 1.2),
    "long-sleeved top": (0.47, 1.17),
    "tank top": (0.48, 1.22),
    "polo shirt": (0.475, 1.16),
    "shirt": (0.49, 1.12),
    "sweater": (0.475, 1.13),
    "hoodie": (0.435, 1.07),
    "jacket": (0.44, 1.14),
    "blazer": (0.485, 1.12),
    "coat": (0.55, 0.99),
    "trousers": (0.52, 1.02),
    "jeans": (0.52, 1.02),
    "leggings": (0.52, 1.02),
    "shorts": (0.3, 1.65),
    "sneakers": (0.545, 0.97),
    "high heels": (0.565, 1.0),
    "sofa": (0.555, 0.95),
    "boots": (0.5, 1.02),
    "sandals": (0.5, 1.0),
    "cap": (0.5, 1.02),
    "scarf": (0.52, 1.12),
    "watch": (0.505, 0.95),
    "tote bag": (0.5, 1.02),
    "vase": (0.5, 1.02),
}


def fit(look: Look) -> tuple[float, float]:
    """The middle's height in units, and the scale."""
    if look.kind == "skirt":
        length = skirt_length(look)
        return 0.14 + length / 2, min(1.5, 0.84 / (length + 0.03), 0.94 / (0.4 + length * 0.44))
    if look.kind == "dress":
        hem = dress_hem(look)
        return (0.175 + hem) / 2, min(1.2, 0.86 / (hem - 0.14))
    middle, scale = _FITS.get(look.kind, (0.5, 0.97))
    if look.kind == "shorts" and "long" in look.details:
        return 0.34, 1.5
    if "cropped" in look.details:
        return middle - 0.07, scale * 1.1
    if "knee-high" not in look.details and look.kind == "boots":
        return 0.58, 1.1
    return middle, scale
