"""Run sql/schema/0033_tastes_in_passing.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0033_tastes_in_passing")
