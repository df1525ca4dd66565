"""Run sql/schema/0025_listed_arms.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0025_listed_arms")
