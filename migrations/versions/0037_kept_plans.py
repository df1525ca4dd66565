"""Run sql/schema/0037_kept_plans.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0037_kept_plans")
