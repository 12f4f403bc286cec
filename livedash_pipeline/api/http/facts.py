"""Facts about a request for logs, answers and the audit log: its path, its address, and its failure.

Add a fact that several of them use. Nothing of a body appears anywhere.
"""

from __future__ import annotations

import sys
import traceback
from errno import errorcode
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

from livedash_pipeline.base.rules.causes import causes_of
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

# Providers give every customer a /64 at least (RFC 6177).
_NETWORK_BYTES = 8


def path_of(scope: Any) -> str:
    """Returns the path as it was sent, with its escapes, so that it can be stored and logged."""
    raw = scope.get("raw_path") or scope["path"].encode("ascii", "backslashreplace")
    return str(raw.decode("ascii", "backslashreplace").partition("?")[0])


def address_of(scope: Any) -> str:
    """Returns the address that a request came from; one fixed word for requests without an address."""
    client = scope.get("client")
    return str(client[0]) if client else "local"


def network_of(scope: Any) -> str:
    """Returns the group that limits count together: an IPv4 address, or an IPv6 network, since every client has a whole one."""
    address = address_of(scope)
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed.packed[:_NETWORK_BYTES] + bytes(16 - _NETWORK_BYTES), 8 * _NETWORK_BYTES)))


def machine_facts(error: BaseException) -> dict[str, str]:
    """Returns the errno and the SQLSTATE behind a failure, by name and never with messages; empty where there is neither."""
    facts: dict[str, str] = {}
    for cause in causes_of(error):
        number, state = getattr(cause, "errno", None), getattr(cause, "sqlstate", None)
        if isinstance(number, int):
            facts.setdefault("errno", errorcode.get(number, str(number)))
        if isinstance(state, str):
            facts.setdefault("sqlstate", state)
    return facts


def log_unforeseen(error: Exception) -> None:
    """Logs kind and place of a failure, not its message, which may quote a transcript or a password."""
    frames = traceback.extract_tb(error.__traceback__ or sys.exc_info()[2])
    where = [f"{frame.filename.rpartition('livedash_pipeline/')[2]}:{frame.lineno}" for frame in frames[-4:]]
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    log.error("unforeseen failure", kind=kind, where=" > ".join(where))
