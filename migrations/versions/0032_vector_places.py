"""Run sql/schema/0032_vector_places.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0032_vector_places")
