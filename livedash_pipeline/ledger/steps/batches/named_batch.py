"""Decisions of a person about one batch's files: accept them as all there is, or ingest what they show later.

Add a decision about files that only a person can take. `ledger.steps.results.ingest` does what needs no person.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.errors import LivedashError, UsageError
from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.costs.unattributed import book_unattributed
from livedash_pipeline.ledger.steps.results.ingest import CUT, IngestReport, ingest_batch, note_waiting, tariff_of
from livedash_pipeline.ledger.steps.results.result_files import ResultFiles, fetch_files
from livedash_pipeline.ledger.steps.results.result_rows import LineCounts, LineReader, result_rows
from livedash_pipeline.ledger.store.results import finished, late_results, settlement
from livedash_pipeline.ledger.store.results.finished import BatchToIngest
from livedash_pipeline.ledger.store.results.late_results import Late, NamedBatch
from livedash_pipeline.logs import get_logger
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.storage import writing

log = get_logger(__name__)


def named_batch(engine: Engine, name: str) -> NamedBatch:
    """Returns the batch with our id or the service's.

    Raises:
        UsageError: There is none.
    """
    with engine.connect() as connection:
        found = finished.batch_id_of(connection, name)
        if found is not None:
            return late_results.find_batch(connection, found)
    raise UsageError(f"There is no batch {name!r}.", remedy="Give an id that `livedash batches` shows.")


def accept_files(context: BatchContext, name: str) -> IngestReport:
    """Settles a batch with the present content of its files, whatever speaks against them; requests without a line fail.

    Raises:
        UsageError: There is no such batch, it has not ended, or it is settled.
        ServiceError: The service could not be asked.
    """
    batch = _of_this_service(context, name)
    with context.engine.connect() as connection:
        if finished.read_batch(connection, batch.id) is None:
            raise UsageError(
                f"Batch {name!r} has not ended, or is settled.",
                remedy="`livedash batches` shows its status; what shows after its settlement: `livedash ingest --again`.",
            )
    report = IngestReport()
    ingest_batch(context, batch.id, report, accept=True)
    note_waiting(context, report, None)
    return report


def ingest_again(context: BatchContext, name: str) -> IngestReport:
    """Ingests late lines of a settled batch about requests that were given up without a line; buys nothing.

    Raises:
        UsageError: There is no such batch, or it is not settled.
        ServiceError: A file could not be fetched.
        LivedashError: The service has none of its files, or does not serve all of their bytes.
        StorageError: A file could not be stored.
    """
    found = _of_this_service(context, name)
    batch = _settled(context, found.id, name)
    with writing("A result file", context.spool_dir, setting="TMPDIR"):
        files = fetch_files(context, batch)
    try:
        if not files.paths:
            raise LivedashError(
                f"The service has no result file of batch {name!r}.",
                remedy="Ask again while it may still show one; what was given up can be bought again: `livedash requeue`.",
                code="artifact_unavailable",
            )
        _require_whole(files, name)
        late = in_transaction(context.engine, lambda connection: _take_in(context, connection, batch, files))
    finally:
        files.remove()
    log.info("late results ingested", batch_id=str(batch.id), completed=late.completed, **late.outcomes)
    report = IngestReport(batches=[batch.id], late=late.completed, cost_eur=late.cost_eur)
    report.outcomes.update(late.outcomes)
    note_waiting(context, report, None)
    return report


def _of_this_service(context: BatchContext, name: str) -> NamedBatch:
    batch = named_batch(context.engine, name)
    if batch.endpoint != context.endpoint:
        raise UsageError(
            f"Batch {name!r} was made at {batch.endpoint}, and OPENAI_BASE_URL is {context.endpoint}.",
            remedy="Set OPENAI_BASE_URL and OPENAI_API_KEY to those of the service that has it.",
        )
    return batch


def _settled(context: BatchContext, batch_id: UUID, name: str) -> BatchToIngest:
    """The batch with the files that the service names now."""
    with context.engine.connect() as connection:
        batch = finished.read_batch(connection, batch_id, settled=True)
    if batch is None:
        raise UsageError(f"Batch {name!r} is not settled yet.", remedy="Take it in first: `livedash ingest`.")
    if batch.remote_batch_id is None or (batch.output_file_id and batch.error_file_id):
        return batch
    try:
        remote = context.gateway.retrieve_batch(batch.remote_batch_id)
    except ServiceError as error:
        if error.failure.kind is not FailureKind.NOT_FOUND:
            raise
        return batch
    with context.engine.begin() as connection:
        late_results.note_files(
            connection, batch_id, output_file_id=remote.output_file_id, error_file_id=remote.error_file_id
        )
        return finished.read_batch(connection, batch_id, settled=True) or batch


def _require_whole(files: ResultFiles, name: str) -> None:
    """Refuses incomplete files: they may be whole later, and an answer counts only once.

    Raises:
        LivedashError: The bytes are not the ones that the service states, or end within a line.
    """
    fault = files.transfer_fault or (None if files.ends_whole else CUT)
    if fault is not None:
        raise LivedashError(
            f"The files of batch {name!r} are not whole: {fault}.",
            remedy="Nothing was changed. Ask again later: `livedash ingest --again`.",
            code="short_download",
        )


def _take_in(context: BatchContext, connection: Connection, batch: BatchToIngest, files: ResultFiles) -> Late:
    kind = context.kinds[batch.processing_type]
    wanted = late_results.lock_candidates(connection, batch.id, kind)
    now = context.now(connection)
    tariff = tariff_of(context, connection, batch)
    settlement.open_scratch(connection)
    reader = LineReader(wanted, tariff, kind.read_answer)
    settlement.copy_results(connection, result_rows(files, reader, LineCounts(), unreadable=False))
    settlement.drop_repeated(connection, batch.id)
    late = late_results.apply(
        connection, batch.id, kind=kind, now=now, pricing_id=tariff.pricing_id, usd_eur=tariff.usd_eur
    )
    settlement.drop_scratch(connection)
    book_unattributed(connection, batch, tariff, now=now)
    return late
