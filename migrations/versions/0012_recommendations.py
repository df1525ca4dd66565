"""Run sql/schema/0012_recommendations.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0012_recommendations")
