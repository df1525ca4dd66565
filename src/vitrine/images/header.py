"""Opens a picture by its header, and refuses there what would be too much work to decode."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from vitrine.images.errors import BrokenImageError, TooManyPixelsError

if TYPE_CHECKING:
    from PIL import ImageFile

__all__ = ["open_picture"]

# The decoders are called by name instead of through `Image.open`, which would try others too.
_DECODERS: dict[str, type[ImageFile.ImageFile]] = {
    "AVIF": AvifImageFile,
    "BMP": BmpImageFile,
    "GIF": GifImageFile,
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "TIFF": TiffImageFile,
    "WEBP": WebPImageFile,
}
# A progressive JPEG can hold any number of passes over all its pixels, each a few bytes long, and
# a PNG any number of colour profiles, each of which is unpacked. Real ones have about ten and one.
_REPEATED = {"JPEG": (b"\xff\xda", 100, "scans"), "PNG": (b"iCCP", 8, "colour profiles")}
# Markers, chunks and blocks are read one by one, in Python. A real file of 20 MB has thousands.
MAX_READS = 200_000


def open_picture(data: bytes, name: str, *, max_pixels: int) -> ImageFile.ImageFile:
    """The picture in the format `name`, not decoded yet.

    Raises TooManyPixelsError or BrokenImageError, and whatever Pillow raises for a broken header.
    """
    if name in _REPEATED:
        mark, most, what = _REPEATED[name]
        if data.count(mark) > most:
            raise BrokenImageError(f"the {name} file has more than {most} {what}; export it again")
    image = _DECODERS[name](_MeteredFile(data))
    width, height = image.size
    if width * height > max_pixels:
        raise TooManyPixelsError(
            f"the picture has {width:,} × {height:,} pixels; {max_pixels:,} are allowed"
        )
    return image


class _MeteredFile(io.BytesIO):
    """A file in memory that can be read from only so often."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._left = MAX_READS + len(data) // 100

    def read(self, size: int | None = -1, /) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise BrokenImageError("the file consists of far too many small parts; export it again")
        return super().read(size)
