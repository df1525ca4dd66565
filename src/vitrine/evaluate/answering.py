"""The answers of the shop's own search to the cases, under each variation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vitrine.errors import DatabaseUnavailableError, QueryError, UnknownQueryError
from vitrine.evaluate.cases import Case
from vitrine.evaluate.compared import Variation
from vitrine.search import Page, SearchRequest, run_search
from vitrine.shop import Shop

__all__ = ["Answer", "answer_cases"]

UNUSED: Mapping[str, Any] = {"explain": False, "facets": False}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was listed, best first, and how many products match the filters at all."""

    keys: Sequence[str]
    product_ids: Sequence[int] = ()
    total: int = 0


@dataclass
class Answers:
    """For each variation the answers in the order of `cases`: those that all could answer."""

    cases: list[Case] = field(default_factory=list)
    answers: list[list[Answer]] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)


def answer_cases(
    shop: Shop,
    cases: Sequence[Case],
    variations: Sequence[Variation],
    depth: int,
    tick: Callable[[], None] = lambda: None,
) -> Answers:
    """Ask every case under every variation for its first `depth` products.

    Ids of shoppers are handed on as the events hold them. A logged question that can no longer be
    answered (a category that is gone) is counted under its error, and left out for all variations.

    Raises:
        QueryError: not one case could be answered; the message is the commonest reason.

    """
    result = Answers(answers=[[] for _ in variations])
    for case in cases:
        try:
            # One after the other for each case, so that neither finds a warmer cache.
            found = [_answer(shop, case, variation, depth) for variation in variations]
        except QueryError as error:
            result.refused[str(error)] = result.refused.get(str(error), 0) + 1
            continue
        finally:
            tick()
        result.cases.append(case)
        for answers, answer in zip(result.answers, found, strict=True):
            answers.append(answer)
    if not result.cases:
        reason = max(result.refused, key=lambda text: result.refused[text], default="no case")
        raise QueryError(f"none of the {len(cases)} cases could be answered: {reason}")
    return result


def _answer(shop: Shop, case: Case, variation: Variation, depth: int) -> Answer:
    options: dict[str, Any] = {**variation.options, **UNUSED, "total": True}
    client, session = case.client, case.session
    if not variation.personal:
        # Without a shopper the page is the same, also where no history was ever written.
        client = session = None
        options.pop("strength", None)
    elif client or session:
        options["as_of"] = None if case.as_of is None else case.as_of.isoformat()
    request = SearchRequest(
        query=case.query,
        terms=case.terms,
        filters=case.filters,
        k=depth,
        client=client,
        session=session,
        options=options,
    )
    page = _asked(shop, request)
    return Answer(
        keys=[hit.external_id for hit in page],
        product_ids=[hit.product_id for hit in page],
        total=max(page.total or 0, len(page)),
    )


def _asked(shop: Shop, request: SearchRequest) -> Page:
    """Ask; words that have no vector yet are encoded first."""
    tried: list[Mapping[str, str]] = []
    while True:
        try:
            with shop.connection() as connection:
                return run_search(connection, shop.schema, request)
        except UnknownQueryError as error:
            if error.unknown in tried or "words" not in error.unknown:
                raise
            tried.append(error.unknown)
            _encode(shop, error.unknown["words"], request)


def _encode(shop: Shop, words: str, request: SearchRequest) -> None:
    try:
        shop.encode(words, space=request.options.get("space"))
    except QueryError as late:
        # The same for every case: no reason to go on without all of them.
        raise DatabaseUnavailableError(str(late)) from late
