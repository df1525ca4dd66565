"""The demo on the terminal: steps with their progress, and a table for each search."""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich import box
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vitrine.demo.drawing.palette import COLORS, shade_of, tint
from vitrine.demo.drawing.seeds import seeded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console
    from rich.progress import Task, TaskID

    from vitrine.demo.asking import Answer, Found
    from vitrine.demo.personal import Personal, Placed

__all__ = ["Step", "print_answer", "print_commands", "print_personal", "step"]

_ACCENT = "rgb(214,92,60)"
_LINE_EVERY = 10.0  # seconds between lines of progress where there is no terminal
_NAME_WIDTH = 9
_ROOMY, _WIDEST = 100, 120  # columns


class Step:
    """A step that is under way: how far it is, and in the end what it did."""

    def __init__(self, console: Console, progress: Progress, task: TaskID) -> None:
        self._console = console
        self._progress = progress
        self._task = task
        self._started: float | None = None
        self._line_due = time.monotonic() + _LINE_EVERY
        self.summary = ""

    def doing(self, what: str) -> None:
        """Say what is being done, when no share of it is known."""
        self._started = None
        self._progress.update(self._task, description=what, total=None, numbers="")

    def advance(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` are done, how fast, and how long the rest will take."""
        now = time.monotonic()
        if self._started is None:
            self._started = now
        rate = done / max(now - self._started, 0.1)
        numbers = f"{done:,}/{total:,}" if total else ""
        if done and now - self._started > 0.5:
            numbers += f"  {rate:,.0f}/s  {_clock((total - done) / rate)} left"
        self._progress.update(
            self._task, description=what, completed=done, total=total or None, numbers=numbers
        )
        if not self._console.is_terminal and now > self._line_due:
            self._line_due = now + _LINE_EVERY
            self._console.print(f"  {what} {numbers}", highlight=False)


class _Bar(BarColumn):
    """A bar where the share that is done is known, and nothing where it is not."""

    def render(self, task: Task) -> ProgressBar:
        return super().render(task) if task.total else ProgressBar(width=0)


@contextmanager
def step(console: Console, name: str) -> Iterator[Step]:
    """Run one step of the demo; its summary becomes a line once it is done."""
    started = time.monotonic()
    progress = Progress(
        SpinnerColumn(style=_ACCENT, finished_text="[green]✓[/]"),
        TextColumn(f"[bold]{name:<{_NAME_WIDTH}}[/]"),
        TextColumn("{task.description}"),
        _Bar(bar_width=28, complete_style=_ACCENT, finished_style=_ACCENT),
        TextColumn("{task.fields[numbers]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with progress:
        current = Step(console, progress, progress.add_task("", total=None, numbers=""))
        yield current
    line = Table.grid(padding=(0, 1))
    line.add_column(width=1)
    line.add_column(width=_NAME_WIDTH)
    line.add_column(justify="right", width=7)
    line.add_column()
    seconds = f"{time.monotonic() - started:.1f} s"
    line.add_row(
        Text("✓", "green"), Text(name, "bold"), Text(seconds, "dim"), Text(current.summary)
    )
    console.print(line)


def print_answer(console: Console, answer: Answer) -> None:
    """One search: what was asked, the hits, and how long it took."""
    search = answer.search
    _print_heading(console, search.sort, search.title, " ".join(search.small_print))
    if answer.found:
        console.print(_hits_table(answer.found, console.width))
    else:
        console.print(Padding("no product matches", (0, 2)))
    console.print(Padding(Text(_timing(answer), "dim"), (0, 2)))


def print_personal(console: Console, personal: Personal) -> None:
    """Each search as each shopper sees it, beside what everybody sees."""
    for number, asked in enumerate(personal.asked):
        for shopper in personal.shoppers:
            _print_heading(console, "personal", asked.title, f"{shopper.client} {shopper.taste}")
            answer = personal.answers[shopper.client][number]
            console.print(_personal_table(personal.general[number], answer, console.width))
    for shopper in personal.shoppers:
        _print_heading(console, "for you", shopper.client, shopper.taste)
        console.print(_recommended_table(personal.for_you[shopper.client], console.width))


def print_commands(console: Console, commands: Sequence[tuple[str, str]]) -> None:
    """Commands to copy, each under the line that says what it does."""
    for what, command in commands:
        console.print(Text(f"  # {what}", "dim"))
        # One line each, whatever the width: a command cut in two cannot be pasted.
        console.print(Text(f"  {command}"), soft_wrap=True)


def _print_heading(console: Console, sort: str, title: str, small_print: str) -> None:
    console.print()
    console.print(
        Text.assemble(
            (sort.upper(), f"bold {_ACCENT}"), "  ", (title, "bold"),
            (f"  {small_print}" if small_print else "", "dim"),
        )
    )  # fmt: skip


def _ranked_table(width: int) -> Table:
    """A table as wide as the others, its first column the rank."""
    table = Table(
        box=box.SIMPLE_HEAD,
        header_style="dim",
        show_edge=False,
        padding=(0, 1, 0, 0),
        width=min(width, _WIDEST),
    )
    table.add_column("", justify="right", style="dim", width=2)
    return table


def _personal_table(general: Sequence[Found], answer: Sequence[Placed], width: int) -> Table:
    table = _ranked_table(width)
    for heading in ("without a history", "with it", "why"):
        table.add_column(heading, ratio=1)
    for place, (everybody, own) in enumerate(zip_longest(general, answer), 1):
        why = " · ".join(filter(None, (own.moved, own.reason))) if own else ""
        table.add_row(
            str(place),
            Text(everybody.title if everybody else ""),
            Text(own.found.title if own else ""),
            Text(why, "dim"),
        )
    return table


def _recommended_table(placed: Sequence[Placed], width: int) -> Table:
    table = _ranked_table(width)
    table.add_column("title", ratio=1)
    table.add_column("price", justify="right", width=9)
    table.add_column("why", ratio=1)
    for each in placed:
        found = each.found
        table.add_row(
            str(found.hit.rank), Text(found.title), found.price_text, Text(each.reason, "dim")
        )
    return table


def _hits_table(found: Sequence[Found], width: int) -> Table:
    """Where room is scarce, details go below the titles."""
    roomy = width >= _ROOMY
    table = _ranked_table(width)
    heading = "title" if roomy else "title, brand · by picture · by caption"
    table.add_column(heading, ratio=1)
    if roomy:
        table.add_column("brand", width=14)
    table.add_column("price", justify="right", width=9)
    table.add_column("variant", width=12)
    table.add_column("score", justify="right", width=5)
    if roomy:
        table.add_column("by picture", style="dim", width=10)
        table.add_column("by caption", style="dim", width=10)
    for each in found:
        table.add_row(*_row(each, roomy=roomy))
    return table


def _row(found: Found, *, roomy: bool) -> list[str | Text]:
    arms = [found.similarity("image"), found.similarity("caption")]
    rank, score = str(found.hit.rank), f"{found.hit.score:.3f}"
    sold: list[str | Text] = [Text(found.price_text), _variant(found), score]
    if roomy:
        return [rank, Text(found.title), Text(found.brand), *sold, *arms]
    details = " · ".join([found.brand, *(arm or "–" for arm in arms)])
    return [rank, Text.assemble(found.title, "\n", (details, "dim")), *sold]


def _variant(found: Found) -> Text:
    """Colour and size, with a dot in that colour."""
    text = Text(found.variant_text)
    color = found.options.get("color", "").lower()
    if color not in COLORS:
        return text
    shade = shade_of(color, seeded("dot"))
    # Black would not show on most terminals.
    red, green, blue = tint(shade, 0.3) if max(shade) < 96 else shade
    return Text.assemble(("● ", f"rgb({red},{green},{blue})"), text)


def _timing(answer: Answer) -> str:
    number = len(answer.found)
    asked = f"{number} product{'' if number == 1 else 's'} in {answer.seconds * 1000:.1f} ms"
    if answer.encoding is None:
        return asked
    what = "the words" if answer.search.words is not None else "the picture"
    return f"{asked}, {what} encoded in {answer.encoding * 1000:.0f} ms"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
