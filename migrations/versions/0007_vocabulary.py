"""Run sql/schema/0007_vocabulary.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0007_vocabulary")
