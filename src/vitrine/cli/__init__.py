"""The command line: one module a command, found by `register`; errors become one clear line."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import typer
from rich.console import Console

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
    try:
        build()()
    except VitrineError as error:
        errors.print(f"[bold red]error:[/] {error}", markup=True, highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        errors.print("stopped")
        sys.exit(130)
