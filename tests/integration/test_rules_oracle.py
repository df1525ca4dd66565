"""When rules apply, and where pins go, against a naive reading of docs/merchandising.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.searchable import Product, add_category, add_product
from vitrine.database import Connection

PATHS = ["a", "a/b", "a/b/c", "ab", "d"]
WORDS = ["red", "Red", "dress", "T-shirt", "t", "外套", "外", "é"]
DAY = "2027-01-{:02}"


@dataclass(frozen=True)
class Wanted:
    """A pin that hypothesis made up."""

    product: int
    position: int
    query: list[str] | None
    phrase: bool
    category: str | None
    starts: int | None
    ends: int | None
    enabled: bool


# Most hold at most one of their conditions, so that several apply at once.
days = st.one_of(st.none(), st.none(), st.none(), st.integers(1, 9))
wanted = st.builds(
    Wanted,
    product=st.integers(1, 6),
    position=st.integers(1, 4),
    query=st.one_of(st.none(), st.none(), st.lists(st.sampled_from(WORDS), min_size=1, max_size=3)),
    phrase=st.booleans(),
    category=st.one_of(st.none(), st.none(), st.sampled_from(PATHS)),
    starts=days,
    ends=days,
    enabled=st.sampled_from([True, True, True, False]),
).filter(lambda rule: rule.starts is None or rule.ends is None or rule.starts < rule.ends)


def tokens(words: list[str]) -> list[str]:
    spread = " ".join(words).lower().replace("-", " ").replace("外", " 外 ").replace("套", " 套 ")
    return spread.split()


def holds(rule: Wanted, words: list[str], categories: list[str], day: int) -> bool:
    asked, own = tokens(words), tokens(rule.query or [])
    spoken = rule.query is None or (
        any(asked[i : i + len(own)] == own for i in range(len(asked)))
        if rule.phrase
        else asked == own
    )
    placed = rule.category is None or any(
        f"{path}/".startswith(f"{rule.category}/") for path in categories
    )
    running = (rule.starts or 0) <= day and (rule.ends is None or day < rule.ends)
    return rule.enabled and spoken and placed and running


def nearness(rule: Wanted, name: str) -> tuple[Any, ...]:
    """Exact words before phrases, long ones first, deep categories first."""
    own = tokens(rule.query or [])
    depth = len(rule.category.split("/")) if rule.category else 0
    return (rule.query is None or rule.phrase, -len(own), -depth, name)


def places(rules: dict[str, Wanted]) -> list[tuple[int, int]]:
    """(position, product): each product once, each position once, later ones move down."""
    taken: list[tuple[int, int]] = []
    for _, rule in sorted(rules.items(), key=lambda r: (r[1].position, nearness(r[1], r[0]))):
        if rule.product <= 5 and rule.product not in [product for _, product in taken]:
            free = max([rule.position, *(position + 1 for position, _ in taken)])
            taken.append((free, rule.product))
    return taken


def test_pins_apply_as_a_naive_reading_says(connection: Connection) -> None:
    for path in PATHS:
        add_category(connection, path)
    for number in range(1, 6):
        add_product(connection, Product(f"P{number}"))

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(wanted, min_size=1, max_size=8),
        st.lists(st.sampled_from(WORDS), max_size=4),
        st.lists(st.sampled_from(PATHS), max_size=2),
        st.integers(1, 9),
    )
    def check(made: list[Wanted], words: list[str], categories: list[str], day: int) -> None:
        with connection.transaction(force_rollback=True):
            rules = {f"r{number}": rule for number, rule in enumerate(made)}
            for name, rule in rules.items():
                connection.execute(
                    "SELECT pin(%s, %s, %s, query => %s, match => %s, category => %s, "
                    "starts_at => %s, ends_at => %s, enabled => %s)",
                    (
                        name, f"P{rule.product}", rule.position,
                        None if rule.query is None else "  ".join(rule.query),
                        "phrase" if rule.phrase else "exact", rule.category,
                        rule.starts and DAY.format(rule.starts),
                        rule.ends and DAY.format(rule.ends), rule.enabled,
                    ),
                )  # fmt: skip
            row = connection.execute(
                "SELECT search_rules(%s, %s::text[], %s)",
                (" ".join(words) or None, categories, DAY.format(day)),
            ).fetchone()
            assert row is not None
            applying = {n: r for n, r in rules.items() if holds(r, words, categories, day)}
            found = [(pin["position"], int(pin["external_id"][1:])) for pin in row[0]["pins"]]
            assert found == places(applying)

    check()
