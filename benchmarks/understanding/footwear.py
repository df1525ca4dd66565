"""A second catalogue: an invented shoe shop whose words mean several things, the same each time.

What makes it hard: brands that begin with a word of prices, with a colour or with "new"; a brand of
one product whose name stands in the titles of many; a size that reads like a range of prices; names
of categories that several nodes have, and that join two things; a number in a product's name.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

__all__ = ["write_footwear"]

ADULT = [str(size) for size in range(36, 47)]
KIDS = [str(size) for size in range(26, 36)]
LETTERS = ["XS", "S", "M", "L", "XL", "XXL"]
COLOURS = [
    *("Black", "Black", "White", "Red", "Blue", "Navy Blue", "Light Blue", "Green", "Brown"),
    *("Beige", "Grey", "Dark Grey", "Off White", "Orange", "Yellow", "Pink"),
]
SHOE_BRANDS = ["Nike", "Adidas", "Puma", "New Balance", "Asics", "Converse"]
BOOT_BRANDS = ["Dr. Martens", "Red Wing", "The North Face", "Adidas"]
WEAR_BRANDS = ["Nike", "Adidas", "Under Armour", "The North Face", "Puma"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of products: `count` of them, each on one of the shelves."""

    title: str
    shelves: list[str]
    brands: list[str]
    price: tuple[int, int]
    count: int = 10
    sizes: list[str] = field(default_factory=lambda: ADULT)
    colours: list[str] = field(default_factory=lambda: COLOURS)
    attributes: dict[str, list[str]] = field(default_factory=dict)


