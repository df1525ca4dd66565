"""Run sql/schema/0021_wide_bitmaps.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0021_wide_bitmaps")
