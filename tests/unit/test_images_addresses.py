"""Which network addresses are refused, and what the settings can allow."""

from __future__ import annotations

import pytest

from vitrine.errors import SettingsError
from vitrine.images.addresses import AddressRules
from vitrine.images.errors import ForbiddenError

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:4700:4700::1111", "2a00:1450:4001::200e"]
UNSAFE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",  # Alibaba's metadata
    "127.0.0.1",
    "127.8.8.8",
    "168.63.129.16",  # Azure's wire server
    "169.254.169.254",  # everybody's metadata
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",  # Oracle's metadata
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",  # Teredo
    "2001:db8::1",
    "2002:7f00:1::",  # 6to4
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",  # Amazon's metadata
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
    "not an address",
]


@pytest.mark.parametrize("address", PUBLIC)
@pytest.mark.parametrize("port", [80, 443, 8080, 8443])
def test_public_addresses_on_web_ports_are_allowed(address: str, port: int) -> None:
    assert AddressRules(()).check("shop.example", port, [address]) == [address]


@pytest.mark.parametrize("address", UNSAFE)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(ForbiddenError, match="VITRINE_IMAGE_HOSTS"):
        AddressRules(()).check("shop.example", 443, [address])


@pytest.mark.parametrize("port", [22, 25, 3306, 5432, 6379, 9200, 11211])
def test_other_ports_are_refused(port: int) -> None:
    with pytest.raises(ForbiddenError):
        AddressRules(()).check("shop.example", port, ["8.8.8.8"])


def test_one_unsafe_address_among_public_ones_refuses_the_name() -> None:
    with pytest.raises(ForbiddenError, match=r"10\.0\.0\.1"):
        AddressRules(()).check("shop.example", 443, ["8.8.8.8", "10.0.0.1"])


def test_a_named_host_may_be_private_but_never_link_local_or_metadata() -> None:
    rules = AddressRules(["Media.Internal"])
    for address in ("10.0.0.1", "192.168.0.9", "127.0.0.1", "fd12::1", "8.8.8.8"):
        assert rules.check("media.internal", 5000, [address])
    for address in ("169.254.169.254", "fe80::1", "100.100.100.200", "fd00:ec2::254", "224.0.0.1"):
        with pytest.raises(ForbiddenError):
            rules.check("media.internal", 5000, [address])
    with pytest.raises(ForbiddenError):
        rules.check("other.internal", 80, ["10.0.0.1"])


def test_a_port_in_the_setting_binds_the_host_to_it() -> None:
    rules = AddressRules(["media.internal:9000", "127.0.0.1:8001", "[::1]:8002"])
    assert rules.check("media.internal", 9000, ["10.0.0.1"])
    assert rules.check("127.0.0.1", 8001, ["127.0.0.1"])
    assert rules.check("::1", 8002, ["::1"])
    for host, port, address in [
        ("media.internal", 9001, "10.0.0.1"),
        ("127.0.0.1", 8002, "127.0.0.1"),
        ("::1", 8001, "::1"),
    ]:
        with pytest.raises(ForbiddenError):
            rules.check(host, port, [address])


def test_a_network_in_the_setting_allows_its_addresses_under_any_name() -> None:
    rules = AddressRules(["10.1.0.0/16", "fd00:1::/32"])
    assert rules.check("media.internal", 80, ["10.1.2.3"])
    assert rules.check("media.internal", 80, ["fd00:1::5"])
    with pytest.raises(ForbiddenError):
        rules.check("media.internal", 80, ["10.2.0.1"])


@pytest.mark.parametrize(
    "text", ["", "http://shop.example", "10.0.0.0/40", "host:port", "a/b", "u@h"]
)
def test_an_entry_that_cannot_be_read_is_a_settings_error(text: str) -> None:
    with pytest.raises(SettingsError, match="VITRINE_IMAGE_HOSTS"):
        AddressRules([text])
