"""Picture URIs as catalogues write them: a path in the folder, a web address, an object's key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from vitrine.errors import ImageError, SettingsError
from vitrine.images.errors import BadUriError, ForbiddenError

__all__ = [
    "FolderPath",
    "StoreKey",
    "WebAddress",
    "below",
    "parse",
    "remote_base",
    "shown",
    "store_prefix",
]

MAX_LENGTH = 4096
# Only real object stores: fsspec also speaks to local files, shells, archives and caches, and a
# catalogue must never reach those. `memory` holds nothing but what this process put there.
STORE_PROTOCOLS = frozenset(
    {"abfs", "abfss", "az", "gcs", "gs", "memory", "oci", "oss", "s3", "s3a"}
)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE | re.DOTALL)
_NO_SLASHES = re.compile(r"(data|file|javascript|blob|about|mailto|https?):", re.IGNORECASE)
_DRIVE = re.compile(r"[a-z]:", re.IGNORECASE)
# Nothing decodes a path on the way to the file; whoever writes these means to get past a check.
_ENCODED_TRICK = re.compile(r"%(2e|2f|5c|00)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What may stand in a URL's path and query as it is; `%` too, for what is encoded already.
_URL_SAFE = "/%:@!$&'()*+,;=~-._?"


@dataclass(frozen=True)
class FolderPath:
    """The parts of a path below the image folder, without `.`, `..` or empty ones."""

    parts: tuple[str, ...]


@dataclass(frozen=True)
class WebAddress:
    """An http or https address, taken apart once so that no two parsers can disagree on it."""

    scheme: str  # "http" or "https"
    host: str  # ASCII, lower case; an IPv6 address without its brackets
    port: int
    target: str  # path and query as they go over the wire

    @property
    def authority(self) -> str:
        """Host and port as the Host header writes them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address."""
        return f"{self.scheme}://{self.authority}{self.target}"


@dataclass(frozen=True)
class StoreKey:
    """An object in a store: `protocol://bucket/key`."""

    protocol: str
    bucket: str
    key: str

    @property
    def url(self) -> str:
        """The whole URI, with the protocol in lower case."""
        return f"{self.protocol}://{self.bucket}/{self.key}"


def parse(uri: str) -> FolderPath | WebAddress | StoreKey:
    """Say what kind of place a URI names; BadUriError or ForbiddenError if it is none of them."""
    if not uri.strip():
        raise BadUriError("the image URI is empty")
    if len(uri) > MAX_LENGTH:
        raise BadUriError(f"the image URI has {len(uri):,} characters; {MAX_LENGTH:,} are allowed")
    if _CONTROL.search(uri):
        raise ForbiddenError(f"the image URI {shown(uri)} has a control character in it")
    match = _SCHEME.match(uri)
    if match is None:
        return _folder_path(uri)
    scheme = match[1].lower()
    if scheme in {"http", "https"}:
        return _web_address(uri, scheme)
    return _store_key(uri, scheme, match[2])


def store_prefix(text: str, setting: str = "VITRINE_IMAGE_STORES") -> str:
    """A prefix of object keys, checked, and ending in a slash: `s3://shop` must not let
    `s3://shop-secret` in. Raises SettingsError, which names the setting.
    """
    prefix = text.strip()
    match = re.fullmatch(r"([a-z0-9]+)://[^/:?#*\\]+(/[^:?#*\\]*)?", prefix)
    if match is None or match[1] not in STORE_PROTOCOLS or ".." in prefix.split("/"):
        protocols = ", ".join(sorted(STORE_PROTOCOLS - {"memory"}))
        raise SettingsError(
            f"{setting}: {text!r} is no object store; write a prefix such as s3://bucket/folder/ "
            f"with one of the protocols {protocols}"
        )
    return prefix.rstrip("/") + "/"


def remote_base(root: str) -> str | None:
    """The address that relative paths belong to, ending in a slash; None if `root` is a folder.

    Raises SettingsError.
    """
    if "://" not in root:
        return None
    if not root.lower().startswith(("http://", "https://")):
        return store_prefix(root, "VITRINE_IMAGES")
    try:
        address = parse(root)
    except ImageError as exc:
        raise SettingsError(f"VITRINE_IMAGES cannot be used: {exc}") from exc
    if not isinstance(address, WebAddress) or "?" in address.target:
        raise SettingsError(f"VITRINE_IMAGES: {shown(root)} is no web address without a query")
    return address.url.rstrip("/") + "/"


def below(base: str, path: FolderPath) -> str:
    """The URI of a relative path under a remote base."""
    joined = "/".join(path.parts)
    return base + (quote(joined) if base.startswith("http") else joined)


def shown(uri: str) -> str:
    """A URI for messages: quoted, cut to length, without a password or a query's tokens."""
    bare = re.sub(r"(://)[^/@]*@", r"\1…@", uri)
    if "://" in bare:
        bare = bare.split("?", 1)[0]
    return repr(bare if len(bare) <= 200 else bare[:199] + "…")


