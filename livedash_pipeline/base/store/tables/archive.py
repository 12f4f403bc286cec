"""Tables of the archive: its parts, and which session is in which.

Add what has to be known of files that may lie elsewhere by now. What a part holds in detail says its manifest.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from livedash_pipeline.base.store.tables.base import (
    company_column,
    id_column,
    metadata,
    moment,
    not_before,
    not_negative,
)

archive_parts = Table(
    "archive_parts",
    metadata,
    id_column(),
    company_column(),
    Column("month", Date, nullable=False, comment="First day of the month, in UTC, in which its chats began."),
    Column("number", Integer, nullable=False, comment="Which part of the month it is, from 1."),
    Column("path", Text, nullable=False, comment="Folder that it was written to, on the host that wrote it."),
    Column(
        "sessions", BigInteger, nullable=False, server_default=text("0"), comment="Sessions that its files are about."
    ),
    Column(
        "bytes", BigInteger, nullable=False, server_default=text("0"), comment="Size of its files together in bytes."
    ),
    Column("manifest_sha256", Text, comment="Hash of its manifest; null: being written, or interrupted."),
    moment("started_at", "When somebody began to write it.", nullable=False),
    moment("written_at", "When its manifest was written; null: being written, or interrupted."),
    moment("texts_deleted_at", "When the texts that it holds were deleted here; null: not, or not all of them."),
    moment("restored_at", "When texts were put back from it last; null: never."),
    # Files are rewritten without them by `livedash archive erase`.
    Column(
        "holds_erased",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="Its files hold texts of a session that was erased on request after they were written.",
    ),
    UniqueConstraint("company_id", "month", "number"),
    CheckConstraint("number >= 1", name="number_from_one"),
    CheckConstraint("(written_at IS NULL) = (manifest_sha256 IS NULL)", name="written_with_manifest"),
    *not_negative("sessions", "bytes"),
    not_before("written_at", "started_at"),
    comment="One row per part of a company's month in the archive.",
)

# Without foreign keys to imports: those are never deleted, and a check of each would write to every row of `session_imports`.
archived_sessions = Table(
    "archived_sessions",
    metadata,
    Column("import_id", Uuid, primary_key=True, comment="Row of the session in `session_imports`."),
    Column("part_id", Uuid, ForeignKey("archive_parts.id"), primary_key=True, comment="Part that it is in."),
    Column(
        "is_outdated",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="The session has changed since, so that a further part takes it as well.",
    ),
    moment("texts_deleted_at", "When its texts were deleted here because the part has them; null: not, or put back."),
    comment="One row per session in a part of the archive.",
)
