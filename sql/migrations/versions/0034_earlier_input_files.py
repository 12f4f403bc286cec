"""Remembers the input files that a batch was fenced by and given up with.

Where a service says that it deleted a file and did not, a create that comes late still runs on it. Such a batch carries our name, unless
the service leaves metadata out: then only its input file shows whose it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034_earlier_input_files"
down_revision = "0033_vacuum"
branch_labels = None
depends_on = None

TABLE = "ai_batch_requests"


def upgrade() -> None:
    op.add_column(
        TABLE,
        sa.Column(
            "earlier_input_file_ids",
            sa.ARRAY(sa.Text),
            nullable=False,
            server_default=sa.text("'{}'"),
            comment="Input files of creates that were given up; the service was asked to delete each before the next was uploaded.",
        ),
    )
    op.create_index(
        "ix_ai_batch_requests_earlier_input_file_ids",
        TABLE,
        ["earlier_input_file_ids"],
        postgresql_using="gin",
        postgresql_where=sa.text("earlier_input_file_ids <> '{}'"),
    )


def downgrade() -> None:
    op.drop_index("ix_ai_batch_requests_earlier_input_file_ids", TABLE)
    op.drop_column(TABLE, "earlier_input_file_ids")
