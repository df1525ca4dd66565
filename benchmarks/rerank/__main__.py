"""Whether a household's history brings what it buys further up, on real purchases.

    python -m benchmarks.rerank [--weights '{"attributes": 0.1}'] [--quick] [--report FILE]

A shop is filled with what was sold before the cut (80 % of all moments). One case for each
household and category in which it buys afterwards, where the category has at least 20 products:
nDCG@10 of the page of that category, of all that was bought and only of what was new to the
household, against the same page without a history, which is by popularity. Then every product is
filed under its kind (product_type), and `next_categories` is asked for the kinds that each
household buys from next for the first time: nDCG@20, against popularity. Intervals by resampling
households. With --report the same is evaluated and written as the page of `vitrine evaluate`.
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
from benchmarks.rerank.kinds import BY_PURCHASES, BY_SHOPPERS, ask_kinds, compare_kinds
from benchmarks.rerank.pages import judge_pages
from benchmarks.rerank.report import report_kinds, report_pages
from benchmarks.rerank.shop import SCHEMA, file_by_kind, fill_shop
from benchmarks.temporary_shop import temporary_shop

import vitrine
from vitrine.database import connect
from vitrine.evaluate.page import report_page

DATA = (
    Path(os.environ.get("VITRINE_DATA", Path(__file__).parents[2] / "../shared/data"))
    / "groceries_histories"
)
TITLE = "Personal search on real households"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=json.loads, help="JSON, laid over the shop's own")
    parser.add_argument("--cut", type=float, default=0.8, help="part of all moments before the cut")
    parser.add_argument("--postgres", type=int, default=18)
    parser.add_argument("--quick", action="store_true", help="every tenth case")
    parser.add_argument("--report", type=Path, help="an HTML file to write")
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
        with vitrine.connect(url) as shop:
            reports = [report_pages(shop, histories, cases)] if args.report else []
            began = time.monotonic()
            file_by_kind(url, histories, Path(folder))
            print(f"filed by kind and counted in {time.monotonic() - began:.0f} s")
            began = time.monotonic()
            asked = ask_kinds(shop, histories)
            print(f"{(time.monotonic() - began) / len(asked) * 1e3:.1f} ms for each household")
            if args.report:
                page = report_page(*reports, report_kinds(histories, asked), title=TITLE)
                args.report.write_text(page, encoding="utf-8")
    for baseline in (BY_PURCHASES, BY_SHOPPERS):
        print(f"new kinds {compare_kinds(asked, baseline)}, nDCG@20, baseline {baseline}")
    return _verdict(judged["all"].difference().relative, judged["new only"].difference().low)


def _verdict(everything: float, new: float) -> int:
    good = everything >= 0.18 and new > -0.02
    print("reached" if good else "NOT reached: all +18 %, and new only no worse than -2 %")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
