"""Run sql/schema/0028_sorted_sketches.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0028_sorted_sketches")
