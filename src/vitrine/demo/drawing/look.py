"""What can be drawn: the kinds of product, their details, and one look in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitrine.demo.drawing.fabric import PATTERNS
from vitrine.demo.drawing.palette import COLORS

if TYPE_CHECKING:
    from random import Random

__all__ = [
    "DENIM_COLORS",
    "KINDS",
    "TWO_COLORED",
    "WORN_KINDS",
    "Kind",
    "Look",
    "describe",
    "random_accent",
    "random_details",
    "random_look",
]

_CLOTH = tuple(name for name in PATTERNS if name not in {"knitted", "denim"})
_SPORT = ("plain", "plain", "striped", "heathered", "camouflage")
_PLAIN = ("plain",)
_LEATHER = ("plain", "plain", "plain", "checked", "floral")
_HOME = ("plain", "striped", "checked", "dotted", "floral", "zigzag")
_GLAZED = ("plain", "plain", "striped", "dotted", "zigzag")
_KNIT = ("plain", "knitted", "knitted", "striped", "zigzag", "heathered")
_DENIM = ("denim",)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of product: its slots of details (one word is chosen from each) and its patterns."""

    plural: bool = False
    patterns: tuple[str, ...] = _CLOTH
    slots: tuple[tuple[str, ...], ...] = ()
    worn: bool = False


@dataclass(frozen=True, kw_only=True)
class Look:
    """One product to draw; everything not said here follows from the seed."""

    kind: str
    color: str
    pattern: str = "plain"
    accent: str = "white"
    details: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, known in (
            ("kind", self.kind, tuple(KINDS)),
            ("color", self.color, COLORS),
            ("pattern", self.pattern, PATTERNS),
            ("accent", self.accent, COLORS),
        ):
            if value not in known:
                raise ValueError(f"{name} {value!r} is not one of {', '.join(known)}")
        words = [word for slot in KINDS[self.kind].slots for word in slot if word]
        for detail in self.details:
            if detail not in words:
                raise ValueError(f"a {self.kind} has no detail {detail!r}, only {words}")


# Patterns that show the accent as a second colour, so that a caption names it.
TWO_COLORED = frozenset({"striped", "checked", "dotted", "floral", "zigzag"})
DENIM_COLORS = ("blue", "blue", "blue", "navy", "black", "gray", "white")
_BOTTOM_FIT = ("slim", "straight", "wide-leg")

KINDS: dict[str, Kind] = {
    "T-shirt": Kind(slots=(("", "", "V-neck"), ("", "graphic"), ("", "", "oversized")), worn=True),
    "long-sleeved top": Kind(slots=(("", "V-neck", "turtleneck"),), worn=True),
    "tank top": Kind(slots=(("", "V-neck"), ("", "cropped")), worn=True),
    "polo shirt": Kind(slots=(("short-sleeved", "short-sleeved", "long-sleeved"),), worn=True),
    "shirt": Kind(slots=(("long-sleeved", "long-sleeved", "short-sleeved"),), worn=True),
    "sweater": Kind(
        slots=(("", "V-neck", "turtleneck"), ("", "oversized")), patterns=_KNIT, worn=True
    ),
    "hoodie": Kind(slots=(("", "zipped", "graphic"),), patterns=_SPORT, worn=True),
    "jacket": Kind(
        slots=(("zipped", "buttoned"), ("", "hooded")), patterns=(*_SPORT, *_DENIM), worn=True
    ),
    "blazer": Kind(patterns=("plain", "plain", "checked", "striped"), worn=True),
    "coat": Kind(slots=(("", "belted"),), patterns=("plain", "plain", "checked"), worn=True),
    "dress": Kind(
        slots=(
            ("sleeveless", "short-sleeved", "long-sleeved", "strappy"),
            ("mini", "midi", "maxi"),
            ("", "", "belted"),
        ),
        worn=True,
    ),
    "skirt": Kind(slots=(("pleated", "flared", "pencil"), ("mini", "midi", "maxi")), worn=True),
    "trousers": Kind(plural=True, slots=(_BOTTOM_FIT,), worn=True),
    "jeans": Kind(plural=True, patterns=_DENIM, slots=(_BOTTOM_FIT,), worn=True),
    "leggings": Kind(plural=True, slots=(("", "cropped"),), worn=True),
    "shorts": Kind(
        plural=True, patterns=(*_CLOTH, *_DENIM), slots=(("", "sports", "long"),), worn=True
    ),
    "sneakers": Kind(plural=True, patterns=_SPORT, slots=(("low-top", "high-top"),)),
    "boots": Kind(plural=True, patterns=_PLAIN, slots=(("ankle", "knee-high"),)),
    "high heels": Kind(plural=True, patterns=_PLAIN),
    "sandals": Kind(plural=True, patterns=_PLAIN),
    "cap": Kind(patterns=_SPORT),
    "beanie": Kind(patterns=_KNIT, slots=(("", "bobble"),)),
    "sun hat": Kind(patterns=("plain", "plain", "striped")),
    "scarf": Kind(patterns=(*_HOME, "knitted")),
    "handbag": Kind(patterns=_LEATHER, slots=(("", "quilted"),)),
    "backpack": Kind(patterns=("plain", "plain", "camouflage", "dotted", "floral")),
    "tote bag": Kind(patterns=_HOME),
    "watch": Kind(patterns=_PLAIN, slots=(("round", "square"),)),
    "sunglasses": Kind(plural=True, patterns=_PLAIN, slots=(("round", "square"),)),
    "umbrella": Kind(patterns=("plain", "striped", "dotted", "floral")),
    "mug": Kind(patterns=_GLAZED),
    "teapot": Kind(patterns=_GLAZED),
    "vase": Kind(patterns=_GLAZED, slots=(("", "tall", "round"),)),
    "lamp": Kind(patterns=("plain", "plain", "striped", "dotted"), slots=(("table", "floor"),)),
    "chair": Kind(patterns=_PLAIN, slots=(("", "upholstered"),)),
    "armchair": Kind(patterns=_HOME),
    "sofa": Kind(patterns=("plain", "plain", "striped", "floral")),
    "cushion": Kind(patterns=(*_HOME, "knitted"), slots=(("square", "square", "round"),)),
}
WORN_KINDS: frozenset[str] = frozenset(name for name, kind in KINDS.items() if kind.worn)


