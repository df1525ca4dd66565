"""Run sql/schema/0008_merchandising.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0008_merchandising")
