"""Domains: types that check the values of their column, whatever else a statement writes."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles

from vitrine.models.base import SCHEMA, Base

__all__ = ["Domain"]


class Domain(sa.types.TypeDecorator[Any]):
    """A domain over a base type, as whose values Python sees it: binds, operators and results."""

    impl: Any = sa.Text  # in place of which each one has its own base
    cache_ok = True

    def __init__(
        self, name: str, base: sa.types.TypeEngine[Any], constraint: str, check: str
    ) -> None:
        super().__init__()
        self.name = name
        self.base = base
        self.constraint = constraint
        self.check = check
        self.impl = base
        # Known to the metadata, so that create_all makes it before the table.
        postgresql.DOMAIN(
            name,
            base,
            constraint_name=constraint,
            check=check,
            schema=SCHEMA,
            metadata=Base.metadata,
        )

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Send and read values as the base type does."""
        return dialect.type_descriptor(self.base)

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        """Compare as the base type does: a key of a JSON column is text, not JSON."""
        return self.base.coerce_compared_value(op, value)


@compiles(Domain)
def _in_ddl(element: Domain, compiler: Any, **options: Any) -> str:
    column = options.get("type_expression")
    schema = column.table.schema if isinstance(column, sa.Column) else None
    quote = compiler.dialect.identifier_preparer.quote
    return ".".join(quote(part) for part in (schema, element.name) if part)
