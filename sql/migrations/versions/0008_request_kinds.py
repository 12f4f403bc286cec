"""What a request is about: its kind, its subject, and what of the subject a claim or a requeue looks at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008_request_kinds"
down_revision = "0007_evidence"
branch_labels = None
depends_on = None

REQUESTS = "ai_processing_requests"
OPEN = sa.text("processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')")

# A claim asks only about sessions that are derived and whose earlier stages are over: their messages may be older than the chat
# otherwise. A requeue needs messages, and an analysis that somebody still waits for. `current_hash` is the transcript part of what
# a request's hash names. OFFSET keeps the look-up beside each session.
SUBJECTS = """
CREATE VIEW session_analysis_subjects AS
SELECT
    sessions.id AS subject_id,
    sessions.transcript_hash AS current_hash,
    NOT sessions.stale AND NOT EXISTS (
        SELECT 1
        FROM session_processing_status AS before
        JOIN processing_stages AS earlier ON earlier.name = before.stage
        JOIN processing_stages AS own ON own.name = 'AI_ANALYSIS' AND own.position > earlier.position
        WHERE before.import_id = sessions.import_id AND before.status NOT IN ('COMPLETED', 'SKIPPED')
        OFFSET 0
    ) AS is_claimable,
    NOT EXISTS (
        SELECT 1
        FROM session_processing_status AS analysis
        WHERE analysis.import_id = sessions.import_id AND analysis.stage = 'AI_ANALYSIS' AND analysis.status = 'COMPLETED'
    ) AND NOT EXISTS (
        SELECT 1
        FROM session_processing_status AS before
        JOIN processing_stages AS earlier ON earlier.name = before.stage
        JOIN processing_stages AS own ON own.name = 'AI_ANALYSIS' AND own.position > earlier.position
        WHERE before.import_id = sessions.import_id AND before.status = 'FAILED'
    ) AND NOT EXISTS (
        SELECT 1 FROM session_imports AS imports
        WHERE imports.id = sessions.import_id AND imports.erased_at IS NOT NULL
    ) AND coalesce(
        (
            SELECT messages.content IS NOT NULL
            FROM messages
            WHERE messages.session_id = sessions.id
            ORDER BY messages.position
            LIMIT 1
        ), TRUE
    ) AS is_requeueable,
    EXISTS (
        SELECT 1 FROM session_imports AS imports
        WHERE imports.id = sessions.import_id AND imports.erased_at IS NOT NULL
    ) AS is_erased
FROM sessions
"""
# One branch per kind, each a view of these columns. Postgres puts the body in the place of the call, so that a subject is looked up
# by its key beside its request.
SUBJECT = """
CREATE FUNCTION request_subject(processing_type text, subject_id uuid)
RETURNS TABLE (current_hash text, is_claimable boolean, is_requeueable boolean, is_erased boolean)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT subjects.current_hash, subjects.is_claimable, subjects.is_requeueable, subjects.is_erased
    FROM session_analysis_subjects AS subjects
    WHERE $1 = 'session_analysis' AND subjects.subject_id = $2
$$
"""


def upgrade() -> None:
    op.add_column(
        "ai_batch_requests",
        sa.Column("processing_type", sa.Text(), server_default="session_analysis", nullable=False),
    )
    op.add_column(
        REQUESTS, sa.Column("subject_id", sa.Uuid(), sa.Computed("session_id", persisted=True), nullable=False)
    )
    op.create_check_constraint(op.f("ck_ai_processing_requests_one_subject"), REQUESTS, "num_nonnulls(session_id) = 1")
    op.alter_column(REQUESTS, "session_id", nullable=True)
    op.drop_index("uq_ai_processing_requests_open", REQUESTS)
    op.create_index(
        "uq_ai_processing_requests_open",
        REQUESTS,
        ["subject_id", "processing_type"],
        unique=True,
        postgresql_where=OPEN,
    )
    op.create_index("ix_ai_processing_requests_subject_id_requested_at", REQUESTS, ["subject_id", "requested_at"])
    op.execute(SUBJECTS)
    op.execute(SUBJECT)


def downgrade() -> None:
    op.execute("DROP FUNCTION request_subject(text, uuid)")
    op.execute("DROP VIEW session_analysis_subjects")
    op.drop_index("ix_ai_processing_requests_subject_id_requested_at", REQUESTS)
    op.drop_index("uq_ai_processing_requests_open", REQUESTS)
    op.create_index(
        "uq_ai_processing_requests_open",
        REQUESTS,
        ["session_id", "processing_type"],
        unique=True,
        postgresql_where=OPEN,
    )
    op.alter_column(REQUESTS, "session_id", nullable=False)
    op.drop_constraint(op.f("ck_ai_processing_requests_one_subject"), REQUESTS)
    op.drop_column(REQUESTS, "subject_id")
    op.drop_column("ai_batch_requests", "processing_type")
