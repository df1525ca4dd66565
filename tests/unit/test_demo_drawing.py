"""Drawings: every look can be drawn, is drawn alike, and shows the colour that its words say."""

from __future__ import annotations

import colorsys
import os
import statistics
import subprocess
import sys
from random import Random

import pytest
from PIL import Image

from vitrine.demo.drawing import (
    BACKGROUNDS,
    COLORS,
    KINDS,
    PATTERNS,
    VIEWS,
    WORN_KINDS,
    Look,
    describe,
    draw,
    random_look,
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_in_every_view(kind):
    rng = Random(kind)
    for view in VIEWS:
        picture = draw(random_look(rng, kind), 48, view=view)
        assert picture.mode == "RGB"
        assert picture.size == (48, 48)
        # Something stands out from the backdrop.
        assert max(high - low for low, high in picture.getextrema()) > 60


@pytest.mark.parametrize("kind", sorted(WORN_KINDS))
def test_every_garment_is_drawn_worn(kind):
    look = random_look(Random(kind), kind)
    assert draw(look, 64, worn=True).tobytes() != draw(look, 64, "light gray").tobytes()


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_changes_the_cloth(pattern):
    plain = Look(kind="skirt", color="blue", details=("flared", "midi"), seed=4)
    other = Look(kind="skirt", color="blue", pattern=pattern, details=("flared", "midi"), seed=4)
    same = draw(plain, 96, "white").tobytes() == draw(other, 96, "white").tobytes()
    assert same == (pattern == "plain")


def test_the_same_look_gives_the_same_pixels_and_another_seed_others():
    look = Look(kind="vase", color="teal", pattern="striped", accent="orange", seed=9)
    again = Look(kind="vase", color="teal", pattern="striped", accent="orange", seed=9)
    other = Look(kind="vase", color="teal", pattern="striped", accent="orange", seed=10)
    first = draw(look, 64, jitter=0.5).tobytes()
    assert first == draw(again, 64, jitter=0.5).tobytes()
    assert first != draw(other, 64, jitter=0.5).tobytes()


def test_a_seed_draws_the_same_picture_in_every_process():
    script = (
        "import hashlib; from random import Random; from vitrine.demo.drawing import *; "
        "print(hashlib.sha256(draw(random_look(Random(20)), 64, jitter=1).tobytes()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("worn", [False, True])
def test_the_middle_of_a_garment_has_the_colour_of_its_word(color, worn):
    for seed in range(6):
        look = Look(kind="sweater", color=color, seed=seed)
        middle = _middle(draw(look, 96, worn=worn))
        assert _named(color, middle), (seed, middle)


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_every_background_surrounds_the_product(background):
    look = Look(kind="mug", color="blue", seed=1)
    picture = draw(look, 64, background)
    assert draw(look, 64, background).tobytes() == picture.tobytes()
    if background == "white":
        assert min(picture.getpixel((1, 1))) >= 250


def test_jitter_moves_the_product():
    look = Look(kind="mug", color="red", seed=3)
    still, moved = draw(look, 96, "white"), draw(look, 96, "white", jitter=1.0)
    assert _box(still) != _box(moved)


@pytest.mark.parametrize("kind", KINDS)
def test_products_fill_their_picture_and_stay_inside(kind):
    rng = Random(kind)
    for _ in range(3):
        left, top, right, bottom = _box(draw(random_look(rng, kind), 96, "white"))
        assert max(right - left, bottom - top) >= 54
        assert left >= 1
        assert top >= 1
        assert right <= 95
        assert bottom <= 95


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (Look(kind="T-shirt", color="red"), "a red T-shirt"),
        (
            Look(kind="T-shirt", color="red", pattern="striped", details=("V-neck",)),
            "a red and white striped V-neck T-shirt",
        ),
        (Look(kind="trousers", color="orange", details=("slim",)), "orange slim trousers"),
        (Look(kind="armchair", color="orange"), "an orange armchair"),
        (Look(kind="jeans", color="blue", pattern="denim"), "blue jeans"),
        (Look(kind="hoodie", color="gray", pattern="heathered"), "a gray heathered hoodie"),
    ],
)
def test_words_say_what_is_drawn(look, words):
    assert describe(look) == words


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"kind": "spaceship"}, "spaceship"),
        ({"color": "ultraviolet"}, "ultraviolet"),
        ({"pattern": "tartan"}, "tartan"),
        ({"accent": "gold"}, "gold"),
        ({"details": ("hooded",)}, "hooded"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(change, named):
    with pytest.raises(ValueError, match=named):
        Look(**({"kind": "mug", "color": "red"} | change))


@pytest.mark.parametrize(
    "asked", [{"view": "below"}, {"background": "beach"}, {"worn": True}], ids=str
)
def test_a_picture_that_cannot_be_taken_is_refused(asked):
    with pytest.raises(ValueError, match=r"below|beach|worn"):
        draw(Look(kind="mug", color="red"), 32, **asked)


def _middle(picture: Image.Image) -> tuple[float, float, float]:
    """Hue (degrees), saturation and value of the median colour around the picture's middle."""
    patch = picture.crop((40, 44, 56, 60)).tobytes()
    red, green, blue = (statistics.median(patch[channel::3]) / 255 for channel in range(3))
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    return hue * 360, saturation, value


def _named(color: str, hsv: tuple[float, float, float]) -> bool:
    """Whether a colour is one that most people call by this word."""
    hue, saturation, value = hsv
    if color in {"black", "white", "gray"}:
        low, high = {"black": (0, 0.3), "gray": (0.35, 0.85), "white": (0.85, 1.01)}[color]
        return low <= value <= high and (saturation < 0.2 or value < 0.25)
    low, high = {
        "red": (-20, 10),
        "orange": (15, 36),
        "yellow": (42, 60),
        "green": (70, 160),
        "blue": (195, 232),
        "navy": (210, 240),
        "purple": (255, 292),
        "pink": (318, 355),
        "brown": (8, 34),
        "beige": (25, 50),
        "teal": (168, 192),
    }[color]
    return low <= (hue if hue < 340 or low >= 0 else hue - 360) <= high


def _box(picture: Image.Image) -> tuple[int, int, int, int]:
    """What differs clearly from white."""
    dark = picture.convert("RGB").point(lambda value: 255 if value < 215 else 0).convert("L")
    box = dark.point(lambda value: 255 if value else 0).getbbox()
    assert box is not None
    return box
