"""Visual product search inside a shop's own PostgreSQL."""

from __future__ import annotations

from vitrine.errors import VitrineError
from vitrine.search import Hit, Page
from vitrine.shop import Shop, connect

__all__ = ["Hit", "Page", "Shop", "VitrineError", "connect"]
