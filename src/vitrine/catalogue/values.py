"""Cells as shops write them, made into prices, stock, flags, category paths and attributes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache

from vitrine.catalogue.markup import to_line
from vitrine.catalogue.records import array

__all__ = [
    "KEY_LENGTH",
    "SEPARATOR",
    "Prices",
    "attribute_json",
    "category_array",
    "flag",
    "image_array",
    "parse_date",
    "stock_count",
]

KEY_LENGTH = 500  # characters of a SKU or a key; an index entry holds at most 2,700 bytes
URI_LENGTH = 2000
SEPARATOR = "\x1f"  # between the names of a staged category path; no shop types it
ROOTS = frozenset({"default category", "root catalog"})
SYMBOLS = {
    "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₽": "RUB", "₩": "KRW", "₺": "TRY", "zł": "PLN",
    "zl": "PLN", "kč": "CZK", "fr.": "CHF", "r$": "BRL", "a$": "AUD", "c$": "CAD", "us$": "USD",
    "元": "CNY", "円": "JPY", "₪": "ILS", "ft": "HUF", "lei": "RON", "лв": "BGN", "₫": "VND",
}  # fmt: skip
# One sign, several currencies: it fits any of them, and means the first where none is set.
SHARED = {
    "$": ("USD", "AUD", "CAD", "NZD", "SGD", "HKD", "MXN", "CLP", "ARS", "COP"),
    "kr": ("SEK", "NOK", "DKK", "ISK"),
    "kr.": ("DKK", "NOK", "SEK", "ISK"),
    "¥": ("JPY", "CNY"),
}
_PLAIN = re.compile(r"\d{1,12}(?:\.\d{1,8})?")
_PRICE = re.compile(r"([^\d.,+-]*)([+-]?)([\d.,'\s\u00a0\u202f]*\d[.,]?)(?:-|–)?([^\d.,]*)")
_TRUE = frozenset({"1", "true", "yes", "y", "t", "on", "active", "enabled", "published", "visible"})
_FALSE = frozenset(
    {"0", "-1", "2", "false", "no", "n", "f", "off", "inactive", "disabled", "draft", "archived"}
)
_DATES = ("%Y-%m-%d", "%m/%d/%Y", "%m/%d/%y", "%d.%m.%Y")


class Prices:
    """Reads prices in the shop's one currency; the first one named decides where none is set."""

    def __init__(self, currency: str | None) -> None:
        self.currency = currency
        self._seen: dict[str, str | None] = {}

    def parse(self, text: str) -> str | None:
        """The number as PostgreSQL reads it, or None for an empty cell.

        A point is decimal unless a comma or a second point follows it; a comma is decimal unless
        exactly three digits follow it. Raises ValueError with the reason.
        """
        try:
            return self._seen[text]
        except KeyError:
            number = self._parse(text)
            if len(self._seen) < 10_000:
                self._seen[text] = number
            return number

    def _parse(self, text: str) -> str | None:
        text = text.strip()
        if _PLAIN.fullmatch(text):
            return text
        if not text:
            return None
        match = _PRICE.fullmatch(text)
        if match is None:
            raise ValueError("not a price")
        before, sign, digits, after = match.groups()
        if sign == "-":
            raise ValueError("a price is not negative")
        for mark in (before.strip(), after.strip()):
            if mark:
                self._check_currency(mark)
        number = _decimal(digits)
        if not _PLAIN.fullmatch(number):
            raise ValueError("not a price")
        return number

    def _check_currency(self, mark: str) -> None:
        name = mark.lower()
        if name in SHARED:
            meant = SHARED[name]
        elif name in SYMBOLS:
            meant = (SYMBOLS[name],)
        elif re.fullmatch(r"[a-z]{3}", name):
            meant = (name.upper(),)
        else:
            raise ValueError(f"{mark!r} is no currency that is known here; write its ISO code")
        if self.currency is None:
            self.currency = meant[0]
        elif self.currency not in meant:
            raise ValueError(f"the price is in {meant[0]}, the shop's currency is {self.currency}")


def _decimal(digits: str) -> str:
    """Digits with separators of any country, as plain digits with a decimal point."""
    digits = re.sub(r"[\s\u00a0\u202f']", "", digits).rstrip(".,")
    point, comma = digits.rfind("."), digits.rfind(",")
    if point >= 0 and comma >= 0:
        decimal, thousands = (".", ",") if point > comma else (",", ".")
        if digits.count(decimal) > 1:
            raise ValueError("not a price")
        return digits.replace(thousands, "").replace(decimal, ".")
    mark = "." if point >= 0 else ","
    groups = digits.split(mark)
    if len(groups) == 1 or (mark == "." and len(groups) == 2):
        return digits
    if len(groups) == 2 and len(groups[1]) != 3:
        return ".".join(groups)
    if any(len(group) != 3 for group in groups[1:]):
        raise ValueError("not a price")
    return "".join(groups)


@lru_cache(4096)
def stock_count(text: str) -> int | None:
    """A stock cell: whole pieces, rounded down; None when empty, that is, not tracked.

    Raises ValueError with the reason.
    """
    text = text.strip().replace(" ", "")
    if not text:
        return None
    try:
        count = math.floor(float(text))
    except (ValueError, OverflowError):
        raise ValueError("not a number of pieces") from None
    if abs(count) >= 2**31:
        raise ValueError("too many pieces: at most 2,147,483,647")
    return count


def flag(text: str) -> bool | None:
    """A yes/no cell; None when empty. Raises ValueError with the reason."""
    word = text.strip().lower()
    if not word:
        return None
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("neither yes nor no (1, 0, true, false, yes, no)")


@lru_cache(1024)
def parse_date(text: str) -> date | None:
    """A date cell, with or without a time; None when empty. Raises ValueError with the reason."""
    word = text.strip().split(" ")[0].split("T")[0].rstrip(",")
    if not word:
        return None
    for form in _DATES:
        try:
            return datetime.strptime(word, form).date()
        except ValueError:
            continue
    raise ValueError("not a date; write it as 2026-01-31")


def category_array(paths: Iterable[Sequence[str]]) -> str | None:
    """Category paths as a staged array: the platform's invisible root dropped, no path twice."""
    staged: dict[str, None] = {}
    for path in paths:
        names = [name for name in (to_line(part) for part in path) if name]
        while names and names[0].lower() in ROOTS:
            del names[0]
        if names:
            joined = SEPARATOR.join(names)
            if len(joined) > KEY_LENGTH:
                raise ValueError(f"a category path has over {KEY_LENGTH} characters")
            staged[joined] = None
    return array(staged)


def image_array(uris: Iterable[str]) -> str | None:
    """Picture URIs as a staged array, none twice. Raises ValueError with the reason."""
    seen = dict.fromkeys(uri for uri in (text.strip() for text in uris) if uri)
    for uri in seen:
        if len(uri) > URI_LENGTH:
            raise ValueError(f"a picture's address has over {URI_LENGTH:,} characters")
    return array(seen)


def attribute_json(pairs: Iterable[tuple[str, str | list[str]]]) -> str:
    """Free attributes as a JSON object, names in lower case, several values as a list."""
    return json.dumps(dict(pairs), ensure_ascii=False, separators=(",", ":"))
