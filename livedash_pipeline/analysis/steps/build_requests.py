"""Makes requests for sessions that wait for their analysis, and keeps unclaimed requests on the current input.

Everything that decides what is bought stands here: nothing is asked twice about the same messages, and a changed prompt or
model reaches only sessions that are not analysed yet. Questions that an analysis left out come from its kept answer, never from a
new request. Submitting is `ledger.steps.batches.submit`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from logging import DEBUG, INFO
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.analysis.rules.prompt import input_hash, prompt_version
from livedash_pipeline.analysis.rules.request_lines import RequestSizer
from livedash_pipeline.analysis.steps.measuring import Row, Sizes, measured
from livedash_pipeline.analysis.store import answers, lost_inputs
from livedash_pipeline.analysis.store import requests as analysis_requests
from livedash_pipeline.analysis.store.requests import (
    BuiltRequest,
    RequestToRewrite,
    SessionToRequest,
    SessionWithoutQuestions,
)
from livedash_pipeline.base.rules.states import StageStatus
from livedash_pipeline.base.store.companies import Company, get_company
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.base.store.statistics import refresh_statistics
from livedash_pipeline.behind import working_behind
from livedash_pipeline.ledger.store.admission import model_parameters
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

_FIRST = UUID(int=0)
ANSWERED_BEFORE = (
    "The session has the messages again that an earlier request was answered about; its answer was applied."
)
NO_MESSAGES = "no_messages: the session has no message to analyse"
NO_QUESTIONS = "analysed without questions, and no answer is kept"
ANALYSIS_SKIPPED = "the analysis was skipped"


@dataclass(frozen=True)
class RequestReport:
    """What a step did.

    Attributes:
        company: Its slug.
        created: Requests that are new.
        rewritten: Unclaimed requests that took the current input.
        reapplied: Kept answers that were applied again.
        skipped: Sessions without a message.
        extracted: Analysed sessions whose questions came from the answer that was kept.
        without_questions: Analysed sessions whose questions can be had from nowhere.
        withdrawn: Unclaimed requests that were ended, since a stage before the analysis has failed meanwhile.
    """

    company: str
    created: int = 0
    rewritten: int = 0
    reapplied: int = 0
    skipped: int = 0
    extracted: int = 0
    without_questions: int = 0
    withdrawn: int = 0

    def plus(self, **counts: int) -> RequestReport:
        """The report with further counts added."""
        return replace(self, **{name: getattr(self, name) + count for name, count in counts.items()})


_Chunk = Callable[
    [RequestReport, UUID, int, Callable[[Connection], datetime], Connection], tuple[RequestReport, UUID | None]
]


def build_requests(
    engine: Engine,
    company: Company,
    *,
    default_model: str,
    count_tokens: Callable[[str], int],
    chunk_size: int = 1000,
    clock: Callable[[Connection], datetime] = database_now,
) -> RequestReport:
    """Creates the requests of one company, in chunks of one transaction each.

    Args:
        engine: Our database.
        company: Whose sessions.
        default_model: The model of companies that have none of their own.
        count_tokens: The tokenizer.
        chunk_size: Sessions per transaction.
        clock: The time of a transaction.
    """
    refresh_statistics(engine)
    sizer = _sizer(engine, company.model or default_model, count_tokens)
    report = RequestReport(company.slug)
    parts = (
        partial(_in_chunks, engine, partial(_withdraw_chunk, company)),
        partial(_in_chunks, engine, partial(_rewrite_chunk, company, sizer)),
        partial(_create_requests, engine, company, sizer),
        partial(_in_chunks, engine, partial(_question_chunk, company)),
    )
    for part in parts:
        before = report
        report = part(report, chunk_size, clock)
        # Dagster keeps each line at INFO as an event of the run, and most companies have no news most of the time.
        log.log(DEBUG if report == before else INFO, "requests built", **asdict(report))
    return report


def companies_to_rewrite(
    connection: Connection, *, default_model: str, company_id: UUID | None = None
) -> list[Company]:
    """Working companies whose unclaimed requests name another model or prompt than the present ones; none, as a rule."""
    slugs = analysis_requests.find_companies_to_rewrite(
        connection, default_model=default_model, prompt_version=prompt_version(), company_id=company_id
    )
    return [get_company(connection, slug) for slug in slugs]


def rewrite_requests(
    engine: Engine,
    company: Company,
    *,
    default_model: str,
    count_tokens: Callable[[str], int],
    chunk_size: int = 1000,
    clock: Callable[[Connection], datetime] = database_now,
) -> RequestReport:
    """Gives a company's unclaimed requests its present model, prompt and messages; makes none. As in `build_requests`."""
    sizer = _sizer(engine, company.model or default_model, count_tokens)
    rewrite_chunk = partial(_rewrite_chunk, company, sizer)
    report = _in_chunks(engine, rewrite_chunk, RequestReport(company.slug), chunk_size, clock)
    log.info("requests rewritten", **asdict(report))
    return report


