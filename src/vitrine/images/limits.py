"""What pictures may cost and where they may come from; safe as it stands, widened by settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vitrine.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from vitrine.settings import Settings

__all__ = ["ImageLimits", "SourceSettings"]

# Above this Pillow itself refuses a picture, so that a higher limit would not be kept.
PILLOW_MAX_PIXELS = 178_956_970


@dataclass(frozen=True, kw_only=True)
class ImageLimits:
    """What one picture may cost.

    `max_bytes` bounds the file, before and after content-encoding; `max_pixels` is width times
    height as the header announces them; `timeout` is in seconds, over everything from the name
    server to the last byte; `connect_timeout` is in seconds for one address.
    """

    max_bytes: int = 20 * 2**20
    max_pixels: int = 50_000_000
    timeout: float = 30.0
    connect_timeout: float = 10.0
    max_redirects: int = 5

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_pixels", "timeout", "connect_timeout"):
            if not getattr(self, name) > 0:
                raise SettingsError(f"the image limit {name} must be above 0")
        if self.max_redirects < 0:
            raise SettingsError("the image limit max_redirects must not be below 0")
        if self.max_pixels > PILLOW_MAX_PIXELS:
            raise SettingsError(f"the image limit max_pixels can be {PILLOW_MAX_PIXELS:,} at most")


@dataclass(frozen=True, kw_only=True)
class SourceSettings:
    """Where pictures may come from: one folder, the public web, and the stores named here.

    `root` is what relative paths belong to: a folder, or the beginning of a web address or of an
    object store's keys, such as `https://shop.example/media/catalog/product/`.
    `allowed_hosts` names what would otherwise be refused on the web (a private image server):
    `host`, `host:port`, an address, or a network such as `10.1.0.0/16`. `allowed_stores` names
    the object stores by prefix, such as `s3://shop-media/catalog/`; none is read unless named.
    """

    root: Path | str | None = None
    allowed_hosts: tuple[str, ...] = ()
    allowed_stores: tuple[str, ...] = ()
    limits: ImageLimits = field(default_factory=ImageLimits)

    @classmethod
    def of(cls, settings: Settings) -> SourceSettings:
        """What the environment's settings say, their lists split at the commas."""
        return cls(
            root=settings.images or None,
            allowed_hosts=_split(settings.image_hosts),
            allowed_stores=_split(settings.image_stores),
            limits=ImageLimits(
                max_bytes=settings.image_max_bytes,
                max_pixels=settings.image_max_pixels,
                timeout=settings.image_timeout,
            ),
        )


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
