"""Pictures and words to unit vectors of one embedding space, by any dual encoder.

Importing this package is cheap: torch and transformers load with the first model.
"""

from __future__ import annotations

from vitrine.encoder.identity import SpaceIdentity
from vitrine.encoder.loading import load_encoder
from vitrine.encoder.model import Encoder, PixelBatch

__all__ = ["Encoder", "PixelBatch", "SpaceIdentity", "load_encoder"]
