"""Files of questions between their preview and the batch that is made of them, and indexes of lists of chat batches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019_chat_uploads"
down_revision = "0018_console_lists"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "chat_uploads",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("fields", postgresql.JSONB(), nullable=False),
        sa.Column("preview", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_uploads")),
        sa.ForeignKeyConstraint(["token_id"], ["api_tokens.id"], name=op.f("fk_chat_uploads_token_id")),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_chat_uploads_company_id")),
        sa.CheckConstraint("size > 0", name=op.f("ck_chat_uploads_has_content")),
    )
    op.create_index("ix_chat_uploads_token_id_id", "chat_uploads", ["token_id", "id"])
    op.create_index("ix_chat_uploads_created_at", "chat_uploads", ["created_at"])
    op.create_index("ix_chat_batches_uploader_token_id_id", "chat_batches", ["uploader_token_id", "id"])
    op.create_index("ix_chat_batches_status_id", "chat_batches", ["status", "id"])


def downgrade() -> None:
    op.drop_index("ix_chat_batches_status_id", "chat_batches")
    op.drop_index("ix_chat_batches_uploader_token_id_id", "chat_batches")
    op.drop_table("chat_uploads")
