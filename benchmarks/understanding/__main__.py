"""How many queries are understood exactly: `python -m benchmarks.understanding [--development]`.

Imports the Magento test catalogue of ../shared/data (or VITRINE_DATA) and the shoe shop of
footwear.py into a throw-away shop each, and asks the queries of queries.json: accuracy overall, per
catalogue and per kind of condition in the label, every miss, and how long `understand` takes.
--url asks shops that are there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
from benchmarks.temporary_shop import temporary_shop
from benchmarks.understanding.footwear import write_footwear

from vitrine.catalogue import ImportOptions, import_catalogue
from vitrine.migrate import upgrade

DATA = Path(os.environ.get("VITRINE_DATA", Path(__file__).parents[2] / "../shared/data"))
HERE = Path(__file__).parent


def canonical(filters: Any) -> Any:
    """Filters without their spelling: case, order of lists, one value or a list of one."""
    if isinstance(filters, Mapping):
        return {key.lower(): canonical(value) for key, value in sorted(filters.items())}
    if isinstance(filters, list):
        items = sorted((canonical(item) for item in filters), key=json.dumps)
        return items[0] if len(items) == 1 else items
    if isinstance(filters, str):
        return filters.lower()
    return float(filters) if isinstance(filters, int | float) and filters is not True else filters


def kinds(filters: Mapping[str, Any]) -> Iterator[str]:
    """What a label asks for, one word a kind."""
    if not filters:
        yield "nothing"
    for key, value in filters.items():
        match key:
            case "not":
                yield "negation"
            case "all":
                yield "category"
            case "options":
                yield from ("colour" if name == "color" else "size" for name in value)
            case "attributes":
                yield "attribute"
            case "in_stock":
                yield "stock"
            case _:
                yield key


def import_shops(url: str) -> None:
    source = DATA / "magento" / "products.csv"
    if not source.exists():
        sys.exit(f"the shared data are missing: no {source}; set VITRINE_DATA")
    with tempfile.TemporaryDirectory() as folder:
        footwear = Path(folder) / "footwear.csv"
        write_footwear(footwear)
        for schema, path in (("magento", source), ("footwear", footwear)):
            upgrade(url, schema)
            rejects = Path(folder) / f"{schema}.rejects.csv"
            import_catalogue(url, schema, path, ImportOptions(rejects=rejects))
            with psycopg.connect(url, autocommit=True) as connection:
                tend = f"SELECT {schema}.tend_vocabulary()".encode()
                while connection.execute(tend).fetchone() != (0,):
                    pass


def measure(url: str, queries: list[dict[str, Any]]) -> None:
    """Ask every query and print what came of it."""
    right: dict[str, list[bool]] = defaultdict(list)
    seconds: list[float] = []
    with psycopg.connect(url, autocommit=True) as connection:
        for asked in queries:
            statement = f"SELECT {asked['catalogue']}.understand(%s)".encode()
            connection.execute(statement, [asked["query"]])
            began = time.perf_counter()
            row = connection.execute(statement, [asked["query"]]).fetchone()
            seconds.append(time.perf_counter() - began)
            assert row is not None
            same = canonical(row[0]["filters"]) == canonical(asked["filters"])
            for kind in ("overall", asked["catalogue"], *set(kinds(asked["filters"]))):
                right[kind].append(same)
            if not same:
                print(f"MISS {asked['catalogue']}: {asked['query']!r}")
                print("  wanted    ", json.dumps(asked["filters"], ensure_ascii=False))
                print("  understood", json.dumps(row[0]["filters"], ensure_ascii=False))
    for kind, answers in right.items():
        print(f"{kind:10} {sum(answers):4} of {len(answers):4}  {statistics.mean(answers):.3f}")
    print(f"p50 {statistics.median(seconds) * 1e3:.2f} ms, max {max(seconds) * 1e3:.2f} ms a query")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--development", action="store_true", help="ask development.json instead")
    parser.add_argument("--url", help="a database with the schemas magento and footwear")
    given = parser.parse_args()
    name = "development.json" if given.development else "queries.json"
    queries = json.loads((HERE / name).read_text(encoding="utf-8"))
    if given.url:
        measure(given.url, queries)
        return
    with temporary_shop() as url:
        import_shops(url)
        measure(url, queries)


if __name__ == "__main__":
    main()
