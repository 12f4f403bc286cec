"""Chat batches as rows: made, read one by one and in pages. Their states are moved by `chats.store.moves`.

Add what is known of a batch as a whole. Every function runs on the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, func, insert, select

from livedash_pipeline.base.rules.chat_states import OPEN_CHATS, ChatBatchStatus, ChatMode, ChatState
from livedash_pipeline.base.store.copying import copy_rows
from livedash_pipeline.base.store.tables import chat_batches, chat_interactions, chats, companies
from livedash_pipeline.chats.rules.providers import Configuration

_batches = chat_batches.c
COUNT_COLUMNS = {
    ChatState.PENDING: "pending_items",
    ChatState.PROCESSING: "processing_items",
    ChatState.COMPLETED: "processed_items",
    ChatState.FAILED: "failed_items",
    ChatState.SKIPPED: "skipped_items",
    ChatState.CANCELLED: "cancelled_items",
}


@dataclass(frozen=True)
class ChatBatch:
    """A batch's row, with its company's slug and the end of its contiguous finished prefix (-1: none is finished).

    `legacy_id` is its id in the system that it was moved from; None for one that was made here.
    """

    id: UUID
    company_id: UUID
    company: str
    name: str
    type: str
    mode: ChatMode
    due_at: datetime | None
    status: ChatBatchStatus
    configuration: Configuration
    configuration_hash: str
    apply_overrides: bool
    file_name: str | None
    file_hash: str | None
    columns: tuple[str, ...]
    total_items: int
    counts: dict[ChatState, int]
    last_processed_index: int
    cost_usd: Decimal
    cost_eur: Decimal
    unpriced_calls: int
    uploader: str | None
    uploader_token_id: UUID | None
    created_at: datetime
    started_at: datetime | None
    cancel_requested_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime
    legacy_id: str | None

    @property
    def open_items(self) -> int:
        """Conversations that are not over."""
        return self.counts[ChatState.PENDING] + self.counts[ChatState.PROCESSING]


@dataclass(frozen=True, slots=True)
class NewTurn:
    """A row of a file, as a turn of its conversation."""

    row_index: int
    source_line: int
    question: str
    context: str | None
    url: str | None
    reference: str | None
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class NewChat:
    """A conversation of a file."""

    source_chat_id: str | None
    turns: Sequence[NewTurn]


def insert_batch(
    connection: Connection,
    configuration: Configuration,
    conversations: Sequence[NewChat],
    *,
    now: datetime,
    **values: Any,
) -> UUID:
    """Makes a batch with all its conversations and turns; nothing is started."""
    batch_id: UUID = connection.execute(
        insert(chat_batches)
        .values(
            **values,
            ai_provider=configuration.provider,
            search_provider=configuration.search_provider,
            page_language=configuration.page_language,
            apply_overrides=configuration.override_text is not None,
            configuration=configuration.model_dump(),
            configuration_hash=configuration.digest,
            total_items=len(conversations),
            pending_items=len(conversations),
            created_at=now,
            updated_at=now,
        )
        .returning(_batches.id)
    ).scalar_one()
    _insert_chats(connection, batch_id, conversations)
    return batch_id


def _insert_chats(connection: Connection, batch_id: UUID, conversations: Sequence[NewChat]) -> None:
    copy_rows(
        connection,
        "chats/copy_chats",
        (
            (batch_id, chat.source_chat_id, index, chat.turns[0].source_line, len(chat.turns))
            for index, chat in enumerate(conversations)
        ),
    )
    ids = select(chats.c.item_index, chats.c.id).where(chats.c.batch_id == batch_id)
    chat_ids = {index: chat_id for index, chat_id in connection.execute(ids)}  # noqa: C416 - rows are not pairs to a type checker
    copy_rows(connection, "chats/copy_chat_interactions", _turn_rows(batch_id, chat_ids, conversations))


def _turn_rows(
    batch_id: UUID, chat_ids: dict[int, UUID], conversations: Sequence[NewChat]
) -> Iterable[tuple[Any, ...]]:
    for index, chat in enumerate(conversations):
        for turn, row in enumerate(chat.turns):
            yield (
                batch_id,
                chat_ids[index],
                index,
                turn,
                row.row_index,
                row.source_line,
                list(row.cells),
                row.question,
                row.context,
                row.url,
                row.reference,
            )


def batch_of_key(connection: Connection, creation_key: str) -> UUID | None:
    """The batch that a request has made before; None if it has made none."""
    query = select(_batches.id).where(_batches.creation_key == creation_key)
    return connection.execute(query).scalar_one_or_none()


def get_batch(
    connection: Connection, batch_id: UUID, *, company_id: UUID | None = None, token_id: UUID | None = None
) -> ChatBatch | None:
    """A batch; None if there is none, or it is another company's, or another token's, than the one given."""
    query = _query().where(_batches.id == batch_id)
    if company_id is not None:
        query = query.where(_batches.company_id == company_id)
    if token_id is not None:
        query = query.where(_batches.uploader_token_id == token_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _read(row)


def list_batches(
    connection: Connection,
    *,
    limit: int,
    after_id: UUID | None,
    statuses: Sequence[ChatBatchStatus] = (),
    company_id: UUID | None = None,
    token_id: UUID | None = None,
) -> list[ChatBatch]:
    """The newest batches first, from below `after_id`: of one company, or of one uploader's token."""
    query = _query().order_by(_batches.id.desc()).limit(limit)
    if after_id is not None:
        query = query.where(_batches.id < after_id)
    if statuses:
        query = query.where(_batches.status.in_(statuses))
    if company_id is not None:
        query = query.where(_batches.company_id == company_id)
    if token_id is not None:
        query = query.where(_batches.uploader_token_id == token_id)
    return [_read(row) for row in connection.execute(query)]


