"""Files of companies that deliver their CSVs in a folder, and names of variables for bearer tokens and headers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0012_import_files"
down_revision = "0011_profiles"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_STATES = "'WAITING', 'IMPORTED', 'SAME', 'REFUSED', 'FAILED'"


def upgrade() -> None:
    op.add_column("companies", sa.Column("csv_bearer_env", sa.Text()))
    op.add_column(
        "companies", sa.Column("csv_headers", ARRAY(sa.Text()), nullable=False, server_default=sa.text("'{}'"))
    )
    op.create_table(
        "import_files",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text()),
        sa.Column("modified_at", _MOMENT),
        sa.Column("sha256", sa.Text()),
        sa.Column("error_code", sa.Text()),
        sa.Column("first_seen_at", _MOMENT, nullable=False),
        sa.Column("seen_at", _MOMENT, nullable=False),
        sa.Column("imported_at", _MOMENT),
        sa.Column("gone_at", _MOMENT),
        sa.Column("import_run_id", sa.Uuid()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_files")),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_import_files_company_id")),
        sa.ForeignKeyConstraint(["import_run_id"], ["import_runs.id"], name=op.f("fk_import_files_import_run_id")),
        sa.UniqueConstraint("company_id", "path", name=op.f("uq_import_files_company_id_path")),
        sa.CheckConstraint(f"state IN ({_STATES})", name=op.f("ck_import_files_state_known")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_import_files_size_not_negative")),
    )
    op.create_index("ix_import_files_company_id_sha256", "import_files", ["company_id", "sha256"])


def downgrade() -> None:
    op.drop_table("import_files")
    op.drop_column("companies", "csv_headers")
    op.drop_column("companies", "csv_bearer_env")
