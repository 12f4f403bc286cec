"""Chat batches: lists of questions with a conversation each, what their search may find, and calls that are bought one by one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009_chat_batches"
down_revision = "0008_request_kinds"
branch_labels = None
depends_on = None

REQUESTS = "ai_processing_requests"
ATTEMPTS = "ai_request_attempts"
# As the first migration made it.
OLD_IN_PROGRESS = "ck_ai_processing_requests_ck_ai_processing_requests_in__b19a"
IN_PROGRESS = "ck_ai_processing_requests_in_progress_has_batch"
OPEN = sa.text("processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')")

# What the ledger looks at of a turn. Its hash is set when its messages are put together, once the turn before it is answered.
SUBJECTS = """
CREATE VIEW chat_turn_subjects AS
SELECT
    turns.id AS subject_id,
    turns.input_hash AS current_hash,
    chats.state = 'PROCESSING' AND chats.tier = 'batch' AND turns.outcome_code IS NULL
    AND batches.status = 'PROCESSING' AS is_claimable,
    chats.state = 'FAILED' AND chats.tier = 'batch' AND turns.input_hash IS NOT NULL AND turns.outcome_code <> 'answered'
    AND batches.status IN ('PROCESSING', 'COMPLETED_WITH_FAILURES', 'FAILED') AS is_requeueable,
    FALSE AS is_erased
FROM chat_interactions AS turns
JOIN chats ON chats.id = turns.chat_id
JOIN chat_batches AS batches ON batches.id = turns.batch_id
"""
SUBJECT = """
CREATE OR REPLACE FUNCTION request_subject(processing_type text, subject_id uuid)
RETURNS TABLE (current_hash text, is_claimable boolean, is_requeueable boolean, is_erased boolean)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT subjects.current_hash, subjects.is_claimable, subjects.is_requeueable, subjects.is_erased
    FROM session_analysis_subjects AS subjects
    WHERE $1 = 'session_analysis' AND subjects.subject_id = $2
    UNION ALL
    SELECT subjects.current_hash, subjects.is_claimable, subjects.is_requeueable, subjects.is_erased
    FROM chat_turn_subjects AS subjects
    WHERE $1 = 'chat_turn' AND subjects.subject_id = $2
$$
"""
# As the migration before made it.
OLD_SUBJECT = """
CREATE OR REPLACE FUNCTION request_subject(processing_type text, subject_id uuid)
RETURNS TABLE (current_hash text, is_claimable boolean, is_requeueable boolean, is_erased boolean)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT subjects.current_hash, subjects.is_claimable, subjects.is_requeueable, subjects.is_erased
    FROM session_analysis_subjects AS subjects
    WHERE $1 = 'session_analysis' AND subjects.subject_id = $2
