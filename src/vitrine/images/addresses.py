"""Which network addresses a picture may be fetched from: public ones, and those a setting names."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from vitrine.errors import SettingsError
from vitrine.images.errors import ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["AddressRules"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

WEB_PORTS = frozenset({80, 443, 8080, 8443})
# Own tables, because what `ipaddress` calls global differs between releases of Python. They are
# the IANA special-purpose registries (RFC 6890 and after), with the relays and mappings that carry
# an IPv4 address inside an IPv6 one, and the addresses where clouds serve their credentials.
_NEVER_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "168.63.129.16/32",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
        ),
    )
)
# Outside of global unicast nothing is public: loopback, ::ffff:0:0/96, 64:ff9b::/96, fc00::/7, …
_GLOBAL_V6 = IPv6Network("2000::/3")
_NEVER_V6 = tuple(
    map(
        IPv6Network,
        ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
)
# What a host named in the settings may resolve to besides public addresses. Link-local is not
# among them: there a cloud serves its machine's credentials.
_INTERNAL = tuple(
    map(
        ip_network,
        (
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "::1/128",
            "fc00::/7",
        ),
    )
)
_METADATA = frozenset({ip_address("100.100.100.200"), ip_address("fd00:ec2::254")})


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet's, for a single host."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NEVER_V4)
    return address in _GLOBAL_V6 and not any(address in network for network in _NEVER_V6)


def is_internal(address: Address) -> bool:
    """Whether an address is one that a private network's own hosts have."""
    return address not in _METADATA and any(address in network for network in _INTERNAL)


@dataclass(frozen=True)
class _Allowed:
    """One entry of `allowed_hosts`: a name or a network, on one port or (None) on all."""

    name: str | None
    network: Network | None
    port: int | None


class AddressRules:
    """Public addresses on the web's ports, and what `allowed_hosts` adds to them."""

    def __init__(self, allowed_hosts: Iterable[str]) -> None:
        self._allowed = tuple(_entry(text) for text in allowed_hosts)

    def check(self, host: str, port: int, addresses: Iterable[str]) -> list[str]:
        """The addresses of `host`, if every one of them may be connected to, else ForbiddenError.

        All must pass: a name with one public and one private address is somebody's attempt.
        """
        checked = list(addresses)
        named = any(rule.name == host and rule.port in {None, port} for rule in self._allowed)
        for text in checked:
            if not self._may_connect(_parsed(text), port, named=named):
                where = f"{host} ({text})" if text != host else host
                raise ForbiddenError(
                    f"images may not be fetched from {where} port {port}: it is not a public web "
                    "address; name the host in VITRINE_IMAGE_HOSTS if it is yours"
                )
        return checked

    def _may_connect(self, address: Address | None, port: int, *, named: bool) -> bool:
        if address is None:
            return False
        if any(
            rule.network is not None and address in rule.network and rule.port in {None, port}
            for rule in self._allowed
        ):
            return True
        if named:
            return is_public(address) or is_internal(address)
        return port in WEB_PORTS and is_public(address)


def _parsed(text: str) -> Address | None:
    """An address, or None for one with a zone id, which names a network card of this machine."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return None
    return address


def _entry(text: str) -> _Allowed:
    try:
        return _Allowed(None, ip_network(text.strip().strip("[]")), None)
    except ValueError:
        pass
    try:
        split = urlsplit(f"//{text.strip()}")
        host, port = split.hostname, split.port
    except ValueError as exc:
        raise SettingsError(f"VITRINE_IMAGE_HOSTS: {text!r} cannot be read: {exc}") from exc
    if not host or split.path or split.query or split.username is not None:
        raise SettingsError(
            f"VITRINE_IMAGE_HOSTS: {text!r} is no host; write a host, host:port, an address or a "
            "network such as 10.1.0.0/16"
        )
    try:
        return _Allowed(None, ip_network(host), port)
    except ValueError:
        return _Allowed(host.lower(), None, port)
