"""The SQL files, and the loader that finds them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from vitrine import sql_files

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "sql").rglob("*.sql"))


def asked_for() -> dict[str, str]:
    """Every literal name that some module asks the loader for, and where."""
    found = {}
    for source in [*(ROOT / "src").rglob("*.py"), *(ROOT / "migrations").rglob("*.py")]:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called, first = ast.unparse(node.func), node.args[0]
            loads = called in ("sql_files.read", "sql_files.names", "run_schema_file")
            if loads and isinstance(first, ast.Constant):
                found[str(first.value)] = f"{source.name}:{node.lineno}"
    return found


def test_every_name_that_is_asked_for_exists() -> None:
    names = asked_for()
    assert len(names) > 5
    for name, place in names.items():
        path = ROOT / "sql" / name
        assert path.is_dir() or path.with_suffix(".sql").is_file(), f"{place} asks for {name}"


def test_a_folder_is_listed_in_the_order_in_which_it_runs() -> None:
    assert sql_files.names("schema") == sorted(sql_files.names("schema"))
    assert "grants/roles" in sql_files.names("grants")
    functions = sql_files.names("functions")
    assert "functions/search/search_arms" in functions
    stems = [name.rpartition("/")[2] for name in functions]
    assert stems == sorted(set(stems))
    assert len(stems) == len(list((ROOT / "sql" / "functions").rglob("*.sql")))
    assert sql_files.read("grants/roles").startswith("-- ")


def test_every_schema_step_is_run_by_one_revision() -> None:
    run = [name for name in asked_for() if name.startswith("schema/")]
    assert sorted(run) == sql_files.names("schema")


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_file_says_first_what_it_is_for(path: Path) -> None:
    first, *rest = path.read_text(encoding="utf-8").splitlines()
    assert re.match(r"-- [A-Z].{10,}\.$", first)
    assert rest
    assert path.read_bytes().endswith(b"\n")


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_file_never_writes_the_schemas_name(path: Path) -> None:
    code = re.sub(r"--[^\n]*|`[^`]*`", "", path.read_text(encoding="utf-8"))
    assert not re.search(r"\bvitrine\b", code, re.I)


def test_functions_pin_their_search_path_or_read_nothing() -> None:
    """SQL-standard bodies are bound when made; a procedure that commits may have no SET."""
    pinned = 0
    for path in FILES:
        text = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))
        for head, body in re.findall(
            r"CREATE (?:OR REPLACE )?FUNCTION((?:(?!\bRETURN\b).)*?)AS \$\$(.*?)\$\$", text, re.S
        ):
            if "search_path FROM CURRENT" in head:
                pinned += 1
            else:
                reads = re.search(r"\b(FROM|INTO|UPDATE|PERFORM|EXECUTE)\s+(?!DISTINCT)", body)
                assert not reads, head.split("(")[0].strip()
    assert pinned > 20
