"""Run sql/schema/0026_preferences.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0026_preferences")
