"""Says in one sentence why a batch does not move on, judged by its row alone.

Add a reason where a batch can wait for something that its status does not tell. Recovery, polls and settlement decide what to do
about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from livedash_pipeline.base.rules.states import ENDED_BATCHES, BatchStatus
from livedash_pipeline.base.rules.wording import at
from livedash_pipeline.ledger.rules.service.batch_words import is_known

# The service validates a file of 50,000 lines within minutes.
_LONG_VALIDATION = timedelta(minutes=30)


@dataclass(frozen=True)
class BatchSituation:
    """What a batch's row tells about its progress."""

    id: UUID
    status: BatchStatus
    remote_status: str | None
    endpoint: str
    remote_batch_id: str | None
    lease_until: datetime | None
    create_started_at: datetime | None
    absence_doubt: str | None
    absence_believed_at: datetime | None
    input_delete_requested_at: datetime | None
    cancel_requested_at: datetime | None
    status_changed_at: datetime
    expires_at: datetime | None
    not_found_since: datetime | None
    processed_at: datetime | None
    short_downloads: int
    short_reason: str | None
    next_ingest_at: datetime | None
    ingest_asks: int


def why_it_stands_still(batch: BatchSituation, *, endpoint: str | None, now: datetime) -> str | None:
    """Returns one sentence; None for a batch that a process is working on, or that is over.

    Args:
        batch: What its row says.
        endpoint: The service that is asked here; None where that is not known.
        now: The time.
    """
    if batch.processed_at is not None:
        return None
    if endpoint is not None and batch.endpoint != endpoint:
        return f"It was made at {batch.endpoint}, and OPENAI_BASE_URL is {endpoint}: nothing here asks for it."
    if batch.status in ENDED_BATCHES:
        return _why_it_is_not_taken_in(batch, now)
    if batch.remote_batch_id is None:
        return _why_it_was_not_sent(batch, now)
    if batch.not_found_since is not None:
        return (
            f"The service does not know it since {at(batch.not_found_since)}; after LIVEDASH_VANISHED_AFTER it is "
            "believed to be gone."
        )
    if batch.cancel_requested_at is not None:
        return f"A cancel was asked for at {at(batch.cancel_requested_at)}; the service has not ended it yet."
    if batch.expires_at is not None and batch.expires_at < now:
        return f"It expired at {at(batch.expires_at)}, and no poll has seen that yet: is open_batch_sensor running?"
    if batch.remote_status is not None and not is_known(batch.remote_status.lower()):
        return f"The service calls its state {batch.remote_status[:40]!r}, which says nothing here; it goes on being asked for."
    if batch.status is BatchStatus.VALIDATING and now - batch.status_changed_at > _LONG_VALIDATION:
        return "The service has not begun with it; it may be busy, or no poll has looked."
    return None


def _why_it_is_not_taken_in(batch: BatchSituation, now: datetime) -> str:
    if batch.short_reason is not None:
        ahead = batch.next_ingest_at is not None and batch.next_ingest_at > now
        due = f"the next look is at {at(batch.next_ingest_at)}" if ahead and batch.next_ingest_at else "a look is due"
        times = f", the same at {batch.short_downloads} looks" if batch.short_downloads > 1 else ""
        return (
            f"Its results are not whole: {batch.short_reason}{times}; {due}. If they are to count as they are: "
            "`livedash ingest --accept-files` with its id."
        )
    if batch.ingest_asks > 1:
        return f"Its results were asked for {batch.ingest_asks} times; `livedash ingest` shows what keeps them."
    return "Its results wait to be ingested: `livedash ingest`."


def _why_it_was_not_sent(batch: BatchSituation, now: datetime) -> str | None:
    if batch.create_started_at is not None:
        return _why_its_create_is_unknown(batch)
    if batch.lease_until is not None and batch.lease_until > now:
        return None
    return "Its submitter is gone; the next submit or poll takes it over."


def _why_its_create_is_unknown(batch: BatchSituation) -> str:
    if batch.absence_doubt is not None and batch.absence_believed_at is None:
        return (
            f"Whether it was bought is not known, and the service's listing {batch.absence_doubt}. It is looked for until you "
            f"say that it was not: `livedash reconcile --believe-absence {batch.id}`."
        )
    if batch.input_delete_requested_at is not None:
        return "Whether it was bought is not known; its input file is being deleted, so that a late create fails."
    return "Create was called and its answer is not known; every poll looks for it, and nothing is sent twice."
