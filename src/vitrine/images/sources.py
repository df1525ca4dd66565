"""Where pictures come from: one store of them, whatever kind of place each URI names."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from vitrine.errors import SourceUnavailableError
from vitrine.images.addresses import AddressRules
from vitrine.images.folder import ImageFolder
from vitrine.images.uri import (
    FolderPath,
    WebAddress,
    below,
    parse,
    remote_base,
    shown,
    store_prefix,
)

if TYPE_CHECKING:
    from types import TracebackType

    from vitrine.images.fetched import Fetched, NotModified, Validators
    from vitrine.images.limits import SourceSettings
    from vitrine.images.network import Resolver
    from vitrine.images.stores import ObjectStores
    from vitrine.images.web import Web

__all__ = ["ImageStore", "open_source"]


class ImageStore:
    """Fetches pictures by URI; one object serves all threads of a worker."""

    def __init__(
        self,
        settings: SourceSettings,
        *,
        rules: AddressRules,
        prefixes: tuple[str, ...],
        base: str | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self._limits = settings.limits
        self._rules = rules
        self._prefixes = prefixes
        self._base = base
        self._resolver = resolver
        self._folder = (
            ImageFolder(Path(settings.root), max_bytes=settings.limits.max_bytes)
            if settings.root is not None and base is None
            else None
        )
        self._web: Web | None = None
        self._stores: ObjectStores | None = None
        self._lock = threading.Lock()

    def fetch(self, uri: str, *, validators: Validators | None = None) -> Fetched | NotModified:
        """The picture's bytes, or NotModified if `validators` (of an earlier fetch) still hold.

        Raises ImageError when the fault is the picture's (its `reason` says which), and
        SourceUnavailableError when it is the folder's, the host's or the store's.
        """
        place = parse(uri)
        if isinstance(place, FolderPath) and self._base is not None:
            place = parse(below(self._base, place))
        if isinstance(place, FolderPath):
            if self._folder is None:
                raise SourceUnavailableError(
                    f"the image {shown(uri)} is a path, but no image folder is set; give one",
                    reason="no_folder",
                )
            return self._folder.fetch(place, validators)
        if isinstance(place, WebAddress):
            return self._open_web().fetch(place, validators)
        return self._open_stores().fetch(place, validators)

    def close(self) -> None:
        """Close the connections that are kept open."""
        with self._lock:
            if self._web is not None:
                self._web.close()
                self._web = None

    def __enter__(self) -> ImageStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # The web and the object stores need packages that a shop with a folder never loads.

    def _open_web(self) -> Web:
        from vitrine.images.network import resolve
        from vitrine.images.web import Web

        with self._lock:
            if self._web is None:
                self._web = Web(
                    self._rules, limits=self._limits, resolver=self._resolver or resolve
                )
            return self._web

    def _open_stores(self) -> ObjectStores:
        from vitrine.images.stores import ObjectStores

        with self._lock:
            if self._stores is None:
                self._stores = ObjectStores(self._prefixes, limits=self._limits)
            return self._stores


def open_source(settings: SourceSettings, *, resolver: Resolver | None = None) -> ImageStore:
    """A store of pictures under these settings; `resolver` replaces the system's name lookup.

    Raises SettingsError for a root or an entry of the allow-lists that cannot be read.
    """
    base = remote_base(settings.root) if isinstance(settings.root, str) else None
    prefixes = [store_prefix(text) for text in settings.allowed_stores]
    if base is not None and not base.startswith(("http://", "https://")):
        prefixes.append(base)
    return ImageStore(
        settings,
        rules=AddressRules(settings.allowed_hosts),
        prefixes=tuple(prefixes),
        base=base,
        resolver=resolver,
    )
