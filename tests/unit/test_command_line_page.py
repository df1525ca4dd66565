"""The command line's page is generated, and current."""

from __future__ import annotations

from docs.generate import TARGET, command_line_page


def test_the_page_is_current() -> None:
    assert TARGET.read_text(encoding="utf-8") == command_line_page(), "run `make docs`"


def test_every_option_says_what_it_is() -> None:
    empty = [line for line in command_line_page().splitlines() if line.endswith("|  |")]
    assert empty == []
