"""Run sql/schema/0023_facet_pieces.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0023_facet_pieces")
