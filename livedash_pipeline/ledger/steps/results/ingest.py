"""Ingests the results of finished batches: both files, every outcome, one transaction per batch.

Ingesting a batch twice changes nothing. A batch that cannot be ingested yet (a short download, a file that cannot be fetched now)
stays as it is and is fetched again later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.values import Document, moment
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.ledger.rules.results.judgement import (
    VANISHED,
    BatchEnd,
    Unanswered,
    judge_unanswered,
    validation_verdict,
)
from livedash_pipeline.ledger.rules.results.short_results import describe_waiting
from livedash_pipeline.ledger.rules.service.batch_words import EndWord
from livedash_pipeline.ledger.rules.service.failures import FailureKind, ValidationClass
from livedash_pipeline.ledger.steps.admission.pauses import describe_pause, paused_until
from livedash_pipeline.ledger.steps.admission.result_holds import hold_after, hold_refused_model, release_shared_refusal
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.send import allowances
from livedash_pipeline.ledger.steps.costs.unattributed import book_unattributed
from livedash_pipeline.ledger.steps.results.result_files import ResultFiles, Tariff, fetch_files
from livedash_pipeline.ledger.steps.results.result_rows import LineCounts, LineReader, result_rows
from livedash_pipeline.ledger.steps.results.short_downloads import is_believed, note_unbelievable, why_too_few
from livedash_pipeline.ledger.store.admission import holds
from livedash_pipeline.ledger.store.results import finished, observations, settlement
from livedash_pipeline.ledger.store.results.finished import BatchToIngest
from livedash_pipeline.ledger.store.results.settlement import ScratchAnswers
from livedash_pipeline.logs import get_logger
from livedash_pipeline.money.rules.pricing import usage_exceeds
from livedash_pipeline.money.store import prices, rates
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.storage import writing

log = get_logger(__name__)


CUT = "a file ends within a line"
_ACCEPTED = "An operator took its result files for all there is, and they hold no line about this request."


@dataclass
class IngestReport:
    """The report of an ingest.

    Attributes:
        batches: Ids of the batches that were settled.
        outcomes: Requests per outcome.
        unknown_lines: Lines about requests that are not of their batch.
        repeated: Lines beyond the first about one request.
        unreadable: Lines that are not JSON.
        details: Named counts about the answers, from the kind of request.
        short: Batches whose files were incomplete; they are fetched again.
        waiting: Batches whose files were incomplete, and that are not due yet.
        next_look_at: When the first of them is due.
        late: Answers that were applied after their batch was settled.
        failures: Why files could not be fetched, by batch.
        cost_eur: What the answers cost; None if any of it is unknown.
        paused_until: The rest waits, since the service wants fewer calls until then.
    """

    batches: list[UUID] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    unknown_lines: int = 0
    repeated: int = 0
    unreadable: int = 0
    details: Counter[str] = field(default_factory=Counter)
    short: list[UUID] = field(default_factory=list)
    waiting: int = 0
    next_look_at: datetime | None = None
    late: int = 0
    failures: list[ServiceError] = field(default_factory=list)
    cost_eur: Decimal | None = Decimal(0)
    paused_until: datetime | None = None


def ingest_finished(context: BatchContext, *, company_id: UUID | None = None) -> IngestReport:
    """Ingests every finished batch of the endpoint, or of one company, that is due.

    Raises:
        ServiceError: Nothing could be fetched, and nothing was ingested.
        StorageError: A file could not be stored; its batch and those after it stay as they are.
    """
    with context.engine.connect() as connection:
        due = observations.finished_batches(connection, context.endpoint, company_id, due_at=context.now(connection))
    report = IngestReport()
    for batch_id in due:
        report.paused_until = paused_until(context)
        if report.paused_until is not None:
            log.warning("results left for later", reason=describe_pause(context.endpoint, report.paused_until))
            break
        try:
            ingest_batch(context, batch_id, report)
        except ServiceError as error:
            log.warning("results not fetched", batch_id=str(batch_id), kind=error.failure.kind.value)
            report.failures.append(error)
    note_waiting(context, report, company_id)
    if report.failures and not report.batches:
        raise report.failures[0]
    return report


def note_waiting(context: BatchContext, report: IngestReport, company_id: UUID | None) -> None:
    """Adds to the report how many batches wait for whole files, and until when."""
    with context.engine.connect() as connection:
        waiting = observations.waiting_for_files(connection, context.endpoint, company_id, now=context.now(connection))
    report.waiting, report.next_look_at = waiting.batches, waiting.next_at
    if waiting.next_at is not None:
        log.warning("results waited for", reason=describe_waiting(waiting.batches, waiting.next_at))


def ingest_batch(context: BatchContext, batch_id: UUID, report: IngestReport, *, accept: bool = False) -> bool:
    """Ingests one batch; False if another process did, or if its files are incomplete.

    Args:
        context: Database and endpoint.
        batch_id: A batch that has ended.
        report: The report to add to.
        accept: Accept the files as all there is, whatever speaks against it: requests without a line fail and are not
            bought again.

    Raises:
        ServiceError: A file could not be fetched now.
    """
    batch = _read(context, batch_id)
    if batch is None:
        return False
    with writing("A result file", context.spool_dir, setting="TMPDIR"):
        files = fetch_files(context, batch, give_up=accept)
    try:
        if not accept and not _believed(context, batch, files):
            report.short.append(batch.id)
            return False
        # The report changes after the commit, since a transaction that is run again must not count twice.
        taken = in_transaction(context.engine, lambda connection: _take_in(context, connection, batch, files, accept))
    finally:
        files.remove()
    if taken is None:
        return False
    if taken.short:
        report.short.append(batch.id)
        return False
    _note(report, batch, taken)
    return True


def _read(context: BatchContext, batch_id: UUID) -> BatchToIngest | None:
    """Reads the batch, and looks it up again where the service named no file with answers but may have one."""
    with context.engine.connect() as connection:
        batch = finished.read_batch(connection, batch_id)
    if batch is None or batch.remote_batch_id is None or batch.output_file_id:
        return batch
    if not (batch.reported_completed or batch.may_name_answers):
        return batch
    if batch.error_code == VANISHED:
        # It had answers before it vanished; another look-up would fail for ever.
        return batch
    try:
        remote = context.gateway.retrieve_batch(batch.remote_batch_id)
    except ServiceError as error:
        if error.failure.kind is not FailureKind.NOT_FOUND or not _forgotten(context, batch_id):
            raise
        observed = []
    else:
        observed = [remote]
    with context.engine.begin() as connection:
        observations.apply_observations(connection, observed, endpoint=context.endpoint, now=context.now(connection))
        return finished.read_batch(connection, batch_id)


def _forgotten(context: BatchContext, batch_id: UUID) -> bool:
    """Whether it is believed by now that the service has forgotten a batch that it had answered."""
    waited = timedelta(seconds=context.settings.livedash_vanished_after)

    def write(connection: Connection) -> bool:
        now = context.now(connection)
        return observations.note_forgotten(
            connection, batch_id, key_fingerprint=context.key_fingerprint, believed_before=now - waited, now=now
        )

    return in_transaction(context.engine, write)


def _believed(context: BatchContext, batch: BatchToIngest, files: ResultFiles) -> bool:
    """Whether the bytes may be read: never while they are not the ones that the service states."""
    fault = files.transfer_fault
    if fault is not None:
        with context.engine.begin() as connection:
            note_unbelievable(context, connection, batch, reason=fault)
    return fault is None


@dataclass(frozen=True)
class _Taken:
    """The result of one settlement; `short` if it changed nothing, since missing lines may still come."""

    short: bool = False
    outcomes: dict[str, int] = field(default_factory=dict)
    counts: LineCounts = field(default_factory=LineCounts)
    repeated: int = 0
    details: Mapping[str, int] = field(default_factory=dict)
    cost_eur: Decimal | None = None


def _take_in(
    context: BatchContext, connection: Connection, batch: BatchToIngest, files: ResultFiles, accept: bool
) -> _Taken | None:
    locked = settlement.lock_batch(connection, batch.id, context.kinds)
    if locked is None:
        return None
    now = context.now(connection)
    tariff = tariff_of(context, connection, batch)
    reader = LineReader(settlement.submitted_subjects(connection, batch.id), tariff, locked.kind.read_answer)
    counts = LineCounts()
    settlement.open_scratch(connection)
    settlement.copy_results(connection, result_rows(files, reader, counts))
    _, repeated = settlement.drop_repeated(connection, batch.id)
    answers = settlement.count_answers(connection)
    unanswered = _add_unanswered(connection, batch, files, accept)
    if not accept and not _enough(context, connection, batch, files, answers, unanswered):
        # The note about the look is kept; nothing else was written.
        settlement.drop_scratch(connection)
        return _Taken(short=True)
    refusal = release_shared_refusal(connection, batch.request_count)
    outcomes = settlement.settle(
        connection,
        locked,
        allowances=allowances(context),
        now=now,
        pricing_id=tariff.pricing_id,
        usd_eur=tariff.usd_eur,
        missing_is_failure=_may_be_paid(connection, batch, answers),
    )
    book_unattributed(connection, batch, tariff, now=now)
    if counts.succeeded:
        holds.raise_learned_limit(connection, context.endpoint, batch.model, now=now)
    hold_after(context, connection, batch, counts.hold_codes, now=now)
    hold_refused_model(context, connection, batch, refusal, now=now)
    return _Taken(
        outcomes=outcomes,
        counts=counts,
        repeated=repeated,
        details=locked.kind.details(connection, batch.id),
        cost_eur=settlement.batch_cost(connection, batch.id),
    )


def _enough(
    context: BatchContext,
    connection: Connection,
    batch: BatchToIngest,
    files: ResultFiles,
    answers: ScratchAnswers,
    unanswered: int,
) -> bool:
    """Whether to believe that requests have no line, or no readable one; true at once where all requests have theirs."""
    if not (unanswered or answers.unreadable):
        return True
    fault = files.content_fault
    if fault is not None:
        note_unbelievable(context, connection, batch, reason=fault)
        return False
    if not files.ends_whole:
        # A cut line may be whole at the next look and is not judged before.
        return is_believed(context, connection, batch, digest=files.digest, reason=CUT)
    if files.gone:
        return True
    reason = why_too_few(batch, answers=answers.paid, unanswered=unanswered, sized=files.sized)
    return reason is None or is_believed(context, connection, batch, digest=files.digest, reason=reason)


def _may_be_paid(connection: Connection, batch: BatchToIngest, answers: ScratchAnswers) -> bool:
    """Whether a missing line may have been charged: by the batch's usage, or because it claims more answers than lines."""
    if (batch.reported_completed or 0) > answers.paid:
        return True
    return batch.usage is not None and usage_exceeds(batch.usage, finished.scratch_usage(connection))


