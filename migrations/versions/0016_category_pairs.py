"""Run sql/schema/0016_category_pairs.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0016_category_pairs")
