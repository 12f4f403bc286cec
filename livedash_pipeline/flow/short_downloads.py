"""When results that did not come whole are believed to be all there is: not while the service may still show more.

Add a sign here that more may come. What is fetched is in `flow.result_files`, and what becomes of it in `flow.ingest`.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from livedash_pipeline.core.judgement import VANISHED
from livedash_pipeline.db import ingesting
from livedash_pipeline.db.ingesting import BatchToIngest
from livedash_pipeline.flow.context import BatchContext
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

# Equal short downloads in a row after which the service is believed to have no more.
BELIEVED_AFTER = 3


def may_still_show(context: BatchContext, connection: Connection, batch: BatchToIngest) -> bool:
    """Whether the batch ended so lately that the service may not show all of it yet: what is paid must not be given up."""
    lag = timedelta(seconds=context.settings.livedash_visibility_lag)
    return context.now(connection) < batch.ended_at + lag


def too_few(batch: BatchToIngest, *, lines: int, unanswered: int) -> bool:
    """Requests are missing, and the service says that it answered more than these lines, or may yet name a file."""
    if unanswered == 0 or (batch.error_code == VANISHED and batch.output_file_id is None):
        return False
    return batch.may_name_answers or lines < (batch.reported_completed or 0)


def is_believed(context: BatchContext, connection: Connection, batch: BatchToIngest, digest: str) -> bool:
    """Whether a short download has been the same often enough; without a file with answers none counts while one may show."""
    counts = batch.output_file_id is not None or not may_still_show(context, connection, batch)
    times = ingesting.note_short_download(connection, batch.id, digest) if counts else 0
    log.warning("download is short", batch_id=str(batch.id), times=times)
    return times >= BELIEVED_AFTER
