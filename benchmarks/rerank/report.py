"""The households' evaluation, by the shop's own measures and for its own page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.rerank.histories import Case as CategoryCase
from benchmarks.rerank.histories import Histories
from benchmarks.rerank.kinds import BY_PURCHASES, BY_SHOPPERS, PERSONAL, K, KindCase
from benchmarks.rerank.shop import category_of

import vitrine
from vitrine.evaluate import Answer, Case, Cases, Report, Sheet, Variation, evaluate, report_on
from vitrine.evaluate.history import self_information
from vitrine.evaluate.reading import reading

__all__ = ["report_kinds", "report_pages"]

DEPTH = 200
RANKED = {
    BY_PURCHASES: "purchases before the cut",
    BY_SHOPPERS: "next_categories without a client",
    PERSONAL: "next_categories with the household as its client",
}
PURCHASES = "The histories are a grocer's receipts: purchases alone, not what was looked at."
NO_VECTORS = (
    "Vectors that histories come from: none. There are no pictures, no words were encoded, and no "
    "vectors were made of co-purchases."
)


def report_pages(shop: vitrine.Shop, histories: Histories, cases: Sequence[CategoryCase]) -> Report:
    """Pages of categories, all that was bought and what was new, with the history and without."""
    events = Counter(line.household for line in histories.before)
    asked = [
        Case(
            shopper=case.household,
            client=case.household,
            filters={"category": category_of(case.category)},
            grades=dict.fromkeys(case.bought, 1),
            as_of=histories.cut,
            known=case.known,
            history=events[case.household],
            query_class="category",
        )
        for case in cases
    ]
    with reading(shop) as connection:
        information, most = self_information(connection, histories.cut)
    report = evaluate(
        shop,
        Cases(
            cases=asked,
            source=_source(histories),
            cut=histories.cut,
            information=information,
            most_information=most,
        ),
        [
            Variation(name="popularity", options={"strength": 0}),
            Variation(name="personal", options={"strength": 1}),
        ],
        depth=DEPTH,
    )
    return replace(
        report,
        title="The page of a category: all that was bought, and what was new",
        chosen_of_shown=False,
        notes=[
            "A case is a household and a category (of at least 20 products) in which it buys after "
            "the cut; the question is the category alone.",
            "popularity: the search without a shopper, by the purchases before the cut. personal: "
            "the same search with the household as its client, and the default weights.",
            PURCHASES,
            NO_VECTORS + " What moves a product is popularity, the values that it shares with the "
            "history (brand, category, kind, package, manufacturer, department, the quarter of its "
            "category's prices), and that it was bought before. A product costs the median of what "
            "was paid for one before the cut.",
        ],
    )


def report_kinds(histories: Histories, cases: Sequence[KindCase]) -> Report:
    """The next new kinds of products, by popularity and by `next_categories`."""
    kinds = {
        histories.kinds[line.product]
        for line in histories.before
        if line.product in histories.kinds
    }
    sheet = Sheet(
        cases=[
            Case(
                shopper=case.household,
                grades=dict.fromkeys(case.wanted, 1),
                history=case.purchases,
                query_class="category",
            )
            for case in cases
        ],
        answers=[
            [Answer(keys=case.rankings[name], total=len(kinds) - len(case.known)) for case in cases]
            for name in RANKED
        ],
        beside=[{} for _ in RANKED],
    )
    report = report_on(
        sheet,
        [Variation(name=name, options={"ranked by": ranked}) for name, ranked in RANKED.items()],
        source=_source(histories),
        cut=histories.cut,
        k=K,
        depth=DEPTH,
        products=len(kinds),
    )
    return replace(
        report,
        title="The next kind of product that is new to the household",
        listed="kinds of products",
        chosen_of_shown=False,
        notes=[
            "A case is a household that buys after the cut from kinds (product_type) that it had "
            "not bought from before; those are relevant. What it had bought from is not listed.",
            "popularity: by purchases before the cut. by shoppers: by how many households bought.",
            PURCHASES,
            NO_VECTORS + " What moves a kind is how many households bought from it, and how much "
            "oftener than by chance they also bought from each kind of the history.",
        ],
    )


def _source(histories: Histories) -> str:
    households = {line.household for line in (*histories.before, *histories.after)}
    return f"the receipts of {len(households):,} real households in a year"
