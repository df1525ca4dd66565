"""Run sql/schema/0013_experiments.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0013_experiments")
