"""Looks at results that are not whole: each is noted with when the next is due, and few enough are believed.

Add a sign here that more may come. The rules are in `ledger.rules.results.short_results` and
`ledger.rules.results.result_evidence`; what is fetched is in `ledger.steps.results.result_files`, and what becomes of it in
`ledger.steps.results.ingest`.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from livedash_pipeline.ledger.rules.results import short_results
from livedash_pipeline.ledger.rules.results.judgement import VANISHED
from livedash_pipeline.ledger.rules.results.short_results import ShortLooks
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.store.results import finished
from livedash_pipeline.ledger.store.results.finished import BatchToIngest
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

NO_FILE_NAMED = "the service names no file with answers"


def may_still_show(context: BatchContext, connection: Connection, batch: BatchToIngest) -> bool:
    """Whether the batch ended so lately that the service may not show all of it yet: what is paid must not be given up."""
    return context.now(connection) < batch.ended_at + _lag(context)


def why_too_few(batch: BatchToIngest, *, answers: int, unanswered: int, sized: bool) -> str | None:
    """Why requests without a line may yet get one; None where nothing speaks for it.

    Args:
        batch: The batch as it ended.
        answers: Requests that its files hold a paid line about: what a service counts as completed are those, neither lines
            nor failed requests.
        unanswered: Requests that no line is about.
        sized: Whether the service states the size of every file: without it, a file may be cut between two lines.
    """
    if unanswered == 0 or (batch.error_code == VANISHED and batch.output_file_id is None):
        return None
    if batch.may_name_answers:
        return NO_FILE_NAMED
    if answers < (batch.reported_completed or 0):
        return f"its files hold {answers} answers, and the service says that it answered {batch.reported_completed}"
    return None if sized else f"{unanswered} requests have no line, and the service states no size"


def is_believed(
    context: BatchContext, connection: Connection, batch: BatchToIngest, *, digest: str, reason: str
) -> bool:
    """Notes one more look that showed too little; True once it showed the same for long enough."""
    return _note(context, connection, batch, digest=digest, reason=reason, believable=True)


def note_unbelievable(context: BatchContext, connection: Connection, batch: BatchToIngest, *, reason: str) -> None:
    """Notes one more look at bytes that are never believed; the waits grow for as long as there is the same wrong with them."""
    digest = f"not believed: {short_results.kind_of_fault(reason)}"
    _note(context, connection, batch, digest=digest, reason=reason, believable=False)


def _note(
    context: BatchContext, connection: Connection, batch: BatchToIngest, *, digest: str, reason: str, believable: bool
) -> bool:
    now = context.now(connection)
    found = finished.lock_looks(connection, batch.id)
    if batch.output_file_id is None and may_still_show(context, connection, batch):
        # No look counts while the service may not have named the file yet; the next one is due once it should have.
        finished.note_look(
            connection, batch.id, None, digest=digest, reason=reason, next_at=batch.ended_at + _lag(context)
        )
        log.warning("results not shown yet", batch_id=str(batch.id), reason=reason)
        return False
    step = short_results.after_look(
        None if found is None else ShortLooks(found.looks, found.since),
        same=found is not None and found.digest == digest,
        believable=believable,
        now=now,
    )
    finished.note_look(connection, batch.id, step.looks, digest=digest, reason=reason, next_at=step.next_at)
    log.warning("results not whole", batch_id=str(batch.id), reason=reason, times=step.looks.looks)
    return step.believed


def _lag(context: BatchContext) -> timedelta:
    return timedelta(seconds=context.settings.livedash_visibility_lag)
