"""Names and descriptions of demo products: plain shop English, varied, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

__all__ = ["STYLES", "Subject", "description", "title"]

# Every style name is used once per kind, so that no two products share a title.
STYLES = (
    "Ada", "Alba", "Anton", "Arlo", "Astrid", "Bea", "Beck", "Bodil", "Bruno", "Cass", "Clio",
    "Cora", "Dag", "Della", "Dov", "Edda", "Eliot", "Elka", "Enzo", "Esme", "Fay", "Finn", "Freja",
    "Gil", "Greta", "Hale", "Hana", "Hugo", "Ida", "Ines", "Ivo", "Jonas", "Juna", "Kaia", "Kit",
    "Lars", "Leif", "Lena", "Lio", "Lou", "Mads", "Mara", "Marlo", "Mika", "Mira", "Nell", "Nico",
    "Nora", "Odin", "Olga", "Otis", "Pala", "Pia", "Quin", "Rafe", "Rhea", "Rio", "Runa", "Saga",
    "Sol", "Sten", "Suki", "Tess", "Theo", "Tove", "Una", "Vera", "Vida", "Wren", "Yara", "Ylva",
    "Zeno",
)  # fmt: skip

_NOUNS = {
    "T-shirt": "tee", "long-sleeved top": "top", "tank top": "tank", "polo shirt": "polo",
    "sweater": "knit", "hoodie": "hoodie", "high heels": "pair of heels", "sun hat": "hat",
    "sneakers": "pair of sneakers", "boots": "pair of boots", "sandals": "pair of sandals",
    "trousers": "pair of trousers", "jeans": "pair of jeans", "leggings": "pair of leggings",
    "shorts": "pair of shorts", "sunglasses": "pair of sunglasses", "tote bag": "tote",
}  # fmt: skip

_FEEL = {
    "Cotton": ("soft and breathable", "easy on the skin"),
    "Linen": ("light and cool", "airy and crisp"),
    "Wool": ("warm without weight", "naturally warm and springy"),
    "Cashmere": ("soft as can be", "warm and very light"),
    "Denim": ("sturdy and better with every wear", "firm at first and soft for years"),
    "Leather": ("supple and made to last", "smooth and graceful with age"),
    "Suede": ("velvety to the touch", "soft and finely napped"),
    "Polyester": ("light and quick to dry", "hard-wearing and easy to care for"),
    "Nylon": ("light, tough and quick to dry", "smooth and weatherproof"),
    "Viscose": ("fluid and graceful", "cool and flowing"),
    "Silk": ("fluid and quietly lustrous", "smooth and light"),
    "Fleece": ("brushed inside and very cosy", "thick, soft and warm"),
    "Velvet": ("deep and soft", "plush and gently lustrous"),
    "Canvas": ("sturdy and honest", "tough at first and softer with time"),
    "ware": ("glazed by hand", "fired twice for strength"),
    "Porcelain": ("fine, hard and bright", "thin-walled and strong"),
    "Oak": ("solid and clear-grained", "oiled rather than lacquered"),
    "Acetate": ("light and deeply polished", "cut from a solid block"),
}

_PATTERN_WORDS = {
    "striped": ("even stripes", "bold stripes", "stripes that never go out of style"),
    "checked": ("a classic check", "a generous check", "a check woven in, not printed"),
    "dotted": ("cheerful dots", "neat polka dots", "dots all over"),
    "floral": ("a meadow of small flowers", "an all-over floral print", "hand-drawn flowers"),
    "zigzag": ("a graphic zigzag", "a lively zigzag pattern", "zigzag lines from edge to edge"),
    "heathered": ("a soft heathered look", "a lively melange yarn"),
    "camouflage": ("a tonal camouflage print", "a modern camouflage pattern"),
    "knitted": ("a chunky knit you can feel", "a textured cable knit"),
    "denim": ("an authentic denim wash", "a rinse that keeps its depth"),
    "plain": ("a clean, plain finish", "a calm surface without fuss", "one rich, even colour"),
}

_OPENINGS = {
    "clothes": (
        "The {style} is the {noun} you reach for without thinking: {feel}, with {look}.",
        "{brand} makes the {style} from {material}, {feel} from the first day.",
        "A {noun} with {look}. {material_start} keeps it {feel}.",
        "Good basics are rare; the {style} is one. Expect {look} and a fabric that is {feel}.",
        "Meet the {style}: a {noun} in {material} with {look}.",
    ),
    "sport": (
        "Made to move: the {style} stretches where you do, and shows {look}.",
        "The {style} stays in place to the last kilometre. {material_start}, {feel}.",
        "A {noun} for training days and rest days alike, with {look}.",
    ),
    "shoes": (
        "Made on a comfortable last, the {style} is a {noun} for long days.",
        "The {style} pairs {material} with a sole you can trust. Expect {look}.",
        "A {noun} from {brand}: {feel}, with {look}.",
    ),
    "bags": (
        "Room for the day and a little more: the {style} in {material}, {feel}.",
        "The {style} carries what you need and shows {look}.",
        "{brand} builds the {style} to be used every day. {material_start}, {feel}.",
    ),
    "extras": (
        "A small thing that finishes an outfit: the {style} with {look}.",
        "The {style} by {brand}, in {material}. It is {feel}, and it has {look}.",
        "Simple, well made, hard to put away: the {style}, with {look}.",
    ),
    "home": (
        "The {style} brings {look} into the room.",
        "A quiet favourite from {brand}: {material}, {feel}, with {look}.",
        "Made in small batches from {material}, the {style} is {feel}.",
    ),
}
_USES = {
    "clothes": (
        "Wear it to work and keep it on for dinner.",
        "It layers easily and asks for nothing more than a good pair of shoes.",
        "Dress it up or down; it looks right either way.",
        "For weekends, journeys and the days in between.",
        "Pack it once and you will never travel without it.",
    ),
    "sport": (
        "Flat seams do not chafe, even on long runs.",
        "Sweat dries fast, so you stay comfortable.",
        "For the gym, the track and the way home.",
    ),
    "shoes": (
        "The footbed can be taken out and replaced.",
        "Break them in for a day, wear them for years.",
        "They look as good with jeans as with tailoring.",
    ),
    "bags": (
        "Inside there is one large compartment and a pocket for keys.",
        "The hardware is solid and does not scratch.",
        "Carry it by hand or over the shoulder.",
    ),
    "extras": (
        "It makes a fine present, not least to yourself.",
        "Light enough to forget, nice enough to notice.",
        "One of those pieces that go with everything.",
    ),
    "home": (
        "It looks at home in old rooms and in new ones.",
        "Every piece differs a little, as things made by hand do.",
        "Combine several, or let one stand alone.",
    ),
}
_CARE = {
    "clothes": ("Machine wash at 30 °C", "Wash inside out, dry flat", "Gentle wash, do not bleach"),
    "sport": ("Machine wash at 30 °C, no softener", "Quick to dry, no ironing"),
    "shoes": ("Brush clean, then wax", "Wipe with a damp cloth"),
    "bags": ("Wipe with a damp cloth", "Comes with a dust bag"),
    "extras": ("Comes in a gift box", "Clean gently by hand"),
    "home": ("Wipe with a soft cloth", "Made to be repaired"),
}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a text is about."""

    style: str
    kind: str
    group: str
    brand: str
    material: str
    pattern: str
    season: str
    details: tuple[str, ...] = ()


