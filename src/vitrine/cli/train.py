"""`vitrine train`: fit a dual encoder to your own pairs, or make the packaged starter anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from vitrine.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(train)


def train(
    pairs: Annotated[
        Path | None,
        typer.Argument(help="CSV or JSON lines with the columns image and caption."),
    ] = None,
    *,
    recipe: Annotated[
        str | None, typer.Option(help='"starter" trains the packaged model from its own data.')
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="For a recipe: the folder with clothing/ and groceries/.")
    ] = None,
    teacher: Annotated[
        Path | None, typer.Option(help="For a recipe: folder of a MiniLM sentence encoder.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Model to start from: starter or a folder. Default: starter for pairs, "
            "new weights for a recipe."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and the model.")] = Path("run"),
    stages: Annotated[
        str | None, typer.Option(help="Steps at each side in pixels, such as 96:2000,128:1000.")
    ] = None,
    batch: Annotated[int, typer.Option(min=2, help="Pairs in a batch.")] = 128,
    rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and augmentation.")] = 0,
) -> None:
    """Train on pairs of picture and caption; a stopped run continues from its last checkpoint."""
    from vitrine.train import runs

    if (pairs is None) == (recipe is None):
        raise SettingsError("give either a table of pairs or --recipe starter, not both or neither")
    options = runs.RunOptions(
        folder=out,
        stages=runs.parse_stages(stages) if stages else runs.default_stages(recipe),
        batch=batch,
        rate=rate or runs.default_rate(recipe),
        seed=seed,
    )
    console = Console()

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False)

    if pairs is not None:
        folder = runs.fine_tune(pairs, runs.starting_folder(model or "starter"), options, say)
    elif recipe != "starter":
        message = f"there is no recipe {recipe!r}; the only one is starter"
        raise SettingsError(message)
    elif data is None:
        raise SettingsError("--recipe starter needs --data, the folder of clothing/ and groceries/")
    else:
        start = runs.starting_folder(model) if model else None
        folder = runs.train_starter(data, runs.teacher_folder(teacher), options, say, start)
    say(f"use it with: vitrine work --model {folder}")
