"""Weak colour labels: certain words for clear colours, none for doubtful ones."""

from __future__ import annotations

import pytest
import torch

from vitrine.train.augment import augment, recolour
from vitrine.train.colours import COLOURS, garment_colour, lab, name_colours

CLEAR = {
    "black": (20, 20, 22),
    "white": (250, 250, 248),
    "gray": (130, 130, 132),
    "red": (205, 25, 30),
    "orange": (240, 120, 25),
    "yellow": (245, 215, 40),
    "green": (40, 140, 60),
    "blue": (35, 80, 190),
    "purple": (115, 50, 150),
    "pink": (240, 150, 180),
    "brown": (100, 65, 40),
}


def shades(*colours: tuple[int, int, int]) -> torch.Tensor:
    return torch.tensor(colours) / 255


@pytest.mark.parametrize("word", CLEAR)
def test_clear_colours_have_their_word(word: str) -> None:
    (found,) = name_colours(shades(CLEAR[word])).tolist()
    assert COLOURS[found] == word


def test_a_colour_between_two_words_has_none() -> None:
    halfway = (shades(CLEAR["green"]) + shades(CLEAR["blue"])) / 2
    assert name_colours(halfway).tolist() == [-1]


def test_lab_agrees_with_published_values() -> None:
    """White is (100, 0, 0) and sRGB red (53.24, 80.09, 67.20) under D65."""
    got = lab(shades((255, 255, 255), (255, 0, 0)))
    torch.testing.assert_close(
        got, torch.tensor([[100.0, 0.0, 0.0], [53.24, 80.09, 67.2]]), atol=0.05, rtol=0
    )


def scene(garment: tuple[int, int, int], background: tuple[int, int, int]) -> torch.Tensor:
    pixels = torch.empty(80, 80, 3, dtype=torch.uint8)
    pixels[:] = torch.tensor(background, dtype=torch.uint8)
    pixels[16:64, 16:64] = torch.tensor(garment, dtype=torch.uint8)
    return pixels


def test_the_garment_counts_and_not_the_floor() -> None:
    pixels = torch.stack(
        [scene(CLEAR["red"], CLEAR["white"]), scene(CLEAR["blue"], CLEAR["brown"])]
    )
    words = name_colours(garment_colour(pixels)).tolist()
    assert [COLOURS[word] for word in words] == ["red", "blue"]


def test_a_picture_without_a_middle_has_no_colour() -> None:
    flat = scene(CLEAR["gray"], CLEAR["gray"])
    assert garment_colour(flat[None]).isnan().all()


def test_recolouring_changes_pixels_and_word_alike() -> None:
    colours = shades(CLEAR["red"]).expand(200, -1)
    matrices, words = recolour(colours, torch.Generator().manual_seed(0), share=1.0)
    painted = torch.einsum("bij,bj->bi", matrices, colours).clamp(0, 1)
    torch.testing.assert_close(name_colours(painted), words)
    assert len(set(words.tolist())) > 5


def test_pictures_of_unknown_colour_keep_theirs() -> None:
    unknown = torch.full((50, 3), torch.nan)
    matrices, words = recolour(unknown, torch.Generator().manual_seed(0), share=1.0)
    torch.testing.assert_close(matrices, torch.eye(3).expand(50, 3, 3), atol=1e-5, rtol=0)
    assert set(words.tolist()) == {-1}


def test_augmentation_keeps_the_colours_name() -> None:
    """Whole pictures of one clear colour still have it after crops, light and a slight cast."""
    for word in ("red", "green", "blue", "yellow"):
        pixels = torch.tensor(CLEAR[word], dtype=torch.uint8).expand(32, 40, 40, 3)
        rng = torch.Generator().manual_seed(1)
        images = augment(pixels, torch.eye(3).expand(32, 3, 3), 32, rng)
        assert images.shape == (32, 3, 32, 32)
        middle = (images.flatten(2).median(-1).values + 1) / 2
        named = name_colours(middle)
        assert set(named.tolist()) <= {COLOURS.index(word), -1}
        assert (named >= 0).float().mean() > 0.6
