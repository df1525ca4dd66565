"""Run sql/schema/0030_nearer_districts.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0030_nearer_districts")
