"""Every kind of picture file that shops have becomes the right upright RGB pixels, or an error."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from tests.unit.pictures import (
    BLUE,
    FORMATS,
    RED,
    SRGB_BLUE,
    SRGB_GREEN,
    SRGB_RED,
    WHITE,
    assert_close,
    matrix_profile,
    pixels,
    png,
    saved,
    scene,
)
from vitrine.images.decode import decode

# Pillow warns about odd metadata, once for each line of its code; the pictures are fine.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


# What is decoded, and how faithfully


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_its_pixels_size_and_name(form: str) -> None:
    original = scene()
    decoded = decode(saved(original, form))
    assert (decoded.width, decoded.height, decoded.format) == (64, 48, form)
    assert decoded.image.mode == "RGB"
    assert_close(decoded.image, original, 12 if form in {"AVIF", "GIF", "JPEG", "WEBP"} else 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied_once_and_removed(orientation: int) -> None:
    upright = scene(64, 48)
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    for form, options in [("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"lossless": True})]:
        decoded = decode(saved(stored, form, exif=exif, **options))
        assert (decoded.width, decoded.height) == (64, 48), form
        assert_close(decoded.image, upright, 4)
        again = ImageOps.exif_transpose(decoded.image)
        assert again.size == (64, 48)
        assert again.tobytes() == decoded.image.tobytes()
        assert dict(decoded.image.copy().getexif()) == {}


def test_an_impossible_or_broken_exif_block_leaves_the_picture_as_it_is() -> None:
    original = scene()
    for exif in (b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0"):
        decoded = decode(saved(original, "JPEG", exif=exif)).image
        assert_close(decoded, original, 6)
        assert ImageOps.exif_transpose(decoded).size == (64, 48)
    strange = Image.Exif()
    strange[0x0112] = 77
    assert_close(pixels(saved(original, "JPEG", exif=strange)), original, 6)


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb_the_right_way_round(form: str) -> None:
    inks = Image.new("CMYK", (32, 32), (0, 255, 255, 0))  # magenta and yellow print red
    assert_close(pixels(saved(inks, form)), np.full((32, 32, 3), RED), 6)


def test_cmyk_of_adobe_and_of_others_are_told_apart() -> None:
    """Adobe stores inks inverted and marks the file; without the mark they are as they are."""
    data = saved(Image.new("CMYK", (32, 32), (255, 0, 0, 255)), "JPEG")
    at = data.index(b"\xff\xee")
    unmarked = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    assert b"Adobe" not in unmarked
    assert_close(pixels(unmarked), np.full((32, 32, 3), RED), 6)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_transparent_pixels_lie_on_white(form: str) -> None:
    image = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 16, 32))
    image.paste((0, 0, 0, 128), (0, 0, 16, 16))
    options = {"lossless": True} if form == "WEBP" else {}
    found = pixels(saved(image, form, **options))
    assert_close(found[20:28, 4:12], np.full((8, 8, 3), BLUE), 8)
    assert_close(found[4:28, 20:28], np.full((24, 8, 3), WHITE), 8)
    assert_close(found[4:12, 4:12], np.full((8, 8, 3), 127), 8)


def test_grey_with_alpha_and_palette_with_transparency_lie_on_white() -> None:
    grey = Image.new("LA", (8, 8), (0, 0))
    assert_close(pixels(saved(grey, "PNG")), np.full((8, 8, 3), WHITE), 0)
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    assert_close(pixels(saved(palette, "PNG")), np.full((8, 8, 3), (0, 255, 0)), 0)
    for form in ("PNG", "GIF"):
        found = pixels(saved(palette, form, transparency=1))
        assert_close(found, np.full((8, 8, 3), WHITE), 0)
    partly = saved(palette, "PNG", transparency=bytes([255, 0, 255]))
    assert_close(pixels(partly), np.full((8, 8, 3), WHITE), 0)


def test_a_transparent_colour_of_an_rgb_or_grey_png_lies_on_white() -> None:
    image = Image.new("RGB", (8, 8), RED)
    assert_close(pixels(saved(image, "PNG", transparency=RED)), np.full((8, 8, 3), WHITE), 0)
    grey = Image.new("L", (8, 8), 7)
    assert_close(pixels(saved(grey, "PNG", transparency=7)), np.full((8, 8, 3), WHITE), 0)


def test_one_bit_pictures_are_black_and_white() -> None:
    image = Image.new("1", (16, 16), 1)
    image.paste(0, (0, 0, 8, 16))
    for form in ("PNG", "TIFF", "BMP", "GIF"):
        found = pixels(saved(image, form))
        assert found[:, :8].max() == 0, form
        assert found[:, 8:].min() == 255, form


def test_sixteen_bit_grey_is_scaled_and_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None, :].repeat(4, axis=0)
    expected = (ramp >> 8)[..., None].repeat(3, axis=-1)
    for form in ("PNG", "TIFF"):
        assert_close(pixels(saved(Image.fromarray(ramp), form)), expected, 0)


def test_sixteen_bit_colour_is_scaled() -> None:
    row = b"\0" + struct.pack(">12H", *[0xFF80, 0x8000, 0x0080] * 4)
    found = pixels(png(4, 2, 16, 2, row * 2))
    assert_close(found, np.full((2, 4, 3), (255, 128, 0)), 1)
    row = b"\0" + struct.pack(">8H", *[0xFF00, 0x0000, 0x0000, 0x0000] * 2)
    assert_close(pixels(png(2, 2, 16, 6, row * 2)), np.full((2, 2, 3), WHITE), 0)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 127, 255]),
        (np.array([[0.0, 127.0, 255.0]], np.float32), [0, 127, 255]),
        (np.array([[np.nan, 0.5, 1.0]], np.float32), [0, 127, 255]),
        (np.array([[0, 32768, 65535]], np.int32), [0, 127, 255]),
        (np.array([[0, 100, 200]], np.int32), [0, 100, 200]),
    ],
)
def test_deep_and_float_tiff_samples_are_scaled(samples: np.ndarray, expected: list[int]) -> None:
    found = pixels(saved(Image.fromarray(samples), "TIFF"))
    assert found[0].tolist() == [[value] * 3 for value in expected]


def test_lab_becomes_rgb() -> None:
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = to_lab.apply(Image.new("RGB", (16, 16), (200, 40, 90)))
    lab.info.clear()
    assert_close(pixels(saved(lab, "TIFF")), np.full((16, 16, 3), (200, 40, 90)), 6)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_of_an_animation_the_first_frame_counts(form: str) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in (RED, BLUE)]
    data = saved(frames[0], form, save_all=True, append_images=frames[1:])
    assert_close(pixels(data), np.full((32, 32, 3), RED), 8)


# Smaller on request


def test_min_side_gives_a_smaller_picture_that_is_never_below_it() -> None:
    for width, height in [(1600, 1200), (1201, 1999), (450, 3000), (448, 448), (225, 224)]:
        for form in ("JPEG", "PNG"):
            decoded = decode(saved(scene(width, height), form), min_side=224)
            assert (decoded.width, decoded.height) == (width, height)
            assert min(decoded.image.size) >= 224
            assert min(decoded.image.size) < 448 + 8
            ratio = decoded.image.width / decoded.image.height
            assert ratio == pytest.approx(width / height, rel=0.01)


def test_min_side_leaves_a_small_picture_alone() -> None:
    assert decode(saved(scene(100, 80), "JPEG"), min_side=224).image.size == (100, 80)


def test_the_smaller_picture_shows_the_same() -> None:
    original = scene(1600, 1200)
    for form in ("JPEG", "PNG", "WEBP"):
        small = decode(saved(original, form, quality=95), min_side=224).image
        expected = original.resize(small.size, Image.Resampling.BOX)
        assert_close(small, expected, 3)


def test_rotation_and_min_side_go_together() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = decode(saved(scene(1600, 800), "JPEG", exif=exif), min_side=200)
    assert (decoded.width, decoded.height) == (800, 1600)
    assert decoded.image.size == (200, 400)


def test_decoding_is_the_same_in_many_threads() -> None:
    swapped = matrix_profile(SRGB_BLUE, SRGB_GREEN, SRGB_RED)
    files = [saved(scene(seed=seed), "JPEG", icc_profile=swapped) for seed in range(8)] * 8
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda data: decode(data).image.tobytes(), files))
    assert found == [decode(data).image.tobytes() for data in files]
