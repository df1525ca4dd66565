"""`vitrine experiment`: A/B tests and interleavings of search."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from vitrine.cli._extras import needs_extra
from vitrine.cli._hits import AsJson
from vitrine.cli._options import DatabaseUrl, Schema, connection_settings
from vitrine.errors import QueryError
from vitrine.experiments import Experiment, Kind, Metric
from vitrine.shop import Shop, connect

if TYPE_CHECKING:
    from vitrine.evaluate.online import Arm, ExperimentReport
    from vitrine.evaluate.significance import Comparison

commands = typer.Typer(help="A/B tests and interleavings of search.")
Name = Annotated[str, typer.Argument(help="Name of the experiment.")]
Arms = Annotated[
    list[str],
    typer.Option(
        "--arm", help="Name, share and options: 'personal=0.5:{\"strength\": 1}'. Repeatable."
    ),
]
COLOURS = {"better": "green", "worse": "red", "broken": "red"}


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    app.add_typer(commands, name="experiment")


@commands.command()
def create(
    name: Name,
    arm: Arms,
    *,
    kind: Annotated[Kind, typer.Option(help="ab, or interleaving of two answers.")] = "ab",
    metric: Annotated[
        str | None,
        typer.Option(
            help="What decides: buyers, clickers, purchases, revenue, carts, clicks; of an "
            "interleaving clicks, carts or purchases."
        ),
    ] = None,
    starts: Annotated[str | None, typer.Option(help="When it begins; default now.")] = None,
    ends: Annotated[
        str | None, typer.Option(help="When it ends, such as 2027-11-26T00:00+01:00.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="A remark for colleagues.")] = None,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Begin an experiment."""
    with _shop(database_url, schema) as shop:
        made = shop.experiments.create(
            name,
            [_arm(text) for text in arm],
            kind=kind,
            metric=cast("Metric | None", metric),
            starts_at=_moment(starts, "--starts"),
            ends_at=_moment(ends, "--ends"),
            note=note,
        )
    typer.echo(f"{made.name}: {made.kind} of {_arms_text(made)}, decided by {made.metric}")
    if made.ends_at is None:
        typer.echo("no end is planned: its report uses tests that may be looked at at any time")


@commands.command()
def shares(name: Name, arm: Arms, database_url: DatabaseUrl = None, schema: Schema = None) -> None:
    """Give other shares or more arms; nobody moves between two that keep theirs."""
    with _shop(database_url, schema) as shop:
        made = shop.experiments.change_shares(name, [_arm(text) for text in arm])
    typer.echo(f"{made.name}: {_arms_text(made)}")


@commands.command("list")
def list_experiments(
    as_json: AsJson = False, database_url: DatabaseUrl = None, schema: Schema = None
) -> None:
    """List the experiments."""
    with _shop(database_url, schema) as shop:
        found = shop.experiments.list()
    if as_json:
        plain = [asdict(one) for one in found]
        typer.echo(json.dumps(plain, indent=1, ensure_ascii=False, default=str))
        return
    table = Table("name", "kind", "arms", "decided by", "from", "until", "state", box=None)
    for one in found:
        until = one.stopped_at or one.ends_at
        table.add_row(
            Text(one.name),
            one.kind,
            Text(_arms_text(one)),
            one.metric,
            f"{one.starts_at:%Y-%m-%d %H:%M}",
            "" if until is None else f"{until:%Y-%m-%d %H:%M}",
            _state(one),
        )
    Console().print(table if found else "no experiment")


@commands.command()
def stop(name: Name, database_url: DatabaseUrl = None, schema: Schema = None) -> None:
    """End an experiment now."""
    with _shop(database_url, schema) as shop:
        stopped = shop.experiments.stop(name)
    typer.echo(f"{stopped.name} is stopped")


