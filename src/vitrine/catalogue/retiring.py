"""Stops a full import whose file lacks most of the shop: it is the wrong file, or a broken one."""

from __future__ import annotations

import math

from vitrine import sql_files
from vitrine.catalogue.runs import Run
from vitrine.database import Connection
from vitrine.errors import CatalogueError

__all__ = ["RETIRE_LIMIT", "check_retiring"]

RETIRE_LIMIT = 0.5  # share of the active products
FEW = 20  # of so few products a shop may well replace most


def check_retiring(connection: Connection, run: Run, limit: float) -> None:
    """Count what the linked file would retire, before the first batch is applied.

    The answer holds for the whole run, however often it is stopped: what becomes active or is
    added meanwhile is not retired by it. So a run that is gone on with is not asked again.

    Raises:
        CatalogueError: more than `limit` (0 to 1) of the active products would be retired.

    """
    [(active, gone)] = connection.execute(
        sql_files.read("catalogue/retiring"), {"run": run.import_run_id}
    )
    # A file of no rows is the wrong one, or broke off, however small the shop.
    if gone == 0 or gone / active <= limit or (active < FEW and run.staged_rows):
        return
    enough = math.ceil(100 * gone / active) / 100
    raise CatalogueError(
        f"--full would retire {gone:,} of the {active:,} active products, and --retire-limit "
        f"allows a share of {limit:g}; nothing was changed. Is this file the whole catalogue? "
        f"If so, give --retire-limit {enough:g}"
    )
