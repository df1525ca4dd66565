"""Run sql/schema/0006_facets.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0006_facets")
