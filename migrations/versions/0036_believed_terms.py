"""Run sql/schema/0036_believed_terms.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0036_believed_terms")
