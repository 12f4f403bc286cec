"""Lists failed stages and tries them again, for jobs, commands and HTTP.

All of them answer with these documents. Checks the arguments, so that callers need not. `intake.steps.freeing` frees stages that
never ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.analysis.steps.session_analysis import SESSION_ANALYSIS
from livedash_pipeline.base.rules.cursors import make_row_cursor, read_row_cursor
from livedash_pipeline.base.rules.ids import read_ids
from livedash_pipeline.base.rules.states import Stage
from livedash_pipeline.base.rules.values import Document, money
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, cut_page, page_start
from livedash_pipeline.base.store import stages
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.errors import UsageError
from livedash_pipeline.intake.steps.freeing import free_stuck
from livedash_pipeline.ledger.store.batches.request_kind import Kinds
from livedash_pipeline.logs import get_logger
from livedash_pipeline.overview.steps.retry_costs import estimate_retries
from livedash_pipeline.overview.store import session_history, stage_retries
from livedash_pipeline.overview.store.stage_retries import RetryCounts
from livedash_pipeline.services.openai.tokens import count_tokens
from livedash_pipeline.settings import Settings

log = get_logger(__name__)

# Requests of a stage are those about its sessions.
_KINDS = Kinds.of(SESSION_ANALYSIS)


def read_stage(connection: Connection, text: str) -> str:
    """Reads the name of a stage in either case.

    Raises:
        UsageError: There is no such stage; the message names those that exist.
    """
    known = stages.stage_names(connection)
    name = text.strip().upper()
    if name not in known:
        raise UsageError(f"{text!r} is not a stage.", remedy=f"Use one of {', '.join(known).lower()}.")
    return name


def failed_sessions(
    engine: Engine,
    *,
    stage: str | None = None,
    company: str | None = None,
    limit: int = DEFAULT_PAGE,
    cursor: str | None = None,
) -> Document:
    """Returns one page of failed stages of sessions, by import and stage; a session may appear with several stages.

    Raises:
        UsageError: Unknown stage or company, a limit out of range, or a cursor of another query.
    """
    with engine.connect() as connection:
        wanted = read_stage(connection, stage) if stage is not None else None
        company_id = optional_company_id(connection, company)
        filters = {"list": "failed_sessions", "stage": wanted, "company": company}
        after = page_start(cursor, filters, limit=limit, read=read_row_cursor)
        found = session_history.failed_stages(
            connection, limit=limit + 1, after=after, stage=wanted, company_id=company_id
        )
    page, following = cut_page(found, limit, lambda row: make_row_cursor(row.import_id, row.position, filters))
    return {
        "ok": True,
        "sessions": [
            {
                "sessionId": None if row.session_id is None else str(row.session_id),
                "importId": str(row.import_id),
                "stage": row.stage.lower(),
                "errorMessage": row.error_message,
                "retryCount": row.retry_count,
            }
            for row in page
        ],
        "nextCursor": following,
    }


@dataclass(frozen=True)
class _Retry:
    """A retry whose arguments have been checked."""

    stage: str
    ids: tuple[UUID, ...]
    filtered: bool
    company_id: UUID | None
    reanalyse: bool


def retry_stage(
    engine: Engine,
    settings: Settings,
    *,
    stage: str,
    session_ids: Iterable[str] = (),
    company: str | None = None,
    reanalyse: bool = False,
    dry_run: bool | None = None,
    token_counter: Callable[[str], int] = count_tokens,
) -> Document:
    """Tries a failed stage again, for the named sessions, or for all (of one company).

    For a failed analysis it requeues the newest request; a transcript is due at once; the next import derives sessions.

    Args:
        engine: Our database.
        settings: Model and fallback rate, for the estimate; when a stage counts as stuck.
        stage: Its name, in either case.
        session_ids: Ids of sessions or imports as text; other texts count as not found. None: all that failed there.
        company: Only this company's, instead of ids.
        reanalyse: Buy completed analyses again, with an estimate of the cost.
        dry_run: Count and change nothing; unless given, false with ids and true without them or if something is bought again.
        token_counter: The tokenizer, for sessions whose input was never measured.

    Raises:
        UsageError: Unknown stage or company, ids together with a company, or a stage that cannot be bought again.
    """
    given = list(dict.fromkeys(session_ids))
    if given and company is not None:
        raise UsageError("Both ids and a company are given.", remedy="Give ids, or a company, not both.")
    ids, unreadable = read_ids(given)
    with engine.connect() as connection:
        asked = _Retry(
            stage=read_stage(connection, stage),
            ids=tuple(ids),
            filtered=not given,
            company_id=optional_company_id(connection, company),
            reanalyse=reanalyse,
        )
    if reanalyse and asked.stage != Stage.AI_ANALYSIS:
        raise UsageError(
            f"{asked.stage.lower()} cannot be analysed again.", remedy="Use the stage ai_analysis, or leave it out."
        )
    only_count = (asked.filtered or reanalyse) if dry_run is None else dry_run
    estimate = _estimated(engine, settings, asked, token_counter) if reanalyse else None
    if not only_count:
        free_stuck(engine, settings, company_id=asked.company_id)
    counts = in_transaction(engine, lambda connection: _retry(connection, asked, only_count=only_count))
    document: Document = {
        "ok": True,
        "retriedCount": counts.eligible,
        "notFoundCount": counts.asked - counts.found + unreadable,
        "notEligibleCount": counts.found - counts.eligible,
    }
    document |= {"estimatedCostEur": money(estimate)} if reanalyse else {}
    return document | ({"dryRun": True} if only_count else {})


def _retry(connection: Connection, asked: _Retry, *, only_count: bool) -> RetryCounts:
    counts = _staged(connection, asked, lock=not only_count)
    if not only_count and counts.eligible:
        stage_retries.reset_retried_stages(connection, asked.stage, _KINDS, now=database_now(connection))
        log.info("stages retried", stage=asked.stage, sessions=counts.eligible, reanalyse=asked.reanalyse)
    return counts


def _estimated(
    engine: Engine, settings: Settings, asked: _Retry, token_counter: Callable[[str], int]
) -> Decimal | None:
    """Estimates before anything is locked, since counting the tokens of sessions without a request takes time."""
    with engine.connect() as connection:
        _staged(connection, asked, lock=False)
        return estimate_retries(connection, settings, token_counter)


def _staged(connection: Connection, asked: _Retry, *, lock: bool) -> RetryCounts:
    return stage_retries.stage_retries(
        connection,
        asked.stage,
        ids=asked.ids,
        filtered=asked.filtered,
        company_id=asked.company_id,
        reanalyse=asked.reanalyse,
        lock=lock,
    )
