"""How long texts are kept, and what may be asked of a deletion: rules and checks, without a database.

Add a rule about what is deleted when. Which rows a rule means is decided by the statements `prune_*` and `erase_*`; what was
deleted is recorded by `retention.store.retention` as counts, never as words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from livedash_pipeline.base.rules.retention_periods import LONGEST_DAYS

# Younger runs are what people look at when something went wrong, and sensors look for them.
SHORTEST_RUN_DAYS = 7
# Misuse of a token is often noticed weeks later, and then the audit log is all that tells what was done with it.
SHORTEST_AUDIT_DAYS = 30
# Ids of sources are UUIDs; shorter ones stand in other columns of other people's records as well.
_TELLING_LENGTH = 8


@dataclass(frozen=True, slots=True)
class PruneRequest:
    """What is to be deleted: texts by age, or, where sessions or a person are named, everything that these said.

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
        """Whether it is an erasure on request, and not a deletion by age."""
        return bool(self.session_ids or self.external_ids or self.ip_address is not None)


@dataclass(frozen=True, slots=True)
class RequestFault:
    """Why a deletion cannot be asked for like this, and what to do."""

    message: str
    remedy: str


def find_fault(request: PruneRequest) -> RequestFault | None:
    """The first thing that is wrong with what is asked; None if nothing is."""
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
    """Regular expressions of Postgres for the rejected records that hold one of these ids or addresses.

    A telling name counts wherever it stands by itself; a short one, such as `17`, only as the first field of a line, where ids
    stand.
    """
    return [_reject_pattern(name.strip()) for name in names]


def url_patterns(urls: Iterable[str]) -> list[str]:
    """Regular expressions of Postgres for the rejected records that hold one of these URLs whole."""
    return [rf'(^|[\s",;]){_literal(url)}($|[\s",;])' for url in urls]


def _literal(text: str) -> str:
    # A backslash before any other character than a letter, digit or underscore takes its meaning from it.
    return re.sub(r"([^\w])", r"\\\1", text)


def _reject_pattern(name: str) -> str:
    literal = _literal(name)
    if len(name) < _TELLING_LENGTH and not re.search(r"[.:]", name):
        return rf'(^|\n)[\ufeff\s"]*{literal}["\s]*(,|\n|$)'
    return rf"(^|[^[:alnum:]_-]){literal}($|[^[:alnum:]_-])"
