"""Colour profiles that pictures carry are applied."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.unit.pictures import (
    BLUE,
    RED,
    SRGB_BLUE,
    SRGB_GREEN,
    SRGB_RED,
    WHITE,
    assert_close,
    curve,
    fixed,
    icc,
    ink_profile,
    matrix_profile,
    pixels,
    saved,
    scene,
)

# Pillow warns about odd metadata, once for each line of its code; the pictures are fine.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_an_rgb_profile_is_applied(form: str) -> None:
    swapped = matrix_profile(SRGB_BLUE, SRGB_GREEN, SRGB_RED)
    data = saved(Image.new("RGB", (16, 16), RED), form, icc_profile=swapped)
    assert_close(pixels(data), np.full((16, 16, 3), BLUE), 8)


def test_a_profile_that_is_srgb_by_another_name_changes_no_pixel() -> None:
    original = scene()
    for profile in (
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        b"not a profile at all",
        matrix_profile(SRGB_RED, SRGB_GREEN, SRGB_BLUE)[:100],
    ):
        found = pixels(saved(original, "PNG", icc_profile=profile))
        assert_close(found, original, 0)


def test_a_cmyk_profile_is_applied() -> None:
    data = saved(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "JPEG", icc_profile=ink_profile())
    red, green, blue = pixels(data)[8, 8]
    assert red > green > blue, "cyan should have printed orange"
    paper = saved(Image.new("CMYK", (16, 16), (0, 0, 0, 0)), "JPEG", icc_profile=ink_profile())
    assert_close(pixels(paper), np.full((16, 16, 3), WHITE), 3)


def test_a_grey_profile_is_applied_and_one_of_another_colour_space_ignored() -> None:
    linear = icc(
        b"GRAY",
        b"XYZ ",
        {b"kTRC": curve(1.0), b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249)},
    )
    grey = Image.new("L", (16, 16), 128)
    assert_close(pixels(saved(grey, "PNG", icc_profile=linear)), np.full((16, 16, 3), 188), 3)
    assert_close(
        pixels(saved(grey, "PNG", icc_profile=ink_profile())), np.full((16, 16, 3), 128), 0
    )


def test_a_profile_applies_under_transparency() -> None:
    swapped = matrix_profile(SRGB_BLUE, SRGB_GREEN, SRGB_RED)
    image = Image.new("RGBA", (16, 16), (255, 0, 0, 255))
    image.paste((255, 0, 0, 0), (0, 0, 8, 16))
    found = pixels(saved(image, "PNG", icc_profile=swapped))
    assert_close(found[:, :8], np.full((16, 8, 3), WHITE), 3)
    assert_close(found[:, 8:], np.full((16, 8, 3), BLUE), 8)
