"""A contact sheet: searches and what they found, laid out on one picture to look at."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Hit", "Row", "contact_sheet"]

_MARGIN, _GAP, _QUERY_WIDTH = 56, 20, 300
_CARD_WIDTH, _CARD_HEIGHT, _PICTURE = 208, 322, 188
_ROW_GAP, _HEADER = 34, 132
_PAPER, _CARD, _LINE = (246, 245, 242), (255, 255, 255), (228, 226, 221)
_INK, _QUIET, _ACCENT = (34, 34, 40), (118, 116, 120), (181, 72, 46)

# What the built-in font has no glyph for, in words or signs that it has.
_SPELLED = {
    "€": "EUR ", "£": "GBP ", "–": "-", "—": "-", "•": "·", "×": "x", "→": "->", "≤": "<=",
    "≥": ">=", "ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "°": " deg ",
}  # fmt: skip
_KEPT = "·“”‘’…"


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A product found: its picture's file, title, price as text, and a small note."""

    picture: Path | None
    title: str
    price: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A search: what sort it is, its words, its filters or other small print, and its hits.

    `picture` is the query's own, for a search by picture.
    """

    sort: str
    words: str
    small_print: Sequence[str] = ()
    picture: Path | None = None
    hits: Sequence[Hit] = ()


class _Font(Protocol):
    def getlength(self, text: str) -> float:
        """The width of a text, in pixels."""


def contact_sheet(rows: Sequence[Row], target: Path, *, title: str, subtitle: str = "") -> None:
    """Write a PNG of the rows, each a search and at most as many hits as the widest row has."""
    columns = max((len(row.hits) for row in rows), default=0)
    width = 2 * _MARGIN + _QUERY_WIDTH + columns * (_GAP + _CARD_WIDTH)
    height = _HEADER + len(rows) * (_CARD_HEIGHT + _ROW_GAP) + _MARGIN // 2
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    _text(draw, (_MARGIN, 40), title, 38, bold=True)
    _text(draw, (_MARGIN, 88), subtitle, 19, color=_QUIET)
    for index, row in enumerate(rows):
        top = _HEADER + index * (_CARD_HEIGHT + _ROW_GAP)
        if index:
            line = top - _ROW_GAP // 2
            draw.line((_MARGIN, line, width - _MARGIN, line), fill=_LINE, width=1)
        _query(sheet, row, top)
        for place, hit in enumerate(row.hits):
            left = _MARGIN + _QUERY_WIDTH + _GAP + place * (_CARD_WIDTH + _GAP)
            _card(sheet, hit, place + 1, (left, top))
        if not row.hits:
            empty = (_MARGIN + _QUERY_WIDTH + _GAP, top + 40)
            _text(draw, empty, "nothing found", 20, color=_QUIET)
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target, "PNG")


def _query(sheet: Image.Image, row: Row, top: int) -> None:
    """The left column: what was asked."""
    draw = ImageDraw.Draw(sheet)
    _text(draw, (_MARGIN, top + 8), row.sort.upper(), 15, color=_ACCENT, bold=True)
    y = top + 36
    size = 27 if row.picture is None else 21
    for line in _wrap(row.words, _font(size), _QUERY_WIDTH, 4 if row.picture is None else 2):
        _text(draw, (_MARGIN, y), line, size, bold=True)
        y += size + 8
    if row.picture is not None:
        side = min(_PICTURE, top + _CARD_HEIGHT - y - 24 - 22 * len(row.small_print))
        picture = _rounded(_open(row.picture, side), 14)
        sheet.paste(picture, (_MARGIN, y + 6), picture)
        y += side + 14
    y += 6
    for text in row.small_print:
        for line in _wrap(text, _font(16), _QUERY_WIDTH, 2):
            _text(draw, (_MARGIN, y), line, 16, color=_QUIET)
            y += 22


def _card(sheet: Image.Image, hit: Hit, place: int, corner: tuple[int, int]) -> None:
    """One hit: picture, title on two lines, note, price, and its place in a corner."""
    left, top = corner
    card = _card_shape()
    sheet.paste(card, (left - 12, top - 12), card)
    draw = ImageDraw.Draw(sheet)
    inset = (_CARD_WIDTH - _PICTURE) // 2
    picture = _rounded(_open(hit.picture, _PICTURE), 10)
    sheet.paste(picture, (left + inset, top + inset), picture)
    badge = _rounded(Image.new("RGB", (28, 28), _INK), 14)
    sheet.paste(badge, (left + inset + 8, top + inset + 8), badge)
    center = (left + inset + 22, top + inset + 22)
    draw.text(center, str(place), font=_font(15), fill=(255, 255, 255), anchor="mm")
    x, y = left + inset + 4, top + inset + _PICTURE + 10
    room = _PICTURE - 8
    for line in _wrap(hit.title, _font(16), room, 2):
        _text(draw, (x, y), line, 16)
        y += 21
    bottom = top + _CARD_HEIGHT
    _text(draw, (x, bottom - 52), _shortened(hit.note, _font(13), room), 13, color=_QUIET)
    _text(draw, (x, bottom - 32), hit.price, 18, bold=True)


@lru_cache(maxsize=1)
def _card_shape() -> Image.Image:
    """An empty card with a soft shadow, RGBA, 12 pixels larger on every side."""
    size = (_CARD_WIDTH + 24, _CARD_HEIGHT + 24)
    mask = Image.new("L", (size[0] * 3, size[1] * 3))
    box = (36, 36, size[0] * 3 - 37, size[1] * 3 - 37)
    ImageDraw.Draw(mask).rounded_rectangle(box, radius=42, fill=255)
    mask = mask.reduce(3)
    shadow = ImageChops.offset(mask, 0, 3).filter(ImageFilter.GaussianBlur(5))
    alpha = ImageChops.lighter(mask, shadow.point([v // 8 for v in range(256)]))
    card = Image.new("RGB", size, (40, 36, 40))
    card.paste(_CARD, mask=mask)
    card.putalpha(alpha)
    return card


def _open(path: Path | None, side: int) -> Image.Image:
    """A picture cut to a square; a gray one where there is none."""
    if path is None:
        return Image.new("RGB", (side, side), _LINE)
    with Image.open(path) as picture:
        return ImageOps.fit(ImageOps.exif_transpose(picture).convert("RGB"), (side, side))


def _rounded(picture: Image.Image, radius: int) -> Image.Image:
    """The picture with rounded corners, RGBA."""
    mask = Image.new("L", (picture.width * 3, picture.height * 3))
    box = (0, 0, mask.width - 1, mask.height - 1)
    ImageDraw.Draw(mask).rounded_rectangle(box, radius=radius * 3, fill=255)
    rounded = picture.convert("RGBA")
    rounded.putalpha(mask.reduce(3))
    return rounded


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _text(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size: int,
    *,
    color: tuple[int, int, int] = _INK,
    bold: bool = False,
) -> None:
    # The built-in font has one weight; a thin stroke of the same colour makes the other.
    stroke = size / 60 if bold else 0
    draw.text(at, _spelled(text), font=_font(size), fill=color, stroke_width=stroke)


def _wrap(text: str, font: _Font, width: int, most: int) -> list[str]:
    """The text on at most `most` lines that fit the width; what is left out becomes an ellipsis."""
    lines: list[str] = []
    words = _spelled(text).split()
    while words and len(lines) < most:
        line = words.pop(0)
        while words and font.getlength(f"{line} {words[0]}") <= width:
            line += f" {words.pop(0)}"
        lines.append(_shortened(line, font, width))
    if words:
        lines[-1] = _shortened(f"{lines[-1]} {' '.join(words)}", font, width)
    return lines


def _shortened(text: str, font: _Font, width: int) -> str:
    """The text, cut with an ellipsis where it does not fit."""
    text = _spelled(text)
    if font.getlength(text) <= width:
        return text
    fitting = bisect_right(
        range(len(text)), float(width), key=lambda n: font.getlength(f"{text[:n]}…")
    )
    return f"{text[: max(0, fitting - 1)].rstrip()}…"


def _spelled(text: str) -> str:
    """The text in characters that the built-in font can show; others become a question mark."""
    swapped = "".join(_SPELLED.get(character, character) for character in text)
    shown = []
    for character in unicodedata.normalize("NFKD", swapped):
        if unicodedata.combining(character):
            continue
        shown.append(character if character.isascii() or character in _KEPT else "?")
    return "".join(shown)
