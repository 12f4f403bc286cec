"""Tables of sessions, their messages and questions, with the stages that each passes.

Add what describes a chat or how far it is. What companies deliver is in `imports`; requests and money are in `requests`,
`batches` and `money`.
"""

from __future__ import annotations

from sqlalchemy import (
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

from livedash_pipeline.base.rules.states import StageStatus
from livedash_pipeline.base.rules.text import LANGUAGE_FORM
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

sessions = Table(
    "sessions",
    metadata,
    id_column(),
    company_column(bulk=True),
    reference("import_id", "session_imports.id", "Row that the session was derived from.", unique=True),
    moment(
        "start_time", "When the chat began; its first message, where that is earlier than was given.", nullable=False
    ),
    moment("end_time", "When the chat ended; its last message, where that is later than was given.", nullable=False),
    Column("ip_address", Text, comment="Network address of the user; null: not given."),
    Column("country", Text, comment="ISO 3166 code of the user's country in upper case; null: not given or unknown."),
    Column("full_transcript_url", Text, comment="Where the transcript is; null: there is none."),
    Column(
        "avg_response_time", Numeric(12, 3), comment="Mean response time in seconds; null: neither measured nor given."
    ),
    Column("initial_msg", Text, comment="First message of the user; null: none, or deleted."),
    Column("messages_sent", Integer, comment="Messages of the user; null: neither counted nor given."),
    Column(
        "duration_seconds",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="Seconds from the start of the chat to its end.",
    ),
    # Written by the analysis alone.
    Column("language", Text, comment="ISO 639 code of the language that was spoken; null: not analysed."),
    Column("sentiment", Text, comment="POSITIVE, NEUTRAL or NEGATIVE; null: not analysed."),
    Column(
        "escalated",
        Boolean,
        comment="The user was passed on to a supervisor or manager, or asked to be; null: not analysed.",
    ),
    Column("forwarded_hr", Boolean, comment="Contact with HR was mentioned or its details given; null: not analysed."),
    Column("category", Text, comment="Subject of the chat, of a fixed list; null: not analysed."),
    Column("summary", Text, comment="What happened, in a sentence or two; null: not analysed, or deleted."),
    Column("row_hash", Text, nullable=False, comment="`content_hash` of the row that the session was derived from."),
    Column("transcript_sha256", Text, comment="Hash of the transcript that its messages are from; null: it has none."),
    Column(
        "transcript_hash", Text, comment="Hash of its messages, part of a request's input; null: it has no messages."
    ),
    Column(
        "stale",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="A newer transcript waits until the request in flight is settled.",
    ),
    legacy_column(unique=False),
    moment("analysed_at", "When the analysis was written last; null: not analysed."),
    moment("created_at", CREATED, nullable=False),
    moment("updated_at", UPDATED, nullable=False),
    CheckConstraint(f"language ~ '{LANGUAGE_FORM}'", name="language_form"),
    CheckConstraint("sentiment IN ('POSITIVE', 'NEUTRAL', 'NEGATIVE')", name="sentiment_known"),
    *not_negative("messages_sent", "duration_seconds", "avg_response_time"),
    not_before("end_time", "start_time"),
    legacy_index("sessions"),
    Index("ix_sessions_company_id_start_time", "company_id", "start_time"),
    # Sessions that may wait for a request, a chunk at a time in the order of their ids.
    Index("ix_sessions_company_id_id", "company_id", "id"),
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
    comment="One row per chat session.",
)

messages = Table(
    "messages",
    metadata,
    # Its rows are deleted with their session.
    bulk_reference("session_id", "sessions.id", "Session that the message belongs to.", primary_key=True),
    Column(
        "position",
        Integer,
        primary_key=True,
        autoincrement=False,
        comment="Place of the message in its session, from 0.",
    ),
    Column("role", Text, nullable=False, comment="`user`, `assistant`, `system` or `unknown`."),
    Column("content", Text, comment="What was said; null: deleted, by age or on request."),
    moment("sent_at", "When it was said; null: the transcript does not say."),
    CheckConstraint("role IN ('user', 'assistant', 'system', 'unknown')", name="role_known"),
    *not_negative("position"),
    comment="One row per message.",
)

processing_stages = Table(
    "processing_stages",
    metadata,
    Column("name", Text, primary_key=True, comment="Name of the stage."),
    Column(
        "position",
        Integer,
        nullable=False,
        unique=True,
        comment="Order of the stages: a stage waits for all with a lower position.",
    ),
    comment="One row per stage.",
)

session_processing_status = Table(
    "session_processing_status",
    metadata,
    bulk_reference("import_id", "session_imports.id", "Row of the session that passes the stage.", primary_key=True),
    bulk_reference("stage", "processing_stages.name", "Stage that it is about.", kind=Text, primary_key=True),
    Column(
        "status",
        Text,
        nullable=False,
        server_default=StageStatus.PENDING,
        comment="PENDING, IN_PROGRESS, COMPLETED, FAILED or SKIPPED; an absent row is PENDING.",
    ),
    Column("error_message", Text, comment="Why it failed or was skipped last; null: it was not."),
    Column(
        "retry_count", Integer, nullable=False, server_default=text("0"), comment="How often the stage was tried again."
    ),
    moment("started_at", "When work on it began last; null: not begun."),
    moment("completed_at", "When it ended last; null: not ended."),
    Column(
        "metadata", JSONB, nullable=False, server_default=text("'{}'"), comment="Codes and counts of the stage's own."
    ),
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
    comment="One row per import and stage.",
)

questions = Table(
    "questions",
    metadata,
    id_column(),
    company_column(),
    Column("content", Text, nullable=False, comment="The question, as the analysis words it."),
    moment("created_at", CREATED, nullable=False),
    UniqueConstraint("company_id", "content"),
    # An entry of a B-tree holds 2,704 bytes; 500 characters of four bytes fit.
    CheckConstraint("length(content) BETWEEN 1 AND 500", name="content_length"),
    comment="One row per question, per company.",
)

session_questions = Table(
    "session_questions",
    metadata,
    Column(
        "session_id",
        Uuid,
        ForeignKey("sessions.id", ondelete="CASCADE"),
        primary_key=True,
        comment="Session in which the question was asked.",
    ),
    Column(
        "position",
        Integer,
        primary_key=True,
        autoincrement=False,
        comment="Importance of the question in its session: 0 is the most important.",
    ),
    reference("question_id", "questions.id", "The question."),
    UniqueConstraint("session_id", "question_id"),
    *not_negative("position"),
    Index("ix_session_questions_question_id", "question_id"),
    comment="One row per question of a session.",
)
