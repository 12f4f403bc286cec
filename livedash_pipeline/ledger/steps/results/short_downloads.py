"""Notes looks at incomplete results and when the next one is due, and decides when incomplete results are believed.

Add a sign that more lines may come. The rules are in `ledger.rules.results.short_results` and
`ledger.rules.results.result_evidence`; `ledger.steps.results.result_files` fetches, `ledger.steps.results.ingest` settles.
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
    """Whether the batch ended so recently that the service may not show all of it yet: paid answers must not be given up."""
    return context.now(connection) < batch.ended_at + _lag(context)


def why_too_few(batch: BatchToIngest, *, answers: int, unanswered: int, sized: bool) -> str | None:
    """Says why requests without a line may still get one; None where nothing suggests it.

    Args:
        batch: The batch as it ended.
        answers: Requests with a paid line in its files: these, and neither lines nor failed requests, are what a service counts
            as completed.
        unanswered: Requests without a line.
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
    """Notes one more look that showed too little; True once looks have shown the same for long enough."""
    return _note(context, connection, batch, digest=digest, reason=reason, believable=True)


def note_unbelievable(context: BatchContext, connection: Connection, batch: BatchToIngest, *, reason: str) -> None:
    """Notes one more look at bytes that are never believed; the waits grow as long as their fault stays the same."""
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