def _sizer(engine: Engine, model: str, count_tokens: Callable[[str], int]) -> RequestSizer:
    with engine.connect() as connection:
        return RequestSizer.for_model(model, count_tokens, model_parameters.parameters_for(connection, model))


def _in_chunks(
    engine: Engine, build_chunk: _Chunk, report: RequestReport, chunk_size: int, clock: Callable[[Connection], datetime]
) -> RequestReport:
    after: UUID | None = _FIRST
    while after is not None:
        report, after = in_transaction(engine, partial(build_chunk, report, after, chunk_size, clock))
    return report


def _create_requests(
    engine: Engine,
    company: Company,
    sizer: RequestSizer,
    report: RequestReport,
    chunk_size: int,
    clock: Callable[[Connection], datetime],
) -> RequestReport:
    """Creates requests in chunks; the next chunk is measured while Postgres writes this one."""
    with working_behind(RequestReport) as writing:
        after: UUID | None = _FIRST
        while after is not None:
            known, last = in_transaction(engine, partial(_measure_ahead, company, sizer, after, chunk_size))
            report = writing.end() or report
            if last is not None:
                create = partial(_create_chunk, company, sizer, known, report, after, chunk_size, clock)
                writing.begin(partial(in_transaction, engine, create))
            after = last
        return writing.end() or report


def _measure_ahead(
    company: Company, sizer: RequestSizer, after: UUID, chunk_size: int, connection: Connection
) -> tuple[Sizes, UUID | None]:
    """The sizes of the next requests, and the last of their sessions; none is locked when this has ended.

    A size is of messages with a hash, so it holds for whoever finds the session with this hash under its lock.
    """
    found = analysis_requests.find_sessions_to_request(connection, company.id, after_id=after, chunk_size=chunk_size)
    if not found:
        return {}, None
    to_ask = [row for row in found if row.kept_request_id is None]
    sizes = {
        (row.session_id, row.transcript_hash): size
        for row, size in measured(connection, to_ask, sizer, {})
        if row.transcript_hash is not None
    }
    return sizes, found[-1].session_id


def _withdraw_chunk(
    company: Company,
    report: RequestReport,
    after: UUID,  # noqa: ARG001 - what was withdrawn is not found again
    chunk_size: int,
    clock: Callable[[Connection], datetime],
    connection: Connection,
) -> tuple[RequestReport, UUID | None]:
    """The analysis is not ready any more: what it would ask about may be older than the chat."""
    withdrawn = lost_inputs.withdraw_outdated(connection, company.id, most=chunk_size, now=clock(connection))
    return report.plus(withdrawn=withdrawn), _FIRST if withdrawn == chunk_size else None


