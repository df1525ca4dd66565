"""Whether a household's history brings what it buys further up, on real purchases.

    python -m benchmarks.rerank [--weights '{"attributes": 0.1}'] [--quick]

A shop is filled with what was sold before the cut (80 % of all moments). One case for each
household and category in which it buys afterwards, where the category has at least 20 products:
nDCG@10 of the page of that category, of all that was bought and only of what was new to the
household, against the same page without a history, which is by popularity. Intervals by resampling
households.
Data: ../shared/data, or VITRINE_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.rerank.histories import read_histories
from benchmarks.rerank.kinds import judge_kinds
from benchmarks.rerank.pages import judge_pages
from benchmarks.rerank.shop import SCHEMA, fill_shop
from benchmarks.temporary_shop import temporary_shop

from vitrine.database import connect

DATA = (
    Path(os.environ.get("VITRINE_DATA", Path(__file__).parents[2] / "../shared/data"))
    / "groceries_histories"
)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=json.loads, help="JSON, laid over the shop's own")
    parser.add_argument("--cut", type=float, default=0.8, help="part of all moments before the cut")
    parser.add_argument("--postgres", type=int, default=18)
    parser.add_argument("--quick", action="store_true", help="every tenth case")
    args = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"the histories are missing: no folder {DATA}; set VITRINE_DATA")
    histories = read_histories(DATA, args.cut)
    cases = histories.cases()[:: 10 if args.quick else 1]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; cut {histories.cut:%Y-%m-%d}")
    with tempfile.TemporaryDirectory() as folder, temporary_shop(args.postgres) as url:
        began = time.monotonic()
        fill_shop(url, histories, Path(folder))
        print(f"{len(histories.goods):,} products, {len(histories.before):,} purchases, "
              f"{time.monotonic() - began:.0f} s; no vectors of any kind")  # fmt: skip
        with connect(url, SCHEMA) as connection:
            if args.weights:
                connection.execute(
                    "INSERT INTO rerank_weights (weights, active) VALUES (%s, true)",
                    (json.dumps(args.weights),),
                )
            print("weights", connection.execute("SELECT personal_weights()").fetchone()[0])
            began = time.monotonic()
            judged = judge_pages(connection, histories, cases)
            print(
                f"{len(cases):,} pages, {(time.monotonic() - began) / len(cases) * 1e3:.1f} ms each"
            )
    for name, each in judged.items():
        print(f"{name:9} {each.difference()}")
    print(f"new kinds {judge_kinds(histories)}, nDCG@20, the formula in numpy")
    return _verdict(judged["all"].difference().relative, judged["new only"].difference().low)


def _verdict(everything: float, new: float) -> int:
    good = everything >= 0.18 and new > -0.02
    print("reached" if good else "NOT reached: all +18 %, and new only no worse than -2 %")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
