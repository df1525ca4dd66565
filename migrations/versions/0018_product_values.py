"""Run sql/schema/0018_product_values.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0018_product_values")
