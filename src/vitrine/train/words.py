"""The starter's words: kinds of garment with their synonyms, colours, and ways of asking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.train.colours import COLOUR_WORDS

if TYPE_CHECKING:
    from random import Random

__all__ = [
    "GROUP_WORDS",
    "KINDS",
    "LABEL_KINDS",
    "PARENTS",
    "Kind",
    "ask",
    "ask_colour",
    "colour_word",
]

Kind = tuple[str, tuple[str, ...]]  # group, words for the kind

# kind: its group and its words; the first word is the usual one.
KINDS: dict[str, Kind] = {
    "t-shirt": ("top", ("t-shirt", "tee", "tshirt", "short-sleeved t-shirt")),
    "longsleeve": (
        "top",
        ("longsleeve", "long-sleeved top", "long sleeve shirt", "long-sleeved t-shirt"),
    ),
    "sweater": ("top", ("sweater", "jumper", "pullover", "knitwear", "cardigan")),
    "shirt": ("top", ("shirt", "button-up shirt", "dress shirt", "collared shirt", "oxford shirt")),
    "polo": ("top", ("polo", "polo shirt")),
    "undershirt": (
        "top",
        ("undershirt", "tank top", "sleeveless top", "vest", "camisole", "singlet"),
    ),
    "top": ("top", ("top", "women's top", "crop top")),
    "blouse": ("top", ("blouse", "women's blouse")),
    "hoodie": ("top", ("hoodie", "hooded sweatshirt", "sweatshirt", "hooded jacket", "hoody")),
    "jacket": (
        "top",
        ("outwear", "jacket", "coat", "outerwear", "parka", "anorak", "windbreaker", "raincoat"),
    ),
    "blazer": ("top", ("blazer", "suit jacket", "sport coat")),
    "body": ("clothes", ("body", "bodysuit", "romper", "baby bodysuit")),
    "dress": ("clothes", ("dress", "gown", "sundress", "frock", "summer dress")),
    "skirt": ("bottom", ("skirt", "mini skirt", "pleated skirt")),
    "pants": ("bottom", ("pants", "trousers", "slacks", "chinos", "joggers", "sweatpants")),
    "jeans": ("bottom", ("jeans", "denim pants")),
    "leggings": ("bottom", ("leggings", "tights", "yoga pants")),
    "shorts": ("bottom", ("shorts", "short pants", "bermuda shorts")),
    "shoes": ("shoes", ("shoes", "footwear", "pair of shoes", "shoe", "loafers")),
    "sneakers": ("shoes", ("sneakers", "trainers", "running shoes", "tennis shoes")),
    "boots": ("shoes", ("boots", "ankle boots")),
    "high heels": ("shoes", ("high heels", "pumps", "heels")),
    "sandals": ("shoes", ("sandals", "flip-flops")),
    "hat": ("hat", ("hat", "headwear", "bonnet")),
    "cap": ("hat", ("cap", "baseball cap")),
    "beanie": ("hat", ("beanie", "knit hat", "winter hat")),
    "sun hat": ("hat", ("sun hat", "straw hat")),
    "scarf": ("accessory", ("scarf", "shawl")),
    "handbag": ("bag", ("handbag", "purse", "shoulder bag")),
    "backpack": ("bag", ("backpack", "rucksack")),
    "tote bag": ("bag", ("tote bag", "shopper bag")),
    "watch": ("accessory", ("watch", "wristwatch")),
    "sunglasses": ("accessory", ("sunglasses", "shades")),
    "umbrella": ("accessory", ("umbrella", "parasol")),
    "mug": ("tableware", ("mug", "cup", "coffee mug")),
    "teapot": ("tableware", ("teapot", "tea pot")),
    "vase": ("home", ("vase", "flower vase")),
    "lamp": ("home", ("lamp", "light")),
    "chair": ("furniture", ("chair", "seat")),
    "armchair": ("furniture", ("armchair", "lounge chair")),
    "sofa": ("furniture", ("sofa", "couch", "settee")),
    "cushion": ("home", ("cushion", "pillow")),
}

# Kinds that are also another kind: a photo labelled "shoes" may well show boots, so the narrower
# word is a fact of its own, unknown for such photos.
PARENTS: dict[str, str] = {
    "sneakers": "shoes",
    "boots": "shoes",
    "high heels": "shoes",
    "sandals": "shoes",
    "cap": "hat",
    "beanie": "hat",
    "sun hat": "hat",
    "leggings": "pants",
    "jeans": "pants",
    "sweater": "longsleeve",
    "armchair": "chair",
}

GROUP_WORDS: dict[str, tuple[str, ...]] = {
    "top": ("tops", "upper body clothing"),
    "bottom": ("bottoms", "lower body clothing"),
    "clothes": ("clothes", "clothing", "apparel"),
    "shoes": ("shoes", "footwear"),
    "hat": ("hats", "headwear"),
    "bag": ("bags", "bag"),
    "accessory": ("accessories", "fashion accessory"),
    "tableware": ("tableware", "kitchenware"),
    "home": ("home decor", "homeware"),
    "furniture": ("furniture", "home furniture"),
}

# Labels of the clothing photos; snapshots with a vague label are left to their group.
LABEL_KINDS: dict[str, str] = {
    "T-Shirt": "t-shirt",
    "Longsleeve": "longsleeve",
    "Shirt": "shirt",
    "Polo": "polo",
    "Undershirt": "undershirt",
    "Top": "top",
    "Blouse": "blouse",
    "Hoodie": "hoodie",
    "Outwear": "jacket",
    "Blazer": "blazer",
    "Body": "body",
    "Dress": "dress",
    "Skirt": "skirt",
    "Pants": "pants",
    "Shorts": "shorts",
    "Shoes": "shoes",
    "Hat": "hat",
}

_ASKING = (
    "{}",
    "{}",
    "{}",
    "a {}",
    "a photo of a {}",
    "a photo of {}",
    "a picture of a {}",
    "an image of {}",
    "a product photo of a {}",
    "this is a {}",
    "{} for sale",
    "buy a {}",
)
_COLOUR_ASKING = (
    "{}",
    "{}",
    "something {}",
    "a {} item",
    "a {} product",
    "{} clothes",
    "{} clothing",
    "{} in colour",
    "a photo of something {}",
    "a {} garment",
    "the color {}",
    "a photo of a {} product",
)


def kind_words(kind: str) -> tuple[str | None, tuple[str, ...]]:
    """Group and words of a kind; a kind that is not listed has its own name and no group."""
    return KINDS.get(kind, (None, (kind,)))


def ask(words: str, rng: Random) -> str:
    """The words in one of the ways in which people ask or describe."""
    return rng.choice(_ASKING).format(words)


def ask_colour(colour: str, rng: Random) -> str:
    """A wish for a colour and nothing else."""
    return rng.choice(_COLOUR_ASKING).format(colour)


def colour_word(colour: str, rng: Random) -> str:
    """The colour's usual word, or now and then a synonym."""
    return rng.choice(COLOUR_WORDS.get(colour, (colour,)))
