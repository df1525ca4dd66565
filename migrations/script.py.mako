"""${message}"""

from __future__ import annotations

from vitrine.migrate import run_schema_file

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_schema_file("schema/")
