"""The studio: sets a look up before a backdrop, chooses the view, and takes the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitrine.demo.drawing import accessories, bags, bottoms, footwear, home, tops
from vitrine.demo.drawing.backdrop import BACKGROUNDS, backdrop
from vitrine.demo.drawing.cut import TOPS
from vitrine.demo.drawing.figure import body_above, body_below, choose_figure
from vitrine.demo.drawing.fit import fit
from vitrine.demo.drawing.look import WORN_KINDS
from vitrine.demo.drawing.painter import Frame, Painter
from vitrine.demo.drawing.palette import shade_of
from vitrine.demo.drawing.seeds import seeded
from vitrine.demo.drawing.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from PIL import Image

    from vitrine.demo.drawing.look import Look

__all__ = ["VIEWS", "draw"]

VIEWS = ("front", "back", "close")

_DRAWERS: dict[str, Callable[[Sketch], None]] = {
    **dict.fromkeys(TOPS, tops.draw_top),
    "dress": bottoms.draw_dress,
    "skirt": bottoms.draw_skirt,
    **dict.fromkeys(("trousers", "jeans", "leggings", "shorts"), bottoms.draw_legs),
    "sneakers": footwear.draw_sneakers,
    "boots": footwear.draw_boots,
    "high heels": footwear.draw_heels,
    "sandals": footwear.draw_sandals,
    "cap": accessories.draw_cap,
    "beanie": accessories.draw_beanie,
    "sun hat": accessories.draw_sun_hat,
    "scarf": accessories.draw_scarf,
    "watch": accessories.draw_watch,
    "sunglasses": accessories.draw_sunglasses,
    "umbrella": accessories.draw_umbrella,
    "handbag": bags.draw_handbag,
    "backpack": bags.draw_backpack,
    "tote bag": bags.draw_tote,
    "mug": home.draw_mug,
    "teapot": home.draw_teapot,
    "vase": home.draw_vase,
    "lamp": home.draw_lamp,
    "chair": home.draw_chair,
    "armchair": home.draw_armchair,
    "sofa": home.draw_sofa,
    "cushion": home.draw_cushion,
}
# Where the middle of a worn garment's picture is, in the unit of the garment, and its scale.
_WORN_FRAMES = {"top": (0.43, 0.78), "dress": (0.56, 0.7), "bottom": (0.52, 0.94)}
_OPEN = frozenset({"blazer", "coat", "jacket"})
_STANDING = frozenset({"lamp", "chair", "armchair", "sofa", "mug", "teapot", "vase"})
_BACKDROP_ODDS = ("white", "white", "light gray", "soft", "gradient", "gradient", "studio")


def draw(
    look: Look,
    size: int = 384,
    background: str | None = None,
    *,
    view: str = "front",
    worn: bool = False,
    jitter: float = 0.0,
    supersample: int = 2,
) -> Image.Image:
    """A picture of a look: RGB, `size` × `size` pixels; the same arguments, the same pixels.

    `background` is one of `BACKGROUNDS`, or None for one that the seed chooses. `view` is one of
    `VIEWS`: the back of a garment, or a thing turned the other way; or closer up. `worn` puts a
    garment (`WORN_KINDS`) on a simple figure. `jitter` in 0..1 moves, scales, turns and mirrors.
    Raises ValueError for a view, a background or a worn kind that does not exist.
    """
    if view not in VIEWS or (background is not None and background not in BACKGROUNDS):
        raise ValueError(f"view {view!r} or background {background!r} is unknown")
    if worn and look.kind not in WORN_KINDS:
        raise ValueError(f"a {look.kind} is not worn by a figure")
    painter = Painter(size, supersample, _frame(look, view, worn=worn, jitter=jitter))
    sketch = _sketch(look, painter, worn=worn, back=view == "back" and look.kind in WORN_KINDS)
    if worn:
        _on_figure(sketch)
    else:
        _DRAWERS[look.kind](sketch)
    scene = seeded(look.seed, "scene", view, jitter)
    standing = look.kind in _STANDING
    chosen = background or ("light gray" if worn else _backdrop_for(scene, standing=standing))
    shadow = (0.012, 0.012, 0.34) if standing else (0.014, 0.022, 0.3)
    return painter.picture(backdrop(chosen, scene, size), shadow)


def _sketch(look: Look, painter: Painter, *, worn: bool, back: bool) -> Sketch:
    # Colours and shape must not depend on the view: every picture shows the same product.
    colors = seeded(look.seed, "colors")
    return Sketch(
        look=look,
        painter=painter,
        rng=seeded(look.seed, "shape"),
        base=shade_of(look.color, colors),
        accent=shade_of(look.accent, colors),
        worn=worn,
        back=back,
    )


def _backdrop_for(rng: Random, *, standing: bool) -> str:
    return rng.choice((*_BACKDROP_ODDS, "studio", "studio") if standing else _BACKDROP_ODDS[:-1])


def _frame(look: Look, view: str, *, worn: bool, jitter: float) -> Frame:
    """Where the product stands in the picture: filling it well, then moved by `jitter`."""
    rng = seeded(look.seed, "frame", view, jitter)
    garment = look.kind in WORN_KINDS
    middle, scale = _WORN_FRAMES[_worn_part(look)] if worn else fit(look)
    # A little above the middle: the shadow weighs below.
    y = 0.49 + (0.5 - middle) * scale
    if view == "close":
        scale *= 1.5
        y += 0.16 if garment else 0.05
    flip = view == "back" and not garment
    if not jitter:
        return Frame(x=0.5, y=y, scale=scale, flip=flip)
    # People are photographed from head to knee or closer; things lie askew instead.
    nearer = rng.uniform(-0.1, 0.5) if worn else rng.uniform(-0.25, 0.12)
    return Frame(
        x=0.5 + rng.uniform(-0.09, 0.09) * jitter,
        y=y + rng.uniform(-0.09, 0.09) * jitter,
        scale=scale * (1 + nearer * jitter),
        turn=rng.uniform(-0.2, 0.2) * jitter * (0.3 if worn else 1.0),
        flip=flip ^ (rng.random() < jitter / 2),
    )


def _worn_part(look: Look) -> str:
    if look.kind in TOPS:
        return "top"
    return "dress" if look.kind == "dress" else "bottom"


def _on_figure(sketch: Sketch) -> None:
    person = choose_figure(seeded(sketch.look.seed, "figure"))
    sketch.arm = person.arm
    part = _worn_part(sketch.look)
    body_below(sketch.painter, person, part, shirt=sketch.look.kind in _OPEN)
    _DRAWERS[sketch.look.kind](sketch)
    if part != "bottom":
        body_above(sketch.painter, person, back=sketch.back)
