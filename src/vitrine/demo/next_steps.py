"""What to try after the demo: commands that can be pasted as they are."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

from vitrine.embedded import binaries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitrine.demo.asking import Answer
    from vitrine.demo.personal import Personal
    from vitrine.settings import Settings

__all__ = ["next_steps"]

_WHAT = {
    "words and filters": "words, under filters that one variant must satisfy",
    "picture": "a picture: the demo's own, or any of yours",
    "similar": "products that look like another",
    "similar, but": "the same, but in another colour",
}


def next_steps(
    settings: Settings,
    answers: Sequence[Answer],
    url_option: str | None,
    personal: Personal | None = None,
) -> list[tuple[str, str]]:
    """Pairs of what it shows and the command; `url_option` is what `--database-url` said."""
    place = f" --schema {shlex.quote(settings.db_schema)}"
    address = f" --database-url {shlex.quote(url_option)}" if url_option else ""
    program = _program()
    encoding = (
        "" if settings.model == "starter" else f"VITRINE_MODEL={shlex.quote(settings.model)} "
    )
    steps = [
        ("words of your own", f"{encoding}{program} search 'navy striped scarf'{place}{address}")
    ]
    for sort, what in _WHAT.items():
        shown = next((each.search for each in answers if each.search.sort == sort), None)
        if shown is not None:
            steps.append((what, f"{encoding}{program} {shown.command}{place}{address}"))
    steps.append(("coverage and health", f"{program} status{place}{address}"))
    words = next(answer.search.words for answer in answers if answer.search.words)
    psql = f'{_psql(settings)} "$({program} database url{address})" -c '
    asked = [
        ("a search in SQL, for words that are known by now", _query(settings.db_schema, str(words)))
    ]
    if personal:
        asked += _personal_queries(settings.db_schema, personal)
    steps += [(what, psql + _quoted(query)) for what, query in asked]
    if not settings.database_url:
        steps.append(("stop the embedded PostgreSQL", f"{program} database stop"))
    return steps


def _program() -> str:
    """How this program was called, short where a shell finds it by its name."""
    called = Path(sys.argv[0])
    found = shutil.which(called.name)
    if not called.is_file() or (found and Path(found).samefile(called)):
        return called.name
    return shlex.quote(str(called))


def _psql(settings: Settings) -> str:
    """The machine's psql, or else the embedded server's own."""
    if shutil.which("psql") or settings.database_url:
        return "psql"
    return shlex.quote(os.path.relpath(binaries(settings.embedded_version) / "psql"))


def _personal_queries(schema: str, personal: Personal) -> list[tuple[str, str]]:
    """A search as one of the shoppers, and what that shopper is recommended."""
    client = personal.shoppers[0].client
    words = next(str(asked.words) for asked in personal.asked if asked.words)
    return [
        (
            "a search for one of the shoppers, with the reasons",
            _statement(
                "SELECT rank, external_id, why -> 'personal' AS personal "
                "FROM {}.search({}, client => {}, k => 5)",
                schema,
                words,
                client,
            ),
        ),
        (
            "what that shopper is recommended",
            _statement("SELECT rank, external_id, why FROM {}.for_you({}, k => 5)", schema, client),
        ),
    ]


def _query(schema: str, words: str) -> str:
    return _statement("SELECT * FROM {}.search({}, k => 5)", schema, words)


def _statement(text: LiteralString, schema: str, *values: str) -> str:
    statement = sql.SQL(text).format(sql.Identifier(schema), *map(sql.Literal, values))
    written = statement.as_string(None)
    simple = re.fullmatch(r"[a-z_][a-z0-9_]*", schema)
    return written.replace(f'"{schema}"', schema) if simple else written


def _quoted(query: str) -> str:
    """For a shell; in double quotes where that is safe, because SQL is full of single ones."""
    return shlex.quote(query) if re.search(r'["$`\\!]', query) else f'"{query}"'
