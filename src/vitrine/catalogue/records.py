"""What a row of any catalogue file becomes before it is staged, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["LINK_COLUMNS", "ROW_COLUMNS", "Collected", "Link", "Record", "Reject", "RejectedError"]


class Record(NamedTuple):
    """One staged row; the fields are columns of `import_row`, as PostgreSQL reads them from CSV."""

    line: int
    role: str  # product, item, hidden, variant, text, picture or rejected
    product_key: str | None = None
    sku: str | None = None
    locale: str | None = None  # None: the shop's default
    title: str | None = None
    description: str | None = None
    brand: str | None = None
    attributes: str | None = None  # a JSON object
    categories: str | None = None  # an array of paths, names joined by SEPARATOR
    price: str | None = None
    stock: int | None = None  # None: not tracked
    options: str | None = None  # a JSON object
    active: bool | None = None
    position: int | None = None  # of the pictures, where the file says it
    images: str | None = None  # an array of URIs that belong to the whole product
    variant_images: str | None = None  # an array of URIs that show this row's variant


class Link(NamedTuple):
    """A variant that a product's row names by its SKU; it may stand anywhere in the file."""

    sku: str
    product_key: str
    line: int
    options: str


class Reject(NamedTuple):
    """Something that was not imported: where it stands, what it is, why not."""

    line: int
    column: str
    value: str
    reason: str


ROW_COLUMNS = ("record", *Record._fields)
LINK_COLUMNS = Link._fields


class RejectedError(Exception):
    """A cell that cannot be used; caught where the row is known, never seen by a user."""

    def __init__(self, column: str, value: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.value = value
        self.reason = reason


class Collected:
    """Takes what the rows of a file become, until it is copied into the database."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.links: list[Link] = []
        self.rejects: list[Reject] = []

    def clear(self) -> None:
        """Forget what was taken."""
        self.records.clear()
        self.links.clear()
        self.rejects.clear()

    def reject_row(
        self, line: int, error: RejectedError, *, key: str | None = None, sku: str | None = None
    ) -> None:
        """Refuse a row; its product and SKU, where known, still count as being in the file."""
        self.rejects.append(Reject(line, error.column, error.value, error.reason))
        self.records.append(Record(line, "rejected", key or None, sku or None))


def array(items: Iterable[str]) -> str | None:
    """A PostgreSQL array literal of texts; None when there are none."""
    quoted = ['"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items]
    return "{" + ",".join(quoted) + "}" if quoted else None
