"""Writes the demo shop to a folder: a catalogue file in Magento's export format, and pictures."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from vitrine.demo.pictures import draw_pictures
from vitrine.demo.products import DEFAULT_COUNT, products

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from vitrine.demo.products import Picture, Product, Variant

__all__ = ["COLUMNS", "Shop", "write_catalogue", "write_shop"]

# The columns of Magento's export that the shop fills; the import's preset reads these by name.
COLUMNS = (
    "sku",
    "product_type",
    "categories",
    "name",
    "description",
    "price",
    "product_online",
    "visibility",
    "additional_attributes",
    "configurable_variations",
    "base_image",
    "additional_images",
    "qty",
    "is_in_stock",
    "manage_stock",
    "use_config_manage_stock",
)
_STAMP = "shop.json"
# The code that decides what the shop looks like, all below this package.
_DRAWN_BY = ("assortment", "drawing", "pictures.py", "products.py", "shop.py", "wording.py")


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A shop in a folder: where its files are, how much there is, and which edition it is.

    Shops of one `edition` have the same rows and, under the same paths, the same pictures.
    """

    catalogue: Path
    images: Path
    products: int
    variants: int
    pictures: int
    edition: str


def write_shop(
    folder: Path,
    *,
    count: int = DEFAULT_COUNT,
    seed: int = 7,
    size: int = 320,
    processes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Shop:
    """Write `products.csv` and `images/` below `folder`, which is made if it is missing.

    `progress` is called with the number of pictures drawn and of all. A folder that already holds
    exactly this shop is left as it is.
    """
    found = tuple(products(count, seed))
    pictures = [picture for product in found for picture in product.pictures]
    stamp = {"count": count, "seed": seed, "size": size, "code": _code_digest()}
    shop = Shop(
        catalogue=folder / "products.csv",
        images=folder / "images",
        products=len(found),
        variants=sum(len(product.variants) for product in found),
        pictures=len(pictures),
        edition=hashlib.sha256(json.dumps(stamp).encode()).hexdigest(),
    )
    if _is_there(shop, folder / _STAMP, stamp, pictures):
        return shop
    (folder / _STAMP).unlink(missing_ok=True)
    for done in draw_pictures(pictures, shop.images, size=size, processes=processes):
        if progress:
            progress(done, len(pictures))
    write_catalogue(shop.catalogue, found)
    (folder / _STAMP).write_text(json.dumps(stamp), encoding="utf-8")
    return shop


def write_catalogue(path: Path, found: Sequence[Product]) -> None:
    """Write the products as Magento exports them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for product in found:
            writer.writerows(_rows(product))


def _rows(product: Product) -> Iterator[dict[str, str]]:
    """The rows of a product: each variant, then the configurable one that joins them."""
    if len(product.variants) == 1:
        only = product.variants[0]
        row = _variant_row(product, only)
        yield row | {
            "sku": product.sku,
            "name": product.title,
            "visibility": "Catalog, Search",
            "additional_attributes": _pairs([*product.attributes, *_options(only)]),
        }
        return
    for variant in product.variants:
        yield _variant_row(product, variant)
    yield (
        _shared(product)
        | _image_cells(product.pictures)
        | {
            "sku": product.sku,
            "product_type": "configurable",
            "name": product.title,
            "price": str(product.price),
            "visibility": "Catalog, Search",
            "additional_attributes": _pairs(product.attributes),
            "configurable_variations": "|".join(
                _pairs([("sku", variant.sku), *_options(variant)]) for variant in product.variants
            ),
            "qty": "0",
            "is_in_stock": "1",
            "manage_stock": "0",
        }
    )


def _variant_row(product: Product, variant: Variant) -> dict[str, str]:
    available = variant.stock is None or variant.stock > 0
    options = [value for _, value in _options(variant)]
    return (
        _shared(product)
        | _image_cells(variant.pictures)
        | {
            "sku": variant.sku,
            "product_type": "simple",
            "name": "-".join([product.title, *options]),
            "price": str(variant.price),
            "visibility": "Not Visible Individually",
            "additional_attributes": _pairs(_options(variant)),
            "qty": "" if variant.stock is None else str(variant.stock),
            "is_in_stock": str(int(available)),
            "manage_stock": str(int(variant.stock is not None)),
        }
    )


def _shared(product: Product) -> dict[str, str]:
    """The cells that all rows of a product have in common."""
    return {
        "categories": ",".join(f"Default Category/{path}" for path in product.categories),
        "description": product.description,
        "product_online": "1",
        "use_config_manage_stock": "0",
    }


def _image_cells(pictures: Sequence[Picture]) -> dict[str, str]:
    first, *others = (f"/{picture.path}" for picture in pictures)
    return {"base_image": first, "additional_images": ",".join(others)}


def _options(variant: Variant) -> list[tuple[str, str]]:
    size = [("size", variant.size)] if variant.size else []
    return [*size, ("color", variant.color)]


def _pairs(pairs: Sequence[tuple[str, str]]) -> str:
    """`name=value,name=value`: no value of the shop holds a comma."""
    return ",".join(f"{name}={value}" for name, value in pairs)


def _is_there(
    shop: Shop, stamp_file: Path, stamp: dict[str, object], pictures: Sequence[Picture]
) -> bool:
    """Whether the folder was written completely by this very code, and lost nothing since."""
    if not (stamp_file.is_file() and shop.catalogue.is_file()):
        return False
    if stamp_file.read_text(encoding="utf-8") != json.dumps(stamp):
        return False
    return all((shop.images / picture.path).is_file() for picture in pictures)


def _code_digest() -> str:
    """A fingerprint of everything that decides what the shop looks like."""
    digest = hashlib.sha256()
    for name in _DRAWN_BY:
        for file in _python_files(resources.files("vitrine.demo") / name):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _python_files(place: Traversable) -> list[Traversable]:
    """The file itself, or all below a folder, in order of their names."""
    if not place.is_dir():
        return [place] if place.name.endswith(".py") else []
    entries = sorted(place.iterdir(), key=lambda entry: entry.name)
    return [file for entry in entries for file in _python_files(entry)]
