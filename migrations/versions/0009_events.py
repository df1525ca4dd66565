"""Run sql/schema/0009_events.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0009_events")
