"""Parts of the archive and the sessions in them; deletions of archived texts are recorded like those by age."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024_archive"
down_revision = "0023_legacy_indexes"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_KIND = "ck_prune_runs_kind_known"
_KINDS_BEFORE = "kind IN ('retention', 'erasure', 'dagster', 'audit')"
_KINDS_AFTER = "kind IN ('retention', 'erasure', 'dagster', 'audit', 'archive')"
_SAID_BEFORE = (
    "What was deleted: texts by age, texts of named sessions on request, Dagster's run records, or audit entries."
)
_SAID_AFTER = "What was deleted: texts by age, on request or as archived, Dagster's run records, or audit entries."


def upgrade() -> None:
    op.create_table(
        "archive_parts",
        sa.Column(
            "id",
            sa.Uuid(),
            server_default=sa.text("livedash_uuid7()"),
            nullable=False,
            comment="Id that grows with time: the order of ids is the order of creation.",
        ),
        sa.Column("company_id", sa.Uuid(), nullable=False, comment="Company whose row it is."),
        sa.Column(
            "month", sa.Date(), nullable=False, comment="First day of the month, in UTC, in which its chats began."
        ),
        sa.Column("number", sa.Integer(), nullable=False, comment="Which part of the month it is, from 1."),
        sa.Column(
            "path", sa.Text(), nullable=False, comment="Folder that it was written to, on the host that wrote it."
        ),
        sa.Column(
            "sessions",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Sessions that its files are about.",
        ),
        sa.Column(
            "bytes",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Size of its files together in bytes.",
        ),
        sa.Column("manifest_sha256", sa.Text(), comment="Hash of its manifest; null: being written, or interrupted."),
        sa.Column("started_at", _MOMENT, nullable=False, comment="When somebody began to write it."),
        sa.Column("written_at", _MOMENT, comment="When its manifest was written; null: being written, or interrupted."),
        sa.Column(
            "texts_deleted_at",
            _MOMENT,
            comment="When the texts that it holds were deleted here; null: not, or not all of them.",
        ),
        sa.Column("restored_at", _MOMENT, comment="When texts were put back from it last; null: never."),
        sa.Column(
            "holds_erased",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Its files hold texts of a session that was erased on request after they were written.",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archive_parts")),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name=op.f("fk_archive_parts_company_id")),
        sa.UniqueConstraint("company_id", "month", "number", name=op.f("uq_archive_parts_company_id_month_number")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_archive_parts_number_from_one")),
        sa.CheckConstraint(
            "(written_at IS NULL) = (manifest_sha256 IS NULL)", name=op.f("ck_archive_parts_written_with_manifest")
        ),
        sa.CheckConstraint("sessions >= 0", name=op.f("ck_archive_parts_sessions_not_negative")),
        sa.CheckConstraint("bytes >= 0", name=op.f("ck_archive_parts_bytes_not_negative")),
        sa.CheckConstraint("written_at >= started_at", name=op.f("ck_archive_parts_written_at_after_started_at")),
        comment="One row per part of a company's month in the archive.",
    )
    op.create_table(
        "archived_sessions",
        sa.Column("import_id", sa.Uuid(), nullable=False, comment="Row of the session in `session_imports`."),
        sa.Column("part_id", sa.Uuid(), nullable=False, comment="Part that it is in."),
        sa.Column(
            "is_outdated",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="The session has changed since, so that a further part takes it as well.",
        ),
        sa.Column(
            "texts_deleted_at",
            _MOMENT,
            comment="When its texts were deleted here because the part has them; null: not, or put back.",
        ),
        sa.PrimaryKeyConstraint("import_id", "part_id", name=op.f("pk_archived_sessions")),
        sa.ForeignKeyConstraint(["part_id"], ["archive_parts.id"], name=op.f("fk_archived_sessions_part_id")),
        comment="One row per session in a part of the archive.",
    )
    op.drop_constraint(op.f(_KIND), "prune_runs")
    op.create_check_constraint(op.f(_KIND), "prune_runs", _KINDS_AFTER)
    op.alter_column("prune_runs", "kind", comment=_SAID_AFTER, existing_comment=_SAID_BEFORE)


def downgrade() -> None:
    # Not deleted: an import asks whether a company has any record before it looks for deleted texts.
    op.execute("UPDATE prune_runs SET kind = 'retention' WHERE kind = 'archive'")
    op.drop_constraint(op.f(_KIND), "prune_runs")
    op.create_check_constraint(op.f(_KIND), "prune_runs", _KINDS_BEFORE)
    op.alter_column("prune_runs", "kind", comment=_SAID_BEFORE, existing_comment=_SAID_AFTER)
    op.drop_table("archived_sessions")
    op.drop_table("archive_parts")
