"""Train a dual encoder on pairs of picture and caption; `vitrine train` is the way in."""

from __future__ import annotations

__all__: list[str] = []
