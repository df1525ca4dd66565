"""Bytes to an upright 8-bit RGB picture, or an ImageError that says what is wrong with them.

Safe to call from several threads; Pillow lets go of the interpreter while it decodes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import ExifTags, Image
from PIL.JpegImagePlugin import JpegImageFile

from vitrine.errors import ImageError
from vitrine.images.colour import to_rgb
from vitrine.images.errors import (
    BrokenImageError,
    TooLargeError,
    TooManyPixelsError,
    TruncatedError,
)
from vitrine.images.header import open_picture
from vitrine.images.limits import ImageLimits
from vitrine.images.sniff import picture_format

__all__ = ["DecodedImage", "decode"]

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_BROKEN = 0
_SIDEWAYS = frozenset({5, 6, 7, 8})
_END_OF_IMAGE = b"\xff\xd9"
_DEFAULT_LIMITS = ImageLimits()


@dataclass(frozen=True, kw_only=True)
class DecodedImage:
    """An upright picture in mode RGB, and what the file was: its size in pixels and its format.

    `width` and `height` are the file's own, upright; the image is smaller if a `min_side` was
    given.
    """

    image: Image.Image
    width: int
    height: int
    format: str


def decode(
    data: bytes, *, min_side: int | None = None, limits: ImageLimits = _DEFAULT_LIMITS
) -> DecodedImage:
    """Decode a file to an upright RGB picture, its first frame if it is animated.

    With `min_side` the picture may come smaller, by a whole factor and with its shorter side not
    under `min_side` pixels (or the file's own, if that is less): several times faster for large
    JPEG files. Raises ImageError.
    """
    if len(data) > limits.max_bytes:
        raise TooLargeError(f"the file has {len(data):,} bytes; {limits.max_bytes:,} are allowed")
    name = picture_format(data)
    try:
        return _decoded(data, name, min_side, limits)
    except ImageError:
        raise
    except Exception as exc:  # Pillow's decoders raise nearly every built-in error
        raise _fault(exc, name) from exc


def _decoded(data: bytes, name: str, min_side: int | None, limits: ImageLimits) -> DecodedImage:
    image = open_picture(data, name, max_pixels=limits.max_pixels)
    width, height = image.size
    if min_side is not None:
        image.draft(None, (min_side, min_side))
    image.load()
    if name == "JPEG" and _ends_in_filler(image, data, min_side):
        raise TruncatedError("the JPEG file ends before the picture does; upload it again")
    orientation = _take_orientation(image)
    upright = to_rgb(image)
    if min_side is not None and (factor := min(upright.size) // min_side) > 1:
        upright = upright.reduce(factor)
    if orientation in _UPRIGHT:
        upright = upright.transpose(_UPRIGHT[orientation])
    if orientation in _SIDEWAYS:
        width, height = height, width
    if orientation == _BROKEN and upright is image:
        upright = image.copy()
    # With the file's EXIF data about, the next to look at the picture would rotate it again.
    upright.info = {}
    return DecodedImage(image=upright, width=width, height=height, format=name)


def _take_orientation(image: Image.Image) -> int:
    """Remove the EXIF orientation, 1 to 8; 1 (upright) if there is none, 0 if it is unreadable.

    Removed and not only read, because the picture returned may be this very object: copying it
    would take up to a third of the time that decoding does.
    """
    try:
        value = image.getexif().pop(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - as many kinds as the decoders raise, and none matters
        return _BROKEN
    return value if isinstance(value, int) else 1


def _ends_in_filler(image: Image.Image, data: bytes, min_side: int | None) -> bool:
    """Whether the JPEG decoder ran out of data before its end marker, and filled up with grey.

    It says so to nobody. But its filler is plain middle grey, and more data before the end marker
    would change it, while after a complete picture it is skipped. So a picture that ends in plain
    grey is decoded once more with such data.
    """
    if not _ends_in_grey(image):
        return False
    head, marker, _ = data.rpartition(_END_OF_IMAGE)
    if not marker:
        return False
    again = JpegImageFile(io.BytesIO(head + b"\x55" * 4096 + marker))
    if min_side is not None:
        again.draft(None, (min_side, min_side))
    again.load()
    return again.tobytes() != image.tobytes()


def _ends_in_grey(image: Image.Image) -> bool:
    corner = image.crop((image.width - 1, image.height - 1, image.width, image.height))
    return all(126 <= band <= 129 for band in corner.tobytes())


def _fault(exc: Exception, name: str) -> ImageError:
    """Name what a decoder stumbled over."""
    text = str(exc)
    if isinstance(exc, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return TooManyPixelsError(f"the {name} file announces too many pixels: {text}")
    if "Decompressed data too large" in text or "Too much memory" in text:
        return TooLargeError(f"a text or profile in the {name} file unpacks to too many bytes")
    if isinstance(exc, EOFError) or "truncated" in text.lower():
        return TruncatedError(f"the {name} file ends before the picture does; upload it again")
    return BrokenImageError(f"the {name} file cannot be decoded ({text}); export it again")
