"""Writes docs/command-line.md from the commands' own help: `make docs`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from vitrine.cli import build

TARGET = Path(__file__).parent / "command-line.md"


def command_line_page() -> str:
    """The page: every command with its usage, help, arguments and options."""
    parts = [
        "# Command line\n",
        "Generated from the commands' own help by `make docs`. Every option also has `--help`.\n",
    ]
    root = typer.main.get_command(build())
    for path, command in walk("vitrine", root):
        parts += describe(path, command)
    return "\n".join(parts)


def walk(path: str, command: Any) -> list[tuple[str, Any]]:
    """The commands below this one with their full names, groups without a body of their own."""
    children = getattr(command, "commands", None)
    if children is None:
        return [(path, command)]
    return [entry for name in sorted(children) for entry in walk(f"{path} {name}", children[name])]


def describe(path: str, command: Any) -> list[str]:
    """One command's section."""
    shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    arguments = [p for p in shown if p.param_type_name == "argument"]
    words = [f"[{p.name.upper()}]" if not p.required else p.name.upper() for p in arguments]
    usage = " ".join([path, *words, "[OPTIONS]"])
    lines = [f"## {path}\n", f"```text\n{usage}\n```\n", f"{(command.help or '').strip()}\n"]
    rows = [row(parameter) for parameter in shown if parameter.name != "help"]
    if rows:
        lines += ["| option | meaning |\n|---|---|\n" + "\n".join(rows) + "\n"]
    return lines


def row(parameter: Any) -> str:
    """One line of the table: names and help."""
    if parameter.param_type_name == "argument":
        names = f"`{parameter.name.upper()}`"
    else:
        names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
    text = " ".join((getattr(parameter, "help", None) or "").split())
    return f"| {names} | {text.replace('|', chr(92) + '|')} |"


if __name__ == "__main__":
    TARGET.write_text(command_line_page(), encoding="utf-8")
