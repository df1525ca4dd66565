"""Experiments from Python: which arm a shopper is in, and searches as the arm says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal

from psycopg import sql
from psycopg.rows import class_row

from vitrine.database import Connection
from vitrine.errors import QueryError
from vitrine.filters import json_text
from vitrine.search import Hit, Page, check_text, search_errors

__all__ = ["Experiment", "Experiments", "ShownPage"]

Kind = Literal["ab", "interleaving"]
Metric = Literal["buyers", "clickers", "purchases", "revenue", "carts", "clicks"]
TYPES = {"arms": "jsonb", "starts_at": "timestamptz", "ends_at": "timestamptz"}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One experiment; `arms` are objects with name, share and options."""

    name: str
    kind: Kind
    arms: list[dict[str, Any]]
    former_arms: list[dict[str, Any]]
    salt: str
    metric: Metric
    starts_at: datetime
    ends_at: datetime | None
    stopped_at: datetime | None
    note: str | None
    created_at: datetime

    @property
    def names(self) -> list[str]:
        """The arms' names, in order."""
        return [arm["name"] for arm in self.arms]


@dataclass(frozen=True, kw_only=True)
class ShownPage:
    """A page of an experiment; log it with these `query_attributes`.

    `arm` is the shopper's arm (None: not in the experiment, or the page is interleaved); of an
    interleaved page, each hit's `why` names its `team`.
    """

    page: Page
    arm: str | None
    query_attributes: dict[str, Any]


