"""How fast a Magento export is imported, beside a bare COPY of the same file.

    python benchmarks/import_speed.py [--rows 200000] [--rounds 3] [--jobs 2] [--no-memory]

The file has the shape of the real export in ../shared/data (or VITRINE_DATA), repeated under other
SKUs: 147 configurable products to 1,847 variants, descriptions of the real size but unique per
product, several category paths, pictures. Making it is not timed. Each round takes a new schema
with one embedding space: COPY of the file's lines into a table of one text column (the floor), the
import with HTML cleaning and enqueueing, the same import again. Medians; rows are the file's.
Processor time is that of this process and of all of the server's, which other work on the machine
disturbs less than the clock. At the end, a tenth of the file and the whole of it are imported by
processes of their own, whose peak memory is shown.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from vitrine.catalogue import ImportOptions, import_catalogue
from vitrine.embedded import start_embedded, stop_embedded
from vitrine.migrate import upgrade

DATA = Path(os.environ.get("VITRINE_DATA", Path(__file__).parents[1] / "../shared/data"))
PICTURES = ("base_image", "small_image", "thumbnail_image", "additional_images")
GOAL = 20_000
MEASURED = """
import resource, sys
from pathlib import Path
from vitrine.catalogue import import_catalogue
import_catalogue(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@dataclass
class Clock:
    """Seconds on the wall, of this process, and of the server, a value a round."""

    wall: list[float] = field(default_factory=list)
    client: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)

    @contextmanager
    def timed(self, postmaster: int) -> Iterator[None]:
        before = time.perf_counter(), time.process_time(), server_seconds(postmaster)
        yield
        self.wall.append(time.perf_counter() - before[0])
        self.client.append(time.process_time() - before[1])
        self.server.append(server_seconds(postmaster) - before[2])

    def line(self, name: str, rows: int) -> str:
        wall, client, server = map(statistics.median, (self.wall, self.client, self.server))
        return (
            f"{name:14} {rows / wall:9,.0f} rows/s  wall {wall:6.2f} s  processor: "
            f"client {client:5.2f} s, server {server:5.2f} s, both {client + server:5.2f} s"
        )


def server_seconds(postmaster: int) -> float:
    """Processor time of the server's processes, those that ended included."""
    total = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            values = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(entry.name) == postmaster:
            total += sum(map(int, values[11:15]))
        elif int(values[1]) == postmaster:
            total += int(values[11]) + int(values[12])
    return total / os.sysconf("SC_CLK_TCK")


def make_file(path: Path, rows: int) -> None:
    """Repeat the real export under new keys until there are so many rows."""
    source = DATA / "magento" / "products.csv"
    if not source.exists():
        sys.exit(f"the shared data are missing: no {source}; set VITRINE_DATA")
    with source.open(newline="", encoding="utf-8") as file:
        real = list(csv.DictReader(file))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(real[0]), lineterminator="\n")
        writer.writeheader()
        for number in range(rows):
            copy, place = divmod(number, len(real))
            writer.writerow(renamed(real[place], f"C{copy:03d}"))


def renamed(row: dict[str, str], series: str) -> dict[str, str]:
    """One row under other keys, its description as long as before and told by one product only."""
    style = row["sku"].split("-")[0]
    mark = f"{series}{style} "
    text = row["description"]
    start = text.find(">") + 1
    changed = dict(
        row,
        sku=series + row["sku"],
        description=text[:start] + mark + text[start + len(mark) :],
        configurable_variations=row["configurable_variations"].replace("sku=", f"sku={series}"),
    )
    for name in PICTURES:
        changed[name] = ",".join(f"/{series}{p}" for p in row[name].split(",") if p)
    return changed


def bare_copy(url: str, path: Path) -> None:
    """The floor: the same bytes into one text column, one value a line."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bare (line text)")
        # Separators that no shop types, so that each line is one value as it stands.
        command = "COPY bare FROM STDIN (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')"
        with connection.cursor().copy(command) as copy, path.open("rb") as file:
            while block := file.read(2**20):
                copy.write(block)
        connection.execute("DROP TABLE bare")


def new_shop(url: str, schema: str) -> None:
    upgrade(url, schema)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            psycopg.sql.SQL("SELECT {}.create_space('bench', 'r', 512, 'p')").format(
                psycopg.sql.Identifier(schema)
            )
        )


def peak_memory(url: str, schema: str, path: Path) -> int:
    """Peak memory, in MB, of a process that imports this file."""
    new_shop(url, schema)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, url, schema, str(path)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return int(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--no-memory", action="store_true", help="leave out the peak memory")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vitrine-bench-") as folder:
        home = Path(folder)
        path, tenth = home / "products.csv", home / "tenth.csv"
        make_file(path, given.rows)
        make_file(tenth, given.rows // 10)
        url = start_embedded(home)
        try:
            measure(url, home, path, given)
            if not given.no_memory:
                small = peak_memory(url, "small", tenth)
                large = peak_memory(url, "large", path)
                print(f"peak memory    {small} MB for a tenth of the rows, {large} MB for all")
        finally:
            stop_embedded(home)


def measure(url: str, home: Path, path: Path, given: argparse.Namespace) -> None:
    postmaster = int((home / "postgres-18" / "postmaster.pid").read_text().split()[0])
    size = path.stat().st_size / 2**20
    print(
        f"{given.rows:,} rows, {size:.0f} MB; {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}, {given.jobs} connections, {given.rounds} rounds"
    )
    floor, first, again = Clock(), Clock(), Clock()
    options = ImportOptions(preset="magento", jobs=given.jobs)
    for number in range(given.rounds):
        schema = f"round{number}"
        new_shop(url, schema)
        with floor.timed(postmaster):
            bare_copy(url, path)
        with first.timed(postmaster):
            report = import_catalogue(url, schema, path, options)
        with again.timed(postmaster):
            repeated = import_catalogue(url, schema, path, options)
        made = {noun: report.counts[noun, "new"] for noun in ("product", "variant", "image")}
        if number == 0:
            print(f"made {made}, {report.rejects} rejects; again {repeated.changes} changes")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")
    print(floor.line("bare COPY", given.rows))
    print(first.line("import", given.rows))
    print(again.line("import again", given.rows))
    ratio = statistics.median(first.wall) / statistics.median(floor.wall)
    rate = given.rows / statistics.median(first.wall)
    print(f"the import takes {ratio:.1f} times the bare COPY; {rate / GOAL:.2f} of {GOAL:,} rows/s")


if __name__ == "__main__":
    main()
