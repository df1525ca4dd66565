"""The command line: one module a command, found by `register`; errors become one clear line."""

from __future__ import annotations

import importlib
import io
import pkgutil
import sys

import typer
from rich.console import Console
from rich.text import Text

from vitrine.errors import VitrineError

__all__ = ["main"]

errors = Console(stderr=True, soft_wrap=True)


def build() -> typer.Typer:
    """The application with every command of this package."""
    app = typer.Typer(
        name="vitrine",
        help="Visual product search inside your own PostgreSQL.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name):
        if not module.name.startswith("_"):
            importlib.import_module(f"{__name__}.{module.name}").register(app)
    return app


def main() -> None:
    """Run a command; a known error ends with its message and exit status 1."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal without "é" or "✓" gets a question mark instead, and the rest of the line.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        build()()
    except VitrineError as error:
        # Not as markup: "vitrine[worker]" would lose its brackets.
        errors.print(Text.assemble(("error:", "bold red"), f" {error}"), highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        errors.print("stopped")
        sys.exit(130)
