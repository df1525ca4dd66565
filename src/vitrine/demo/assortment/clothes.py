"""The lines of clothes."""

from __future__ import annotations

from vitrine.demo.assortment.line import Line

__all__ = ["CLOTHES"]

_COTTON = ("Cotton", "Organic Cotton", "Cotton", "Linen Blend")
_WARM = ("Wool", "Merino Wool", "Cotton Knit", "Cashmere Blend")
_SHELL = ("Recycled Polyester", "Waxed Cotton", "Softshell", "Nylon")
_SUITING = ("Wool", "Wool Blend", "Linen Blend", "Viscose")
_FLOWING = ("Viscose", "Cotton", "Linen", "Silk Blend", "Recycled Polyester")
_STRETCH = ("Stretch Jersey", "Recycled Nylon", "Cotton Stretch")
_MILD = ("Spring", "Autumn", "All Seasons")
_SUMMER, _WINTER, _ALL = ("Summer", "Spring"), ("Winter", "Autumn"), ("All Seasons",)
_WAISTS = ("28", "30", "32", "34", "36")

CLOTHES: tuple[Line, ...] = (
    Line(
        kind="T-shirt",
        code="TS",
        shelves=("Women/Tops/T-Shirts", "Men/Tops/T-Shirts", "Kids/Tops", "Sport/Tops"),
        price=(14, 42),
        materials=_COTTON,
        seasons=("Summer", "Spring", "All Seasons"),
        share=40,
    ),
    Line(
        kind="long-sleeved top",
        code="LT",
        shelves=("Women/Tops/Long-Sleeved Tops", "Men/Tops/Long-Sleeved Tops", "Kids/Tops"),
        price=(19, 55),
        materials=_COTTON,
        seasons=_MILD,
        share=20,
    ),
    Line(
        kind="tank top",
        code="TT",
        shelves=("Women/Tops/Tank Tops", "Sport/Tops", "Men/Tops/Tank Tops"),
        price=(12, 35),
        materials=_COTTON,
        seasons=_SUMMER,
        share=18,
    ),
    Line(
        kind="polo shirt",
        code="PO",
        shelves=("Men/Tops/Polo Shirts", "Women/Tops/Polo Shirts", "Kids/Tops"),
        price=(25, 70),
        materials=("Cotton Piqué", "Organic Cotton", "Cotton Knit"),
        seasons=_SUMMER,
        share=18,
    ),
    Line(
        kind="shirt",
        code="SH",
        shelves=("Men/Tops/Shirts", "Women/Tops/Shirts & Blouses"),
        price=(32, 95),
        materials=("Cotton Poplin", "Linen", "Flannel", "Organic Cotton"),
        seasons=_ALL,
        share=30,
    ),
    Line(
        kind="sweater",
        code="SW",
        shelves=("Women/Knitwear", "Men/Knitwear", "Kids/Knitwear"),
        price=(39, 140),
        materials=_WARM,
        seasons=_WINTER,
        share=28,
    ),
    Line(
        kind="hoodie",
        code="HO",
        shelves=("Men/Tops/Hoodies", "Women/Tops/Hoodies", "Sport/Tops", "Kids/Tops"),
        price=(35, 90),
        materials=("Cotton Fleece", "Organic Cotton", "Recycled Fleece"),
        seasons=_MILD,
        share=24,
    ),
    Line(
        kind="jacket",
        code="JA",
        shelves=("Men/Outerwear/Jackets", "Women/Outerwear/Jackets", "Kids/Outerwear"),
        price=(59, 220),
        materials=_SHELL,
        seasons=_MILD,
        share=24,
    ),
    Line(
        kind="blazer",
        code="BL",
        shelves=("Women/Tailoring/Blazers", "Men/Tailoring/Blazers"),
        price=(89, 260),
        materials=_SUITING,
        share=14,
    ),
    Line(
        kind="coat",
        code="CO",
        shelves=("Women/Outerwear/Coats", "Men/Outerwear/Coats"),
        price=(119, 390),
        materials=("Wool", "Wool Blend", "Recycled Wool"),
        seasons=_WINTER,
        share=16,
    ),
    Line(
        kind="dress",
        code="DR",
        shelves=("Women/Dresses",),
        price=(39, 180),
        materials=_FLOWING,
        seasons=("Summer", "Spring", "All Seasons"),
        share=44,
    ),
    Line(
        kind="skirt",
        code="SK",
        shelves=("Women/Skirts",),
        price=(29, 110),
        materials=_FLOWING,
        seasons=("Spring", "Summer", "Autumn"),
        share=26,
    ),
    Line(
        kind="trousers",
        code="TR",
        shelves=("Men/Trousers/Chinos", "Women/Trousers/Casual", "Kids/Trousers"),
        price=(35, 120),
        materials=("Cotton Twill", "Linen Blend", "Wool Blend"),
        sizes=_WAISTS,
        share=26,
    ),
    Line(
        kind="jeans",
        code="JE",
        shelves=("Men/Trousers/Jeans", "Women/Trousers/Jeans", "Kids/Trousers"),
        price=(45, 130),
        materials=("Denim", "Organic Denim", "Stretch Denim"),
        sizes=_WAISTS,
        share=24,
    ),
    Line(
        kind="leggings",
        code="LE",
        shelves=("Sport/Leggings", "Women/Trousers/Leggings"),
        price=(19, 75),
        materials=_STRETCH,
        brands="sport",
        share=14,
    ),
    Line(
        kind="shorts",
        code="SO",
        shelves=("Men/Shorts", "Women/Shorts", "Sport/Shorts", "Kids/Shorts"),
        price=(19, 65),
        materials=("Cotton Twill", "Linen", "Recycled Polyester"),
        seasons=_SUMMER,
        share=20,
    ),
)
