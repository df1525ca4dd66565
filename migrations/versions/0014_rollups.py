"""Run sql/schema/0014_rollups.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0014_rollups")
