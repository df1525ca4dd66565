"""Run sql/schema/0015_facet_columns.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0015_facet_columns")
