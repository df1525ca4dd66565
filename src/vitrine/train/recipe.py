"""The starter's data: clothing and grocery photos, drawings, and captions made from their facts.

The Magento export beside them is a test catalogue and is never read here.
"""

from __future__ import annotations

import csv
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import torch

from vitrine.demo.drawing import KINDS as DRAWN_KINDS
from vitrine.demo.drawing import VIEWS, WORN_KINDS, Look, describe, draw, random_look
from vitrine.errors import CatalogueError
from vitrine.train.colours import COLOURS, garment_colour
from vitrine.train.pairs import Caption, FactIndex, PairSet, load_pictures
from vitrine.train.words import (
    GROUP_WORDS,
    KINDS,
    LABEL_KINDS,
    PARENTS,
    ask,
    ask_colour,
    colour_word,
    kind_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PIL import Image

__all__ = ["captions", "clothing_pairs", "drawn_pairs", "grocery_pairs", "phrases", "starter_pairs"]

HELD_OUT = 5  # senders whose number it divides are never seen in training

# Kinds of drawing that carry another name than in KINDS.
_DRAWN_AS = {
    "T-shirt": "t-shirt",
    "long-sleeved top": "longsleeve",
    "tank top": "undershirt",
    "polo shirt": "polo",
    "coat": "jacket",
    "trousers": "pants",
}
# Drawn shades with a word of their own, and the plain colour that they also are.
_SHADE_COLOURS = {"navy": "blue", "teal": None}
_SHADE_WORDS = {"navy": ("navy", "navy", "navy blue"), "teal": ("teal", "teal", "turquoise")}


def starter_pairs(data: Path, side: int, drawings: int, seed: int) -> PairSet:
    """Everything that the packaged starter learns from, at `side` × `side` pixels."""
    index = FactIndex()
    return PairSet.join(
        [
            clothing_pairs(data / "clothing", side, index),
            grocery_pairs(data / "groceries", side, index),
            drawn_pairs(drawings, side, index, seed),
        ]
    )


def _rows(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as exc:
        message = f"the starter's data is missing: {table} cannot be read ({exc}); see --data"
        raise CatalogueError(message) from exc


def clothing_pairs(folder: Path, side: int, index: FactIndex) -> PairSet:
    """Snapshots of clothes: their label, and the garment's colour where it is certain."""
    rows = [row for row in _rows(folder / "images.csv") if row["label"] in LABEL_KINDS]
    rows = [row for row in rows if int(row["sender_id"]) % HELD_OUT]
    kinds = [LABEL_KINDS[row["label"]] for row in rows]
    pixels = load_pictures([folder / "images" / row["image"] for row in rows], side)
    truths = [index(category=kind, group=kind_words(kind)[0]) for kind in kinds]

    def speak(row: int, colour: int, rng: Random) -> Caption:
        return _say_garment(kinds[row], COLOURS[colour] if colour >= 0 else None, index, rng)

    return PairSet(
        pixels=pixels,
        truths=torch.tensor(truths),
        colours=garment_colour(pixels),
        weights=_balanced(kinds, total=1.8),
        speak=speak,
    )


def _balanced(kinds: Sequence[str], total: float) -> torch.Tensor:
    """Sampling weights that sum to `total`, each kind's by the root of its number of pictures."""
    counts = {kind: kinds.count(kind) for kind in set(kinds)}
    weights = torch.tensor([counts[kind] ** -0.5 for kind in kinds])
    return weights * (total / weights.sum())


def _say_garment(kind: str, colour: str | None, index: FactIndex, rng: Random) -> Caption:
    """The kind, its group, the colour, or colour and kind."""
    group = kind_words(kind)[0]
    form = rng.random()
    if group and form < 0.06:
        return Caption(text=ask(rng.choice(GROUP_WORDS[group]), rng), claims=index(group=group))
    word, facts = _name(kind, rng)
    if colour is None or form < 0.6:
        return Caption(text=ask(word, rng), claims=index(**facts))
    said = colour_word(colour, rng)
    if form < 0.8:
        return Caption(text=ask_colour(said, rng), claims=index(colour=colour))
    return Caption(text=ask(f"{said} {word}", rng), claims=index(colour=colour, **facts))


def _name(kind: str, rng: Random) -> tuple[str, dict[str, str]]:
    """A word for the kind, or for the wider kind that it belongs to, and what it asserts."""
    parent = PARENTS.get(kind)
    wide = parent is not None and rng.random() < 0.4
    words = kind_words(parent if parent and wide else kind)[1]
    word = words[0] if rng.random() < 0.6 else rng.choice(words)
    return word, {"category": parent or kind} if wide or not parent else {"item": kind}


def grocery_pairs(folder: Path, side: int, index: FactIndex) -> PairSet:
    """Photos in stores and iconic pictures of packaged and fresh goods."""
    products = {row["class_id"]: row for row in _rows(folder / "products.csv")}
    rows = [(row["image"], row["class_id"]) for row in _rows(folder / "train.csv")]
    rows += [(row["image"], key) for key, row in products.items()] * 2
    truths = [_grocery_facts(products[key], index) for _, key in rows]

    def speak(row: int, colour: int, rng: Random) -> Caption:  # noqa: ARG001 - Speaker's shape
        return _say_grocery(products[rows[row][1]], index, rng)

    return PairSet(
        pixels=load_pictures([folder / image for image, _ in rows], side),
        truths=torch.tensor(truths),
        colours=torch.full((len(rows), 3), torch.nan),  # a green tomato is another product
        weights=_balanced([key for _, key in rows], total=0.35),
        speak=speak,
    )


def _grocery_facts(product: dict[str, str], index: FactIndex) -> tuple[int, ...]:
    group = product["category"].split("/")[0].casefold()
    coarse = product["coarse"].casefold()
    return index(item=product["title"], category=coarse, group=group)


def _say_grocery(product: dict[str, str], index: FactIndex, rng: Random) -> Caption:
    title, coarse = product["title"], product["coarse"].casefold()
    form = rng.random()
    if form < 0.45:
        return Caption(text=ask(title, rng), claims=index(item=title))
    if form < 0.75:
        words = coarse.replace("-", " ")
        return Caption(text=ask(words, rng), claims=index(category=coarse))
    if form < 0.85:
        group = product["category"].split("/")[0].casefold()
        return Caption(text=ask(group, rng), claims=index(group=group))
    sentences = [part.strip() for part in product["description"].split(". ") if part.strip()]
    return Caption(text=rng.choice(sentences or [title]), claims=index(item=title))


def drawn_pairs(count: int, side: int, index: FactIndex, seed: int) -> PairSet:
    """Drawings of every kind and colour, half of the garments on a figure."""
    rng = Random(seed)  # noqa: S311 - drawings, not secrets
    kinds = tuple(DRAWN_KINDS)
    # Garments twice as often: they are what the photos show too.
    weighted = kinds + tuple(sorted(WORN_KINDS)) * 2
    looks = [random_look(rng, rng.choice(weighted)) for _ in range(count)]
    pictures = [_picture(look, side, rng) for look in looks]

    def speak(row: int, colour: int, rng: Random) -> Caption:  # noqa: ARG001 - known from the look
        return _say_look(looks[row], index, rng)

    return PairSet(
        pixels=torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures])),
        truths=torch.tensor([_look_facts(look, index) for look in looks]),
        colours=torch.full((count, 3), torch.nan),  # each colour is drawn often enough
        weights=torch.full((count,), 0.75 / max(count, 1)),
        speak=speak,
    )