@commands.command()
def report(
    name: Name, as_json: AsJson = False, database_url: DatabaseUrl = None, schema: Schema = None
) -> None:
    """Compare the arms, by what the events say."""
    with needs_extra("evaluate"):
        from vitrine.evaluate.online import experiment_report
    with _shop(database_url, schema) as shop:
        found = experiment_report(shop, name)
    if as_json:
        typer.echo(found.to_json())
        return
    console = Console(highlight=False, soft_wrap=True)
    if found.peek is not None:
        console.print(
            f"a look before the end ({found.peek}): verdicts and bounds are those that hold at "
            "every look; they are wider",
            style="yellow",
        )
    if found.moved:
        console.print(f"left out: {found.moved:,} shoppers whose arm changed with the shares")
    if found.preference is not None:
        _show_preference(console, found)
        return
    console.print(f"the arms' sizes fit their shares with p = {found.ratio_p:.3f}")
    for arm in found.arms[1:]:
        console.print(_table(found, arm))


def _table(found: ExperimentReport, arm: Arm) -> Table:
    first = found.arms[0]
    table = Table(
        "per shopper",
        Column(Text(f"{first.name} ({first.shoppers:,})")),
        Column(Text(f"{arm.name} ({arm.shoppers:,})")),
        "difference, 95 % bounds",
        "p",
        "",
        box=None,
    )
    for metric, comparison in arm.comparisons.items():
        low, high, p = _held(found, comparison)
        main = metric == found.metric
        verdict = found.verdict(arm) if main else ""
        table.add_row(
            Text(metric, "bold" if main else ""),
            f"{comparison.first:.4f}",
            f"{comparison.second:.4f}",
            f"{comparison.difference:+.4f} [{low:+.4f}, {high:+.4f}]",
            f"{p:.4f}",
            Text(verdict, COLOURS.get(verdict.split(":")[0], "")),
        )
    return table


def _held(found: ExperimentReport, comparison: Comparison) -> tuple[float, float, float]:
    """The bounds and the p that may be believed now."""
    if found.final:
        return comparison.low, comparison.high, comparison.p
    return comparison.always_low, comparison.always_high, comparison.always_p


def _show_preference(console: Console, found: ExperimentReport) -> None:
    preference = found.preference
    assert preference is not None  # noqa: S101
    first, second = (arm.name for arm in found.arms)
    p = preference.p if found.final else preference.always_p
    console.print(
        f"{preference.first:,} shoppers chose more of {first}, {preference.second:,} more of "
        f"{second}, {preference.ties:,} as much of both",
        markup=False,
    )
    console.print(
        f"{second} is preferred by {preference.share:.1%} [{preference.low:.1%}, "
        f"{preference.high:.1%}] of those who prefer one, p = {p:.4f}: {found.verdict()}",
        markup=False,
    )


@contextmanager
def _shop(database_url: str | None, schema: str | None) -> Iterator[Shop]:
    url, settings = connection_settings(database_url, schema)
    with connect(url, schema=settings.db_schema, pool_size=1) as shop:
        yield shop


def _arm(text: str) -> dict[str, Any]:
    """Read `name=share` or `name=share:{"option": value}`."""
    name, _, rest = text.partition("=")
    share, colon, options = rest.partition(":")
    example = "such as 'control=0.5' or 'personal=0.5:{\"strength\": 1}'"
    try:
        return {
            "name": name.strip(),
            "share": float(share),
            "options": json.loads(options) if colon else {},
        }
    except (ValueError, RecursionError) as exc:
        raise QueryError(f"--arm {text[:80]} cannot be read ({exc}): give one {example}") from exc


def _arms_text(experiment: Experiment) -> str:
    return ", ".join(f"{arm['name']} {arm['share']:.0%}" for arm in experiment.arms)


def _state(experiment: Experiment) -> str:
    now = datetime.now(UTC)
    if experiment.stopped_at is not None:
        return "stopped"
    if now < experiment.starts_at:
        return "scheduled"
    return "ended" if experiment.ends_at is not None and now >= experiment.ends_at else "running"


def _moment(text: str | None, name: str) -> datetime | None:
    """A moment in ISO form; without a zone it is this machine's."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as exc:
        raise QueryError(f"{name} is {text}: give a moment such as 2027-11-26T00:00+01:00") from exc
