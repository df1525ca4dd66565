"""Run sql/schema/0034_price_bands.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0034_price_bands")
