"""Rules of how long texts are kept, and checks of requests to delete.

Add a rule about what is deleted when. The statements `prune_*` and `erase_*` choose the rows; `retention.store.retention` records
deletions as counts, never as texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from livedash_pipeline.base.rules.retention_periods import LONGEST_DAYS

# People look at younger runs after a fault, and sensors look for them.
SHORTEST_RUN_DAYS = 7
# Misuse of a token is often noticed weeks later, and then only the audit log shows what was done with it.
SHORTEST_AUDIT_DAYS = 30
# Ids of sources are usually UUIDs; a shorter id may also stand in other columns of other people's records.
_TELLING_LENGTH = 8


@dataclass(frozen=True, slots=True)
class PruneRequest:
    """A request to delete texts by age, or, where it names sessions or a person, everything that these said.

    Attributes:
        company: Slug of one company; None: all of them, which names of sources and addresses do not allow.
        session_ids: Ids of sessions or of their imports.
        external_ids: Ids by which the company's source names sessions.
        ip_address: The address of a person, as the source tells it.
        dagster_older_than_days: Deletes records of Dagster's runs that ended longer ago; None: none.
        audit_older_than_days: Deletes audit entries that are older, whatever company is named; None: none.
        dry_run: Count, and change nothing.
    """

    company: str | None = None
    session_ids: tuple[str, ...] = ()
    external_ids: tuple[str, ...] = ()
    ip_address: str | None = None
    dagster_older_than_days: int | None = None
    audit_older_than_days: int | None = None
    dry_run: bool = True

    @property
    def names_sessions(self) -> bool:
        """Whether this is an erasure on request rather than a deletion by age."""
        return bool(self.session_ids or self.external_ids or self.ip_address is not None)


@dataclass(frozen=True, slots=True)
class RequestFault:
    """The fault of a request to delete, and its remedy."""

    message: str
    remedy: str


def find_fault(request: PruneRequest) -> RequestFault | None:
    """Returns the first fault of a request; None if it has none."""
    names = (
        *request.session_ids,
        *request.external_ids,
        *(() if request.ip_address is None else (request.ip_address,)),
    )
    if any(not name.strip() or "\0" in name for name in names):
        return RequestFault("An id or an address is empty, or holds a NUL character.", "Give it as the CSV has it.")
    if (request.external_ids or request.ip_address is not None) and request.company is None:
        return RequestFault(
            "Ids of a source and addresses mean something within one company only.", "Name it with --company SLUG."
        )
    return _find_age_fault(request)


def _find_age_fault(request: PruneRequest) -> RequestFault | None:
    for days, what, shortest, usual in (
        (request.dagster_older_than_days, "records of Dagster's runs", SHORTEST_RUN_DAYS, 30),
        (request.audit_older_than_days, "audit entries", SHORTEST_AUDIT_DAYS, 365),
    ):
        if days is not None and request.names_sessions:
            return RequestFault(f"Sessions are named, and {what} as well.", "Ask for one of the two at a time.")
        if days is not None and not shortest <= days <= LONGEST_DAYS:
            return RequestFault(
                f"{days} days is no age at which {what} may be deleted.",
                f"Use {shortest} to {LONGEST_DAYS}; {usual} is usual.",
            )
    return None


def reject_patterns(names: Iterable[str]) -> list[str]:
    """Returns regular expressions of Postgres for the rejected records that hold one of these ids or addresses.

    A distinctive name counts wherever it stands by itself; a short one, such as `17`, only as the first field of a line, which
    is the place of ids.
    """
    return [_reject_pattern(name.strip()) for name in names]


def url_patterns(urls: Iterable[str]) -> list[str]:
    """Returns regular expressions of Postgres for the rejected records that hold one of these URLs whole."""
    return [rf'(^|[\s",;]){_literal(url)}($|[\s",;])' for url in urls]


def _literal(text: str) -> str:
    # A backslash makes any character literal that is not a letter, a digit or an underscore.
    return re.sub(r"([^\w])", r"\\\1", text)


def _reject_pattern(name: str) -> str:
    literal = _literal(name)
    if len(name) < _TELLING_LENGTH and not re.search(r"[.:]", name):
        return rf'(^|\n)[\ufeff\s"]*{literal}["\s]*(,|\n|$)'
    return rf"(^|[^[:alnum:]_-]){literal}($|[^[:alnum:]_-])"
