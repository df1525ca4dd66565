"""Visual product search inside a shop's own PostgreSQL."""

from __future__ import annotations

from vitrine.errors import VitrineError
from vitrine.search import Hit, Page
from vitrine.shop import Shop, connect
from vitrine.understanding import Chip, Understood

__all__ = ["Chip", "Hit", "Page", "Shop", "Understood", "VitrineError", "connect"]
