"""${message}."""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The step is SQL: write it to the file named here, then take away what alembic found by itself.
    run_schema_file("schema/${up_revision}_${message.lower().replace(" ", "_")}")
    ${upgrades if upgrades else ""}
