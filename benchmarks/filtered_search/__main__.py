"""Runs the benchmark: `python -m benchmarks.filtered_search`, or the folder itself."""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a folder: its parent's parent holds the package
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.filtered_search.command import main

if __name__ == "__main__":
    main()
