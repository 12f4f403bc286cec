"""Which IP addresses are public, whatever they are wrapped in."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.addresses import Network, is_within, read_address, read_network, special_kind

SPECIAL = {
    "loopback": ("127.0.0.0/8", "::1/128"),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fec0::/10"),
    "unique-local": ("fc00::/7",),
    "shared": ("100.64.0.0/10",),
    "link-local": ("169.254.0.0/16", "fe80::/10"),
    "multicast": ("224.0.0.0/4", "ff00::/8"),
    "unspecified": ("0.0.0.0/8", "::/128"),
    "benchmarking": ("198.18.0.0/15", "2001:2::/48"),
    "documentation": ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
    "reserved": ("192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4", "2001::/23", "100::/64", "5f00::/16", "4000::/3"),
}
NETWORKS = [ip_network(text) for texts in SPECIAL.values() for text in texts]
NARROW = [network for network in NETWORKS if isinstance(network, IPv4Network)]


def _within(network: Network) -> st.SearchStrategy[IPv4Address | IPv6Address]:
    first, last = int(network.network_address), int(network.broadcast_address)
    kind = IPv4Address if isinstance(network, IPv4Network) else IPv6Address
    return st.integers(first, last).map(kind)


INNER = st.sampled_from(NARROW).flatmap(_within).map(int)


@pytest.mark.parametrize(("kind", "texts"), SPECIAL.items())
def test_the_ends_of_a_special_range_are_named_by_its_kind(kind: str, texts: tuple[str, ...]) -> None:
    for network in map(ip_network, texts):
        for address in (network.network_address, network.broadcast_address):
            assert kind in (special_kind(address) or ""), address


@given(st.sampled_from(NETWORKS).flatmap(_within))
def test_no_address_of_a_special_range_is_public(address: IPv4Address | IPv6Address) -> None:
    assert special_kind(address) is not None


@given(INNER)
def test_wrapping_makes_no_address_public(inner: int) -> None:
    wrapped = [
        inner,  # compatible
        0xFFFF << 32 | inner,  # mapped
        0x64FF9B << 96 | inner,  # NAT64
        0x64FF9B0001 << 80 | inner,  # NAT64 of a network's own
        0x2002 << 112 | inner << 80 | 1,  # 6to4
        0x20010000 << 96 | inner << 64 | 0xFFFFFFFF,  # Teredo, server
        0x20010000 << 96 | 0x08080808 << 64 | (inner ^ 0xFFFFFFFF),  # Teredo, client
        0x26064700 << 96 | 0x5EFE << 32 | inner,  # ISATAP
        0x26064700 << 96 | 0x02005EFE << 32 | inner,
    ]
    for number in wrapped:
        assert special_kind(IPv6Address(number)) is not None, IPv6Address(number)


@given(st.ip_addresses())
def test_what_the_standard_library_calls_special_is_never_public(address: IPv4Address | IPv6Address) -> None:
    if not address.is_global or address.is_multicast:
        assert special_kind(address) is not None or _carries_a_public_one(address)


def _carries_a_public_one(address: IPv4Address | IPv6Address) -> bool:
    inner = isinstance(address, IPv6Address) and (address.ipv4_mapped or address.sixtofour)
    return bool(inner) and special_kind(inner) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    ["169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16",
     "fd20:ce::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"],
)  # fmt: skip
def test_metadata_addresses_are_called_so(text: str) -> None:
    assert special_kind(ip_address(text)) == "a cloud's metadata address"


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8",
             "64:ff9b::808:808", "2002:808:808::1", "2a00:1450:4001::200e"]
)  # fmt: skip
def test_public_addresses_stay_public(text: str) -> None:
    assert special_kind(ip_address(text)) is None


@pytest.mark.parametrize(
    ("address", "network", "held"),
    [
        ("10.1.2.3", "10.1.0.0/16", True),
        ("::ffff:10.1.2.3", "10.1.0.0/16", True),
        ("64:ff9b::a01:203", "10.1.2.3", True),
        ("10.2.2.3", "10.1.0.0/16", False),
        ("fd00::1", "fd00::/8", True),
        ("fd00::1", "10.0.0.0/8", False),
        ("2001:0:a01:203::ffff", "10.1.2.3", False),
    ],
)
def test_a_network_holds_what_leads_into_it(address: str, network: str, held: bool) -> None:
    allowed = read_network(network)
    assert allowed is not None
    assert is_within(ip_address(address), [allowed]) is held


@pytest.mark.parametrize(
    "text",
    ["", "10.0.0.7/8", "10.0.0", "0x7f.1", "localhost", "fe80::1%eth0/64", "10.0.0.0/33", "0.0.0.0/0", "::/0"],
)
def test_what_is_no_network_or_all_of_them_is_none(text: str) -> None:
    assert read_network(text) is None


@given(st.text(max_size=40))
def test_reading_an_address_never_raises(text: str) -> None:
    address = read_address(text)
    assert address is None or isinstance(address, IPv4Address | IPv6Address)
    network = read_network(text)
    assert network is None or isinstance(network, IPv4Network | IPv6Network)