class Experiments:
    """The experiments of a shop, as `shop.experiments`.

    Every method raises QueryError where an argument cannot be used and DatabaseError where the
    login may not do it. Ids of shoppers are hashed as the events' are, where the shop has a key.
    """

    def __init__(
        self,
        schema: str,
        connection: Callable[[], AbstractContextManager[Connection]],
        search: Callable[..., Page],
        stored: Callable[[str | None], str | None] = lambda client: client,
    ) -> None:
        self._schema = schema
        self._connection = connection
        self._search = search
        self._stored = stored

    def create(
        self,
        name: str,
        arms: Sequence[Mapping[str, Any]],
        *,
        kind: Kind = "ab",
        metric: Metric | None = None,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        note: str | None = None,
        salt: str | None = None,
    ) -> Experiment:
        """Begin an experiment: arms with name, share (of all shoppers) and options of search.

        An interleaving is decided by clicks (default), carts or purchases.
        """
        given = {
            "name": name,
            "arms": json_text([*arms], "arms"),
            "kind": kind,
            "metric": metric,
            "starts_at": _aware("starts_at", starts_at),
            "ends_at": _aware("ends_at", ends_at),
            "note": note,
            "salt": salt,
        }
        self._call("create_experiment", given)
        return self.get(name)

    def change_shares(self, name: str, arms: Sequence[Mapping[str, Any]]) -> Experiment:
        """Give other shares, or add arms; nobody moves between two that keep theirs."""
        given = {"experiment": name, "arms": json_text([*arms], "arms")}
        self._call("change_shares", given)
        return self.get(name)

    def stop(self, name: str) -> Experiment:
        """End it now: all shoppers see what the shop shows without it."""
        self._call("stop_experiment", {"experiment": name})
        return self.get(name)

    def list(self) -> tuple[Experiment, ...]:
        """All experiments, the latest first."""
        return self._rows(sql.SQL("ORDER BY starts_at DESC, name"), ())

    def get(self, name: str) -> Experiment:
        """The experiment of that name."""
        check_text(name, "the name")
        found = self._rows(sql.SQL("WHERE name = %s"), (name,))
        if not found:
            raise QueryError(
                f'there is no experiment "{name}": `vitrine experiment list` shows the names'
            )
        return found[0]

    def arm(self, name: str, client: str | None) -> str | None:
        """The shopper's arm, always the same one; None for none, and while it does not run."""
        given = {"experiment": name, "client": self._stored(client)}
        found: str | None = self._call("experiment_arm", given)
        return found

    def search(
        self,
        name: str,
        query: str | None = None,
        *,
        client: str | None,
        k: int = 24,
        seed: str | None = None,
        options: Mapping[str, Any] | None = None,
        **asked: Any,
    ) -> ShownPage:
        """Search as the shopper's arm says, or mix both arms' answers; the rest as `shop.search`.

        An interleaved page is drawn by `seed`, else by shopper and words, so that a page that is
        asked for again is the same. Interleaved are first pages: they have no cursor.
        """
        experiment = self.get(name)
        arm = self.arm(name, client)
        base = dict(options or {})
        if arm is None:
            page = self._search(query, client=client, k=k, options=base, **asked)
            return ShownPage(page=page, arm=None, query_attributes={})
        if experiment.kind == "ab":
            of_arm = next(a["options"] for a in experiment.arms if a["name"] == arm)
            page = self._search(query, client=client, k=k, options={**base, **of_arm}, **asked)
            return ShownPage(page=page, arm=arm, query_attributes=_said(name, arm=arm))
        first, second = (
            self._search(query, client=client, k=k, options={**base, **a["options"]}, **asked)
            for a in experiment.arms
        )
        drawn = f"{experiment.salt}/{seed or f'{client}/{query}/{asked}'}"
        hits = self._interleaved(first, second, k, drawn, experiment.names)
        teams = {hit.external_id: hit.why["team"] for hit in hits}
        return ShownPage(
            page=replace(first, hits=hits, cursor=None),
            arm=None,
            query_attributes=_said(name, teams=teams),
        )

    def _interleaved(
        self, first: Page, second: Page, k: int, seed: str, names: Sequence[str]
    ) -> tuple[Hit, ...]:
        statement = sql.SQL(
            "SELECT rank, product_id, team FROM {}(%s::bigint[], %s::bigint[], %s::integer, %s)"
        ).format(self._name("interleave"))
        pages = [{hit.product_id: hit for hit in page} for page in (first, second)]
        values = ([*pages[0]], [*pages[1]], k, seed)
        with self._connection() as connection, search_errors():
            rows = connection.execute(statement, values).fetchall()
        hits = []
        for rank, product_id, team in rows:
            hit = pages[team - 1][product_id]
            hits.append(replace(hit, rank=rank, why={**hit.why, "team": names[team - 1]}))
        return tuple(hits)

    def _call(self, function: str, given: Mapping[str, object]) -> Any:
        for key, value in given.items():
            if isinstance(value, str):
                check_text(value, key)
        statement = sql.SQL("SELECT {}({})").format(
            self._name(function),
            sql.SQL(", ").join(
                sql.SQL("{} => {}::{}").format(
                    sql.Identifier(key), sql.Placeholder(key), sql.SQL(TYPES.get(key, "text"))
                )
                for key in given
            ),
        )
        with self._connection() as connection, search_errors():
            row = connection.execute(statement, given).fetchone()
        return row[0] if row else None

    def _rows(self, where: sql.SQL, values: Sequence[object]) -> tuple[Experiment, ...]:
        columns = sql.SQL(", ").join(sql.Identifier(field.name) for field in fields(Experiment))
        statement = sql.SQL("SELECT {} FROM {} {}").format(columns, self._name("experiment"), where)
        with (
            self._connection() as connection,
            search_errors(),
            connection.cursor(row_factory=class_row(Experiment)) as cursor,
        ):
            return tuple(cursor.execute(statement, values))

    def _name(self, name: str) -> sql.Identifier:
        return sql.Identifier(self._schema, name)


def _said(name: str, **shown: object) -> dict[str, Any]:
    return {"experiment": {"name": name, **shown}}


def _aware(key: str, value: datetime | None) -> datetime | None:
    if value is not None and value.tzinfo is None:
        raise QueryError(f"{key} has no time zone: give one, such as datetime.UTC")
    return value
