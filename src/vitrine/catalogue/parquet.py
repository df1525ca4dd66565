"""Rows of a Parquet file, which needs pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vitrine.catalogue.cells import NUL, Row, cell_text, fault_in
from vitrine.errors import CatalogueError

__all__ = ["open_parquet"]


def open_parquet(path: Path) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Columns and rows of a Parquet file."""
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise CatalogueError(f"{path}: Parquet needs pyarrow; install vitrine[parquet]") from error
    try:
        file = parquet.ParquetFile(path)
    except (arrow.ArrowException, OSError) as error:
        raise CatalogueError(f"{path}: this is no Parquet file: {error}") from error
    return tuple(file.schema_arrow.names), _rows(path, file)


def _rows(path: Path, file: Any) -> Iterator[Row]:
    import pyarrow as arrow

    names = file.schema_arrow.names
    line = 0
    try:
        for batch in file.iter_batches(batch_size=4096):
            columns = [
                [cell_text(value) for value in column.to_pylist()] for column in batch.columns
            ]
            for cells in zip(*columns, strict=True):
                line += 1
                if any("\0" in cell for cell in cells):
                    yield line, fault_in(cells, names, NUL)
                else:
                    yield line, cells
    except (arrow.ArrowException, OSError) as error:
        raise CatalogueError(f"{path}: row {line + 1} cannot be read: {error}") from error
