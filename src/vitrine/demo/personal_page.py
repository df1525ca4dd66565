"""One HTML page: the same search for nobody and for two shoppers, and what each is recommended.

It needs no script and no network. Every text in it comes from data, and is escaped.
"""

from __future__ import annotations

import os
from html import escape
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import quote

from vitrine.demo.personal import Placed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vitrine.demo.personal import Personal
    from vitrine.demo.shoppers import Shopper

__all__ = ["personal_page"]

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Vitrine demo shop: personal search</title>
<style>
:root { --paper: #f6f5f2; --line: #e4e2dd; --ink: #222228; --quiet: #6b696d; --accent: #b5482e; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1320px; padding: 40px 32px 64px; background: var(--paper);
  color: var(--ink); font: 16px/1.45 system-ui, sans-serif; }
h1 { margin: 0 0 4px; font-size: 30px; }
h2 { margin: 48px 0 16px; padding-top: 24px; border-top: 1px solid var(--line); font-size: 22px; }
p { margin: 0; }
.quiet, .move { color: var(--quiet); }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(280px, 1fr)); gap: 28px; }
h3 { margin: 0; font-size: 17px; }
.head { min-height: 58px; margin-bottom: 12px; }
.likes { color: var(--accent); }
ol { margin: 0; padding: 0; list-style: none; }
li { display: grid; grid-template-columns: 24px 84px 1fr; gap: 12px; margin-bottom: 12px;
  min-height: 110px; padding: 12px; border: 1px solid var(--line); border-radius: 12px;
  background: #fff; overflow-wrap: anywhere; }
li.moved { border-color: var(--accent); }
.rank { color: var(--quiet); font-variant-numeric: tabular-nums; }
img, .none { display: block; width: 84px; height: 84px; border-radius: 8px; object-fit: cover;
  background: var(--line); }
.title { font-weight: 600; line-height: 1.3; }
.small { font-size: 14px; }
.reason { color: var(--accent); }
/* Side by side, places of the same rank stand at the same height. */
@media (min-width: 980px) { .compared li { min-height: 172px; } }
</style>
</head>
<body>
<h1>The same search, for two shoppers</h1>
<p class="quiet">They are simulated: $count shoppers, their tastes drawn by chance, looked through
this shop. What the two like of “$category” is known here; search was told only what they clicked,
put into the basket and bought.</p>
$sections
</body>
</html>
""")


def personal_page(personal: Personal, *, folder: Path, count: int, category: str) -> str:
    """The page, to be written into `folder`, below or beside which the pictures lie."""
    sections = [
        _section(
            asked.title,
            [
                _column(
                    _head("Without a history", "what everybody sees", "quiet"),
                    [Placed(found=found) for found in personal.general[number]],
                    folder,
                ),
                *(
                    _column(_who(one), personal.answers[one.client][number], folder)
                    for one in personal.shoppers
                ),
            ],
        )
        for number, asked in enumerate(personal.asked)
    ]
    recommended = _section(
        "Recommended for them",
        [_column(_who(one), personal.for_you[one.client], folder) for one in personal.shoppers],
        "recommended",
    )
    return _PAGE.substitute(
        count=count, category=escape(category), sections="\n".join([*sections, recommended])
    )


def _section(title: str, columns: Iterable[str], kind: str = "compared") -> str:
    inner = "\n".join(columns)
    return (
        f'<section class="{kind}"><h2>{escape(title)}</h2>\n'
        f'<div class="columns">\n{inner}\n</div></section>'
    )


def _column(head: str, hits: Sequence[Placed], folder: Path) -> str:
    items = "\n".join(_item(each, place, folder) for place, each in enumerate(hits, 1))
    listed = f"<ol>\n{items}\n</ol>" if hits else '<p class="quiet">nothing found</p>'
    return f'<div class="column">{head}\n{listed}</div>'


def _who(shopper: Shopper) -> str:
    return _head(shopper.client, shopper.taste, "likes")


def _head(name: str, said: str, kind: str) -> str:
    return f'<div class="head"><h3>{escape(name)}</h3><p class="{kind}">{escape(said)}</p></div>'


def _item(placed: Placed, place: int, folder: Path) -> str:
    found = placed.found
    sold = " · ".join(filter(None, (found.brand, found.price_text)))
    moved = f'<p class="small move">{escape(placed.moved)}</p>' if placed.moved else ""
    reason = f'<p class="small reason">{escape(placed.reason)}</p>' if placed.reason else ""
    return (
        f'<li class="{"moved" if placed.moved else "same"}"><span class="rank">{place}</span>'
        f"{_picture(found.picture, folder)}"
        f'<div><p class="title">{escape(found.title)}</p>'
        f'<p class="small quiet">{escape(sold)}</p>{moved}{reason}</div></li>'
    )


def _picture(picture: Path | None, folder: Path) -> str:
    if picture is None:
        return '<span class="none"></span>'
    address = quote(os.path.relpath(picture, folder).replace(os.sep, "/"))
    return f'<img src="{escape(address)}" alt="">'
