"""Judgements of pairs of chat answers by a model, and when the texts of chat batches were deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013_chat_judgements"
down_revision = "0012_import_files"
branch_labels = None
depends_on = None

REQUESTS = "ai_processing_requests"
MOMENTS = (("chat_batches", "questions_deleted_at"), ("chat_batches", "answers_deleted_at"), ("chats", "erased_at"))
OPEN = sa.text("processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')")

# A pair is what it was when somebody asked for its judgement as long as its hash is; `chats.rules.judging.content_hash` works it
# out in the same way.
SUBJECTS = """
CREATE VIEW chat_judgement_subjects AS
SELECT
    judgements.id AS subject_id,
    encode(
        sha256(
            convert_to(
                concat(
                    length(first.question), ':', first.question, length(first.answer), ':', first.answer,
                    length(texts.answer_b), ':', texts.answer_b
                ),
                'UTF8'
            )
        ),
        'hex'
    ) AS current_hash,
    judgements.verdict IS NULL AND judgements.error_code IS NULL AS is_claimable,
    judgements.verdict IS NULL AND judgements.error_code IS NOT NULL AS is_requeueable,
    FALSE AS is_erased
FROM chat_judgements AS judgements
JOIN chat_interactions AS first ON first.id = judgements.turn_a_id
LEFT JOIN chat_interactions AS second ON second.id = judgements.turn_b_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN judgements.turn_b_id IS NULL THEN first.reference ELSE second.answer END AS answer_b
) AS texts
"""
# As migration 0009 made it, save that nothing is asked about texts that are gone.
TURN_SUBJECTS = """
CREATE OR REPLACE VIEW chat_turn_subjects AS
SELECT
    turns.id AS subject_id,
    turns.input_hash AS current_hash,
    chats.state = 'PROCESSING' AND chats.tier = 'batch' AND turns.outcome_code IS NULL
    AND batches.status = 'PROCESSING' AS is_claimable,
    chats.state = 'FAILED' AND chats.tier = 'batch' AND turns.input_hash IS NOT NULL AND turns.outcome_code <> 'answered'
    AND batches.status IN ('PROCESSING', 'COMPLETED_WITH_FAILURES', 'FAILED')
    AND chats.erased_at IS NULL AND batches.questions_deleted_at IS NULL AND batches.answers_deleted_at IS NULL
        AS is_requeueable,
    chats.erased_at IS NOT NULL AS is_erased
FROM chat_interactions AS turns
JOIN chats ON chats.id = turns.chat_id
JOIN chat_batches AS batches ON batches.id = turns.batch_id
"""
OLD_TURN_SUBJECTS = """
CREATE OR REPLACE VIEW chat_turn_subjects AS
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
_BRANCH = """
    SELECT subjects.current_hash, subjects.is_claimable, subjects.is_requeueable, subjects.is_erased
    FROM {kind}_subjects AS subjects
    WHERE $1 = '{kind}' AND subjects.subject_id = $2
"""
_SUBJECT = """
CREATE OR REPLACE FUNCTION request_subject(processing_type text, subject_id uuid)
RETURNS TABLE (current_hash text, is_claimable boolean, is_requeueable boolean, is_erased boolean)
LANGUAGE sql STABLE ROWS 1 AS $$
{branches}
$$
"""


