"""Tables of chat batches: lists of questions, a conversation for each, and every turn of it with its answer.

Add what a list, a conversation or a turn has to remember. Answers are bought through the ledger like everything else
(`ai_processing_requests`, `ai_request_attempts`); what one cost is kept with its turn, so that results are the same a year
later.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, REGCONFIG, TSVECTOR

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus, ChatMode, ChatState, Judged
from livedash_pipeline.base.store.tables.base import (
    MONEY,
    RATE,
    id_column,
    metadata,
    moment,
    not_before,
    not_negative,
    one_of,
    reference,
)

_COUNTS = ("pending_items", "processing_items", "processed_items", "failed_items", "skipped_items", "cancelled_items")


def _zero(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text("0"))


chat_batches = Table(
    "chat_batches",
    metadata,
    id_column(),
    reference("company_id", "companies.id"),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False, server_default="question"),
    Column("ai_provider", Text, nullable=False),
    Column("search_provider", Text, nullable=False, server_default="none"),
    Column("page_language", Text),
    Column("apply_overrides", Boolean, nullable=False, server_default=text("false")),
    Column("mode", Text, nullable=False, server_default=ChatMode.SLICES),
    # When the answers are wanted, by which `auto` chooses.
    moment("due_at"),
    # Everything that decides how it is asked, as it was when the list was made, and the hash by which two runs are told apart.
    Column("configuration", JSONB, nullable=False),
    Column("configuration_hash", Text, nullable=False),
    # The file: its name, its hash, and the names of its columns in their order.
    Column("file_name", Text),
    Column("file_hash", Text),
    Column("columns", JSONB, nullable=False, server_default=text("'[]'")),
    Column("status", Text, nullable=False, server_default=ChatBatchStatus.CREATED),
    Column("total_items", Integer, nullable=False),
    *(_zero(name) for name in _COUNTS),
    # What its calls have cost so far, answers that were lost included as far as they are known.
    Column("cost_usd", MONEY, nullable=False, server_default=text("0")),
    Column("cost_eur", MONEY, nullable=False, server_default=text("0")),
    _zero("unpriced_calls"),
    Column("uploader", Text),
    reference("uploader_token_id", "api_tokens.id", nullable=True),
    # Names the request that made it, so that one that comes again finds it.
    Column("creation_key", Text, unique=True),
    moment("created_at", nullable=False),
    moment("started_at"),
    moment("cancel_requested_at"),
    Column("cancel_requested_by", Text),
    moment("ended_at"),
    moment("updated_at", nullable=False),
    # Since when the questions, or the answers, of all its rows are gone because they were older than the company keeps them.
    moment("questions_deleted_at"),
    moment("answers_deleted_at"),
    Column("legacy_id", Text, unique=True),
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
)

# A file between its preview and the batch that is made of it. It is deleted by the hour, and nothing else reads it.
chat_uploads = Table(
    "chat_uploads",
    metadata,
    id_column(),
    # Whoever uploaded it; others do not see it.
    reference("token_id", "api_tokens.id"),
    reference("company_id", "companies.id"),
    Column("file_name", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    # The fields of the form as they were sent, and the document of the preview.
    Column("fields", JSONB, nullable=False),
    Column("preview", JSONB, nullable=False),
    moment("created_at", nullable=False),
    CheckConstraint("size > 0", name="has_content"),
    Index("ix_chat_uploads_token_id_id", "token_id", "id"),
    Index("ix_chat_uploads_created_at", "created_at"),
)

chats = Table(
    "chats",
    metadata,
    id_column(),
    reference("batch_id", "chat_batches.id"),
    # Its own name of the conversation; the file's is kept beside it, and two runs of one file share none.
    Column("chat_id", Text, nullable=False, unique=True, server_default=text("livedash_uuid7()::text")),
    Column("source_chat_id", Text),
    Column("item_index", Integer, nullable=False),
    Column("source_line", Integer, nullable=False),
    _zero("turns"),
    Column("state", Text, nullable=False, server_default=ChatState.PENDING),
    # Which way it is asked, once it is: by single calls, or through the ledger's batches.
    Column("tier", Text),
    _zero("attempts"),
    moment("lease_until"),
    Column("fence", Integer, nullable=False, server_default=text("0")),
    moment("next_try_at"),
    Column("outcome_code", Text),
    Column("error_message", Text),
    moment("started_at"),
    moment("completed_at"),
    # Since when all that it said is gone, because somebody asked for that.
    moment("erased_at"),
    Column("legacy_id", Text, unique=True),
    one_of("state", ChatState),
    CheckConstraint("tier IN ('slices', 'batch')", name="tier_known"),
    # Whoever works on a conversation by calls holds a lease; through the ledger its requests say who has it.
    CheckConstraint(
        "(state = 'PROCESSING' AND tier = 'slices') = (lease_until IS NOT NULL)", name="lease_while_processing"
    ),
    UniqueConstraint("batch_id", "item_index"),
    *not_negative("attempts", "fence", "turns"),
    Index("ix_chats_open", "batch_id", "item_index", postgresql_where=text("state IN ('PENDING', 'PROCESSING')")),
    Index("ix_chats_leased", "lease_until", postgresql_where=text("lease_until IS NOT NULL")),
)

chat_interactions = Table(
    "chat_interactions",
    metadata,
    id_column(),
    reference("batch_id", "chat_batches.id"),
    reference("chat_id", "chats.id"),
    Column("item_index", Integer, nullable=False),
    Column("turn", Integer, nullable=False),
    # The row of the file: its place, its line, and its cells as they were.
    Column("row_index", Integer, nullable=False),
    Column("source_line", Integer, nullable=False),
    Column("cells", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("question", Text, nullable=False),
    Column("context", Text),
    Column("url", Text),
    Column("reference", Text),
    # What was asked, once it was: what the search found, and the hash of all that the model was shown.
    Column("sources", JSONB, nullable=False, server_default=text("'[]'")),
    Column("input_hash", Text),
    Column("outcome_code", Text),
    Column("error_message", Text),
    Column("answer", Text),
    Column("model", Text),
    Column("applied_overrides", Boolean, nullable=False, server_default=text("false")),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cost_usd", MONEY),
    Column("usd_eur", RATE),
    Column("cost_eur", MONEY),
    moment("started_at"),
    moment("completed_at"),
    Column("legacy_id", Text, unique=True),
    UniqueConstraint("batch_id", "item_index", "turn"),
    UniqueConstraint("batch_id", "row_index"),
    CheckConstraint("answer IS NULL OR outcome_code IS NOT NULL", name="answer_with_outcome"),
    *not_negative("input_tokens", "output_tokens", "cost_usd", "cost_eur"),
    Index("ix_chat_interactions_chat_id_turn", "chat_id", "turn", unique=True),
)

chat_judgements = Table(
    "chat_judgements",
    metadata,
    # What a model said of two answers to one question. The texts are those of the turns; a pair is named by a hash of them, in
    # which their order does not count.
    id_column(),
    reference("company_id", "companies.id"),
    Column("pair_hash", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("prompt_version", Text, nullable=False),
    # Of two answers the pair was found in first; without a second one, the other is what the file of the first expects.
    reference("turn_a_id", "chat_interactions.id"),
    reference("turn_b_id", "chat_interactions.id", nullable=True),
    Column("verdict", Text),
    Column("error_code", Text),
    # All that was paid for its tries, and how many of those were paid at an unknown price.
    Column("cost_usd", MONEY, nullable=False, server_default=text("0")),
    Column("cost_eur", MONEY, nullable=False, server_default=text("0")),
    _zero("unpriced_tries"),
    moment("requested_at", nullable=False),
    moment("judged_at"),
    UniqueConstraint("company_id", "pair_hash", "model", "prompt_version"),
    one_of("verdict", Judged),
    CheckConstraint("verdict IS NULL OR error_code IS NULL", name="verdict_or_error"),
    CheckConstraint(
        "(judged_at IS NOT NULL) = (verdict IS NOT NULL OR error_code IS NOT NULL)", name="judged_with_end"
    ),
    not_before("judged_at", "requested_at"),
    *not_negative("cost_usd", "cost_eur", "unpriced_tries"),
    Index("ix_chat_judgements_turn_a_id", "turn_a_id"),
    Index("ix_chat_judgements_turn_b_id", "turn_b_id"),
)

chat_documents = Table(
    "chat_documents",
    metadata,
    # What the search of a company's batches may find, beside its earlier questions and answers.
    id_column(),
    reference("company_id", "companies.id"),
    Column("title", Text, nullable=False),
    Column("url", Text),
    Column("content", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("language", REGCONFIG, nullable=False, server_default="simple"),
    Column("words", TSVECTOR, Computed("to_tsvector(language, title || ' ' || content)", persisted=True)),
    moment("loaded_at", nullable=False),
    UniqueConstraint("company_id", "content_hash"),
    Index("ix_chat_documents_words", "words", postgresql_using="gin"),
)