def _folder_path(uri: str) -> FolderPath:
    if _NO_SLASHES.match(uri) or "::" in uri or "://" in uri:
        raise ForbiddenError(f"the image URI {shown(uri)} is no path and no http(s) address")
    if "\\" in uri or _DRIVE.match(uri):
        raise ForbiddenError(f"the image path {shown(uri)} is a Windows path; write it with /")
    if uri.startswith("//"):
        raise BadUriError(f"the image URI {shown(uri)} lacks its scheme; write https: before it")
    if _ENCODED_TRICK.search(uri):
        raise ForbiddenError(f"the image path {shown(uri)} has an encoded dot, slash or NUL in it")
    parts = tuple(part for part in uri.split("/") if part not in {"", "."})
    if ".." in parts:
        raise ForbiddenError(f"the image path {shown(uri)} has .. in it")
    if not parts:
        raise BadUriError(f"the image path {shown(uri)} names no file")
    return FolderPath(parts)


def _web_address(uri: str, scheme: str) -> WebAddress:
    try:
        split = urlsplit(uri)
        host, port = split.hostname, split.port
    except ValueError as exc:
        raise BadUriError(f"the image address {shown(uri)} cannot be read: {exc}") from exc
    if split.username is not None or split.password is not None:
        raise ForbiddenError(f"the image address {shown(uri)} has credentials in it; remove them")
    if "\\" in uri:
        raise ForbiddenError(f"the image address {shown(uri)} has a backslash in it")
    if not host:
        raise BadUriError(f"the image address {shown(uri)} names no host")
    if port is None:
        port = 443 if scheme == "https" else 80
    target = quote(split.path or "/", safe=_URL_SAFE)
    if split.query:
        target += "?" + quote(split.query, safe=_URL_SAFE)
    return WebAddress(scheme, _ascii_host(host, uri), port, target)


def _ascii_host(host: str, uri: str) -> str:
    if host.isascii():
        # A zone id (fe80::1%eth0) or an encoded host never belongs in a catalogue.
        if not re.fullmatch(r"[a-z0-9._:-]+", host):
            raise ForbiddenError(f"the image address {shown(uri)} has an unusual host name")
        return host
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as exc:
        raise BadUriError(f"the image address {shown(uri)} has an impossible host name") from exc


def _store_key(uri: str, protocol: str, rest: str) -> StoreKey:
    if protocol not in STORE_PROTOCOLS:
        raise ForbiddenError(f"the image URI {shown(uri)} is of a kind that is not fetched")
    bucket, _, key = rest.partition("/")
    if "::" in uri or "://" in rest or "\\" in uri:
        raise ForbiddenError(f"the image URI {shown(uri)} chains protocols; that is not allowed")
    if {".", ".."} & set(rest.split("/")):
        raise ForbiddenError(f"the image URI {shown(uri)} has .. in it")
    if not bucket or not key:
        raise BadUriError(f"the image URI {shown(uri)} names no object")
    return StoreKey(protocol, bucket, key)