def _picture(look: Look, side: int, rng: Random) -> Image.Image:
    worn = look.kind in WORN_KINDS and rng.random() < 0.6
    view = rng.choice(VIEWS)
    return draw(look, side, view=view, worn=worn, jitter=rng.random(), supersample=1)


def _kind_of(look: Look) -> str:
    return _DRAWN_AS.get(look.kind, look.kind)


def _look_facts(look: Look, index: FactIndex) -> tuple[int, ...]:
    kind = _kind_of(look)
    return index(
        item=kind,
        category=PARENTS.get(kind, kind),
        group=kind_words(kind)[0],
        colour=_SHADE_COLOURS.get(look.color, look.color),
        shade=look.color,
        pattern=look.pattern,
    )


def _say_look(look: Look, index: FactIndex, rng: Random) -> Caption:
    kind = _kind_of(look)
    form = rng.random()
    if form < 0.3:
        facts = index(item=kind, shade=look.color, pattern=look.pattern)
        return Caption(text=describe(look), claims=facts)
    word, facts_said = _name(kind, rng)
    if form < 0.4 and look.pattern != "plain":
        claims = index(pattern=look.pattern, **facts_said)
        return Caption(text=ask(f"{look.pattern} {word}", rng), claims=claims)
    if look.color not in _SHADE_COLOURS:
        return _say_garment(kind, look.color, index, rng)
    if form < 0.7:
        shade = rng.choice(_SHADE_WORDS[look.color])
        return Caption(text=ask_colour(shade, rng), claims=index(shade=look.color))
    claims = index(shade=look.color, **facts_said)
    return Caption(text=ask(f"{look.color} {word}", rng), claims=claims)


def captions(pairs: PairSet, count: int, seed: int) -> list[str]:
    """Distinct captions out of `count` that the pairs say, with every colour word."""
    rng = Random(seed)  # noqa: S311 - texts, not secrets
    colours = range(-1, len(COLOURS))
    said = (
        pairs.speak(rng.randrange(len(pairs)), rng.choice(colours), rng).text for _ in range(count)
    )
    return list(dict.fromkeys(said))


def phrases(words: Iterable[str], count: int, seed: int) -> list[str]:
    """Distinct texts beyond the captions: single words, alone and before a kind of product."""
    rng = Random(seed)  # noqa: S311 - texts, not secrets
    common = [word for word in words if word.isalpha() and len(word) > 2]
    named = [word for _, kinds in KINDS.values() for word in kinds]
    joined = [f"{rng.choice(common)} {rng.choice(named)}" for _ in range(count)]
    coloured = [f"{colour} {name}" for colour in COLOURS for name in named]
    return list(dict.fromkeys([*common, *joined, *coloured]))
