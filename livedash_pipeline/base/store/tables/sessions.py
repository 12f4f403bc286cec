"""Tables from a company's CSV to its sessions and messages, with the stages that each row passes.

Add what describes chats and how they came in. Requests, batches and money live in `analysis` and `money`.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
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

from livedash_pipeline.base.rules.states import CompanyStatus, StageStatus
from livedash_pipeline.base.rules.text import LANGUAGE_FORM
from livedash_pipeline.base.store.tables.base import (
    MONEY,
    id_column,
    metadata,
    moment,
    not_before,
    not_negative,
    one_of,
    reference,
)

companies = Table(
    "companies",
    metadata,
    id_column(),
    Column("slug", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=CompanyStatus.ACTIVE),
    Column("csv_url", Text, nullable=False),
    # Names of environment variables. The credentials themselves are never stored.
    Column("csv_username_env", Text),
    Column("csv_password_env", Text),
    Column("csv_bearer_env", Text),
    # `NAME=VARIABLE`, for headers that the CSV's server asks for.
    Column("csv_headers", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("time_zone", Text, nullable=False, server_default="Europe/Amsterdam"),
    Column("transcript_hosts", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    # Networks beyond the public ones that its sources may be at, as an operator said in so many words.
    Column("allowed_addresses", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("bot_names", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    # How its files are written, where they differ from the seed's; null where they do not.
    Column("csv_profile", JSONB(none_as_null=True)),
    Column("transcript_profile", JSONB(none_as_null=True)),
    # Instructions that its chat batches get where they are asked for and the uploader gives none.
    Column("chat_override", Text),
    Column("csv_etag", Text),
    Column("csv_last_modified", Text),
    moment("next_import_at"),
    Column("import_failures", Integer, nullable=False, server_default=text("0")),
    # What it may spend in a month or a day (UTC) in euro, and the month's budget by whose shares people are told; null: as the
    # settings say.
    Column("monthly_cap_eur", MONEY),
    Column("daily_cap_eur", MONEY),
    Column("monthly_budget_eur", MONEY),
    # Days after the end of a chat for which its texts are kept; null: for good.
    Column("transcript_retention_days", Integer),
    Column("message_retention_days", Integer),
    Column("answer_retention_days", Integer),
    Column("created_by", Text, nullable=False, server_default="operator"),
    Column("legacy_id", Text, unique=True),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    CheckConstraint("slug ~ '^[a-z0-9-]{1,63}$'", name="slug_form"),
    one_of("status", CompanyStatus),
    *not_negative("import_failures"),
    *not_negative("monthly_cap_eur", "daily_cap_eur", "monthly_budget_eur"),
    *not_negative("transcript_retention_days", "message_retention_days", "answer_retention_days"),
)

import_runs = Table(
    "import_runs",
    metadata,
    id_column(),
    reference("company_id", "companies.id"),
    Column("source_url", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="RUNNING"),
    moment("started_at", nullable=False),
    moment("finished_at"),
    Column("dagster_run_id", Text),
    Column("bytes", BigInteger, nullable=False, server_default=text("0")),
    Column("sha256", Text),
    Column("not_modified", Boolean, nullable=False, server_default=text("false")),
    Column("rows", Integer, nullable=False, server_default=text("0")),
    Column("rows_new", Integer, nullable=False, server_default=text("0")),
    Column("rows_changed", Integer, nullable=False, server_default=text("0")),
    Column("rows_unchanged", Integer, nullable=False, server_default=text("0")),
    Column("rows_rejected", Integer, nullable=False, server_default=text("0")),
    Column("error_code", Text),
    Column("error_message", Text),
    CheckConstraint("status IN ('RUNNING', 'COMPLETED', 'FAILED')", name="status_known"),
    *not_negative("rows", "rows_new", "rows_changed", "rows_unchanged", "rows_rejected", "bytes"),
    not_before("finished_at", "started_at"),
    Index("ix_import_runs_company_id_started_at", "company_id", "started_at"),
)

import_rejects = Table(
    "import_rejects",
    metadata,
    id_column(),
    reference("company_id", "companies.id"),
    reference("import_run_id", "import_runs.id"),
    Column("line_number", Integer, nullable=False),
    Column("raw_text", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text),
    CheckConstraint("line_number >= 1", name="line_number_from_one"),
    Index("ix_import_rejects_import_run_id_line_number", "import_run_id", "line_number"),
    Index("ix_import_rejects_company_id_id", "company_id", "id"),
)

session_imports = Table(
    "session_imports",
    metadata,
    id_column(),
    reference("company_id", "companies.id"),
    Column("external_session_id", Text, nullable=False),
    Column("start_time_raw", Text, nullable=False),
    # Null where the CSV has none: then the end is the start, which messages widen.
    Column("end_time_raw", Text),
    Column("ip_address", Text),
    Column("country_code", Text),
    Column("language", Text),
    Column("messages_sent", Integer),
    Column("sentiment_raw", Text),
    Column("escalated_raw", Text),
    Column("forwarded_hr_raw", Text),
    Column("full_transcript_url", Text),
    Column("avg_response_time_seconds", Numeric(12, 3)),
    Column("tokens", BigInteger),
    Column("tokens_eur", Numeric(14, 6)),
    Column("category", Text),
    Column("initial_message", Text),
    # What the raw words mean, as far as the vocabulary knows them; null where it does not.
    moment("start_time", nullable=False),
    moment("end_time", nullable=False),
    Column("country", Text),
    Column("language_code", Text),
    Column("sentiment_score", Numeric(4, 2)),
    Column("escalated", Boolean),
    Column("forwarded_hr", Boolean),
    # What optional columns held that could not be read, by column; null where all could.
    Column("unread", JSONB),
    # Columns of the CSV that mean nothing to us, by name.
    Column("extra", JSONB),
    Column("source", Text, nullable=False, server_default="csv"),
    # Hash over the fields of the record, the time zone and the profiles: equal hash, nothing to do.
    Column("content_hash", Text, nullable=False),
    reference("import_run_id", "import_runs.id", nullable=True),
    Column("legacy_id", Text, unique=True),
    # Its texts were deleted on request: what sources still say about it is not ingested again.
    moment("erased_at"),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    UniqueConstraint("company_id", "external_session_id"),
    CheckConstraint("external_session_id <> ''", name="external_session_id_given"),
    CheckConstraint("source IN ('csv', 'api')", name="source_known"),
    *not_negative("messages_sent", "avg_response_time_seconds", "tokens", "tokens_eur"),
    not_before("end_time", "start_time"),
    Index("ix_session_imports_created_at", "created_at"),
)

transcripts = Table(
    "transcripts",
    metadata,
    Column("import_id", Uuid, ForeignKey("session_imports.id"), primary_key=True),
    Column("url", Text, nullable=False),
    # The row of the CSV for which it was fetched: a row that changes later is fetched again.
    Column("row_hash", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("content", Text),
    Column("sha256", Text),
    Column("etag", Text),
    Column("replaced_characters", Boolean, nullable=False, server_default=text("false")),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    moment("next_attempt_at"),
    moment("fetched_at"),
    moment("updated_at", nullable=False),
    # PRUNED: it was fetched, and its text is deleted by now; it is not fetched again.
    CheckConstraint("status IN ('FETCHED', 'FAILED', 'PRUNED')", name="status_known"),
    CheckConstraint("(status = 'FETCHED') = (content IS NOT NULL)", name="fetched_has_content"),
    *not_negative("attempts"),
    Index("ix_transcripts_next_attempt_at", "next_attempt_at", postgresql_where=text("status = 'FAILED'")),
)

sessions = Table(
    "sessions",
    metadata,
    id_column(),
    reference("company_id", "companies.id"),
    reference("import_id", "session_imports.id", unique=True),
    moment("start_time", nullable=False),
    moment("end_time", nullable=False),
    Column("ip_address", Text),
    Column("country", Text),
    Column("full_transcript_url", Text),
    Column("avg_response_time", Numeric(12, 3)),
    Column("initial_msg", Text),
    Column("messages_sent", Integer),
    Column("duration_seconds", Integer, nullable=False, server_default=text("0")),
    # Written by the analysis alone.
    Column("language", Text),
    Column("sentiment", Text),
    Column("escalated", Boolean),
    Column("forwarded_hr", Boolean),
    Column("category", Text),
    Column("summary", Text),
    # Derived from: the CSV row, and the transcript; `transcript_hash` covers the messages and is part of a request's input.
    Column("row_hash", Text, nullable=False),
    Column("transcript_sha256", Text),
    Column("transcript_hash", Text),
    # A newer transcript waits until the request in flight is settled.
    Column("stale", Boolean, nullable=False, server_default=text("false")),
    Column("legacy_id", Text, unique=True),
    moment("analysed_at"),
    moment("created_at", nullable=False),
    moment("updated_at", nullable=False),
    CheckConstraint(f"language ~ '{LANGUAGE_FORM}'", name="language_form"),
    CheckConstraint("sentiment IN ('POSITIVE', 'NEUTRAL', 'NEGATIVE')", name="sentiment_known"),
    *not_negative("messages_sent", "duration_seconds", "avg_response_time"),
    not_before("end_time", "start_time"),
    Index("ix_sessions_company_id_start_time", "company_id", "start_time"),
    # Sessions of all companies, newest first, a page at a time.
    Index("ix_sessions_start_time_id", "start_time", "id"),
    Index("ix_sessions_stale", "company_id", postgresql_where=text("stale")),
    Index(
        "ix_sessions_company_id_analysed_at",
        "company_id",
        "analysed_at",
        "id",
        postgresql_where=text("analysed_at IS NOT NULL"),
    ),
)

messages = Table(
    "messages",
    metadata,
    Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("role", Text, nullable=False),
    # Null: deleted, by age or on request.
    Column("content", Text),
    moment("sent_at"),
    CheckConstraint("role IN ('user', 'assistant', 'system', 'unknown')", name="role_known"),
    *not_negative("position"),
)

processing_stages = Table(
    "processing_stages",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", Integer, nullable=False, unique=True),
)

session_processing_status = Table(
    "session_processing_status",
    metadata,
    Column("import_id", Uuid, ForeignKey("session_imports.id"), primary_key=True),
    Column("stage", Text, ForeignKey("processing_stages.name"), primary_key=True),
    Column("status", Text, nullable=False, server_default=StageStatus.PENDING),
    Column("error_message", Text),
    Column("retry_count", Integer, nullable=False, server_default=text("0")),
    moment("started_at"),
    moment("completed_at"),
    Column("metadata", JSONB, nullable=False, server_default=text("'{}'")),
    one_of("status", StageStatus),
    *not_negative("retry_count"),
    not_before("completed_at", "started_at"),
    Index(
        "ix_session_processing_status_unfinished",
        "stage",
        "status",
        "import_id",
        postgresql_where=text("status IN ('PENDING', 'IN_PROGRESS', 'FAILED')"),
    ),
)

questions = Table(
    "questions",
    metadata,
    id_column(),
    reference("company_id", "companies.id"),
    Column("content", Text, nullable=False),
    moment("created_at", nullable=False),
    UniqueConstraint("company_id", "content"),
    # An entry of a B-tree holds 2,704 bytes; 500 characters of four bytes fit.
    CheckConstraint("length(content) BETWEEN 1 AND 500", name="content_length"),
)

session_questions = Table(
    "session_questions",
    metadata,
    Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    reference("question_id", "questions.id"),
    UniqueConstraint("session_id", "question_id"),
    *not_negative("position"),
    Index("ix_session_questions_question_id", "question_id"),
)
