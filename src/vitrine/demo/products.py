"""The demo catalogue: seeded products with variants in colours and sizes, and their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from vitrine.demo.assortment import ASSORTMENT, BRANDS
from vitrine.demo.drawing.look import (
    DENIM_COLORS,
    KINDS,
    WORN_KINDS,
    Look,
    random_accent,
    random_details,
)
from vitrine.demo.drawing.palette import COLORS
from vitrine.demo.drawing.seeds import seeded
from vitrine.demo.wording import STYLES, Subject, description, title

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from vitrine.demo.assortment import Line

__all__ = ["Picture", "Product", "Variant", "products"]

DEFAULT_COUNT = 680


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture to draw; `path` is relative to the folder of images."""

    path: str
    look: Look
    view: str = "front"
    worn: bool = False


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What is sold: one colour in one size. `stock` None is not tracked, always available."""

    sku: str
    color: str
    size: str | None
    price: Decimal
    stock: int | None
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, kw_only=True)
class Product:
    """What a result list shows once."""

    sku: str
    title: str
    description: str
    brand: str
    categories: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]
    price: Decimal
    variants: tuple[Variant, ...]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """Every picture once, in the order of the colours."""
        found = {picture.path: picture for one in self.variants for picture in one.pictures}
        return tuple(found.values())


def products(count: int = DEFAULT_COUNT, seed: int = 7) -> Iterator[Product]:
    """`count` products of all lines, in the shares of the assortment; the same for a seed."""
    total = sum(line.share for line in ASSORTMENT)
    before = 0
    for line in ASSORTMENT:
        first = round(before * count / total)
        before += line.share
        number = round(before * count / total) - first
        styles = _styles(line, number, seed)
        for index, style in enumerate(styles):
            yield _product(line, style, f"{line.code}{index + 1:03d}", seed)


def _styles(line: Line, number: int, seed: int) -> list[str]:
    """Style names for a line, each once; past the last name they take a number."""
    names = list(STYLES)
    seeded(seed, line.code, "styles").shuffle(names)
    return [
        names[index % len(names)] + (f" {index // len(names) + 1}" if index >= len(names) else "")
        for index in range(number)
    ]


def _product(line: Line, style: str, sku: str, seed: int) -> Product:
    rng = seeded(seed, sku)
    shelf = rng.choice(line.shelves)
    group = "sport" if shelf.startswith("Sport/") and line.brands == "clothes" else line.brands
    brand, dear = rng.choice(BRANDS[group])
    pattern = _pattern(line, rng)
    details = random_details(line.kind, pattern, rng)
    subject = Subject(
        style=style,
        kind=line.kind,
        group=group,
        brand=brand,
        material=rng.choice(line.materials),
        pattern=pattern,
        season=rng.choice(line.seasons),
        details=details,
    )
    price = _price(line, dear * (0.65 if shelf.startswith("Kids/") else 1.0), rng)
    looks = _looks(line, pattern, details, rng)
    return Product(
        sku=sku,
        title=title(subject),
        description=description(subject, rng),
        brand=brand,
        categories=_categories(shelf, subject.season, rng),
        attributes=_attributes(subject),
        price=price,
        variants=tuple(_variants(sku, looks, line.sizes_on(shelf), price, rng)),
    )


def _pattern(line: Line, rng: Random) -> str:
    patterns = KINDS[line.kind].patterns
    if len(patterns) > 1 and rng.random() < 0.4:
        return "plain"
    return rng.choice(patterns)


def _price(line: Line, dear: float, rng: Random) -> Decimal:
    """A price within the line's range, skewed to the cheap end, with a shop's ending."""
    low, high = line.price
    amount = (low + (high - low) * rng.random() ** 1.6) * dear
    if amount > 200:
        return Decimal(round(amount / 10) * 10 - 1)
    return Decimal(max(5, round(amount))) - rng.choice(
        (Decimal("0.05"), Decimal("0.01"), Decimal(0))
    )


def _looks(line: Line, pattern: str, details: tuple[str, ...], rng: Random) -> list[Look]:
    """One look per colour; they share all but the colours."""
    choices = list(dict.fromkeys(DENIM_COLORS if pattern == "denim" else COLORS))
    number = rng.choice((1, 1, 1, 2, 2, 2, 3, 4))
    seed = rng.getrandbits(32)
    return [
        Look(
            kind=line.kind,
            color=color,
            pattern=pattern,
            accent=random_accent(color, rng),
            details=details,
            seed=seed,
        )
        for color in rng.sample(choices, number)
    ]


def _categories(shelf: str, season: str, rng: Random) -> tuple[str, ...]:
    extra = []
    if season in {"Summer", "Winter"} and rng.random() < 0.6:
        extra.append(f"Collections/{season}")
    if rng.random() < 0.12:
        extra.append("Collections/New In")
    return (shelf, *extra)


def _attributes(subject: Subject) -> tuple[tuple[str, str], ...]:
    return (
        ("brand", subject.brand),
        ("material", subject.material),
        ("season", subject.season),
        ("pattern", subject.pattern.capitalize()),
        *(
            (("style", "|".join(word.capitalize() for word in subject.details)),)
            * bool(subject.details)
        ),
    )


def _variants(
    sku: str, looks: list[Look], sizes: tuple[str, ...], price: Decimal, rng: Random
) -> Iterator[Variant]:
    untracked = rng.random() < 0.08
    for look in looks:
        pictures = _pictures(sku, look, rng)
        # Now and then one colour is reduced: a filter on price must then look at the variant.
        reduced = len(looks) > 1 and rng.random() < 0.12
        amount = (price * Decimal("0.8")).quantize(Decimal("0.01")) if reduced else price
        for size in sizes or (None,):
            stock = 0 if rng.random() < 0.14 else rng.randint(1, 60)
            name = "-".join(part for part in (sku, size, look.color.capitalize()) if part)
            yield Variant(
                sku=name,
                color=look.color.capitalize(),
                size=size,
                price=amount,
                stock=None if untracked else stock,
                pictures=pictures,
            )


def _pictures(sku: str, look: Look, rng: Random) -> tuple[Picture, ...]:
    """One to three: the front, perhaps worn by someone, the back or a closer look."""
    stem = f"{sku[:2].lower()}/{sku.lower()}-{look.color}"
    found = [Picture(path=f"{stem}-1.jpg", look=look)]
    more: list[tuple[str, bool]] = []
    if look.kind in WORN_KINDS:
        more += [("front", True)] * (rng.random() < 0.35) + [("back", False)] * (
            rng.random() < 0.15
        )
    else:
        more += [("close", False)] * (rng.random() < 0.25) + [("back", False)] * (
            rng.random() < 0.15
        )
    for index, (view, worn) in enumerate(more):
        found.append(Picture(path=f"{stem}-{index + 2}.jpg", look=look, view=view, worn=worn))
    return tuple(found)
