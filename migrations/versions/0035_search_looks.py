"""Run sql/schema/0035_search_looks.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0035_search_looks")
