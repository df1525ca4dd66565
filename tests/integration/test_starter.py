"""The packaged starter answers by itself: small, offline, and right about kinds and colours.

Thresholds lie below the measured figures (docs/starter-model-card.md) by what a sample of this
size may vary; benchmarks/starter_quality.py measures on everything.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from vitrine.demo.drawing import Look, draw
from vitrine.encoder import Encoder, load_encoder
from vitrine.encoder.loading import starter_folder

DATA = Path(os.environ.get("VITRINE_DATA", Path(__file__).parents[2] / "../shared/data"))
COLOURS = ("black", "white", "red", "blue", "green", "yellow", "purple", "pink")


@pytest.fixture(scope="module")
def starter() -> Encoder:
    return load_encoder(device="cpu")


def test_the_package_stays_small() -> None:
    sizes = [path.stat().st_size for path in starter_folder().glob("*.safetensors")]
    assert 0 < sum(sizes) <= 20_000_000


def test_loading_twice_gives_the_same_space_and_vectors(starter: Encoder) -> None:
    again = load_encoder("starter", device="cpu")
    assert again.identity == starter.identity
    assert starter.identity.model == "vitrine/starter"
    words = ["black hooded jacket"]
    np.testing.assert_array_equal(again.encode_texts(words), starter.encode_texts(words))


def test_it_names_the_colours_of_drawings(starter: Encoder) -> None:
    rng = Random(20_261)
    kinds = ("dress", "handbag", "mug", "sneakers", "jacket", "cushion")
    looks = [
        Look(kind=kind, color=colour, seed=rng.getrandbits(32))
        for colour in COLOURS
        for kind in kinds
    ]
    images = starter.encode_images([draw(look, 256) for look in looks])
    guess = (images @ starter.encode_texts(COLOURS).T).argmax(1)
    right = [COLOURS[i] == look.color for i, look in zip(guess, looks, strict=True)]
    assert np.mean(right) >= 0.9


def test_it_names_the_clothes_of_senders_it_never_saw(starter: Encoder) -> None:
    table = DATA / "clothing/images.csv"
    if not table.is_file():
        pytest.fail(f"{table} is missing; set VITRINE_DATA to the folder with the shared data")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    labels = [label for label, _ in Counter(row["label"] for row in rows).most_common(10)]
    unseen = [r for r in rows if int(r["sender_id"]) % 5 == 0 and r["label"] in labels][::3]
    pictures = [Image.open(DATA / "clothing/images" / row["image"]) for row in unseen]
    words = starter.encode_texts([f"a photo of a {label.lower()}" for label in labels])
    guess = (starter.encode_images(pictures) @ words.T).argmax(1)
    right = [labels[i] == row["label"] for i, row in zip(guess, unseen, strict=True)]
    assert np.mean(right) >= 0.75


@pytest.mark.parametrize(
    ("asked", "near", "far"),
    [
        ("sneakers", "shoes", "shirt"),
        ("sweatshirt", "hoodie", "shorts"),
        ("trousers", "pants", "hat"),
        ("grey", "gray", "red"),
        ("Black Jacket!", "black jacket", "white dress"),
    ],
)
def test_other_words_for_the_same_thing_are_near(
    asked: str, near: str, far: str, starter: Encoder
) -> None:
    query, close, distant = starter.encode_texts([asked, near, far])
    assert query @ close > query @ distant + 0.1
