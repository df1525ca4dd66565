"""Run sql/schema/0017_variant_clock.sql."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/0017_variant_clock")
