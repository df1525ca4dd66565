"""Every code block of the README and of docs/ works, on the real catalogue, as a new user runs it.

A block that cannot run here is preceded by an HTML comment `<!-- not run: why -->`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from .conftest import environment

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(
    r"(?P<skip><!-- not run: [^\n]+ -->\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```", re.M | re.S
)
# The set-up itself: CI runs it, and it cannot run inside a test of itself.
SETUP = re.compile(r"^(make |pip |export |docker |\. \.venv)")


@dataclass(frozen=True, kw_only=True)
class Block:
    page: str
    line: int
    language: str
    code: str


def blocks(language: str) -> list[Block]:
    """The runnable blocks of one language, in the order of the pages."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            if match["language"] == language and not match["skip"]:
                line = text.count("\n", 0, match.start("code")) + 1
                found.append(
                    Block(page=page.name, line=line, language=language, code=match["code"])
                )
    return found


def name(block: Block) -> str:
    return f"{block.page}:{block.line}"


def shell_lines(block: Block) -> list[str]:
    """The commands of a block, continuation lines joined, comments and set-up dropped."""
    joined = block.code.replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines()]
    return [line for line in lines if line and not line.startswith("#") and not SETUP.match(line)]


@dataclass(frozen=True, kw_only=True)
class DocumentedShop:
    url: str
    folder: Path

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            env=environment(self.url, self.folder),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


@pytest.fixture(scope="module")
def shop(
    server_url: str,
    shared_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
    start_worker: Callable[[str, Path], subprocess.Popen[bytes]],
) -> DocumentedShop:
    """The Magento export beside a photograph, its README commands run, and a worker listening."""
    folder = tmp_path_factory.mktemp("documented")
    shutil.copy(shared_data / "magento" / "products.csv", folder)
    (folder / "images").symlink_to(shared_data / "magento" / "images")
    shutil.copy(next((shared_data / "clothing" / "images").iterdir()), folder / "photo.jpg")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE documented")
    made = DocumentedShop(
        url=psycopg.conninfo.make_conninfo(server_url, dbname="documented"), folder=folder
    )
    for block in blocks("sh"):
        if block.page == "README.md":
            for command in shell_lines(block):
                done = made.shell(command)
                assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    start_worker(made.url, folder)
    return made


def test_the_readme_ends_with_full_coverage(shop: DocumentedShop) -> None:
    with psycopg.connect(shop.url) as connection:
        waiting = connection.execute("SELECT count(*) FROM vitrine.work_queue").fetchone()
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM vitrine.product), "
            "(SELECT count(*) FROM vitrine.variant), (SELECT count(*) FROM vitrine.image), "
            "(SELECT count(*) FROM vitrine.image_vector_1)"
        ).fetchone()
    assert waiting == (0,)
    assert counts == (147, 1847, 675, 675)


@pytest.mark.parametrize(
    "block", [block for block in blocks("sh") if block.page != "README.md"], ids=name
)
def test_shell_block(shop: DocumentedShop, block: Block) -> None:
    for command in shell_lines(block):
        done = shop.shell(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("block", blocks("sql"), ids=name)
def test_sql_block(shop: DocumentedShop, block: Block) -> None:
    with psycopg.connect(shop.url, autocommit=True) as connection:
        for statement in re.split(r";\s*\n", block.code):
            if statement.strip():
                done = connection.execute(statement.encode())
                assert done.statusmessage


@pytest.mark.parametrize("block", blocks("python"), ids=name)
def test_python_block(shop: DocumentedShop, block: Block) -> None:
    done = subprocess.run(
        ["python", "-W", "error", "-c", block.code],
        env=environment(shop.url, shop.folder),
        cwd=shop.folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
