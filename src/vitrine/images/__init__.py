"""Pictures: fetched from the places a shop keeps them, within limits, and decoded to RGB.

`vitrine.images.decode` is imported apart, because it needs Pillow, which only workers have.
"""

from vitrine.images.fetched import Fetched, NotModified, Validators
from vitrine.images.limits import ImageLimits, SourceSettings
from vitrine.images.sources import ImageStore, open_source

__all__ = [
    "Fetched",
    "ImageLimits",
    "ImageStore",
    "NotModified",
    "SourceSettings",
    "Validators",
    "open_source",
]
