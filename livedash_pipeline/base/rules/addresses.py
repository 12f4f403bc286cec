"""Kinds of IP addresses: which are open to the public internet, and what the others are reserved for.

Add a range that nobody outside should reach. Who may reach one of them all the same is decided in `base.rules.urls`. The ranges
are those of IANA's registries of special-purpose addresses (RFC 6890 and its successors); the table stands here because the
standard library's answers differ between versions of Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The narrower ranges come first: the first that fits names the address.
_SPECIAL: tuple[tuple[str, tuple[str, ...]], ...] = (
    # AWS and most others, AWS over IPv6, Alibaba, Oracle, Azure, Google over IPv6: they hand out a machine's credentials.
    (
        "a cloud's metadata address",
        (
            "169.254.169.254/32",
            "169.254.170.2/32",
            "fd00:ec2::254/128",
            "100.100.100.200/32",
            "192.0.0.192/32",
            "168.63.129.16/32",
            "fd20:ce::254/128",
        ),
    ),
    ("an unspecified address", ("0.0.0.0/8", "::/128")),
    ("a loopback address", ("127.0.0.0/8", "::1/128")),
    ("a private address", ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fec0::/10")),
    ("a unique-local address", ("fc00::/7",)),
    ("a shared address", ("100.64.0.0/10",)),
    ("a link-local address", ("169.254.0.0/16", "fe80::/10")),
    ("a multicast address", ("224.0.0.0/4", "ff00::/8")),
    ("a benchmarking address", ("198.18.0.0/15", "2001:2::/48")),
    (
        "a documentation address",
        ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
    ),
    ("a reserved address", ("192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4", "2001::/23")),
)
_RANGES: tuple[tuple[Network, str], ...] = tuple((ip_network(text), kind) for kind, texts in _SPECIAL for text in texts)
# RFC 4291: the only unicast addresses of the public internet so far.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
# RFC 6052: an IPv4 address behind a translator, in the last four bytes.
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
# RFC 5214: an interface of ISATAP, with or without the bit for addresses that are unique in the world.
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def read_address(text: str) -> Address | None:
    """An address in its usual spelling, without an interface behind `%`; None for anything else."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def special_kind(address: Address) -> str | None:
    """The kind of an address that is not public (`a loopback address`); None for a public one.

    An IPv6 address that carries an IPv4 one is as special as what it carries.
    """
    for each in (address, *embedded_addresses(address)):
        kind = _named_kind(each)
        if kind is not None:
            return kind
    # What only wraps a public address leads to that address.
    if isinstance(address, IPv4Address) or address in _GLOBAL_UNICAST or address.ipv4_mapped or address in _NAT64:
        return None
    return "a reserved address"


def embedded_addresses(address: Address) -> tuple[IPv4Address, ...]:
    """IPv4 addresses that an IPv6 address may lead to: mapped, compatible, NAT64, 6to4, Teredo, ISATAP."""
    return tuple(_embedded(address)) if isinstance(address, IPv6Address) else ()


def is_within(address: Address, networks: Iterable[Network]) -> bool:
    """Whether a network holds the address, or the one IPv4 address that it stands for."""
    inner = embedded_addresses(address)
    return any(each in network for network in networks for each in (address, *(inner if len(inner) == 1 else ())))


def read_network(text: str) -> Network | None:
    """What people may allow, as a network: `10.0.0.7`, `10.0.0.0/8` or `fd00::/8`.

    None where it is none, has bits set behind its prefix, or holds all addresses.
    """
    try:
        network = ip_network(text.strip())
    except ValueError:
        return None
    return network if network.prefixlen else None


def _named_kind(address: Address) -> str | None:
    return next((kind for network, kind in _RANGES if address in network), None)


def _embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    low = IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    elif address.sixtofour:
        yield address.sixtofour
    elif address.teredo:
        yield from address.teredo
    elif (
        address in _NAT64
        or (address in _COMPATIBLE and int(address) > 1)
        or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP
    ):
        yield low
