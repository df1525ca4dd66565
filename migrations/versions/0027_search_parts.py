"""Run sql/schema/0027_search_parts.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0027_search_parts")
