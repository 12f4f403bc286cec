"""Who is signed in to the console, and links that sign in once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016_console"
down_revision = "0015_open_costs"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "console_sessions",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("session_hash", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("last_seen_at", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_console_sessions")),
        sa.ForeignKeyConstraint(["token_id"], ["api_tokens.id"], name=op.f("fk_console_sessions_token_id")),
        sa.UniqueConstraint("session_hash", name=op.f("uq_console_sessions_session_hash")),
        sa.CheckConstraint(
            "last_seen_at >= created_at", name=op.f("ck_console_sessions_last_seen_at_after_created_at")
        ),
    )
    op.create_index("ix_console_sessions_last_seen_at", "console_sessions", ["last_seen_at"])
    op.create_table(
        "console_links",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("link_hash", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("used_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_console_links")),
        sa.ForeignKeyConstraint(["token_id"], ["api_tokens.id"], name=op.f("fk_console_links_token_id")),
        sa.UniqueConstraint("link_hash", name=op.f("uq_console_links_link_hash")),
        sa.CheckConstraint("expires_at >= created_at", name=op.f("ck_console_links_expires_at_after_created_at")),
    )


def downgrade() -> None:
    op.drop_table("console_links")
    op.drop_table("console_sessions")
