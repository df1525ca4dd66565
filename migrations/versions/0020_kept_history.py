"""Run sql/schema/0020_kept_history.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0020_kept_history")
