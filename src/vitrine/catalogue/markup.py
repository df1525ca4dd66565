"""Product descriptions are HTML; search and encoders want text."""

from __future__ import annotations

import html
import re
from functools import lru_cache

__all__ = ["to_line", "to_text"]

_BREAKS = frozenset(
    re.findall(
        r"\w+",
        """
        address article aside blockquote br caption center dd details dialog div dl dt fieldset
        figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr legend li main menu nav ol option
        p pre section select summary table tbody td tfoot th thead title tr ul video
        """,
    )
)
# A walk over the tree sees where an element starts; this lets it see where a block ends.
_BLOCK_END = re.compile(rf"</(?:{'|'.join(sorted(_BREAKS - {'br'}))})\s*>", re.IGNORECASE)
_UNSEEN = frozenset({"script", "style", "noscript", "template", "iframe", "object", "svg", "head"})
_INLINE = frozenset(
    ["a", "abbr", "b", "big", "em", "font", "i", "small", "span", "strong", "sub", "sup", "u"]
)
_TAG = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9]*(?: [^<>]*)?/?)>")
_MARKUP = re.compile(r"<[a-zA-Z/!?]")
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\u200b]")


# A platform repeats a product's description on each of its variants, row after row.
@lru_cache(256)
def to_text(markup: str) -> str:
    """Text of an HTML fragment: entities read, blocks on lines of their own, no scripts or styles.

    Text without any tag keeps its own lines. Malformed markup is read as a browser would.
    """
    if _MARKUP.search(markup):
        simple = _simple(markup)
        text = _visible(markup) if simple is None else simple
    elif "&" in markup:
        text = html.unescape(markup)
    else:
        text = markup
    lines = _CONTROL.sub("", text.replace("\r", "\n")).split("\n")
    return "\n".join(filter(None, (" ".join(line.split()) for line in lines)))


def to_line(markup: str) -> str:
    """The same on one line, for titles and names."""
    if "<" not in markup and "&" not in markup:
        return " ".join(_CONTROL.sub("", markup).split())
    return " ".join(to_text(markup).split())


def _simple(markup: str) -> str | None:
    """The text of markup that holds but plain tags, five times as fast as the parser; else None."""
    pieces = _TAG.split(markup.replace("\n", " ").replace("\r", " "))
    for place in range(1, len(pieces), 2):
        name, _, attributes = pieces[place].strip("/").partition(" ")
        name = name.lower()
        if attributes.count('"') % 2 or attributes.count("'") % 2:
            return None
        if name in _BREAKS:
            pieces[place] = "\n"
        elif name in _INLINE:
            pieces[place] = ""
        else:
            return None
    text = "".join(pieces)
    return None if "<" in text else html.unescape(text)


def _visible(markup: str) -> str:
    from selectolax.lexbor import LexborHTMLParser

    # In the source of HTML a line end is a space; only tags break lines.
    markup = markup.replace("\n", " ").replace("\r", " ")
    body = LexborHTMLParser(_BLOCK_END.sub(r"\g<0><br>", markup)).body
    if body is None:
        return ""
    pieces: list[str] = []
    unseen: list[object] = []
    for node in body.traverse(include_text=True):
        tag = node.tag
        if tag == "-text":
            pieces.append(node.text_content or "")
        elif tag in _BREAKS:
            pieces.append("\n")
        elif tag in _UNSEEN:
            unseen.append(node)
    if unseen:
        return _without_unseen(markup)
    return "".join(pieces)


def _without_unseen(markup: str) -> str:
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(markup)
    tree.strip_tags(sorted(_UNSEEN - {"head"}))
    body = tree.body
    return _visible(body.inner_html or "") if body is not None else ""
