"""What commands, jobs and HTTP answer about chat batches: the same documents everywhere, with the seed's keys first.

Add a fact that people want to see of a batch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus, ChatState
from livedash_pipeline.base.rules.cursors import make_cursor, read_cursor
from livedash_pipeline.base.rules.values import Document, moment, money
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, cut_page, page_start
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.chats.rules.progress import Progress, progress_of
from livedash_pipeline.chats.steps.cancel import Cancelled, Resumed
from livedash_pipeline.chats.steps.create import Created
from livedash_pipeline.chats.steps.named import EVERYBODY, Viewer, required_batch
from livedash_pipeline.chats.steps.preview import Preview
from livedash_pipeline.chats.steps.process import SliceReport
from livedash_pipeline.chats.steps.trial import Trial
from livedash_pipeline.chats.store import batches
from livedash_pipeline.chats.store.batches import ChatBatch
from livedash_pipeline.chats.store.costs import ChatCost, chat_costs
from livedash_pipeline.errors import UsageError


def cost_documents(engine: Engine, batch_ids: Collection[UUID]) -> dict[str, str | None]:
    """What the questions of batches have cost so far, in euro by their ids; None where a part is unknown."""
    with engine.connect() as connection:
        costs = chat_costs(connection, batch_ids)
    return {str(batch_id): _euro(_cost_of(batch_id, costs)) for batch_id in batch_ids}


def _cost_of(batch_id: UUID, costs: Mapping[UUID, ChatCost] | None) -> ChatCost | None:
    return None if costs is None else costs.get(batch_id, ChatCost())


def _euro(cost: ChatCost | None) -> str | None:
    return None if cost is None or cost.open_tries else money(cost.eur)


def batch_document(batch: ChatBatch, cost: ChatCost | None, *, now: datetime) -> Document:
    """A batch as people read it in a list, with what its questions have cost where that was summed."""
    progress = _progress(batch, now)
    return {
        "id": str(batch.id),
        "name": batch.name,
        "status": batch.status.lower(),
        "chats": batch.total_items,
        "totalItems": batch.total_items,
        "processedItems": batch.counts[ChatState.COMPLETED],
        "failedItems": batch.counts[ChatState.FAILED],
        "skippedItems": batch.counts[ChatState.SKIPPED],
        "cancelledItems": batch.counts[ChatState.CANCELLED],
        "lastProcessedIndex": batch.last_processed_index,
        "pendingItems": batch.counts[ChatState.PENDING],
        "processingItems": batch.counts[ChatState.PROCESSING],
        "type": batch.type,
        "company": batch.company,
        "aiProvider": batch.configuration.provider,
        "searchProvider": batch.configuration.search_provider,
        "pageLanguage": batch.configuration.page_language,
        "applyOverrides": batch.apply_overrides,
        "mode": batch.mode.value,
        "model": batch.configuration.model,
        "fileName": batch.file_name,
        "uploader": batch.uploader,
        "percent": progress.percent,
        "itemsPerMinute": progress.per_minute,
        "estimatedEndAt": moment(progress.estimated_end_at),
        "costEur": _euro(cost),
        "dueAt": moment(batch.due_at),
        "createdAt": moment(batch.created_at),
        "startedAt": moment(batch.started_at),
        "cancelRequestedAt": moment(batch.cancel_requested_at),
        "endedAt": moment(batch.ended_at),
    }


def _progress(batch: ChatBatch, now: datetime) -> Progress:
    return progress_of(
        total=batch.total_items,
        still_open=batch.open_items,
        started_at=batch.started_at,
        ended_at=batch.ended_at,
        now=now,
    )


def list_document(
    engine: Engine,
    *,
    status: str | None = None,
    company: str | None = None,
    limit: int = DEFAULT_PAGE,
    cursor: str | None = None,
    viewer: Viewer = EVERYBODY,
    with_costs: bool = True,
) -> Document:
    """A page of batches, the newest first.

    Args:
        engine: Our database.
        status: Only batches of this status, in either case.
        company: Slug of one company.
        limit: Batches a page.
        cursor: `nextCursor` of the page before.
        viewer: Whose batches the caller sees.
        with_costs: Whether their costs are summed, of all tries of all questions; without, `costEur` is null.

    Raises:
        UsageError: Unknown status or company, a limit out of range, or a cursor of another query.
    """
    statuses = () if status is None else (read_status(status),)
    token = None if viewer.token_id is None else str(viewer.token_id)
    filters = {"list": "chat batches", "status": status, "company": company, "token": token}
    after = page_start(cursor, filters, limit=limit, read=read_cursor)
    with engine.connect() as connection:
        company_id = viewer.company_id or optional_company_id(connection, company)
        found = batches.list_batches(
            connection,
            limit=limit + 1,
            after_id=after,
            statuses=statuses,
            company_id=company_id,
            token_id=viewer.token_id,
        )
        now = database_now(connection)
        page, following = cut_page(found, limit, lambda batch: make_cursor(batch.id, filters))
        costs = chat_costs(connection, [batch.id for batch in page]) if with_costs else None
    listed = [batch_document(batch, _cost_of(batch.id, costs), now=now) for batch in page]
    return {"ok": True, "batches": listed, "nextCursor": following}


def show_document(engine: Engine, batch_id: UUID, *, viewer: Viewer = EVERYBODY, with_costs: bool = True) -> Document:
    """One batch with the configuration that it is asked with; without costs `costEur` is null.

    Raises:
        UsageError: No such batch.
    """
    with engine.connect() as connection:
        batch = required_batch(connection, batch_id, viewer=viewer)
        now = database_now(connection)
        costs = chat_costs(connection, [batch.id]) if with_costs else None
    configuration = batch.configuration
    shown = {
        "endpoint": configuration.endpoint,
        "parameters": configuration.parameters,
        "promptVersion": configuration.prompt_version,
        "turnPolicy": configuration.turn_policy,
        "concurrency": configuration.concurrency,
        "timeoutSeconds": configuration.timeout_seconds,
        "hash": batch.configuration_hash,
    }
    return {
        "ok": True,
        "batch": batch_document(batch, _cost_of(batch.id, costs), now=now)
        | {"configuration": shown, "columns": list(batch.columns)},
    }


def read_status(text: str) -> ChatBatchStatus:
    """A status of chat batches in either case.

    Raises:
        UsageError: There is no such status.
    """
    try:
        return ChatBatchStatus(text.strip().upper())
    except ValueError:
        known = ", ".join(status.lower() for status in ChatBatchStatus)
        raise UsageError(f"{text[:50]!r} is no status of chat batches.", remedy=f"Use one of {known}.") from None


def created_document(created: Created) -> Document:
    """A batch that was made."""
    return {"ok": True, "batchId": str(created.batch_id), "chats": created.chats, "rows": created.rows}


def preview_document(preview: Preview) -> Document:
    """What a batch would be."""
    return {
        "ok": True,
        "chats": preview.chats,
        "rows": preview.rows,
        "tooShort": preview.too_short,
        "costEurAtMost": money(preview.cost_eur),
        "columns": list(preview.columns),
        "meanings": preview.meanings,
        "notes": [{"code": note.code, "count": note.count, "message": note.message} for note in preview.notes],
    }


def slice_document(report: SliceReport) -> Document:
    """What a slice did, and why it ended."""
    return {
        "ok": True,
        "processed": report.processed,
        "failed": report.failed,
        "remaining": report.remaining,
        "stopReason": report.stop.value,
        "skipped": report.skipped,
        "status": report.status.lower(),
        "reason": report.reason,
        "overrunSeconds": round(report.overrun, 1),
    }


def cancel_document(cancelled: Cancelled) -> Document:
    """What a cancel did."""
    return {
        "ok": True,
        "cancelRequested": cancelled.requested,
        "alreadyEnded": cancelled.already_ended,
        "underWay": cancelled.under_way,
        "status": cancelled.status.lower(),
    }


def trial_document(trial: Trial, *, dry_run: bool) -> Document:
    """What a trial asks, or would ask."""
    document: Document = {
        "ok": True,
        "tried": trial.tried,
        "items": trial.items,
        "setAside": trial.set_aside,
        "costEurAtMost": money(trial.cost_eur),
        "status": trial.status.lower(),
    }
    return document | ({"dryRun": True} if dry_run else {})


def resume_document(resumed: Resumed, *, dry_run: bool) -> Document:
    """What a resume did, or would do."""
    document: Document = {
        "ok": True,
        "resumed": bool(resumed.items) and not dry_run,
        "items": resumed.items,
        "costEurAtMost": money(resumed.cost_eur),
        "status": resumed.status.lower(),
    }
    return document | ({"dryRun": True} if dry_run else {})
