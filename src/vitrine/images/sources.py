"""Where pictures come from: one store of them, whatever kind of place each URI names."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from vitrine.errors import SourceUnavailableError
from vitrine.images.addresses import AddressRules
from vitrine.images.roots import named_root, own_root
from vitrine.images.uri import StoreKey, WebAddress, below, parse, shown, store_prefix

if TYPE_CHECKING:
    from types import TracebackType

    from vitrine.images.fetched import Fetched, NotModified, Validators
    from vitrine.images.limits import SourceSettings
    from vitrine.images.network import Resolver
    from vitrine.images.roots import Root
    from vitrine.images.stores import ObjectStores
    from vitrine.images.web import Web

__all__ = ["ImageStore", "open_source"]


class ImageStore:
    """Fetches pictures by URI; one object serves all threads of a worker."""

    def __init__(self, settings: SourceSettings, *, resolver: Resolver | None = None) -> None:
        self._limits = settings.limits
        self._rules = AddressRules(settings.allowed_hosts)
        self._own = (
            own_root(settings.root, max_bytes=settings.limits.max_bytes) if settings.root else None
        )
        prefixes = [store_prefix(text) for text in settings.allowed_stores]
        if self._own is not None and self._own.store is not None:
            prefixes.append(self._own.store)
        self._prefixes = tuple(prefixes)
        self._resolver = resolver
        self._named: tuple[str, Root] | None = None
        self._web: Web | None = None
        self._stores: ObjectStores | None = None
        self._lock = threading.Lock()

    def fetch(
        self, uri: str, *, validators: Validators | None = None, named: str | None = None
    ) -> Fetched | NotModified:
        """The picture's bytes, or NotModified if `validators` (of an earlier fetch) still hold.

        Without a root of its own, a path belongs to the one that the shop's database has `named`,
        which is less trusted: see `vitrine.images.roots`.

        Raises ImageError when the fault is the picture's (its `reason` says which), and
        SourceUnavailableError when it is the folder's, the host's or the store's.
        """
        place = parse(uri)
        if isinstance(place, WebAddress):
            return self._open_web().fetch(place, validators)
        if isinstance(place, StoreKey):
            return self._open_stores().fetch(place, validators)
        root = self._root(uri, named)
        if root.folder is not None:
            return root.folder.fetch(place, validators)
        return self.fetch(below(root.base or "", place), validators=validators)

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

    def _root(self, uri: str, named: str | None) -> Root:
        if self._own is not None:
            return self._own
        if not named:
            raise SourceUnavailableError(
                f"the image {shown(uri)} is a path, and no image folder is set: give the worker "
                "one with --images or VITRINE_IMAGES, or name it to the import with --images",
                reason="no_folder",
            )
        known = self._named
        if known is None or known[0] != named:
            root = named_root(named, stores=self._prefixes, max_bytes=self._limits.max_bytes)
            self._named = known = (named, root)
        return known[1]

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
    return ImageStore(settings, resolver=resolver)
