"""What every model shares: the metadata, its naming rule and the types of annotations."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, mapped_column

__all__ = [
    "SCHEMA",
    "Base",
    "BigInt",
    "Double",
    "Json",
    "Now",
    "Real",
    "SmallInt",
    "known",
    "types",
]

# The schema's name in the metadata; another shop's is put in its place with the execution option
# schema_translate_map={"vitrine": "other"}.
SCHEMA = "vitrine"

BigInt = Annotated[int, "bigint"]
SmallInt = Annotated[int, "smallint"]
Real = Annotated[float, "real"]
Double = Annotated[float, "double"]
Now = Annotated[datetime, mapped_column(server_default=sa.func.now())]
Json = Annotated[dict[str, Any], mapped_column(postgresql.JSONB, server_default=sa.text("'{}'"))]

types: dict[Any, Any] = {
    str: sa.Text(),
    bool: sa.Boolean(),
    int: sa.Integer(),
    BigInt: sa.BigInteger(),
    SmallInt: sa.SmallInteger(),
    Real: sa.REAL(),
    Double: sa.Double(),
    Decimal: sa.Numeric(),
    bytes: postgresql.BYTEA(),
    datetime: sa.TIMESTAMP(timezone=True),
    uuid.UUID: sa.Uuid(),
    list[str]: postgresql.ARRAY(sa.Text()),
}

# PostgreSQL's own rule for unnamed keys, so that the schema files need not name them.
NAMING = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
}


class Base(DeclarativeBase):
    """Base of all models; `Base.metadata` holds every table that a migration makes."""

    metadata = sa.MetaData(schema=SCHEMA, naming_convention=NAMING)
    type_annotation_map = types


def known(table: str, column: str, *values: str) -> sa.CheckConstraint:
    """The check that a text column holds one of a few words."""
    words = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({words})", name=f"{table}_{column}_known")
