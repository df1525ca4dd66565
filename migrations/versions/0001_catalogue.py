"""Run sql/schema/0001_catalogue.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0001_catalogue")
