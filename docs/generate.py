"""Writes docs/command-line.md and docs/settings.md from the code: `make docs`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from vitrine.cli import build
from vitrine.settings import settings_table

TARGET = Path(__file__).parent / "command-line.md"
SETTINGS_TARGET = Path(__file__).parent / "settings.md"


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


def settings_page() -> str:
    """The page: every setting with its variable, default and help."""
    rows = [
        f"| `{name}` | {f'`{default}`' if default else ''} | {text} |"
        for name, default, text in settings_table()
    ]
    return "\n".join(
        [
            "# Settings\n",
            "Generated from the table in `vitrine.settings` by `make docs`. Settings are read from"
            " the environment;\nan option of a command wins over its variable, and an empty"
            " variable counts as none. A variable whose\nname is nearly a setting's is an error,"
            " so that a slip of the pen is not passed over.\n",
            "| variable | default | meaning |\n|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    TARGET.write_text(command_line_page(), encoding="utf-8")
    SETTINGS_TARGET.write_text(settings_page(), encoding="utf-8")
