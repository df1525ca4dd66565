"""Pixels of every mode that shops' files have, to 8-bit sRGB on white."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageCms

__all__ = ["to_rgb"]

WHITE = (255, 255, 255, 255)
MAX_PROFILE = 4 * 2**20  # bytes; the largest press profiles have 3 MB
_SAME_COLOUR = 3  # of 255: below this a profile is sRGB by another name
# NOCACHE: the cache of one pixel inside a transform is not made for several threads.
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOCACHE


def to_rgb(image: Image.Image) -> Image.Image:
    """The same picture in mode RGB; may be the very object if it is sRGB already.

    Deep samples are scaled, transparency is laid on white, and an embedded profile is applied.
    """
    flat = _flat(image)
    profile = image.info.get("icc_profile")
    if isinstance(profile, bytes) and 0 < len(profile) <= MAX_PROFILE:
        transform = _transform(profile, flat.mode)
        if transform is not None:
            return transform.apply(flat)
    return flat if flat.mode == "RGB" else flat.convert("RGB")


def _flat(image: Image.Image) -> Image.Image:
    """In one of the modes RGB, L and CMYK, opaque."""
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image)
    if image.mode == "CMYK":
        return _upright_inks(image)
    if image.mode == "LAB":
        return _lab_transform().apply(image)
    if image.has_transparency_data or image.mode in {"RGBa", "La"}:
        return _on_white(image)
    return image if image.mode in {"RGB", "L"} else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    white = Image.new("RGBA", image.size, WHITE)
    return Image.alpha_composite(white, rgba).convert("RGB")


def _upright_inks(image: Image.Image) -> Image.Image:
    """Pillow takes every CMYK JPEG for Adobe's, which stores inks inverted; the others do not."""
    if image.format == "JPEG" and "adobe" not in image.info:
        return ImageChops.invert(image)
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale deep grey samples; Pillow's own conversion would clip them at 255.

    16-bit samples lose their low byte. Of 32-bit and float samples nobody says which range they
    use, so it is the smallest usual one (1 for floats, 8, 16 or 32 bits) that holds the largest.
    """
    samples = np.asarray(image)  # height × width
    if image.mode.startswith("I;16"):
        return Image.fromarray((samples >> 8).astype(np.uint8))
    values = np.nan_to_num(samples.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    largest = float(values.max(initial=0.0))
    ranges = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0, 2.0**31)
    full = next((top for top in ranges if largest <= top), largest)
    return Image.fromarray(np.clip(values * (255.0 / full), 0, 255).astype(np.uint8))


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From an embedded profile to sRGB; None if it changes nothing or cannot be used.

    A picture with a broken profile is shown by every browser as if it had none, and so it is here.
    """
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            _FLAGS,
        )
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
    if mode != "RGB":
        return transform
    swatch = _swatch()
    difference = ImageChops.difference(transform.apply(swatch), swatch)
    return transform if int(np.asarray(difference).max()) > _SAME_COLOUR else None


def _swatch() -> Image.Image:
    """Every sixth of the way between no and full red, green and blue: 343 pixels."""
    steps = np.linspace(0, 255, 7).astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1)  # 7 × 7 × 7 × 3
    return Image.fromarray(colours.reshape(7, 49, 3))


@lru_cache(maxsize=1)
def _lab_transform() -> ImageCms.ImageCmsTransform:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(
        lab, srgb, "LAB", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC, _FLAGS
    )
