"""Host names as they are compared and connected to: one spelling for each.

Add what any address says of its host. Which hosts may be reached is decided in `base.rules.urls`.
"""

from __future__ import annotations

import re

import idna

# Letters of host names and IPv6 addresses. What messages give as a command holds hosts, so nothing else may pass.
_HOST = re.compile(r"[a-z0-9_.:-]+")
# RFC 1035: longer names cannot be asked for.
_LONGEST_LABEL, _LONGEST_NAME = 63, 253


def plain_host(host: str) -> str | None:
    """A host name in lower case and ASCII, without a final dot; None where it cannot exist."""
    plain = host.lower().rstrip(".")
    try:
        # IDNA 2008, as the HTTP client reads a name. The codec of that name is of 2003 and makes another host of some.
        plain = plain if plain.isascii() else idna.encode(plain).decode("ascii")
    except UnicodeError:  # idna's own errors are such.
        return None
    longest = max(map(len, plain.split(".")))
    exists = longest <= _LONGEST_LABEL and len(plain) <= _LONGEST_NAME
    return plain if exists and _HOST.fullmatch(plain) else None
