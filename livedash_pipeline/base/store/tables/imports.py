"""Tables of what companies deliver: files, imports, records that were refused, sessions as a CSV tells them, transcripts.

Add what is known of a file, a record or a text before it is a session. What is made of them stands in `sessions`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from livedash_pipeline.base.rules.states import ImportFileState
from livedash_pipeline.base.store.tables.base import (
    CREATED,
    UPDATED,
    bulk_reference,
    company_column,
    id_column,
    legacy_column,
    legacy_index,
    metadata,
    moment,
    not_before,
    not_negative,
    one_of,
    reference,
)


def _count(name: str, comment: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text("0"), comment=comment)


import_files = Table(
    "import_files",
    metadata,
    id_column(),
    company_column(),
    # A company whose folder moves, or whose pattern changes, keeps what is known of each file.
    Column("path", Text, nullable=False, comment="Whole address of the file."),
    Column(
        "state", Text, nullable=False, comment="WAITING, IMPORTED, SAME, REFUSED or FAILED; of the version listed here."
    ),
    Column("size", BigInteger, nullable=False, comment="Size in bytes, as it was listed."),
    Column("version", Text, comment="ETag or generation, as it was listed; null: the store has none."),
    moment("modified_at", "When the file changed last, as it was listed; null: the store does not say."),
    Column("sha256", Text, comment="Hash of the bytes that were imported last; null: none yet."),
    Column("error_code", Text, comment="Why the version was not imported; null: it was, or waits."),
    moment("first_seen_at", "When a listing showed the file first.", nullable=False),
    moment("seen_at", "Since when the version is what it is, by our clock.", nullable=False),
    moment("imported_at", "When the file was imported last; null: never."),
    moment("gone_at", "Since when no listing shows the file; null: it is listed."),
    reference("import_run_id", "import_runs.id", "Import that read it last; null: none.", nullable=True),
    UniqueConstraint("company_id", "path"),
    one_of("state", ImportFileState),
    *not_negative("size"),
    Index("ix_import_files_company_id_sha256", "company_id", "sha256"),
    comment="One row per file in a company's folder.",
)

import_runs = Table(
    "import_runs",
    metadata,
    id_column(),
    company_column(),
    Column("source_url", Text, nullable=False, comment="Where the CSV was read from."),
    Column("status", Text, nullable=False, server_default="RUNNING", comment="RUNNING, COMPLETED or FAILED."),
    moment("started_at", "When the import began.", nullable=False),
    moment("finished_at", "When the import ended; null: it runs, or was interrupted."),
    Column("dagster_run_id", Text, comment="Dagster run that imported; null: none."),
    Column("bytes", BigInteger, nullable=False, server_default=text("0"), comment="Size of the CSV in bytes."),
    Column("sha256", Text, comment="Hash of the CSV; null: not read to its end."),
    Column(
        "not_modified",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="The server said that the CSV is the one imported before.",
    ),
    _count("rows", "Records of the CSV."),
    _count("rows_new", "Records whose session was new."),
    _count("rows_changed", "Records whose session was known and changed."),
    _count("rows_unchanged", "Records whose session was known and is the same."),
    _count("rows_rejected", "Records that were not imported."),
    Column("error_code", Text, comment="Why the import failed, as a code; null: it did not."),
    Column("error_message", Text, comment="Why the import failed, as a sentence; null: it did not."),
    CheckConstraint("status IN ('RUNNING', 'COMPLETED', 'FAILED')", name="status_known"),
    *not_negative("rows", "rows_new", "rows_changed", "rows_unchanged", "rows_rejected", "bytes"),
    not_before("finished_at", "started_at"),
    Index("ix_import_runs_company_id_started_at", "company_id", "started_at"),
    comment="One row per import of one CSV.",
)

import_rejects = Table(
    "import_rejects",
    metadata,
    id_column(),
    company_column(),
    reference("import_run_id", "import_runs.id", "Import that refused the record."),
    Column(
        "line_number", Integer, nullable=False, comment="Physical line of the file on which the record begins, from 1."
    ),
    Column("raw_text", Text, nullable=False, comment="The record as the file has it."),
    Column("reason", Text, nullable=False, comment="Why it was refused, as a code."),
    Column("detail", Text, comment="What exactly is wrong; null: the reason says all."),
    CheckConstraint("line_number >= 1", name="line_number_from_one"),
    Index("ix_import_rejects_import_run_id_line_number", "import_run_id", "line_number"),
    Index("ix_import_rejects_company_id_id", "company_id", "id"),
    comment="One row per record that was not imported.",
)

session_imports = Table(
    "session_imports",
    metadata,
    id_column(),
    company_column(bulk=True),
    Column("external_session_id", Text, nullable=False, comment="The company's own id of the session."),
    Column("start_time_raw", Text, nullable=False, comment="Start of the chat as it was given."),
    # Without one the end is the start, which messages widen.
    Column("end_time_raw", Text, comment="End of the chat as it was given; null: not given."),
    Column("ip_address", Text, comment="Network address of the user; null: not given."),
    Column("country_code", Text, comment="Country of the user as it was given; null: not given."),
    Column("language", Text, comment="Language of the chat as it was given; null: not given."),
    Column(
        "messages_sent", Integer, comment="Messages of the user, as the company counts; null: not given or unreadable."
    ),
    Column("sentiment_raw", Text, comment="Mood of the user as it was given, a word or number; null: not given."),
    Column("escalated_raw", Text, comment="Word that says if the chat was passed on; null: not given."),
    Column("forwarded_hr_raw", Text, comment="Word that says if HR was involved; null: not given."),
    Column("full_transcript_url", Text, comment="Where the transcript is; null: there is none."),
    Column(
        "avg_response_time_seconds",
        Numeric(12, 3),
        comment="Mean response time in seconds, as the company measures; null: not given or unreadable.",
    ),
    Column("tokens", BigInteger, comment="Tokens that the company's own chat bot used; null: not given or unreadable."),
    Column(
        "tokens_eur",
        Numeric(14, 6),
        comment="What those tokens cost the company, in euro; null: not given or unreadable.",
    ),
    Column("category", Text, comment="Subject of the chat as it was given; null: not given."),
    Column("initial_message", Text, comment="First message of the user as it was given; null: not given, or deleted."),
    # What the raw words mean, as far as the vocabulary knows them.
    moment("start_time", "Meaning of `start_time_raw`, in the company's time zone.", nullable=False),
    moment("end_time", "Meaning of `end_time_raw`; the start, where no end was given.", nullable=False),
    Column(
        "country", Text, comment="Meaning of `country_code`: ISO 3166 code in upper case; null: not given or unknown."
    ),
    Column(
        "language_code", Text, comment="Meaning of `language`: ISO 639 code in lower case; null: not given or unknown."
    ),
    Column(
        "sentiment_score",
        Numeric(4, 2),
        comment="Meaning of `sentiment_raw`, below 0 where negative; null: not given or unknown.",
    ),
    Column("escalated", Boolean, comment="Meaning of `escalated_raw`; null: not given or unknown."),
    Column("forwarded_hr", Boolean, comment="Meaning of `forwarded_hr_raw`; null: not given or unknown."),
    Column("unread", JSONB, comment="Values of optional columns that could not be read, by column; null: all could."),
    Column("extra", JSONB, comment="Further columns of the CSV, by name; null: it has none."),
    Column("source", Text, nullable=False, server_default="csv", comment="`csv`, or `api` once it was ever submitted."),
    Column(
        "content_hash",
        Text,
        nullable=False,
        comment="Hash of the record, the time zone and the profiles: with an equal hash there is nothing to do.",
    ),
    bulk_reference(
        "import_run_id", "import_runs.id", "Import that changed the row last; null: a submission did.", nullable=True
    ),
    legacy_column(unique=False),
    moment(
        "erased_at", "When its texts were deleted on request; nothing of it is ingested after that; null: not erased."
    ),
    moment("created_at", CREATED, nullable=False),
    moment("updated_at", UPDATED, nullable=False),
    UniqueConstraint("company_id", "external_session_id"),
    CheckConstraint("external_session_id <> ''", name="external_session_id_given"),
    CheckConstraint("source IN ('csv', 'api')", name="source_known"),
    *not_negative("messages_sent", "avg_response_time_seconds", "tokens", "tokens_eur"),
    not_before("end_time", "start_time"),
    legacy_index("session_imports"),
    Index("ix_session_imports_created_at", "created_at"),
    comment="One row per chat session as the CSV, or a submission, tells it.",
)

transcripts = Table(
    "transcripts",
    metadata,
    Column(
        "import_id",
        Uuid,
        ForeignKey("session_imports.id"),
        primary_key=True,
        comment="Row of the session that it is the transcript of.",
    ),
    Column("url", Text, nullable=False, comment="Where it was fetched from; `api:` for submitted messages."),
    Column(
        "row_hash",
        Text,
        nullable=False,
        comment="Hash of the row for which it was fetched: a row that changes later is fetched again.",
    ),
    Column("status", Text, nullable=False, comment="FETCHED, FAILED, or PRUNED: fetched and deleted since."),
    Column("content", Text, comment="The text, or submitted messages as JSON; null: not fetched, or deleted."),
    Column("sha256", Text, comment="Hash of the content; null: never fetched."),
    Column("etag", Text, comment="ETag of the content; null: the server sent none."),
    Column(
        "replaced_characters",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="Bytes that are not UTF-8, or NUL, were replaced.",
    ),
    Column("error_code", Text, comment="Why the last fetch failed, as a code; null: it did not."),
    Column("error_message", Text, comment="Why the last fetch failed, as a sentence; null: it did not."),
    _count("attempts", "Fetches of the same row that failed, one after another."),
    moment("next_attempt_at", "When a failed fetch may be tried again; null: not by itself."),
    moment("fetched_at", "When it was fetched last; null: never."),
    moment("updated_at", UPDATED, nullable=False),
    # What is PRUNED is not fetched again.
    CheckConstraint("status IN ('FETCHED', 'FAILED', 'PRUNED')", name="status_known"),
    CheckConstraint("(status = 'FETCHED') = (content IS NOT NULL)", name="fetched_has_content"),
    *not_negative("attempts"),
    Index("ix_transcripts_next_attempt_at", "next_attempt_at", postgresql_where=text("status = 'FAILED'")),
    comment="One row per import with a transcript URL, or submitted messages.",
)
