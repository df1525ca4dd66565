"""Damaged files of every format: pixels or an ImageError, never another error, never for long."""

from __future__ import annotations

import io
import time
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from vitrine.errors import ImageError
from vitrine.images.decode import decode
from vitrine.images.limits import ImageLimits

# As in a worker, where Pillow's warnings about odd metadata are only printed.
pytestmark = [pytest.mark.filterwarnings("ignore:::PIL"), pytest.mark.timeout(120)]

LIMITS = ImageLimits(max_pixels=1_000_000, max_bytes=1_000_000)
SECONDS = 5.0
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "avif": ("AVIF", "RGBA", {}),
    "bmp": ("BMP", "RGB", {}),
    "bmp palette": ("BMP", "P", {}),
    "gif": ("GIF", "P", {"transparency": 3}),
    "jpeg": ("JPEG", "RGB", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0"}),
    "jpeg cmyk": ("JPEG", "CMYK", {}),
    "jpeg progressive": ("JPEG", "L", {"progressive": True}),
    "png": ("PNG", "RGBA", {}),
    "png palette": ("PNG", "P", {"transparency": b"\0\x80\xff"}),
    "tiff": ("TIFF", "RGB", {}),
    "tiff deflate": ("TIFF", "RGB", {"compression": "tiff_adobe_deflate"}),
    "tiff jpeg": ("TIFF", "RGB", {"compression": "jpeg"}),
    "tiff lzw": ("TIFF", "1", {"compression": "tiff_lzw"}),
    "webp": ("WEBP", "RGB", {}),
    "webp lossless": ("WEBP", "RGBA", {"lossless": True}),
}


@lru_cache
def original(kind: str) -> bytes:
    form, mode, options = KINDS[kind]
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(file, form, **options)
    return file.getvalue()


@st.composite
def damaged(draw: st.DrawFn, kind: str) -> bytes:
    data = bytearray(original(kind))
    # Half of the damage goes to the header, where the sizes and offsets are.
    positions = st.integers(0, min(100, len(data) - 1)) | st.integers(0, len(data) - 1)
    for _ in range(draw(st.integers(0, 6))):
        data[draw(positions)] = draw(st.integers(0, 255) | st.sampled_from([0, 1, 127, 128, 255]))
    if draw(st.booleans()):
        at, length = draw(positions), draw(st.integers(0, 40))
        data[at : at + length] = draw(st.binary(max_size=40))
    if draw(st.booleans()):
        del data[draw(positions) :]
    return bytes(data)


def check(data: bytes, min_side: int | None) -> None:
    start = time.monotonic()
    try:
        decoded = decode(data, min_side=min_side, limits=LIMITS)
    except ImageError:
        pass
    else:
        assert decoded.image.mode == "RGB"
        assert decoded.width * decoded.height <= LIMITS.max_pixels
        np.asarray(decoded.image)
    assert time.monotonic() - start < SECONDS


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(data=st.data(), min_side=st.none() | st.integers(1, 40))
def test_a_damaged_file_decodes_or_is_an_image_error(
    kind: str, data: st.DataObject, min_side: int | None
) -> None:
    check(data.draw(damaged(kind)), min_side)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.binary(max_size=300), kind=st.sampled_from(sorted(KINDS)))
def test_any_bytes_behind_a_formats_first_ones_decode_or_are_an_image_error(
    data: bytes, kind: str
) -> None:
    check(data, None)
    check(original(kind)[:12] + data, None)
