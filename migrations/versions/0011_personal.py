"""Run sql/schema/0011_personal.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0011_personal")
