"""Forgets the tokens that batches were seen with before they had ended: they are a part of what was used, and looked like all.

Of batches that were settled already, what was booked stays: entries never change, and nobody can tell the two apart.
"""

from __future__ import annotations

from alembic import op

revision = "0028_final_usage"
down_revision = "0027_references"
branch_labels = None
depends_on = None

_COMMENTS = {
    "ai_batch_requests": "Tokens of the whole batch as the service states them{}; null: it does not.",
    "ai_surplus_batches": "Its tokens as the service states them{}; null: it does not.",
}


def upgrade() -> None:
    # Their next look brings the figures of those that are still known; `mark_vanished` ends a batch as failed.
    op.execute("""
        UPDATE ai_batch_requests SET usage = NULL
        WHERE usage IS NOT NULL AND processed_at IS NULL
        AND (
            status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')
            OR (status = 'FAILED' AND error_code = 'batch_vanished')
        )
    """)
    # A price that was missing would be filled in from these figures; a batch that ended as it should has its cost, or waits for one.
    op.execute("""
        UPDATE ai_surplus_batches SET usage = NULL
        WHERE usage IS NOT NULL AND (ended_at IS NULL OR openai_status IN ('batch_vanished', 'unfollowed'))
    """)
    _comment(" once it has ended")


def downgrade() -> None:
    _comment("")


def _comment(when: str) -> None:
    for table, comment in _COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN {table}.usage IS '{comment.format(when)}'")