def _rewrite_chunk(
    company: Company,
    sizer: RequestSizer,
    report: RequestReport,
    after: UUID,
    chunk_size: int,
    clock: Callable[[Connection], datetime],
    connection: Connection,
) -> tuple[RequestReport, UUID | None]:
    model, version = sizer.frame.model, prompt_version()
    found = analysis_requests.find_requests_to_rewrite(
        connection, company.id, model=model, prompt_version=version, after_id=after, chunk_size=chunk_size
    )
    if not found:
        return report, None
    now = clock(connection)
    kept = {row.request_id: row.kept_request_id for row in found if row.kept_request_id is not None}
    reapplied = answers.apply_kept_answers(connection, list(kept.values()), now=now) if kept else 0
    analysis_requests.close_answered_requests(connection, list(kept), reason=ANSWERED_BEFORE, now=now)
    changed = [row for row in found if row.kept_request_id is None]
    built = _build(connection, changed, sizer, {}, owner=lambda row: row.request_id)
    rewritten = analysis_requests.rewrite_requests(connection, built, model=model, prompt_version=version, now=now)
    asked = {request.owner_id for request in built}
    emptied = [row.request_id for row in changed if row.request_id not in asked]
    closed = analysis_requests.close_requests_without_messages(connection, emptied, reason=NO_MESSAGES, now=now)
    return report.plus(rewritten=rewritten, reapplied=reapplied, skipped=closed), found[-1].request_id


def _create_chunk(
    company: Company,
    sizer: RequestSizer,
    sizes: Sizes,
    report: RequestReport,
    after: UUID,
    chunk_size: int,
    clock: Callable[[Connection], datetime],
    connection: Connection,
) -> RequestReport:
    found = analysis_requests.find_sessions_to_request(connection, company.id, after_id=after, chunk_size=chunk_size)
    if not found:
        return report
    now = clock(connection)
    kept = [row.kept_request_id for row in found if row.kept_request_id is not None]
    reapplied = answers.apply_kept_answers(connection, kept, now=now) if kept else 0
    built = _build(connection, [row for row in found if row.kept_request_id is None], sizer, sizes, owner=_session_of)
    created = analysis_requests.insert_requests(
        connection, company.id, built, model=sizer.frame.model, prompt_version=prompt_version(), now=now
    )
    empty = _without_messages(found, built)
    skipped = analysis_requests.skip_analysis(connection, empty, reason=NO_MESSAGES, now=now)
    return report.plus(created=created, reapplied=reapplied, skipped=skipped)


def _question_chunk(
    company: Company,
    report: RequestReport,
    after: UUID,
    chunk_size: int,
    clock: Callable[[Connection], datetime],
    connection: Connection,
) -> tuple[RequestReport, UUID | None]:
    """Sessions that were analysed without questions take them from the answer that was kept, or do without."""
    found = analysis_requests.find_sessions_without_questions(
        connection, company.id, after_id=after, chunk_size=chunk_size
    )
    if not found:
        return report, None
    now = clock(connection)
    kept = [row.kept_request_id for row in found if row.kept_request_id is not None]
    extracted = answers.apply_kept_questions(connection, kept, now=now) if kept else 0
    reasons = {row.import_id: _reason(row) for row in found if row.kept_request_id is None}
    analysis_requests.skip_questions(connection, reasons, now=now)
    return report.plus(extracted=extracted, without_questions=len(reasons)), found[-1].session_id


def _reason(row: SessionWithoutQuestions) -> str:
    if row.analysis_status == StageStatus.COMPLETED:
        return NO_QUESTIONS
    return row.analysis_reason or ANALYSIS_SKIPPED


def _session_of(row: SessionToRequest | RequestToRewrite) -> UUID:
    return row.session_id


def _without_messages(found: Sequence[SessionToRequest], built: Sequence[BuiltRequest]) -> list[UUID]:
    asked = {request.owner_id for request in built}
    return [row.import_id for row in found if row.kept_request_id is None and row.session_id not in asked]


def _build(
    connection: Connection,
    rows: Sequence[Row],
    sizer: RequestSizer,
    sizes: Sizes,
    *,
    owner: Callable[[Row], UUID],
) -> list[BuiltRequest]:
    """The request of each session that has messages."""
    return [
        BuiltRequest(
            owner_id=owner(row),
            transcript_hash=row.transcript_hash,
            input_hash=input_hash(row.transcript_hash, prompt_version(), sizer.frame.model),
            body_bytes=size.body_bytes,
            token_estimate=size.token_estimate,
            max_output_tokens=size.max_output_tokens,
        )
        for row, size in measured(connection, rows, sizer, sizes)
        if row.transcript_hash is not None
    ]
