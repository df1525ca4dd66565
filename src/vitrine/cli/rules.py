"""`vitrine rules`: what merchandising says about searches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vitrine.cli._hits import AsJson
from vitrine.cli._options import DatabaseUrl, Schema, connection_settings
from vitrine.errors import QueryError
from vitrine.filters import parse_filters
from vitrine.merchandising import Kind, Rule, Rules, State
from vitrine.shop import connect

commands = typer.Typer(help="Merchandising: pins, boosts, hidden products, synonyms, redirects.")

COLOURS = {"active": "green", "scheduled": "yellow"}


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    app.add_typer(commands, name="rules")


@commands.command("list")
def list_rules(
    state: Annotated[
        str | None, typer.Option(help="Only active, scheduled, ended or disabled ones.")
    ] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """List the rules with their state."""
    with _rules(database_url, schema) as rules:
        found = rules.list(state=cast("State | None", state))
    if as_json:
        typer.echo(
            json.dumps([asdict(r) for r in found], indent=2, ensure_ascii=False, default=str)
        )
    elif not found:
        Console().print("no rule")
    else:
        Console().print(_table(found))


@commands.command()
def add(
    kind: Annotated[Kind, typer.Argument(help="What the rule does.")],
    name: Annotated[str, typer.Argument(help="Its name; a rule of the same name is replaced.")],
    *,
    product: Annotated[
        list[str] | None, typer.Option(help="external_id; repeatable, but for a pin.")
    ] = None,
    position: Annotated[int | None, typer.Option(help="Where a pin shows it, from 1.")] = None,
    filters: Annotated[
        str | None, typer.Option(help='Products by a filter instead: \'{"brand": "A"}\'.')
    ] = None,
    factor: Annotated[
        float | None, typer.Option(help="Of a boost, above 1, or a burial, below 1.")
    ] = None,
    words: Annotated[str | None, typer.Option(help="What a synonym stands for.")] = None,
    instead: Annotated[
        list[str] | None, typer.Option(help="What it searches for too; repeatable.")
    ] = None,
    both_ways: Annotated[
        bool, typer.Option("--both-ways", help="Each synonym stands for all.")
    ] = False,
    url: Annotated[
        str | None, typer.Option(help="Where a redirect leads: http(s) or /path.")
    ] = None,
    query: Annotated[str | None, typer.Option(help="Only for these words; else for all.")] = None,
    phrase: Annotated[
        bool, typer.Option("--phrase", help="Also where these stand among other words.")
    ] = False,
    category: Annotated[str | None, typer.Option(help="Only in this category and below.")] = None,
    starts: Annotated[
        str | None, typer.Option(help="When it begins, such as 2027-11-26T00:00+01:00.")
    ] = None,
    ends: Annotated[str | None, typer.Option(help="When it ends.")] = None,
    note: Annotated[str | None, typer.Option(help="A remark for colleagues.")] = None,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Add a rule, or put it in the place of one of the same name."""
    given: dict[str, Any] = {
        "position": position,
        "filters": None if filters is None else parse_filters(filters, "--filters"),
        "factor": factor,
        "words": words,
        "instead": instead or None,
        "both_ways": both_ways or None,
        "url": url,
        "query": query,
        "match": "phrase" if phrase else None,
        "category": category,
        "starts_at": _moment(starts, "--starts"),
        "ends_at": _moment(ends, "--ends"),
        "note": note,
    }
    if kind == "pin" and product and len(product) == 1:
        given["product"] = product[0]
    else:
        given["products"] = product or None
    with _rules(database_url, schema) as rules:
        method = getattr(rules, kind)
        try:
            rule = method(name, **{key: v for key, v in given.items() if v is not None})
        except TypeError as exc:
            raise QueryError(f"a {kind} cannot be made of these options: {exc}") from exc
    problem = f" (now: {rule.problem})" if rule.problem else ""
    typer.echo(f"{rule.name}: {rule.kind} {rule.effect}, {rule.applies_to}, {rule.state}{problem}")


@commands.command()
def remove(
    name: Annotated[str, typer.Argument(help="Name of the rule.")],
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Remove a rule."""
    with _rules(database_url, schema) as rules:
        if not rules.remove(name):
            raise QueryError(f'there is no rule "{name}": `vitrine rules list` shows the names')
    typer.echo(f"{name} is removed")


@contextmanager
def _rules(database_url: str | None, schema: str | None) -> Iterator[Rules]:
    url, settings = connection_settings(database_url, schema)
    with connect(url, schema=settings.db_schema, pool_size=1) as shop:
        yield shop.rules


def _moment(text: str | None, name: str) -> datetime | None:
    """A moment in ISO form; without a zone it is this machine's."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as exc:
        raise QueryError(f"{name} is {text}: give a moment such as 2027-11-26T00:00+01:00") from exc


def _table(rules: tuple[Rule, ...]) -> Table:
    table = Table("name", "kind", "state", "applies to", "effect", "from", "until", "problem")
    for rule in rules:
        moments = [m.isoformat(" ", "minutes") if m else "" for m in (rule.starts_at, rule.ends_at)]
        table.add_row(
            Text(rule.name),
            rule.kind,
            Text(rule.state, COLOURS.get(rule.state, "dim")),
            Text(rule.applies_to),
            Text(rule.effect),
            *moments,
            Text(rule.problem or "", "red"),
        )
    return table
