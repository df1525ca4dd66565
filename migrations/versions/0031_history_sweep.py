"""Run sql/schema/0031_history_sweep.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0031_history_sweep")
