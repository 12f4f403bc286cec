"""Says why a submit sends nothing, judged by counts alone.

Add a reason for every state of requests that a submit would otherwise not mention. Reasons that concern single groups, such as a
hold or a cap, come from `ledger.rules.admission.admission` and `ledger.steps.batches.preview`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from livedash_pipeline.base.rules.wording import at, plural, verb
from livedash_pipeline.ledger.rules.results.short_results import describe_waiting


@dataclass(frozen=True)
class Subjects:
    """Counts of the subjects of one kind of request.

    Attributes:
        noun: What one of them is called.
        total: How many there are.
        unready: How many wait to be asked about and have no request yet.
        none_yet: The clause that says that there are none, and what makes some; empty where nobody need be told.
        wait_for: What the unready ones wait for, and the command that shows them.
    """

    noun: str
    total: int
    unready: int
    none_yet: str
    wait_for: str


@dataclass(frozen=True)
class Standing:
    """Counts of subjects, requests and batches by where they stand.

    Attributes:
        subjects: What each kind of request can be about.
        pending: Requests that wait to be sent.
        idle: Companies that are neither ACTIVE nor TRIAL, each with its status and how many of the pending requests it has.
        at_service: Requests in unended batches at the configured service.
        elsewhere: Batches of another service that have not been ingested.
        ended: Batches that have ended and can be ingested now.
        waiting: Batches that have ended and whose files were not whole at the last look.
        next_look_at: When the first of these is looked at again; None without any.
        awaiting: Batches of which it is not known whether the service took them.
        looked_for_from: When recovery goes on with the first of these; None if the next poll does.
        failed: Requests that have failed.
    """

    subjects: Sequence[Subjects] = ()
    pending: int = 0
    idle: Sequence[tuple[str, str, int]] = ()
    at_service: int = 0
    elsewhere: int = 0
    ended: int = 0
    waiting: int = 0
    next_look_at: datetime | None = None
    awaiting: int = 0
    looked_for_from: datetime | None = None
    failed: int = 0


def why_nothing_is_sent(standing: Standing) -> list[str]:
    """Returns one clause per reason, the most urgent first; never empty."""
    return list(_reasons(standing)) or ["no request is pending"]


def unknown_clause(count: int, looked_for_from: datetime | None) -> str:
    """Says that batches may exist at the service, and when recovery finds out."""
    moment = "" if looked_for_from is None else f"; recovery goes on from {at(looked_for_from)} on"
    return (
        f"it is not known whether the service took {plural(count, 'batch', 'batches')}: every poll looks for "
        f"{verb(count, 'it', 'them')}, and nothing is sent twice{moment}"
    )


def _reasons(at: Standing) -> Iterator[str]:
    if at.awaiting:
        yield unknown_clause(at.awaiting, at.looked_for_from)
    for company, status, requests in at.idle:
        yield (
            f"{company} is {status.lower()}, and {plural(requests, 'request')} of it {verb(requests, 'waits', 'wait')}: "
            f"`livedash company set {company} --status active`"
        )
    working = at.pending - sum(requests for _, _, requests in at.idle)
    if working > 0:
        yield f"{plural(working, 'request')} {verb(working, 'waits', 'wait')}, and none of them may be sent now"
    if not at.pending:
        yield from _without_pending(at)


def _without_pending(at: Standing) -> Iterator[str]:
    if not any(each.total for each in at.subjects):
        yield from (each.none_yet for each in at.subjects if each.none_yet)
        return
    yield from _in_batches(at)
    if at.failed:
        yield f"{plural(at.failed, 'request')} {verb(at.failed, 'has', 'have')} failed: `livedash failed`"
    unready = [each for each in at.subjects if each.unready]
    for each in unready:
        yield f"{plural(each.unready, each.noun)} {verb(each.unready, 'is', 'are')} not ready for {each.wait_for}"
    if not (at.ended or at.waiting or at.at_service or at.awaiting or at.elsewhere or at.failed or unready):
        done = [each for each in at.subjects if each.total]
        counted = " and ".join(plural(each.total, each.noun) for each in done)
        yield f"nothing is left to ask: {counted} {verb(sum(each.total for each in done), 'is', 'are')} done"


def _in_batches(at: Standing) -> Iterator[str]:
    if at.ended:
        ended = plural(at.ended, "batch", "batches")
        yield f"{ended} {verb(at.ended, 'has', 'have')} ended and {verb(at.ended, 'is', 'are')} not ingested: `livedash ingest`"
    elif at.at_service and not at.awaiting:
        bought = plural(at.at_service, "request")
        yield f"{bought} {verb(at.at_service, 'is', 'are')} at the service: `livedash poll`"
    if at.next_look_at is not None:
        yield describe_waiting(at.waiting, at.next_look_at)
    if at.elsewhere:
        made = plural(at.elsewhere, "batch", "batches")
        yield f"{made} {verb(at.elsewhere, 'was', 'were')} made at another OPENAI_BASE_URL: `livedash status`"
