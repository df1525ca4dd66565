"""How well words, captions and pictures find together what each finds alone, on a shop's export.

    python -m benchmarks.relevance [--parts fusion,composed,cutoff] [--units style,colour] [--quick]

fusion: nDCG@10 of each arm and of all together on judged queries, where half of the products have
lost every word that any query is made of; weights are fitted on half of the styles and reported on
the other. composed: R@10 of "like this photo, but red". cutoff: what nonsense finds.
Data: ../shared/data, or VITRINE_DATA.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.relevance.composed import measure_composed
from benchmarks.relevance.cutoff import measure_cutoff
from benchmarks.relevance.fusion import Settings, measure_fusion
from benchmarks.relevance.products import UNITS

from vitrine.encoder import load_encoder

DATA = (
    Path(os.environ.get("VITRINE_DATA", Path(__file__).parents[2] / "../shared/data")) / "magento"
)
PARTS = ("fusion", "composed", "cutoff")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--units", default=",".join(UNITS))
    parser.add_argument("--model", default="starter")
    parser.add_argument("--queries", type=int, default=40, help="at most so many of each form")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", type=int, default=18)
    parser.add_argument("--no-fit", action="store_true", help="only the search's own weights")
    parser.add_argument("--quick", action="store_true", help="a few queries: does it run?")
    args = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"the export is missing: no folder {DATA}; set VITRINE_DATA")
    parts = args.parts.split(",")
    if unknown := set(parts) - set(PARTS) | set(args.units.split(",")) - set(UNITS):
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}")
    encoder = load_encoder(args.model, device="cpu")
    print(f"{encoder.identity}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    good = True
    with tempfile.TemporaryDirectory(prefix="vitrine-relevance-") as folder:
        settings = Settings(
            folder=Path(folder),
            queries_per_form=3 if args.quick else args.queries,
            seed=args.seed,
            postgres=args.postgres,
        )
        units = ["style"] if args.quick else args.units.split(",")
        runs = [
            replace(settings, unit=unit, hide=hide, fit=hide and not args.quick and not args.no_fit)
            for unit in units
            for hide in ((True,) if args.quick else (True, False))
        ]
        for run in runs if "fusion" in parts else []:
            better = measure_fusion(DATA, encoder, run)
            good = good and (better or not run.hide)
        if "composed" in parts:
            good = (
                measure_composed(
                    DATA, encoder, Path(folder), quick=args.quick, postgres=args.postgres
                )
                and good
            )
        if "cutoff" in parts:
            measure_cutoff(DATA, encoder, settings)
    return 0 if good or args.quick else 1


if __name__ == "__main__":
    sys.exit(main())