def upgrade() -> None:
    for table, column in MOMENTS:
        op.add_column(table, sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    op.execute(TURN_SUBJECTS)
    _create_judgements()
    op.add_column(
        REQUESTS,
        sa.Column(
            "chat_judgement_id",
            sa.Uuid(),
            sa.ForeignKey("chat_judgements.id", name=op.f("fk_ai_processing_requests_chat_judgement_id")),
            nullable=True,
        ),
    )
    _set_subject("session_id", "chat_interaction_id", "chat_judgement_id")
    op.execute(SUBJECTS)
    _set_kinds("session_analysis", "chat_turn", "chat_judgement")


def downgrade() -> None:
    """Requests about judgements go with their table: what came before could neither hold nor show them."""
    _set_kinds("session_analysis", "chat_turn")
    op.execute("DROP VIEW chat_judgement_subjects")
    op.execute(
        "DELETE FROM ai_request_attempts WHERE request_id IN"
        " (SELECT id FROM ai_processing_requests WHERE chat_judgement_id IS NOT NULL)"
    )
    op.execute("DELETE FROM ai_processing_requests WHERE chat_judgement_id IS NOT NULL")
    _set_subject("session_id", "chat_interaction_id")
    op.drop_column(REQUESTS, "chat_judgement_id")
    op.drop_table("chat_judgements")
    op.execute(OLD_TURN_SUBJECTS)
    for table, column in MOMENTS:
        op.drop_column(table, column)


def _set_kinds(*kinds: str) -> None:
    branches = "    UNION ALL".join(_BRANCH.format(kind=kind) for kind in kinds)
    op.execute(_SUBJECT.format(branches=branches))


def _set_subject(*columns: str) -> None:
    """Makes the subject of a request anew, which rewrites the table: a generated column's expression cannot be changed."""
    listed = ", ".join(columns)
    op.drop_constraint(op.f("ck_ai_processing_requests_one_subject"), REQUESTS)
    op.drop_index("ix_ai_processing_requests_subject_id_requested_at", REQUESTS)
    op.drop_index("uq_ai_processing_requests_open", REQUESTS)
    op.drop_column(REQUESTS, "subject_id")
    op.add_column(
        REQUESTS,
        sa.Column("subject_id", sa.Uuid(), sa.Computed(f"coalesce({listed})", persisted=True), nullable=False),
    )
    op.create_check_constraint(op.f("ck_ai_processing_requests_one_subject"), REQUESTS, f"num_nonnulls({listed}) = 1")
    op.create_index(
        "uq_ai_processing_requests_open",
        REQUESTS,
        ["subject_id", "processing_type"],
        unique=True,
        postgresql_where=OPEN,
    )
    op.create_index("ix_ai_processing_requests_subject_id_requested_at", REQUESTS, ["subject_id", "requested_at"])


def _create_judgements() -> None:
    op.create_table(
        "chat_judgements",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("pair_hash", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Text(), nullable=False),
        sa.Column("turn_a_id", sa.Uuid(), nullable=False),
        sa.Column("turn_b_id", sa.Uuid(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("cost_usd", sa.Numeric(precision=20, scale=12), server_default=sa.text("0"), nullable=False),
        sa.Column("cost_eur", sa.Numeric(precision=20, scale=12), server_default=sa.text("0"), nullable=False),
        sa.Column("unpriced_tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "verdict IN ('same', 'different', 'undecided')", name=op.f("ck_chat_judgements_verdict_known")
        ),
        sa.CheckConstraint("verdict IS NULL OR error_code IS NULL", name=op.f("ck_chat_judgements_verdict_or_error")),
        sa.CheckConstraint(
            "(judged_at IS NOT NULL) = (verdict IS NOT NULL OR error_code IS NOT NULL)",
            name=op.f("ck_chat_judgements_judged_with_end"),
        ),
        sa.CheckConstraint(
            "judged_at >= requested_at", name=op.f("ck_chat_judgements_judged_at_not_before_requested_at")
        ),
        sa.CheckConstraint("cost_usd >= 0", name=op.f("ck_chat_judgements_cost_usd_not_negative")),
        sa.CheckConstraint("cost_eur >= 0", name=op.f("ck_chat_judgements_cost_eur_not_negative")),
        sa.CheckConstraint("unpriced_tries >= 0", name=op.f("ck_chat_judgements_unpriced_tries_not_negative")),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_chat_judgements_company_id")),
        sa.ForeignKeyConstraint(["turn_a_id"], ["chat_interactions.id"], name=op.f("fk_chat_judgements_turn_a_id")),
        sa.ForeignKeyConstraint(["turn_b_id"], ["chat_interactions.id"], name=op.f("fk_chat_judgements_turn_b_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_judgements")),
        sa.UniqueConstraint(
            "company_id",
            "pair_hash",
            "model",
            "prompt_version",
            name=op.f("uq_chat_judgements_company_id_pair_hash_model_prompt_version"),
        ),
    )
    op.create_index("ix_chat_judgements_turn_a_id", "chat_judgements", ["turn_a_id"])
    op.create_index("ix_chat_judgements_turn_b_id", "chat_judgements", ["turn_b_id"])