def random_look(rng: Random, kind: str | None = None) -> Look:
    """A look of any kind, or of the one given, with everything else drawn from `rng`."""
    name = kind or rng.choice(tuple(KINDS))
    spec = KINDS[name]
    pattern = rng.choice(spec.patterns)
    # Much of what shops sell is plain, whatever patterns a kind allows.
    if rng.random() < 0.4 and len(spec.patterns) > 1:
        pattern = "plain"
    color = rng.choice(DENIM_COLORS if pattern == "denim" else COLORS)
    return Look(
        kind=name,
        color=color,
        pattern=pattern,
        accent=random_accent(color, rng),
        details=random_details(name, pattern, rng),
        seed=rng.getrandbits(32),
    )


def random_details(kind: str, pattern: str, rng: Random) -> tuple[str, ...]:
    """One word from each slot of the kind; prints go on plain cloth only."""
    words = [rng.choice(slot) for slot in KINDS[kind].slots]
    plain = pattern in {"plain", "heathered"}
    return tuple(word for word in words if word and (plain or word != "graphic"))


_CLASH = (
    frozenset({"black", "navy"}),
    frozenset({"white", "beige"}),
    frozenset({"blue", "navy"}),
    frozenset({"red", "orange"}),
    frozenset({"red", "pink"}),
    frozenset({"green", "teal"}),
    frozenset({"blue", "teal"}),
    frozenset({"blue", "purple"}),
    frozenset({"brown", "black"}),
    frozenset({"brown", "navy"}),
    frozenset({"black", "purple"}),
    frozenset({"red", "brown"}),
    frozenset({"orange", "brown"}),
)


def random_accent(color: str, rng: Random) -> str:
    """A second colour that can be told from the first; white half of the time."""
    if color not in {"white", "beige", "yellow"} and rng.random() < 0.5:
        return "white"
    choices = [
        other for other in COLORS if other != color and frozenset({color, other}) not in _CLASH
    ]
    return rng.choice(choices)


def describe(look: Look) -> str:
    """A short caption: `a red and white striped V-neck T-shirt`, `black slim trousers`."""
    words = [look.color]
    if look.pattern in TWO_COLORED:
        words += ["and", look.accent]
    if look.pattern != "plain" and look.kind != "jeans":
        words.append(look.pattern)
    words += look.details
    words.append(look.kind)
    article = "" if KINDS[look.kind].plural else "an " if words[0][0] in "aeiou" else "a "
    return article + " ".join(words)
