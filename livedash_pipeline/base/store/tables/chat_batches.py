"""Tables of chat batches: lists of questions, and files that wait to become one.

Add what a whole list has to remember. Its conversations and turns stand in `chats`.
"""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus, ChatMode
from livedash_pipeline.base.store.tables.base import (
    CREATED,
    MONEY,
    UPDATED,
    company_column,
    id_column,
    legacy_column,
    metadata,
    moment,
    not_before,
    not_negative,
    one_of,
    reference,
)

_COUNTS = ("pending_items", "processing_items", "processed_items", "failed_items", "skipped_items", "cancelled_items")
_COUNTED = {
    "pending_items": "Conversations that wait.",
    "processing_items": "Conversations that are being asked.",
    "processed_items": "Conversations that were answered.",
    "failed_items": "Conversations that failed.",
    "skipped_items": "Conversations that were skipped.",
    "cancelled_items": "Conversations that were cancelled.",
}


def _zero(name: str, comment: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text("0"), comment=comment)


def _cost(name: str, unit: str) -> Column[object]:
    known = f"{unit} that its calls have cost, lost answers included as far as they are known."
    return Column(name, MONEY, nullable=False, server_default=text("0"), comment=known)


chat_batches = Table(
    "chat_batches",
    metadata,
    id_column(),
    company_column(),
    Column("name", Text, nullable=False, comment="Name that the uploader gave it."),
    Column(
        "type",
        Text,
        nullable=False,
        server_default="question",
        comment="Kind of the list; `question` is the one there is.",
    ),
    Column("ai_provider", Text, nullable=False, comment="Who answers."),
    Column("search_provider", Text, nullable=False, server_default="none", comment="What finds sources for an answer."),
    Column("page_language", Text, comment="Code of the language that answers are given in; null: not said."),
    Column(
        "apply_overrides",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="The instructions of the uploader, or of the company, apply.",
    ),
    Column(
        "mode",
        Text,
        nullable=False,
        server_default=ChatMode.SLICES,
        comment="How it is asked: `slices` of single calls, `batch`, or `auto`, which chooses by `due_at`.",
    ),
    moment("due_at", "When the answers are wanted; null: not said."),
    Column(
        "configuration", JSONB, nullable=False, comment="All that decides how it is asked, as it was when it was made."
    ),
    Column(
        "configuration_hash",
        Text,
        nullable=False,
        comment="Hash of the configuration, by which two runs are told apart.",
    ),
    Column("file_name", Text, comment="Name of its file; null: not from a file."),
    Column("file_hash", Text, comment="Hash of its file; null: not from a file."),
    Column(
        "columns",
        JSONB,
        nullable=False,
        server_default=text("'[]'"),
        comment="Names of the columns of its file, in their order.",
    ),
    Column(
        "status",
        Text,
        nullable=False,
        server_default=ChatBatchStatus.CREATED,
        comment="CREATED, PROCESSING, CANCELLING, COMPLETED, COMPLETED_WITH_FAILURES, FAILED or CANCELLED.",
    ),
    Column("total_items", Integer, nullable=False, comment="Conversations in all, the sum of the six counts."),
    *(_zero(name, _COUNTED[name]) for name in _COUNTS),
    _cost("cost_usd", "US dollars"),
    _cost("cost_eur", "Euro"),
    _zero("unpriced_calls", "Calls whose cost is not known."),
    Column("uploader", Text, comment="Name of whoever uploaded it; null: not known."),
    reference("uploader_token_id", "api_tokens.id", "Token that uploaded it; null: none.", nullable=True),
    Column(
        "creation_key",
        Text,
        unique=True,
        comment="Name of the request that made it, by which a repeat finds it; null: none.",
    ),
    moment("created_at", CREATED, nullable=False),
    moment("started_at", "When it was asked first; null: not yet."),
    moment("cancel_requested_at", "When somebody asked to cancel it; null: nobody did."),
    Column("cancel_requested_by", Text, comment="Who asked to cancel it; null: nobody did."),
    moment("ended_at", "When its last conversation ended; null: some are open."),
    moment("updated_at", UPDATED, nullable=False),
    moment("questions_deleted_at", "Since when the questions of all its rows are deleted by age; null: they are not."),
    moment("answers_deleted_at", "Since when the answers of all its rows are deleted by age; null: they are not."),
    legacy_column(),
    one_of("status", ChatBatchStatus),
    one_of("mode", ChatMode),
    CheckConstraint(f"total_items = {' + '.join(_COUNTS)}", name="counts_sum_to_total"),
    CheckConstraint("total_items > 0", name="has_items"),
    CheckConstraint(
        "(ended_at IS NOT NULL) = (status IN ('COMPLETED', 'COMPLETED_WITH_FAILURES', 'FAILED', 'CANCELLED'))",
        name="ended_with_status",
    ),
    CheckConstraint("ended_at IS NULL OR pending_items + processing_items = 0", name="ended_without_open_items"),
    *not_negative(*_COUNTS, "cost_usd", "cost_eur"),
    not_before("ended_at", "created_at"),
    Index("ix_chat_batches_company_id_id", "company_id", "id"),
    Index("ix_chat_batches_uploader_token_id_id", "uploader_token_id", "id"),
    Index("ix_chat_batches_status_id", "status", "id"),
    Index("ix_chat_batches_open", "status", "id", postgresql_where=text("status IN ('PROCESSING', 'CANCELLING')")),
    comment="One row per list of questions.",
)

# It is deleted by the hour, and nothing else reads it.
chat_uploads = Table(
    "chat_uploads",
    metadata,
    id_column(),
    reference("token_id", "api_tokens.id", "Token that uploaded it; others do not see it."),
    company_column(),
    Column("file_name", Text, nullable=False, comment="Name of the file."),
    Column("content", LargeBinary, nullable=False, comment="The file."),
    Column("size", Integer, nullable=False, comment="Size of the file in bytes."),
    Column("fields", JSONB, nullable=False, comment="Fields of the form, as they were sent."),
    Column("preview", JSONB, nullable=False, comment="Document of the preview."),
    moment("created_at", CREATED, nullable=False),
    CheckConstraint("size > 0", name="has_content"),
    Index("ix_chat_uploads_token_id_id", "token_id", "id"),
    Index("ix_chat_uploads_created_at", "created_at"),
    comment="One row per file between its preview in the console and the batch that is made of it.",
)
