"""Run sql/schema/0019_found_pictures.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0019_found_pictures")