def tariff_of(context: BatchContext, connection: Connection, batch: BatchToIngest) -> Tariff:
    """Returns the tariff of a batch's answers: price and exchange rate at the time of its submit, by which it was reserved."""
    priced = prices.price_for(connection, batch.model, batch.submitted_at)
    rate = rates.rate_at(connection, batch.submitted_at, context.settings.livedash_usd_eur)
    return Tariff(priced[0] if priced else None, priced[1] if priced else None, rate.usd_eur if rate else None)


def _add_unanswered(connection: Connection, batch: BatchToIngest, files: ResultFiles, accept: bool) -> int:
    errors = batch.errors
    if batch.end is EndWord.FAILED and validation_verdict(errors) is ValidationClass.LINE_FAULT:
        # If no named line is ours, no request can be blamed, and the same file must not be sent for ever.
        errors = errors if finished.add_faulty_lines(connection, batch.id, errors) else ()
    end = BatchEnd(
        end=batch.end,
        has_output=bool(batch.output_file_id),
        has_files=bool(batch.output_file_id) or files.says_something,
        gone=files.gone,
        errors=errors,
        reported_completed=batch.reported_completed,
        error_code=batch.error_code,
        error_message=batch.error_message,
    )
    verdict = judge_unanswered(end)
    if accept and verdict.outcome is Outcome.MISSING:
        verdict = Unanswered(Outcome.ARTIFACT_UNAVAILABLE, "artifact_unavailable", _ACCEPTED)
    return settlement.add_unanswered(
        connection,
        batch.id,
        verdict.outcome,
        error_code=verdict.error_code,
        error_message=verdict.error_message,
        counted_release=verdict.counted_release,
    )


def _note(report: IngestReport, batch: BatchToIngest, taken: _Taken) -> None:
    counts = taken.counts
    report.batches.append(batch.id)
    report.outcomes.update(taken.outcomes)
    report.unknown_lines += counts.unknown
    report.repeated += taken.repeated
    report.unreadable += counts.unreadable
    report.details.update(taken.details)
    report.cost_eur = _total(report.cost_eur, taken.cost_eur)
    log.info(
        "results ingested",
        batch_id=str(batch.id),
        company=batch.company,
        remote_batch_id=batch.remote_batch_id,
        lines=counts.lines,
        **taken.outcomes,
    )


def _total(total: Decimal | None, cost: Decimal | None) -> Decimal | None:
    return None if total is None or cost is None else total + cost


def ingest_document(report: IngestReport) -> Document:
    """The document of an ingest, with the number of short batches and the end of a pause that the service wants."""
    return {
        "ok": True,
        "batches": len(report.batches),
        "outcomes": {outcome.value: report.outcomes.get(outcome.value, 0) for outcome in Outcome},
        "waiting": report.waiting,
        "nextLookAt": moment(report.next_look_at),
        "lateAnswers": report.late,
        "pausedUntil": moment(report.paused_until),
    }
