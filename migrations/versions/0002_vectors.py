"""Run sql/schema/0002_vectors.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0002_vectors")
