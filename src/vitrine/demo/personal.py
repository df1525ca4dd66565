"""Asks the demo shop the same for nobody and for its shoppers; says what moved, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitrine.demo.asking import found_products

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vitrine.demo.asking import Found
    from vitrine.demo.shoppers import Shopper
    from vitrine.shop import Shop

__all__ = ["Asked", "Personal", "Placed", "ask_personal", "placed"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked for: words, or a category to browse; `title` says it."""

    title: str
    words: str | None = None
    category: str | None = None

    @property
    def filters(self) -> dict[str, str]:
        """As search takes them."""
        return {} if self.category is None else {"category": self.category}


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A hit with how it moved (`up from 36`) and why; both empty where it did not."""

    found: Found
    moved: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Personal:
    """Answers for nobody, and for each shopper in turn; `answers` and `for_you` are by client."""

    asked: Sequence[Asked]
    shoppers: Sequence[Shopper]
    general: Sequence[Sequence[Found]]
    answers: Mapping[str, Sequence[Sequence[Placed]]]
    for_you: Mapping[str, Sequence[Placed]]


def ask_personal(
    shop: Shop,
    asked: Sequence[Asked],
    shoppers: Sequence[Shopper],
    *,
    titles: Mapping[str, str],
    images: Path,
    k: int,
) -> Personal:
    """Ask each for `k` products; `titles` by external_id name what a shopper has dealt with."""

    def answer(each: Asked, client: str | None) -> Sequence[Found]:
        page = shop.search(each.words, filters=each.filters, client=client, k=k)
        return found_products(shop, page, images)

    return Personal(
        asked=asked,
        shoppers=shoppers,
        general=[answer(each, None) for each in asked],
        answers={
            one.client: [
                [placed(found, each, titles) for found in answer(each, one.client)]
                for each in asked
            ]
            for one in shoppers
        },
        for_you={
            one.client: [
                Placed(found=found, reason=_because(found, titles))
                for found in found_products(shop, shop.recommend.for_you(one.client, k=k), images)
            ]
            for one in shoppers
        },
    )


def placed(found: Found, asked: Asked, titles: Mapping[str, str]) -> Placed:
    """A hit of a personal search, with what its `why.personal` says in words."""
    why = found.hit.why.get("personal")
    if why is None:
        return Placed(found=found)
    rises = why["to"] < why["from"]
    reason = "; ".join(_reasons(found, asked, why, titles, rises=rises)[:2])
    return Placed(
        found=found,
        moved=f"{'up' if rises else 'down'} from {why['from']}",
        reason=reason or ("" if rises else "others moved past it"),
    )


def _reasons(
    found: Found, asked: Asked, why: Mapping[str, Any], titles: Mapping[str, str], *, rises: bool
) -> list[str]:
    """What moved it that way in the shopper's terms, the part that did most first."""
    like = why.get("like", [])
    values = _values(found, asked, why.get("values", []), rises=rises)
    said = {
        "repurchase": "bought before",
        "attributes": f"{'likes' if rises else 'seldom chooses'} {values}" if values else "",
        "taste": f"looks like {titles.get(like[0], like[0])}" if like else "",
        "session": "like what was seen last",
    }
    if not rises:
        said["taste"], said["session"] = "looks less like what was chosen", ""
    sign = 1 if rises else -1
    telling = [name for name in said if said[name] and sign * why["parts"].get(name, 0) > 0]
    return [said[name] for name in sorted(telling, key=lambda name: -sign * why["parts"][name])]


def _values(found: Found, asked: Asked, values: Sequence[Mapping[str, Any]], *, rises: bool) -> str:
    """Those that the shopper likes, or not, each once.

    Not what the whole page has alike, nor a category above another that is named.
    """
    told = [
        (str(each["field"]), str(each["value"]))
        for each in values
        if (each["preference"] > 0) == rises
    ]
    paths = [value for field, value in told if field == "category"]
    named = {}
    for field, value in told:
        above = field == "category" and any(path.startswith(f"{value}/") for path in paths)
        if not above and (field, value) != ("category", asked.category):
            named[_said(found, field, value)] = True
    return ", ".join(named)


def _said(found: Found, field: str, value: str) -> str:
    """Brands are compared in small letters; this product is of that brand."""
    if field == "price":
        return f"what costs like the {value} of its category"
    return found.brand or value if field == "brand" else value.rpartition("/")[2]


def _because(found: Found, titles: Mapping[str, str]) -> str:
    """Which of the shopper's things stand behind a recommendation."""
    because = found.hit.why.get("because") or []
    if because == [found.hit.external_id]:
        return "bought before"
    if not because:
        return "liked by many"
    return f"because of {' and '.join(titles.get(each, each) for each in because[:2])}"
