"""Catalogue files become products: read, cleaned, staged, and brought in batch by batch."""

from __future__ import annotations

from vitrine.catalogue.importing import ImportOptions, ImportReport, import_catalogue

__all__ = ["ImportOptions", "ImportReport", "import_catalogue"]
