"""Pictures that are none, broken, cut short, or made to do harm: each refused with its reason."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageFile

from tests.unit.pictures import (
    FORMATS,
    png,
    png_chunk,
    saved,
    scene,
)
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


def test_every_reason_is_short_stable_and_its_own() -> None:
    def subclasses(kind: type[ImageError]) -> list[type[ImageError]]:
        return [kind, *(sub for child in kind.__subclasses__() for sub in subclasses(child))]

    reasons = [kind.reason for kind in subclasses(ImageError)]
    assert len(set(reasons)) == len(reasons)
    assert all(reason.isidentifier() and len(reason) <= 20 for reason in reasons)
