"""Run sql/schema/0004_search.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0004_search")
