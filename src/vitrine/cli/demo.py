"""`vitrine demo`: a drawn shop, encoded and searched, to see what Vitrine does."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text

from vitrine.cli._options import DatabaseUrl
from vitrine.errors import SettingsError
from vitrine.settings import load_settings

NEEDED = ("PIL", "torch", "torchvision", "transformers")
PLAIN_WIDTH = 120  # columns where there is no terminal that has a width

Out = Annotated[
    Path, typer.Option(help="Folder of the shop's files, the contact sheet and the page.")
]
Count = Annotated[int, typer.Option("--products", min=1, max=2000, help="Products to draw.")]
Model = Annotated[str | None, typer.Option(help="starter, a folder or a hub id; VITRINE_MODEL.")]
DemoSchema = Annotated[str, typer.Option(help="Schema for the demo shop, which is all its own.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    *,
    out: Out = Path("demo-output"),
    count: Count = 680,
    model: Model = None,
    database_url: DatabaseUrl = None,
    schema: DemoSchema = "vitrine_demo",
) -> None:
    """Draw a shop, encode it, search it by words, pictures and taste; takes a few minutes once."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"the demo needs {', '.join(missing)}: pip install 'vitrine[worker,embedded]'"
        )
    settings = load_settings(database_url=database_url, db_schema=schema, model=model)
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, PLAIN_WIDTH))
    logging.basicConfig(
        level=logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=console, show_path=False, show_time=False)],
    )
    console.print(Text("Vitrine demo: visual product search inside PostgreSQL", "bold"))
    # These load torch.
    from vitrine.demo.display import print_commands
    from vitrine.demo.next_steps import next_steps
    from vitrine.demo.running import run_demo

    outcome = run_demo(settings, out, count, console)
    console.print()
    for name, file in (("CONTACT SHEET", outcome.sheet), ("PERSONAL PAGE", outcome.page)):
        if file is not None:
            console.print(
                Text.assemble((f"{name}  ", "bold rgb(214,92,60)"), str(file)), soft_wrap=True
            )
    console.print()
    console.print(Text("TRY NEXT", "bold rgb(214,92,60)"))
    print_commands(console, next_steps(settings, outcome.answers, database_url, outcome.personal))
