"""The worker: claims entries of the queue, encodes them, writes vectors, and answers queries.

The one part of Vitrine that needs torch; importing this package alone does not load it.
"""

from __future__ import annotations

from vitrine.worker.progress import Snapshot
from vitrine.worker.worker import Worker

__all__ = ["Snapshot", "Worker"]
