"""What bytes are, from how they begin: a picture's format, or the name of what they are instead."""

from __future__ import annotations

from vitrine.images.errors import (
    EmptyImageError,
    NotAnImageError,
    TruncatedError,
    UnsupportedFormatError,
)

__all__ = ["picture_format"]

# The formats that are decoded. Everything else that Pillow reads is left out on purpose: rarely
# tried decoders are where the holes are, and no shop has pictures in them.
_FORMATS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
)
_OTHER_PICTURES = (
    (b"8BPS", "Photoshop"),
    (b"\x00\x00\x01\x00", "icon (ICO)"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"%!PS", "PostScript"),
    (b"FUJIFILM", "raw photo"),
    (b"IIU\x00", "raw photo"),
    (b"gimp xcf", "GIMP"),
)
_OTHER_FILES = (
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"OggS", "a video or a sound"),
    (b"ID3", "a sound"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file it stands for"),
)
# The brands of the box format that AVIF shares with HEIC and with videos.
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
_HEAD = 1024
_MOST_BOXES = 100


def picture_format(data: bytes) -> str:
    """The format's name as Pillow writes it, such as "JPEG".

    Raises EmptyImageError, NotAnImageError (naming what the bytes are), UnsupportedFormatError
    for a picture of another kind, and TruncatedError for a WebP or AVIF shorter than it says.
    """
    if not data:
        raise EmptyImageError("the file is empty; upload the picture again")
    head = data[:_HEAD]
    for magic, name in _FORMATS:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _whole_webp(data)
    if head[4:8] == b"ftyp":
        return _boxed(head, data)
    for magic, name in _OTHER_PICTURES:
        if head.startswith(magic):
            raise UnsupportedFormatError(
                f"the file is a picture in {name} format, which is not read; "
                "convert it to JPEG, PNG or WebP"
            )
    raise NotAnImageError(f"the file is {_name_of(head)}, not a picture")


def _whole_webp(data: bytes) -> str:
    announced = int.from_bytes(data[4:8], "little") + 8
    if len(data) < announced:
        raise TruncatedError(f"the file has {len(data):,} of the {announced:,} bytes it announces")
    return "WEBP"


def _boxed(head: bytes, data: bytes) -> str:
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, length, 4))}
    if brands & _AVIF_BRANDS:
        return _whole_avif(data)
    if brands & _HEIC_BRANDS:
        raise UnsupportedFormatError(
            "the file is a picture in HEIC format, which is not read; convert it to JPEG"
        )
    raise NotAnImageError("the file is a video, not a picture")


def _whole_avif(data: bytes) -> str:
    """Walk the outermost boxes (ISO/IEC 14496-12, 4.2): the last must end where the file does."""
    at, boxes = 0, 0
    while at < len(data) and boxes < _MOST_BOXES:
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:  # 64 bits, after the box's name
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:  # 0 is "to the end of the file"; the rest is for the decoder to judge
            break
        at, boxes = at + size, boxes + 1
    if at > len(data):
        raise TruncatedError(f"the file has {len(data):,} of the {at:,} bytes it announces")
    return "AVIF"


def _name_of(head: bytes) -> str:
    for magic, name in _OTHER_FILES:
        if head.startswith(magic):
            return name
    text = _as_text(head)
    if text is None:
        return "of an unknown kind"
    return _kind_of_text(text.lstrip("\ufeff \t\r\n").lower())


def _kind_of_text(start: str) -> str:
    if "<svg" in start:
        return "an SVG drawing (a text), which is not read; export it as PNG"
    if start.startswith(("<!doctype html", "<html", "<head", "<body", "<script")):
        return "a web page (HTML), perhaps an error or log-in page"
    if start.startswith("<"):
        return "an HTML or XML text"
    return "a JSON text" if start.startswith(("{", "[")) else "a text"


def _as_text(head: bytes) -> str | None:
    """The beginning as text, or None; a character cut in two at the end does not matter."""
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    text = head.decode(encoding, "ignore" if len(head) == _HEAD else "replace")
    if "\x00" in text or "\ufffd" in text:
        return None
    control = sum(character < " " and character not in "\t\r\n\f" for character in text)
    return text if text and control == 0 else None
