"""Pauses of an endpoint, retention and erasure of texts, and tries of a system that was taken over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003_pauses_retention_history"
down_revision = "0002_index_large_tables"
branch_labels = None
depends_on = None

RETENTIONS = ("transcript_retention_days", "message_retention_days", "answer_retention_days")
# The first migration's names of checks went through the naming convention once more.
OLD_TRANSCRIPT_STATUS = "ck_transcripts_ck_transcripts_status_known"
TRANSCRIPT_STATUS = "ck_transcripts_status_known"


def upgrade() -> None:
    _create_pauses()
    _create_prune_runs()
    for name in RETENTIONS:
        op.add_column("companies", sa.Column(name, sa.Integer(), nullable=True))
        op.create_check_constraint(op.f(f"ck_companies_{name}_not_negative"), "companies", f"{name} >= 0")
    op.add_column("session_imports", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.alter_column("messages", "content", nullable=True)
    op.drop_constraint(op.f(OLD_TRANSCRIPT_STATUS), "transcripts")
    op.create_check_constraint(op.f(TRANSCRIPT_STATUS), "transcripts", "status IN ('FETCHED', 'FAILED', 'PRUNED')")
    op.add_column("ai_surplus_batches", sa.Column("not_found_since", sa.DateTime(timezone=True), nullable=True))
    op.alter_column("ai_request_attempts", "batch_id", nullable=True)
    op.add_column("ai_request_attempts", sa.Column("legacy_id", sa.Text(), nullable=True))
    op.create_unique_constraint("uq_ai_request_attempts_legacy_id", "ai_request_attempts", ["legacy_id"])
    op.create_check_constraint(
        op.f("ck_ai_request_attempts_batch_unless_legacy"),
        "ai_request_attempts",
        "batch_id IS NOT NULL OR legacy_id IS NOT NULL",
    )


def _create_pauses() -> None:
    op.create_table(
        "ai_endpoint_pauses",
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("times >= 1", name=op.f("ck_ai_endpoint_pauses_times_from_one")),
        sa.PrimaryKeyConstraint("endpoint", name="pk_ai_endpoint_pauses"),
    )


def _create_prune_runs() -> None:
    op.create_table(
        "prune_runs",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counts", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint("kind IN ('retention', 'erasure', 'dagster')", name=op.f("ck_prune_runs_kind_known")),
        sa.CheckConstraint("finished_at >= started_at", name=op.f("ck_prune_runs_finished_at_after_started_at")),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_prune_runs_company_id"),
        sa.PrimaryKeyConstraint("id", name="pk_prune_runs"),
    )
    op.create_index("ix_prune_runs_company_id_started_at", "prune_runs", ["company_id", "started_at"])


def downgrade() -> None:
    op.drop_constraint(op.f("ck_ai_request_attempts_batch_unless_legacy"), "ai_request_attempts")
    op.drop_column("ai_request_attempts", "legacy_id")
    op.alter_column("ai_request_attempts", "batch_id", nullable=False)
    op.drop_column("ai_surplus_batches", "not_found_since")
    op.drop_constraint(op.f(TRANSCRIPT_STATUS), "transcripts")
    op.create_check_constraint(op.f(OLD_TRANSCRIPT_STATUS), "transcripts", "status IN ('FETCHED', 'FAILED')")
    op.alter_column("messages", "content", nullable=False)
    op.drop_column("session_imports", "erased_at")
    for name in RETENTIONS:
        op.drop_column("companies", name)
    op.drop_table("prune_runs")
    op.drop_table("ai_endpoint_pauses")
