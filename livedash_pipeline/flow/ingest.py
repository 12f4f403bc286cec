"""Takes the results of finished batches in: both files, every outcome, one transaction a batch.

Taking a batch in twice changes nothing; what cannot be taken in yet (a short download, a file that cannot be fetched now)
stays as it is and is asked for again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.core import admission
from livedash_pipeline.core.admission import HoldRule
from livedash_pipeline.core.batch_words import EndWord
from livedash_pipeline.core.failures import FailureKind, ValidationClass, classify_validation
from livedash_pipeline.core.judgement import VANISHED, BatchEnd, judge_unanswered, validation_verdict
from livedash_pipeline.core.pricing import usage_exceeds
from livedash_pipeline.core.result_lines import HOLD_BILLING, HOLD_QUOTA, hold_code
from livedash_pipeline.db import holds, ingesting, polling, prices, settlement
from livedash_pipeline.db.connect import in_transaction
from livedash_pipeline.db.ingesting import BatchToIngest
from livedash_pipeline.flow.context import BatchContext
from livedash_pipeline.flow.pacing import describe_pause, paused_until
from livedash_pipeline.flow.result_files import LineCounts, ResultFiles, Tariff, fetch_files, staged_rows
from livedash_pipeline.flow.sending import allowances
from livedash_pipeline.flow.short_downloads import is_believed, too_few
from livedash_pipeline.logs import get_logger
from livedash_pipeline.openai_batch.errors import BatchApiError
from livedash_pipeline.storage import writing

log = get_logger(__name__)


@dataclass
class IngestReport:
    """What was taken in.

    Attributes:
        batches: Ids of the batches that were settled.
        outcomes: Requests per outcome.
        strangers: Lines about requests that are not of their batch.
        repeated: Lines beyond the first about one request.
        unreadable: Lines that are not JSON.
        questions: Questions linked to their sessions.
        short: Batches whose files did not come whole; they are asked for again.
        failures: Why files could not be fetched, by batch.
        cost_eur: What the answers cost; None if any of it is unknown.
        paused_until: The rest waits, since the service wants fewer calls until then.
    """

    batches: list[UUID] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    strangers: int = 0
    repeated: int = 0
    unreadable: int = 0
    questions: int = 0
    short: list[UUID] = field(default_factory=list)
    failures: list[BatchApiError] = field(default_factory=list)
    cost_eur: Decimal | None = Decimal(0)
    paused_until: datetime | None = None


def ingest_finished(context: BatchContext, *, company_id: UUID | None = None) -> IngestReport:
    """Takes in every finished batch of the endpoint, or of one company.

    Raises:
        BatchApiError: Nothing could be fetched, and nothing was taken in.
        StorageError: A file could not be stored; its batch and those after it stay as they are.
    """
    with context.engine.connect() as connection:
        waiting = polling.finished_batches(connection, context.endpoint, company_id)
    report = IngestReport()
    for batch_id in waiting:
        report.paused_until = paused_until(context)
        if report.paused_until is not None:
            log.warning("results left for later", reason=describe_pause(context.endpoint, report.paused_until))
            break
        try:
            ingest_batch(context, batch_id, report)
        except BatchApiError as error:
            log.warning("results not fetched", batch_id=str(batch_id), kind=error.failure.kind.value)
            report.failures.append(error)
    if report.failures and not report.batches:
        raise report.failures[0]
    return report


def ingest_batch(context: BatchContext, batch_id: UUID, report: IngestReport) -> bool:
    """Takes one batch in; False if somebody else did, or if its files did not come whole."""
    batch = _read(context, batch_id)
    if batch is None:
        return False
    with writing("A result file", context.spool_dir, setting="TMPDIR"):
        files = fetch_files(context, batch)
    try:
        if not files.whole and not _believed(context, batch, files.digest):
            report.short.append(batch.id)
            return False
        # The report is written after the commit: a transaction that is run again must not count twice.
        taken = in_transaction(context.engine, lambda connection: _take_in(context, connection, batch, files))
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
    """The batch as it stands; looked up again where the service named no file with answers, and may have some."""
    with context.engine.connect() as connection:
        batch = ingesting.read_batch(connection, batch_id)
    if batch is None or batch.openai_batch_id is None or batch.output_file_id:
        return batch
    if not (batch.reported_completed or batch.may_name_answers):
        return batch
    if batch.error_code == VANISHED:
        # It was seen with answers before it vanished; asking for it again would fail for ever.
        return batch
    try:
        remote = context.gateway.retrieve_batch(batch.openai_batch_id)
    except BatchApiError as error:
        if error.failure.kind is not FailureKind.NOT_FOUND or not _forgotten(context, batch_id):
            raise
        observed = []
    else:
        observed = [remote]
    with context.engine.begin() as connection:
        polling.apply_observations(connection, observed, endpoint=context.endpoint, now=context.now(connection))
        return ingesting.read_batch(connection, batch_id)


def _forgotten(context: BatchContext, batch_id: UUID) -> bool:
    """Whether it is believed by now that the service has forgotten a batch that it said it answered."""
    waited = timedelta(seconds=context.settings.livedash_vanished_after)

    def write(connection: Connection) -> bool:
        now = context.now(connection)
        return polling.note_forgotten(
            connection, batch_id, key_fingerprint=context.key_fingerprint, believed_before=now - waited, now=now
        )

    return in_transaction(context.engine, write)


def _believed(context: BatchContext, batch: BatchToIngest, digest: str) -> bool:
    """Whether a short download has been the same often enough to be believed."""
    with context.engine.begin() as connection:
        return is_believed(context, connection, batch, digest)


@dataclass(frozen=True)
class _Taken:
    """What one settlement did; `short` if it did nothing, since lines are missing that may still come."""

    short: bool = False
    outcomes: dict[str, int] = field(default_factory=dict)
    counts: LineCounts = field(default_factory=LineCounts)
    repeated: int = 0
    questions: int = 0
    cost_eur: Decimal | None = None


def _take_in(context: BatchContext, connection: Connection, batch: BatchToIngest, files: ResultFiles) -> _Taken | None:
    locked = settlement.lock_batch(connection, batch.id)
    if locked is None:
        return None
    now = context.now(connection)
    tariff = _tariff(context, connection, batch, now)
    counts = LineCounts()
    settlement.open_stage(connection)
    settlement.copy_results(
        connection, staged_rows(files, settlement.submitted_sessions(connection, batch.id), tariff, counts)
    )
    _, repeated = settlement.drop_repeated(connection, batch.id)
    missing_is_failure = batch.usage is not None and usage_exceeds(batch.usage, ingesting.staged_usage(connection))
    unanswered = _stage_unanswered(connection, batch, files, counts)
    short = not files.gone and too_few(batch, lines=counts.lines, unanswered=unanswered)
    if short and not is_believed(context, connection, batch, files.digest):
        # The note about the short download is kept; nothing else was written.
        settlement.drop_stage(connection)
        return _Taken(short=True)
    outcomes = settlement.settle(
        connection,
        locked,
        allowances=allowances(context),
        now=now,
        pricing_id=tariff.pricing_id,
        usd_eur=tariff.usd_eur,
        missing_is_failure=missing_is_failure,
    )
    if counts.succeeded:
        holds.raise_learned_limit(connection, context.endpoint, batch.model, now=now)
    _hold_after(context, connection, batch, counts, now)
    return _Taken(
        outcomes=outcomes,
        counts=counts,
        repeated=repeated,
        questions=settlement.batch_questions(connection, batch.id),
        cost_eur=settlement.batch_cost(connection, batch.id),
    )


def _tariff(context: BatchContext, connection: Connection, batch: BatchToIngest, now: datetime) -> Tariff:
    priced = prices.price_for(connection, batch.model, batch.submitted_at)
    rate = prices.rate_at(connection, now, context.settings.livedash_usd_eur)
    return Tariff(priced[0] if priced else None, priced[1] if priced else None, rate.usd_eur if rate else None)


def _stage_unanswered(connection: Connection, batch: BatchToIngest, files: ResultFiles, counts: LineCounts) -> int:
    errors = batch.errors
    if batch.end is EndWord.FAILED and validation_verdict(errors) is ValidationClass.LINE_FAULT:
        # Where no named line is one of ours, nobody can be blamed, and the same file must not be sent for ever.
        errors = errors if ingesting.stage_faulty_lines(connection, batch.id, errors) else ()
    end = BatchEnd(
        end=batch.end,
        # An error file without a line says nothing: some services name one for every batch.
        has_output=bool(batch.output_file_id),
        has_files=bool(batch.output_file_id) or counts.lines > 0,
        gone=files.gone,
        errors=errors,
        reported_completed=batch.reported_completed,
        error_code=batch.error_code,
        error_message=batch.error_message,
    )
    verdict = judge_unanswered(end)
    return settlement.stage_unanswered(
        connection,
        batch.id,
        verdict.outcome,
        error_code=verdict.error_code,
        error_message=verdict.error_message,
        counted_release=verdict.counted_release,
    )


def _hold_after(
    context: BatchContext, connection: Connection, batch: BatchToIngest, counts: LineCounts, now: datetime
) -> None:
    """Keeps others from trying what the service has just refused, with the key that the batch was made with."""
    causes = [(_ACCOUNT_HOLDS[code], code, message) for code, message in counts.hold_codes.items()]
    if batch.end is EndWord.FAILED:
        causes += _validation_causes(batch)
    for rule, reason, message in causes:
        if rule is admission.TOKEN_LIMIT_HOLD:
            limit = admission.learned_limit(message, batch.token_estimate)
            holds.lock_admission(connection, context.endpoint, batch.model, now=now)
            holds.learn_limit(connection, context.endpoint, batch.model, limit=limit, now=now)
        holds.place_hold(
            connection,
            endpoint=context.endpoint,
            model=batch.model,
            rule=rule,
            reason=reason,
            message=message[:500],
            key_fingerprint=batch.key_fingerprint,
            now=now,
        )


_ACCOUNT_HOLDS = {
    HOLD_QUOTA: admission.hold_rule(FailureKind.QUOTA),
    HOLD_BILLING: admission.hold_rule(FailureKind.BILLING),
}
_VALIDATION_HOLDS = {
    ValidationClass.TOKEN_LIMIT: admission.TOKEN_LIMIT_HOLD,
    ValidationClass.MODEL: admission.hold_rule(FailureKind.MODEL_NOT_FOUND),
    ValidationClass.BILLING: admission.hold_rule(FailureKind.BILLING),
}


def _validation_causes(batch: BatchToIngest) -> list[tuple[HoldRule, str, str]]:
    """The hold that a failed validation asks for, in the words of the entry that decided."""
    verdict = validation_verdict(batch.errors)
    rule = _VALIDATION_HOLDS.get(verdict)
    if rule is None:
        return []
    error = next(error for error in batch.errors if classify_validation(error) is verdict)
    code = error.code or verdict.value
    if verdict is ValidationClass.BILLING:
        rule = _ACCOUNT_HOLDS.get(hold_code(code) or "", rule)
    return [(rule, code, error.message or f"Batch {batch.openai_batch_id} was refused.")]


def _note(report: IngestReport, batch: BatchToIngest, taken: _Taken) -> None:
    counts = taken.counts
    report.batches.append(batch.id)
    report.outcomes.update(taken.outcomes)
    report.strangers += counts.strangers
    report.repeated += taken.repeated
    report.unreadable += counts.unreadable
    report.questions += taken.questions
    report.cost_eur = _total(report.cost_eur, taken.cost_eur)
    log.info(
        "results taken in",
        batch_id=str(batch.id),
        company=batch.company,
        openai_batch_id=batch.openai_batch_id,
        lines=counts.lines,
        **taken.outcomes,
    )


def _total(total: Decimal | None, cost: Decimal | None) -> Decimal | None:
    return None if total is None or cost is None else total + cost
