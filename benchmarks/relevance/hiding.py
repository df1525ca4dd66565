"""Half of the products lose, from all of their text, every word that any query is made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence, Set
from random import Random

__all__ = ["Stem", "hidden_keys", "stems", "without"]

Stem = Callable[[str], str | None]  # None: a word that no search looks for, such as "for"
WORD = re.compile(r"[^\W_]+(?:'[a-z]+)?")


def hidden_keys(keys: Sequence[str], seed: int) -> frozenset[str]:
    """The half whose words are removed."""
    return frozenset(Random(seed).sample(sorted(keys), len(keys) // 2))


def stems(texts: Iterable[str], stem: Stem) -> frozenset[str]:
    """The stems of all words that texts are made of."""
    found = {stem(word.lower()) for text in texts for word in WORD.findall(text)}
    return frozenset(found - {None})


def without(text: str, removed: Set[str], stem: Stem) -> str:
    """A text without the words that have these stems; hyphens and spaces around them go too."""
    left = WORD.sub(lambda match: "" if stem(match[0].lower()) in removed else match[0], text)
    return re.sub(r"[ \t]*-*[ \t]+|^-+|-+$", " ", left).strip()
