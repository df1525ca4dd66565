"""Every kind of picture file that shops have becomes the right upright RGB pixels, or an error."""

from __future__ import annotations

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile, ImageOps

from vitrine.errors import ImageError
from vitrine.images.decode import decode
from vitrine.images.errors import (
    BrokenImageError,
    EmptyImageError,
    NotAnImageError,
    TooLargeError,
    TooManyPixelsError,
    TruncatedError,
    UnsupportedFormatError,
)
from vitrine.images.limits import ImageLimits

# Pillow warns about odd metadata, once for each line of its code; the pictures are fine.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
FORMATS = ["AVIF", "BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP"]


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def scene(width: int = 64, height: int = 48, seed: int = 0) -> Image.Image:
    """Smooth colours that differ everywhere, so that no row or column looks like another."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def pixels(data: bytes, **options: Any) -> np.ndarray:
    return np.asarray(decode(data, **options).image).astype(int)


def assert_close(found: object, expected: object, tolerance: float) -> None:
    difference = np.abs(np.asarray(found, dtype=int) - np.asarray(expected, dtype=int))
    assert difference.mean() <= tolerance, f"mean difference {difference.mean():.1f}"


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG by hand, for what Pillow does not write; colour 0 is grey, 2 RGB, 6 RGBA."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body + png_chunk(b"IEND", b"")


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


# Embedded colour profiles


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def icc(space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A version 2 profile by hand (ICC.1:2001-04): header, tag table, data."""
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, body in tags.items():
        padded = body + b"\0" * (-len(body) % 4)
        table += name + struct.pack(">II", start + len(data), len(body))
        data += padded
    header = struct.pack(
        ">I4sI4s4s4s12x4s", 0, b"", 0x02400000, b"prtr", space, connection, b"acsp"
    )
    header = header.ljust(68, b"\0") + _fixed(0.9642, 1.0, 0.8249)
    return struct.pack(">I", start + len(data)) + header.ljust(128, b"\0")[4:] + table + data


def curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def matrix_profile(
    red: tuple[float, ...], green: tuple[float, ...], blue: tuple[float, ...]
) -> bytes:
    colours = {b"rXYZ": red, b"gXYZ": green, b"bXYZ": blue}
    tags = {name: b"XYZ \0\0\0\0" + _fixed(*value) for name, value in colours.items()}
    tags[b"wtpt"] = b"XYZ \0\0\0\0" + _fixed(0.9642, 1.0, 0.8249)
    return icc(b"RGB ", b"XYZ ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve(2.2)))


SRGB_RED, SRGB_GREEN, SRGB_BLUE = (
    (0.4361, 0.2225, 0.0139),
    (0.3851, 0.7169, 0.0971),
    (0.1431, 0.0606, 0.7141),
)


def ink_profile() -> bytes:
    """CMYK in which cyan prints orange: a table of two steps for each ink, and Lab for each."""
    ramp = bytes(range(256))
    corners = [(255, 128, 128) if not index & 8 else (170, 170, 190) for index in range(16)]
    corners = [(0, 128, 128) if index & 1 else lab for index, lab in enumerate(corners)]
    table = b"".join(bytes(lab) for lab in corners)
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    return icc(b"CMYK", b"Lab ", {b"A2B0": lut + ramp * 4 + table + ramp * 3})


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
        {b"kTRC": curve(1.0), b"wtpt": b"XYZ \0\0\0\0" + _fixed(0.9642, 1.0, 0.8249)},
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


# What is refused, and why


def test_an_empty_file_says_so() -> None:
    with pytest.raises(EmptyImageError, match="empty"):
        decode(b"")


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"<!DOCTYPE html><html><title>Not found</title>", "web page"),
        (b"\xef\xbb\xbf\r\n  <html lang=en>", "web page"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"<svg/>", "SVG"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "XML"),
        (b'{"error": "not found"}', "JSON"),
        (b"sku;name;price\r\n1;Hoodie;10", "a text"),
        ("größe".encode(), "a text"),
        ("<html>".encode("utf-16"), "web page"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"PK\x03\x04....", "ZIP"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS"),
        (b"\x00\x00\x00\x18ftypisom\0\0\2\0isomiso2", "video"),
        (bytes(range(256)), "unknown kind"),
        (b"\0", "unknown kind"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "unknown kind"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, named: str) -> None:
    with pytest.raises(NotAnImageError, match=named) as caught:
        decode(data)
    assert caught.value.reason == "not_an_image"


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"8BPS\0\1", "Photoshop"),
        (b"\0\0\1\0\1\0", "ICO"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (b"\xff\x0a\x00", "JPEG XL"),
    ],
)
def test_a_picture_in_a_format_that_is_not_read_is_named(data: bytes, named: str) -> None:
    with pytest.raises(UnsupportedFormatError, match=named):
        decode(data)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_an_error_and_never_grey(form: str, kept: float) -> None:
    data = saved(scene(320, 240), form)
    with pytest.raises((TruncatedError, BrokenImageError)):
        decode(data[: int(len(data) * kept)])


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("GIF", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("WEBP", {}),
        ("AVIF", {}),
    ],
)
def test_a_file_cut_in_half_is_called_truncated(form: str, options: dict[str, Any]) -> None:
    data = saved(scene(320, 240), form, **options)
    with pytest.raises(TruncatedError) as caught:
        decode(data[: len(data) * 6 // 10])
    assert caught.value.reason == "truncated"


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("min_side", [None, 100])
def test_a_jpeg_cut_short_but_ended_is_truncated(mode: str, min_side: int | None) -> None:
    """A proxy that gives up half-way may still close the file; the decoder then fills with grey."""
    data = saved(scene(640, 480).convert(mode), "JPEG", quality=90)
    for kept in (0.3, 0.5, 0.9, 0.99):
        cut = data[: int(len(data) * kept)] + b"\xff\xd9"
        with pytest.raises(TruncatedError):
            decode(cut, min_side=min_side)


def test_a_picture_that_ends_in_true_grey_is_fine() -> None:
    for mode in ("RGB", "L"):
        grey = Image.new(mode, (640, 480), "#808080")
        assert decode(saved(grey, "JPEG")).image.size == (640, 480)
        assert decode(saved(grey, "JPEG", progressive=True), min_side=100)
        assert decode(saved(grey, "JPEG") + b"\0" * 100)


def test_a_png_cut_short_but_ended_is_truncated() -> None:
    data = saved(scene(320, 240), "PNG")
    with pytest.raises(TruncatedError):
        decode(data[: len(data) // 2] + png_chunk(b"IEND", b""))


def test_a_png_with_a_flipped_bit_is_broken() -> None:
    data = bytearray(saved(scene(320, 240), "PNG"))
    data[len(data) // 2] ^= 0x10
    with pytest.raises(BrokenImageError):
        decode(bytes(data))


def bombs() -> dict[str, bytes]:
    """Small files whose headers announce 50,000 × 50,000 pixels, or as many as the format can."""
    tiny = Image.new("RGB", (16, 16))
    jpeg = saved(tiny, "JPEG")
    frame = jpeg.index(b"\xff\xc0") + 5
    bmp, gif = bytearray(saved(tiny, "BMP")), bytearray(saved(tiny.convert("P"), "GIF"))
    bmp[18:26] = struct.pack("<ii", 50_000, 50_000)
    gif[6:10] = b"\xff\xff\xff\xff"
    side, webp = (16_383 - 1).to_bytes(3, "little"), saved(tiny, "WEBP")[12:]
    header = b"VP8X" + struct.pack("<I4x", 10) + side * 2
    riff = b"WEBP" + header + webp
    wide = saved(Image.new("RGB", (50_000, 1)), "TIFF", compression="tiff_adobe_deflate")
    one_row = struct.pack("<HHIHH", 257, 3, 1, 1, 0)
    assert one_row in wide
    return {
        "BMP": bytes(bmp),
        "GIF": bytes(gif),
        "JPEG": jpeg[:frame] + struct.pack(">HH", 50_000, 50_000) + jpeg[frame + 4 :],
        "PNG": png(50_000, 50_000, 8, 2, b"\0" * 1000),
        "TIFF": wide.replace(one_row, struct.pack("<HHIHH", 257, 3, 1, 50_000, 0)),
        "WEBP": b"RIFF" + struct.pack("<I", len(riff)) + riff,
    }


@pytest.mark.parametrize("form", ["BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP"])
def test_a_bomb_is_refused_by_its_header(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded a bomb"))
    with pytest.raises((TooManyPixelsError, BrokenImageError)) as caught:
        decode(bombs()[form])
    if form != "WEBP":  # its library finds the contradiction between its two headers first
        assert caught.value.reason == "too_many_pixels"
        assert "×" in str(caught.value)


def test_the_pixel_and_byte_limits_are_the_settings() -> None:
    data = saved(scene(200, 100), "PNG")
    with pytest.raises(TooManyPixelsError, match="200 × 100"):
        decode(data, limits=ImageLimits(max_pixels=19_999))
    assert decode(data, limits=ImageLimits(max_pixels=20_000))
    with pytest.raises(TooLargeError):
        decode(data, limits=ImageLimits(max_bytes=len(data) - 1))


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_text_or_profile_that_unpacks_to_gigabytes_is_refused(kind: bytes) -> None:
    packed = zlib.compress(b"\0" * 50_000_000, 9)
    start = b"x\0\1\0\0\0" if kind == b"iTXt" else b"x\0\0"
    data = png(1, 1, 8, 2, b"\0\0\0\0", png_chunk(kind, start + packed))
    with pytest.raises(TooLargeError, match="unpacks"):
        decode(data)


def test_many_profiles_scans_or_markers_are_refused_quickly() -> None:
    packed = b"x\0\0" + zlib.compress(b"\0" * 1_000_000, 9)
    profiles = png(1, 1, 8, 2, b"\0\0\0\0", *[png_chunk(b"iCCP", packed)] * 500)
    progressive = saved(scene(320, 240), "JPEG", progressive=True)
    scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    plain = saved(scene(), "JPEG")
    for data, named in [
        (profiles, "profiles"),
        (progressive[:-2] + scan * 200 + b"\xff\xd9", "scans"),
        (plain[:2] + b"\xff\xe5\0\2" * 500_000 + plain[2:], "small parts"),
        (plain[:2] + b"\xff" * 2_000_000 + plain[2:], "small parts"),
    ]:
        with pytest.raises(BrokenImageError, match=named):
            decode(data)


def test_decoding_is_the_same_in_many_threads() -> None:
    swapped = matrix_profile(SRGB_BLUE, SRGB_GREEN, SRGB_RED)
    files = [saved(scene(seed=seed), "JPEG", icc_profile=swapped) for seed in range(8)] * 8
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda data: decode(data).image.tobytes(), files))
    assert found == [decode(data).image.tobytes() for data in files]


def test_every_reason_is_short_stable_and_its_own() -> None:
    def subclasses(kind: type[ImageError]) -> list[type[ImageError]]:
        return [kind, *(sub for child in kind.__subclasses__() for sub in subclasses(child))]

    reasons = [kind.reason for kind in subclasses(ImageError)]
    assert len(set(reasons)) == len(reasons)
    assert all(reason.isidentifier() and len(reason) <= 20 for reason in reasons)
