"""What may be set of a company's sources over the network, and what only by somebody at the server.

Whoever sets where a CSV is decides what the server opens, and which secrets of its environment it sends there. At a shell that is
somebody who has these files and secrets anyway; at a page it need not be. Add a setting that opens something here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from livedash_pipeline.base.rules.urls import origin_of

_WEB = ("http://", "https://")


def address_problem(present: str, given: str, *, has_login: bool) -> str | None:
    """Says why the address of a CSV cannot be set over the network; None if it can.

    Args:
        present: The company's address until now; empty without one.
        given: What it is to be; empty for none.
        has_login: Whether variables are named whose values are sent to the CSV's own host.
    """
    if given in ("", present):
        return None
    if not given.lower().startswith(_WEB):
        return "is neither http:// nor https://: files, buckets and SFTP are opened with the rights of the server"
    if has_login and (not present.lower().startswith(_WEB) or origin_of(present) != origin_of(given)):
        return "is on another host, and the credentials that the company names would be sent there"
    return None


def host_problem(present: Collection[str], given: Sequence[str]) -> str | None:
    """Says which further host of transcripts cannot be set over the network, and why; None if all can."""
    stores = [host for host in given if "://" in host and host not in present]
    return f"{stores[0]!r} is a store, which is opened with the rights of the server" if stores else None