$$
"""


def upgrade() -> None:
    _create_batches()
    _create_chats()
    _create_interactions()
    _create_documents()
    op.add_column(
        REQUESTS,
        sa.Column(
            "chat_interaction_id",
            sa.Uuid(),
            sa.ForeignKey("chat_interactions.id", name=op.f("fk_ai_processing_requests_chat_interaction_id")),
            nullable=True,
        ),
    )
    op.add_column("companies", sa.Column("chat_override", sa.Text(), nullable=True))
    op.add_column(REQUESTS, sa.Column("by_call", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    _set_subject("coalesce(session_id, chat_interaction_id)", "num_nonnulls(session_id, chat_interaction_id) = 1")
    op.drop_constraint(op.f(OLD_IN_PROGRESS), REQUESTS)
    op.create_check_constraint(
        op.f(IN_PROGRESS), REQUESTS, "(processing_status = 'BATCHING_IN_PROGRESS') <= (batch_id IS NOT NULL OR by_call)"
    )
    op.create_check_constraint(
        op.f("ck_ai_processing_requests_calls_wait_for_no_batch"),
        REQUESTS,
        "NOT by_call OR processing_status <> 'PENDING_BATCHING'",
    )
    op.add_column(ATTEMPTS, sa.Column("is_call", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.drop_constraint(op.f("ck_ai_request_attempts_batch_unless_legacy"), ATTEMPTS)
    op.create_check_constraint(
        op.f("ck_ai_request_attempts_batch_unless_legacy"),
        ATTEMPTS,
        "batch_id IS NOT NULL OR legacy_id IS NOT NULL OR is_call",
    )
    op.create_check_constraint(
        op.f("ck_ai_request_attempts_call_without_batch"), ATTEMPTS, "NOT is_call OR batch_id IS NULL"
    )
    op.create_index("ix_ai_request_attempts_calls", ATTEMPTS, ["request_id"], postgresql_where=sa.text("is_call"))
    op.execute(SUBJECTS)
    op.execute(SUBJECT)


def downgrade() -> None:
    """Requests about chats go with their tables: what came before could neither hold nor show them."""
    op.execute(OLD_SUBJECT)
    op.execute("DROP VIEW chat_turn_subjects")
    op.execute(
        "DELETE FROM ai_request_attempts WHERE request_id IN"
        " (SELECT id FROM ai_processing_requests WHERE chat_interaction_id IS NOT NULL)"
    )
    op.execute("DELETE FROM ai_processing_requests WHERE chat_interaction_id IS NOT NULL")
    op.drop_index("ix_ai_request_attempts_calls", ATTEMPTS)
    op.drop_constraint(op.f("ck_ai_request_attempts_call_without_batch"), ATTEMPTS)
    op.drop_constraint(op.f("ck_ai_request_attempts_batch_unless_legacy"), ATTEMPTS)
    op.drop_column(ATTEMPTS, "is_call")
    op.create_check_constraint(
        op.f("ck_ai_request_attempts_batch_unless_legacy"), ATTEMPTS, "batch_id IS NOT NULL OR legacy_id IS NOT NULL"
    )
    op.drop_constraint(op.f("ck_ai_processing_requests_calls_wait_for_no_batch"), REQUESTS)
    op.drop_constraint(op.f(IN_PROGRESS), REQUESTS)
    op.create_check_constraint(
        op.f(OLD_IN_PROGRESS), REQUESTS, "(processing_status = 'BATCHING_IN_PROGRESS') <= (batch_id IS NOT NULL)"
    )
    op.drop_column(REQUESTS, "by_call")
    _set_subject("session_id", "num_nonnulls(session_id) = 1")
    op.drop_column(REQUESTS, "chat_interaction_id")
    op.drop_column("companies", "chat_override")
    for table in ("chat_documents", "chat_interactions", "chats", "chat_batches"):
        op.drop_table(table)


def _set_subject(expression: str, condition: str) -> None:
    """Makes the subject of a request anew, which rewrites the table: a generated column's expression cannot be changed."""
    op.drop_constraint(op.f("ck_ai_processing_requests_one_subject"), REQUESTS)
    op.drop_index("ix_ai_processing_requests_subject_id_requested_at", REQUESTS)
    op.drop_index("uq_ai_processing_requests_open", REQUESTS)
    op.drop_column(REQUESTS, "subject_id")
    op.add_column(REQUESTS, sa.Column("subject_id", sa.Uuid(), sa.Computed(expression, persisted=True), nullable=False))
    op.create_check_constraint(op.f("ck_ai_processing_requests_one_subject"), REQUESTS, condition)
    op.create_index(
        "uq_ai_processing_requests_open",
        REQUESTS,
        ["subject_id", "processing_type"],
        unique=True,
        postgresql_where=OPEN,
    )
    op.create_index("ix_ai_processing_requests_subject_id_requested_at", REQUESTS, ["subject_id", "requested_at"])