LEATHERS = ["Leather", "Leather", "Vegan Leather", "Suede"]
FABRICS = ["Cotton", "Organic Cotton"]
DRESSES = {
    "pattern": ["Polka Dot", "Floral", "Striped", "Plain"],
    "material": FABRICS,
    "season": ["Summer", "All Year"],
}
LINES = [
    Line(
        title="{model} Sneaker",
        shelves=["Men>Shoes>Sneakers", "Women>Shoes>Sneakers"],
        brands=SHOE_BRANDS,
        price=(60, 160),
        count=40,
        attributes={"material": ["Leather", "Canvas", "Mesh", "Suede", "Vegan Leather"]},
    ),
    Line(
        title="{model} Kids Sneaker",
        shelves=["Kids>Shoes>Sneakers"],
        brands=SHOE_BRANDS,
        price=(25, 60),
        sizes=KIDS,
        attributes={"material": ["Canvas", "Mesh"]},
    ),
    Line(
        title="{model} Tennis Shoe",
        shelves=["Men>Shoes>Sneakers", "Women>Shoes>Sneakers"],
        brands=SHOE_BRANDS,
        price=(60, 140),
        attributes={"activity": ["Tennis"], "material": ["Mesh"]},
    ),
    Line(
        title="{model} Running Shoe",
        shelves=["Men>Shoes>Running Shoes", "Women>Shoes>Running Shoes"],
        brands=SHOE_BRANDS,
        price=(80, 180),
        count=24,
        attributes={"activity": ["Running"], "material": ["Mesh"]},
    ),
    Line(
        title="{model} Boot",
        shelves=["Men>Shoes>Boots", "Women>Shoes>Boots"],
        brands=BOOT_BRANDS,
        price=(90, 260),
        count=20,
        attributes={"material": LEATHERS, "season": ["Winter", "All Year"]},
    ),
    Line(
        title="{model} Hiking Boot",
        shelves=["Men>Shoes>Boots", "Women>Shoes>Boots"],
        brands=["The North Face", "Adidas"],
        price=(110, 240),
        attributes={
            "material": LEATHERS,
            "feature": ["Waterproof", "Waterproof|Insulated"],
            "activity": ["Hiking"],
        },
    ),
    Line(
        title="{model} Kids Boot",
        shelves=["Kids>Shoes>Boots"],
        brands=BOOT_BRANDS,
        price=(35, 80),
        sizes=KIDS,
        attributes={"material": LEATHERS, "season": ["Winter"]},
    ),
    Line(
        title="{model} Pump",
        shelves=["Women>Shoes>Heels & Pumps"],
        brands=["Lune Atelier", "Solenne"],
        price=(40, 140),
        sizes=ADULT[:6],
        attributes={"material": LEATHERS},
    ),
    Line(
        title="{model} Sandal",
        shelves=["Women>Shoes>Sandals"],
        brands=["Lune Atelier", "Dr. Martens"],
        price=(30, 110),
        sizes=ADULT[:6],
        attributes={"material": LEATHERS, "season": ["Summer"]},
    ),
    Line(
        title="{model} Dress",
        shelves=["Women>Clothing>Dresses"],
        brands=["Lune Atelier", "Solenne"],
        price=(30, 120),
        count=24,
        sizes=LETTERS,
        attributes=DRESSES,
    ),
    Line(
        title="{model} Skirt",
        shelves=["Women>Clothing>Skirts"],
        brands=["Lune Atelier", "Solenne", "Levi's"],
        price=(25, 80),
        sizes=LETTERS,
        attributes=DRESSES | {"material": ["Cotton", "Denim"]},
    ),
    Line(
        title="{model} Jacket",
        shelves=["Men>Clothing>Jackets & Coats", "Women>Clothing>Jackets & Coats"],
        brands=WEAR_BRANDS,
        price=(70, 300),
        count=20,
        sizes=LETTERS,
        attributes={
            "material": ["Polyester", "Down", "Wool", "Cotton"],
            "feature": ["Waterproof", "Breathable", "Waterproof|Hooded", "Insulated|Hooded"],
        },
    ),
    Line(
        title="{model} Running Jacket",
        shelves=["Men>Clothing>Jackets & Coats", "Women>Clothing>Jackets & Coats"],
        brands=WEAR_BRANDS,
        price=(60, 140),
        sizes=LETTERS,
        attributes={"material": ["Polyester"], "feature": ["Breathable"], "activity": ["Running"]},
    ),
    Line(
        title="{model} Tee",
        shelves=["Men>Clothing>T-Shirts", "Women>Clothing>T-Shirts"],
        brands=WEAR_BRANDS,
        price=(15, 45),
        count=20,
        sizes=LETTERS,
        attributes={"material": FABRICS, "pattern": ["Striped", "Plain"]},
    ),
    Line(
        title="{model} Shirt",
        shelves=["Men>Clothing>Shirts"],
        brands=["Levi's", "Lune Atelier"],
        price=(35, 90),
        sizes=LETTERS,
        attributes={"material": FABRICS, "pattern": ["Striped", "Checked", "Plain"]},
    ),
    Line(
        title="{number} Slim Fit Jeans",
        shelves=["Men>Clothing>Jeans"],
        brands=["Levi's"],
        price=(60, 120),
        sizes=[f"{waist}/{length}" for waist in (30, 32, 34) for length in (30, 32)],
        colours=["Blue", "Black", "Dark Grey"],
        attributes={"material": ["Denim"]},
    ),
    Line(
        title="{model} Socks 3 Pack",
        shelves=["Accessories>Socks"],
        brands=["Nike", "Adidas", "Oakfell"],
        price=(9, 30),
        sizes=["35-38", "39-42", "43-46"],
        attributes={"material": ["Cotton", "Merino Wool", "Wool"]},
    ),
    Line(
        title="{model} Backpack",
        shelves=["Accessories>Backpacks"],
        brands=["The North Face", "Black Diamond", "Nike"],
        price=(40, 180),
        sizes=[],
        attributes={"material": ["Polyester", "Leather"]},
    ),
    Line(
        title="{model} Hiking Backpack",
        shelves=["Accessories>Backpacks"],
        brands=["The North Face", "Black Diamond"],
        price=(60, 220),
        sizes=[],
        attributes={"activity": ["Hiking"], "feature": ["Waterproof"], "material": ["Polyester"]},
    ),
    Line(
        title="{model} Belt",
        shelves=["Accessories>Belts"],
        brands=["Levi's", "Oakfell"],
        price=(15, 60),
        sizes=[],
        colours=["Black", "Brown", "Beige"],
        attributes={"material": ["Leather", "Vegan Leather"]},
    ),
    Line(
        title="{model} Hat",
        shelves=["Accessories>Hats & Caps"],
        brands=["The North Face", "Oakfell"],
        price=(15, 50),
        sizes=[],
        attributes={"material": ["Wool", "Merino Wool", "Cotton"]},
    ),
    Line(
        title="{model} Watch",
        shelves=["Accessories>Watches"],
        brands=["Casio", "Solenne"],
        price=(30, 280),
        sizes=[],
        colours=["Black", "Rose Gold", "Gold", "Silver"],
    ),
    Line(
        title="iPhone {number} Case",
        shelves=["Accessories>Phone Cases"],
        brands=["Oakfell"],
        price=(10, 40),
        sizes=[],
    ),
    Line(
        title="Leather Cleaner No. {number}",
        shelves=["Accessories>Shoe Care"],
        brands=["Oakfell"],
        price=(8, 20),
        count=3,
        sizes=[],
        colours=[],
        attributes={"for": ["Leather"], "scent": ["Orange"]},
    ),
    # Brands whose names are words of other products' titles.
    Line(
        title="{model} Insole",
        shelves=["Accessories>Shoe Care"],
        brands=["Classic", "Fit", "Brown"],
        price=(8, 20),
        count=3,
        sizes=[],
        colours=[],
    ),
]
MODELS = [
    *("Classic", "Air Max 90", "574", "Storm", "Court", "Alto", "Classic Low", "Gel 2160", "Mono"),
    *("Vento", "Classic High", "Terra", "1460", "Nimbus", "Vista", "Pace", "Summit", "Arco"),
]
COLUMNS = [
    *("product", "sku", "title", "description", "brand", "category", "price", "stock"),
    *("option.color", "option.size", "option.waist", "option.length", "attribute.material"),
    *("attribute.pattern", "attribute.activity", "attribute.feature", "attribute.season"),
    *("attribute.for", "attribute.scent"),
]


def write_footwear(path: Path) -> None:
    """Write the catalogue as a file for `vitrine import`, whose columns bear fields' names."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for number, line in enumerate(LINES):
            for place in range(line.count):
                writer.writerows(_rows(line, number, place))


def _rows(line: Line, number: int, place: int) -> Iterator[dict[str, str]]:
    rng = Random(number * 1000 + place)
    key = f"F{number:02d}{place:02d}"
    shown = {
        "product": key,
        "title": line.title.format(model=MODELS[place % len(MODELS)], number=str(501 + place)),
        "description": "Made to be used every day.",
        "brand": line.brands[place % len(line.brands)],
        "category": line.shelves[place // len(line.brands) % len(line.shelves)],
        "price": f"{rng.randint(*line.price)}.{rng.choice(('00', '50', '99'))}",
    }
    for name, values in line.attributes.items():
        shown[f"attribute.{name}"] = values[place % len(values)]
    first = place * 2 % max(1, len(line.colours))
    for colour in (line.colours * 2)[first : first + 3] or [""]:
        for size in line.sizes or [""]:
            waist, _, length = size.partition("/")
            sized = {"waist": waist, "length": length} if length else {"size": size}
            yield shown | {
                "sku": "-".join(part for part in (key, colour, size) if part),
                "stock": rng.choice(("0", "3", "12", "")),
                "option.color": colour,
                **{f"option.{name}": value for name, value in sized.items()},
            }