def _query() -> Select[Any]:
    # What is open stands in an index of its own, so that the first of it is found at once.
    first_open = (
        select(func.min(chats.c.item_index))
        .where(chats.c.batch_id == _batches.id, chats.c.state.in_(OPEN_CHATS))
        .scalar_subquery()
    )
    finished = func.coalesce(first_open, _batches.total_items) - 1
    return select(chat_batches, companies.c.slug.label("company"), finished.label("last_processed_index")).join(
        companies, companies.c.id == _batches.company_id
    )


def _read(row: Row[Any]) -> ChatBatch:
    return ChatBatch(
        id=row.id,
        company_id=row.company_id,
        company=row.company,
        name=row.name,
        type=row.type,
        mode=ChatMode(row.mode),
        due_at=row.due_at,
        status=ChatBatchStatus(row.status),
        configuration=Configuration.model_validate(row.configuration),
        configuration_hash=row.configuration_hash,
        apply_overrides=row.apply_overrides,
        file_name=row.file_name,
        file_hash=row.file_hash,
        columns=tuple(row.columns),
        total_items=row.total_items,
        counts={state: getattr(row, column) for state, column in COUNT_COLUMNS.items()},
        last_processed_index=row.last_processed_index,
        cost_usd=row.cost_usd,
        cost_eur=row.cost_eur,
        unpriced_calls=row.unpriced_calls,
        uploader=row.uploader,
        uploader_token_id=row.uploader_token_id,
        created_at=row.created_at,
        started_at=row.started_at,
        cancel_requested_at=row.cancel_requested_at,
        ended_at=row.ended_at,
        updated_at=row.updated_at,
        legacy_id=row.legacy_id,
    )


def count_turns(connection: Connection, batch_id: UUID) -> int:
    """How many rows the file of a batch had."""
    query = select(func.count()).where(chat_interactions.c.batch_id == batch_id)
    return int(connection.execute(query).scalar_one())


def other_runs(
    connection: Connection, batch: ChatBatch, *, token_id: UUID | None = None, most: int
) -> list[tuple[UUID, str]]:
    """The newest other batches of a batch's company, or of one of its tokens, that have the same file: ids and names."""
    query = (
        select(_batches.id, _batches.name)
        .where(_batches.company_id == batch.company_id, _batches.file_hash == batch.file_hash, _batches.id != batch.id)
        .order_by(_batches.id.desc())
        .limit(most)
    )
    if token_id is not None:
        query = query.where(_batches.uploader_token_id == token_id)
    return [(row.id, row.name) for row in connection.execute(query)]