def _create_batches() -> None:
    op.create_table(
        "chat_batches",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), server_default="question", nullable=False),
        sa.Column("ai_provider", sa.Text(), nullable=False),
        sa.Column("search_provider", sa.Text(), server_default="none", nullable=False),
        sa.Column("page_language", sa.Text(), nullable=True),
        sa.Column("apply_overrides", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("mode", sa.Text(), server_default="slices", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("configuration", postgresql.JSONB(), nullable=False),
        sa.Column("configuration_hash", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("file_hash", sa.Text(), nullable=True),
        sa.Column("columns", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("status", sa.Text(), server_default="CREATED", nullable=False),
        sa.Column("total_items", sa.Integer(), nullable=False),
        sa.Column("pending_items", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("processing_items", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("processed_items", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failed_items", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("skipped_items", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("cancelled_items", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("cost_usd", sa.Numeric(precision=20, scale=12), server_default=sa.text("0"), nullable=False),
        sa.Column("cost_eur", sa.Numeric(precision=20, scale=12), server_default=sa.text("0"), nullable=False),
        sa.Column("unpriced_calls", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("uploader", sa.Text(), nullable=True),
        sa.Column("uploader_token_id", sa.Uuid(), nullable=True),
        sa.Column("creation_key", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_by", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("legacy_id", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(ended_at IS NOT NULL) = (status IN ('COMPLETED', 'COMPLETED_WITH_FAILURES', 'FAILED', 'CANCELLED'))",
            name=op.f("ck_chat_batches_ended_with_status"),
        ),
        sa.CheckConstraint("mode IN ('slices', 'batch', 'auto')", name=op.f("ck_chat_batches_mode_known")),
        sa.CheckConstraint(
            "status IN ('CREATED', 'PROCESSING', 'CANCELLING', 'COMPLETED', 'COMPLETED_WITH_FAILURES', 'FAILED', 'CANCELLED')",
            name=op.f("ck_chat_batches_status_known"),
        ),
        sa.CheckConstraint("cancelled_items >= 0", name=op.f("ck_chat_batches_cancelled_items_not_negative")),
        sa.CheckConstraint("cost_eur >= 0", name=op.f("ck_chat_batches_cost_eur_not_negative")),
        sa.CheckConstraint("cost_usd >= 0", name=op.f("ck_chat_batches_cost_usd_not_negative")),
        sa.CheckConstraint("ended_at >= created_at", name=op.f("ck_chat_batches_ended_at_after_created_at")),
        sa.CheckConstraint(
            "ended_at IS NULL OR pending_items + processing_items = 0",
            name=op.f("ck_chat_batches_ended_without_open_items"),
        ),
        sa.CheckConstraint("failed_items >= 0", name=op.f("ck_chat_batches_failed_items_not_negative")),
        sa.CheckConstraint("pending_items >= 0", name=op.f("ck_chat_batches_pending_items_not_negative")),
        sa.CheckConstraint("processed_items >= 0", name=op.f("ck_chat_batches_processed_items_not_negative")),
        sa.CheckConstraint("processing_items >= 0", name=op.f("ck_chat_batches_processing_items_not_negative")),
        sa.CheckConstraint("skipped_items >= 0", name=op.f("ck_chat_batches_skipped_items_not_negative")),
        sa.CheckConstraint(
            "total_items = pending_items + processing_items + processed_items + failed_items + skipped_items + cancelled_items",
            name=op.f("ck_chat_batches_counts_sum_to_total"),
        ),
        sa.CheckConstraint("total_items > 0", name=op.f("ck_chat_batches_has_items")),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_chat_batches_company_id")),
        sa.ForeignKeyConstraint(
            ["uploader_token_id"], ["api_tokens.id"], name=op.f("fk_chat_batches_uploader_token_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_batches")),
        sa.UniqueConstraint("creation_key", name=op.f("uq_chat_batches_creation_key")),
        sa.UniqueConstraint("legacy_id", name=op.f("uq_chat_batches_legacy_id")),
    )
    op.create_index("ix_chat_batches_company_id_id", "chat_batches", ["company_id", "id"])
    op.create_index(
        "ix_chat_batches_open",
        "chat_batches",
        ["status", "id"],
        postgresql_where=sa.text("status IN ('PROCESSING', 'CANCELLING')"),
    )


def _create_chats() -> None:
    op.create_table(
        "chats",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("chat_id", sa.Text(), server_default=sa.text("livedash_uuid7()::text"), nullable=False),
        sa.Column("source_chat_id", sa.Text(), nullable=True),
        sa.Column("item_index", sa.Integer(), nullable=False),
        sa.Column("source_line", sa.Integer(), nullable=False),
        sa.Column("turns", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.Text(), server_default="PENDING", nullable=False),
        sa.Column("tier", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("legacy_id", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'PROCESSING' AND tier = 'slices') = (lease_until IS NOT NULL)",
            name=op.f("ck_chats_lease_while_processing"),
        ),
        sa.CheckConstraint(
            "state IN ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'SKIPPED', 'CANCELLED')",
            name=op.f("ck_chats_state_known"),
        ),
        sa.CheckConstraint("tier IN ('slices', 'batch')", name=op.f("ck_chats_tier_known")),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_chats_attempts_not_negative")),
        sa.CheckConstraint("fence >= 0", name=op.f("ck_chats_fence_not_negative")),
        sa.CheckConstraint("turns >= 0", name=op.f("ck_chats_turns_not_negative")),
        sa.ForeignKeyConstraint(["batch_id"], ["chat_batches.id"], name=op.f("fk_chats_batch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chats")),
        sa.UniqueConstraint("batch_id", "item_index", name=op.f("uq_chats_batch_id_item_index")),
        sa.UniqueConstraint("chat_id", name=op.f("uq_chats_chat_id")),
        sa.UniqueConstraint("legacy_id", name=op.f("uq_chats_legacy_id")),
    )
    op.create_index("ix_chats_leased", "chats", ["lease_until"], postgresql_where=sa.text("lease_until IS NOT NULL"))
    op.create_index(
        "ix_chats_open",
        "chats",
        ["batch_id", "item_index"],
        postgresql_where=sa.text("state IN ('PENDING', 'PROCESSING')"),
    )


def _create_interactions() -> None:
    op.create_table(
        "chat_interactions",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("chat_id", sa.Uuid(), nullable=False),
        sa.Column("item_index", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("row_index", sa.Integer(), nullable=False),
        sa.Column("source_line", sa.Integer(), nullable=False),
        sa.Column("cells", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("sources", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("input_hash", sa.Text(), nullable=True),
        sa.Column("outcome_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("applied_overrides", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=True),
        sa.Column("output_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cost_usd", sa.Numeric(precision=20, scale=12), nullable=True),
        sa.Column("usd_eur", sa.Numeric(precision=18, scale=9), nullable=True),
        sa.Column("cost_eur", sa.Numeric(precision=20, scale=12), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("legacy_id", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "answer IS NULL OR outcome_code IS NOT NULL", name=op.f("ck_chat_interactions_answer_with_outcome")
        ),
        sa.CheckConstraint("cost_eur >= 0", name=op.f("ck_chat_interactions_cost_eur_not_negative")),
        sa.CheckConstraint("cost_usd >= 0", name=op.f("ck_chat_interactions_cost_usd_not_negative")),
        sa.CheckConstraint("input_tokens >= 0", name=op.f("ck_chat_interactions_input_tokens_not_negative")),
        sa.CheckConstraint("output_tokens >= 0", name=op.f("ck_chat_interactions_output_tokens_not_negative")),
        sa.ForeignKeyConstraint(["batch_id"], ["chat_batches.id"], name=op.f("fk_chat_interactions_batch_id")),
        sa.ForeignKeyConstraint(["chat_id"], ["chats.id"], name=op.f("fk_chat_interactions_chat_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_interactions")),
        sa.UniqueConstraint(
            "batch_id", "item_index", "turn", name=op.f("uq_chat_interactions_batch_id_item_index_turn")
        ),
        sa.UniqueConstraint("batch_id", "row_index", name=op.f("uq_chat_interactions_batch_id_row_index")),
        sa.UniqueConstraint("legacy_id", name=op.f("uq_chat_interactions_legacy_id")),
    )
    op.create_index("ix_chat_interactions_chat_id_turn", "chat_interactions", ["chat_id", "turn"], unique=True)


def _create_documents() -> None:
    op.create_table(
        "chat_documents",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("language", postgresql.REGCONFIG(), server_default="simple", nullable=False),
        sa.Column(
            "words",
            postgresql.TSVECTOR(),
            sa.Computed("to_tsvector(language, title || ' ' || content)", persisted=True),
            nullable=True,
        ),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_chat_documents_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_documents")),
        sa.UniqueConstraint("company_id", "content_hash", name=op.f("uq_chat_documents_company_id_content_hash")),
    )
    op.create_index("ix_chat_documents_words", "chat_documents", ["words"], postgresql_using="gin")