def title(subject: Subject) -> str:
    """`Ines Floral Strappy Maxi Dress`: the style, what one sees, and the kind."""
    shown = () if subject.pattern in {"plain", "denim"} else (subject.pattern,)
    words = [*shown, *subject.details, subject.kind]
    return " ".join([subject.style, *(_capital(word) for word in words)])


def description(subject: Subject, rng: Random) -> str:
    """Two or three sentences and a short list, as HTML like a shop's editor writes it.

    Colours are never named: one description serves every colour of the product.
    """
    feel = next((words for key, words in _FEEL.items() if key in subject.material), ("well made",))
    material = subject.material.lower()
    opening = rng.choice(_OPENINGS[subject.group]).format(
        style=subject.style,
        noun=_NOUNS.get(subject.kind, subject.kind),
        brand=subject.brand,
        material=material,
        material_start=material[0].upper() + material[1:],
        feel=rng.choice(feel),
        look=rng.choice(_PATTERN_WORDS[subject.pattern]),
    )
    use = rng.choice(_USES[subject.group])
    points = [subject.material, *(_sentence(word) for word in subject.details)]
    if subject.season != "All Seasons":
        points.append(f"Made for {subject.season.lower()}")
    points.append(rng.choice(_CARE[subject.group]))
    bullets = "".join(f"<li>{point}</li>" for point in points)
    return f"<p>{opening} {use}</p>\n<ul>{bullets}</ul>".replace("&", "&amp;")


def _capital(words: str) -> str:
    """`V-neck T-shirt` to `V-Neck T-Shirt`."""
    return " ".join(
        "-".join(part[:1].upper() + part[1:] for part in word.split("-")) for word in words.split()
    )


def _sentence(word: str) -> str:
    return word[:1].upper() + word[1:]
