"""Run sql/schema/0010_privacy.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0010_privacy")
