"""Tables of what is asked of models: requests, and the ledger of what was tried and what it cost.

Add what a request or a try has to remember. `ai_request_attempts` is the ledger: an outcome, once written, never changes (a
trigger keeps it so); only an erasure empties `error_message` of an attempt.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.tables.base import (
    MONEY,
    RATE,
    UPDATED,
    USD_EUR,
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

_OPEN = text("processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')")


def _count(name: str, comment: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text("0"), comment=comment)


def _tokens(name: str, what: str) -> Column[int]:
    return Column(name, BigInteger, comment=f"{what}; null: the service stated none.")


def _cost(name: str, what: str) -> Column[object]:
    return Column(name, MONEY, comment=f"{what}; null: price, rate or tokens unknown, or not settled.")


ai_processing_requests = Table(
    "ai_processing_requests",
    metadata,
    id_column(),
    # A column for each table that subjects of some kind lie in, of which exactly one is set.
    reference("session_id", "sessions.id", "Session that it asks about; null: another subject.", nullable=True),
    reference(
        "chat_interaction_id", "chat_interactions.id", "Chat turn that it asks; null: another subject.", nullable=True
    ),
    reference(
        "chat_judgement_id",
        "chat_judgements.id",
        "Pair of answers that it asks about; null: another subject.",
        nullable=True,
    ),
    Column(
        "subject_id",
        Uuid,
        Computed("coalesce(session_id, chat_interaction_id, chat_judgement_id)", persisted=True),
        nullable=False,
        comment="The one of these ids that is set.",
    ),
    company_column(),
    Column(
        "processing_type",
        Text,
        nullable=False,
        server_default="session_analysis",
        comment="Kind of request: `session_analysis`, `chat_turn` or `chat_judgement`.",
    ),
    Column("model", Text, nullable=False, comment="Model that is asked."),
    Column(
        "processing_status",
        Text,
        nullable=False,
        server_default=RequestStatus.PENDING_BATCHING,
        comment="PENDING_BATCHING, BATCHING_IN_PROGRESS, PROCESSING_COMPLETE or PROCESSING_FAILED.",
    ),
    bulk_reference(
        "batch_id", "ai_batch_requests.id", "Batch that it is in, or was in last; null: in none yet.", nullable=True
    ),
    # In progress from its first call until it ends.
    Column(
        "by_call",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="It is asked by single calls and not in a batch.",
    ),
    # The input: what was asked about, and how. A body is rebuilt only from what these name.
    Column("prompt_version", Text, nullable=False, comment="Version of the prompt that it is asked with."),
    Column("transcript_hash", Text, nullable=False, comment="Hash of the messages, or texts, that it asks about."),
    Column("input_hash", Text, nullable=False, comment="Hash of messages, prompt and model together."),
    Column("body_bytes", Integer, nullable=False, comment="Size of its line in bytes."),
    Column("token_estimate", Integer, nullable=False, comment="Tokens of its input, as estimated."),
    Column("max_output_tokens", Integer, nullable=False, comment="Most tokens that its answer may have."),
    # Both allowances start counting at the last requeue.
    _count("attempts", "Tries that counted, since it was made."),
    _count("attempts_before_requeue", "Of these, those before the last requeue, which no longer count against it."),
    _count("releases", "How often its batch ended without an answer and that counted."),
    _count("releases_before_requeue", "Of these, those before the last requeue, which no longer count against it."),
    Column("error_code", Text, comment="Why it failed, as a code; null: it did not."),
    Column("error_message", Text, comment="Why it failed, as a sentence; null: it did not, or deleted."),
    Column(
        "openai_request_id", Text, key="remote_request_id", comment="The service's id of the last answer; null: none."
    ),
    # Kept so that an input that returns is applied again and not bought again.
    Column("parsed_answer", JSONB, comment="The answer as it was understood; null: none, or deleted."),
    Column("raw_answer", Text, comment="The answer as it came; null: none, or deleted."),
    Column(
        "answer_flags",
        ARRAY(Text),
        nullable=False,
        server_default=text("'{}'"),
        comment="What was repaired in the answer.",
    ),
    legacy_column(unique=False),
    moment("requested_at", "When it was made.", nullable=False),
    moment("completed_at", "When it ended; null: it is open."),
    moment("updated_at", UPDATED, nullable=False),
    one_of("processing_status", RequestStatus),
    CheckConstraint("num_nonnulls(session_id, chat_interaction_id, chat_judgement_id) = 1", name="one_subject"),
    CheckConstraint(
        "(processing_status = 'BATCHING_IN_PROGRESS') <= (batch_id IS NOT NULL OR by_call)",
        name="in_progress_has_batch",
    ),
    CheckConstraint("NOT by_call OR processing_status <> 'PENDING_BATCHING'", name="calls_wait_for_no_batch"),
    *not_negative("body_bytes", "token_estimate", "max_output_tokens", "attempts", "releases"),
    not_before("completed_at", "requested_at"),
    legacy_index("ai_processing_requests"),
    Index("uq_ai_processing_requests_open", "subject_id", "processing_type", unique=True, postgresql_where=_OPEN),
    Index(
        "ix_ai_processing_requests_pending",
        "company_id",
        "model",
        "id",
        postgresql_where=text("processing_status = 'PENDING_BATCHING'"),
    ),
    Index("ix_ai_processing_requests_status_id", "processing_status", "id"),
    Index("ix_ai_processing_requests_company_status_id", "company_id", "processing_status", "id"),
    Index("ix_ai_processing_requests_batch_id", "batch_id"),
    Index("ix_ai_processing_requests_session_id_requested_at", "session_id", "requested_at"),
    Index("ix_ai_processing_requests_subject_id_requested_at", "subject_id", "requested_at"),
    Index(
        "ix_ai_processing_requests_failed_error_code",
        text("lower(error_code)"),
        "id",
        postgresql_where=text("processing_status = 'PROCESSING_FAILED'"),
    ),
    # Few beside those of sessions, or none.
    Index(
        "ix_ai_processing_requests_chat_interaction_id",
        "chat_interaction_id",
        postgresql_where=text("chat_interaction_id IS NOT NULL"),
    ),
    # What ended on which day.
    Index(
        "ix_ai_processing_requests_completed_at",
        "completed_at",
        "processing_status",
        postgresql_where=text("completed_at IS NOT NULL"),
    ),
    comment="One row per question to the model about a subject.",
)

ai_request_attempts = Table(
    "ai_request_attempts",
    metadata,
    id_column(),
    reference("request_id", "ai_processing_requests.id", "Request that was tried."),
    bulk_reference(
        "batch_id",
        "ai_batch_requests.id",
        "Batch of the try; null: a single call, or taken over from the old system.",
        nullable=True,
    ),
    Column("is_call", Boolean, nullable=False, server_default=text("false"), comment="The try is a single call."),
    legacy_column(unique=False),
    # A row of its own, since a settled one never changes.
    Column(
        "is_late",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="An answer that showed after its try was settled for want of one.",
    ),
    Column(
        "transcript_hash",
        Text,
        comment="Hash of the messages that this try asks about; null: not kept for tries that were taken over.",
    ),
    moment("created_at", "When the request was claimed, or the call made.", nullable=False),
    moment("settled_at", "When the outcome was written; null: in flight."),
    Column(
        "reserved_eur",
        MONEY,
        comment="Euro that the claim set aside: input as estimated, output at its maximum; null: price or rate unknown.",
    ),
    Column("outcome", Text, comment="How the try ended; null: in flight."),
    Column("error_code", Text, comment="The service's or our code for what went wrong; null: nothing did."),
    Column("error_message", Text, comment="What went wrong, as a sentence; null: nothing did, or erased."),
    Column("http_status", Integer, comment="HTTP status of the answer's line; null: none."),
    Column("finish_reason", Text, comment="The service's word for why the answer ended; null: none."),
    Column("openai_request_id", Text, key="remote_request_id", comment="The service's id of the answer; null: none."),
    Column("model", Text, comment="Model that answered, as the service names it; null: none."),
    Column("service_tier", Text, comment="Tier that the service says it charged; null: it does not say."),
    Column("system_fingerprint", Text, comment="The service's name of the configuration that answered; null: none."),
    _tokens("prompt_tokens", "Tokens of the input, cached ones included"),
    _tokens("completion_tokens", "Tokens of the output, reasoning included"),
    _tokens("total_tokens", "Tokens of input and output"),
    _tokens("cached_tokens", "Input tokens that were read from the cache"),
    _tokens("cache_write_tokens", "Input tokens that were written to the cache"),
    _tokens("audio_tokens_prompt", "Input tokens that are audio"),
    _tokens("reasoning_tokens", "Output tokens that are reasoning"),
    _tokens("audio_tokens_completion", "Output tokens that are audio"),
    _tokens("accepted_prediction_tokens", "Predicted tokens that were used"),
    _tokens("rejected_prediction_tokens", "Predicted tokens that were charged and not used"),
    bulk_reference("pricing_id", "ai_model_pricing.id", "Price that was used; null: not priced.", nullable=True),
    _cost("prompt_cost_usd", "US dollars for the input"),
    _cost("completion_cost_usd", "US dollars for the output"),
    _cost("total_cost_usd", "US dollars in all"),
    Column("usd_eur", RATE, comment=USD_EUR),
    _cost("total_cost_eur", "Euro in all"),
    UniqueConstraint("request_id", "batch_id", "is_late"),
    CheckConstraint("(outcome IS NULL) = (settled_at IS NULL)", name="settled_with_outcome"),
    CheckConstraint("batch_id IS NOT NULL OR legacy_id IS NOT NULL OR is_call", name="batch_unless_legacy"),
    CheckConstraint("NOT is_call OR batch_id IS NULL", name="call_without_batch"),
    CheckConstraint(
        "outcome IN ('parsed', 'refused', 'truncated', 'invalid_output', 'rejected', 'transient', 'not_run',"
        " 'missing', 'artifact_unavailable')",
        name="outcome_known",
    ),
    *not_negative("prompt_tokens", "completion_tokens", "total_cost_usd", "total_cost_eur"),
    not_before("settled_at", "created_at"),
    legacy_index("ai_request_attempts"),
    Index("ix_ai_request_attempts_batch_id", "batch_id"),
    Index("ix_ai_request_attempts_settled_at", "settled_at"),
    # Single calls and what was taken over, whose costs are summed by the hour; few have not ended.
    Index("ix_ai_request_attempts_without_batch", "settled_at", postgresql_where=text("batch_id IS NULL")),
    Index("ix_ai_request_attempts_calls", "request_id", postgresql_where=text("is_call")),
    Index("ix_ai_request_attempts_missing", "request_id", postgresql_where=text("outcome = 'missing'")),
    # What the view `cost_entries` looks through for open costs.
    Index(
        "ix_ai_request_attempts_open_cost",
        "batch_id",
        postgresql_where=text(
            "total_cost_eur IS NULL AND outcome IN"
            " ('parsed', 'refused', 'truncated', 'invalid_output', 'artifact_unavailable', 'missing')"
        ),
    ),
    Index(
        "ix_ai_request_attempts_other_tier",
        "settled_at",
        postgresql_where=text(
            "batch_id IS NOT NULL AND lower(btrim(service_tier)) NOT IN ('', 'auto', 'default', 'standard', 'batch')"
        ),
    ),
    comment="One row per try of a request in a batch or by a call, and per answer that shows after its try was settled.",
)
