"""Tables of the analysis: requests, batches, and the ledger of what was tried and what it cost.

Add what a request or a batch has to remember. `ai_request_attempts` and `ai_surplus_batches` are the ledger: an outcome,
once written, never changes (a trigger keeps it so); only an erasure empties `error_message` of an attempt.
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

from livedash_pipeline.base.rules.states import BatchStatus, RequestStatus
from livedash_pipeline.base.store.tables.base import (
    MONEY,
    RATE,
    id_column,
    metadata,
    moment,
    not_before,
    not_negative,
    one_of,
    reference,
)

_OPEN = text("processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')")

ai_batch_requests = Table(
    "ai_batch_requests",
    metadata,
    id_column(),
    reference("company_id", "companies.id"),
    # The one kind that its requests are of.
    Column("processing_type", Text, nullable=False, server_default="session_analysis"),
    Column("model", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=BatchStatus.PENDING),
    # The service's own word, unknown words included.
    Column("openai_status", Text, key="remote_status"),
    # Host and path; decides alone who polls the batch. The fingerprint of the key is reported and decides nothing.
    Column("endpoint", Text, nullable=False),
    Column("key_fingerprint", Text, nullable=False),
    Column("openai_batch_id", Text, key="remote_batch_id", unique=True),
    Column("input_file_id", Text),
    Column("output_file_id", Text),
    Column("error_file_id", Text),
    Column("request_count", Integer, nullable=False),
    Column("body_bytes", BigInteger, nullable=False),
    Column("token_estimate", BigInteger, nullable=False),
    # The submitter that holds the row, until when, and the token that every write of it carries.
    moment("lease_until"),
    Column("fence", Integer, nullable=False, server_default=text("1")),
    moment("create_started_at"),
    # Names this one create in the batch's metadata; written before the call.
    Column("create_nonce", Text),
    # The level of promise that the purchase was made with (`endpoint_traits`); why the listing proves nothing of a lost create,
    # and a person's word where proof is not to be had.
    Column("purchase_guard", Text),
    Column("absence_doubt", Text),
    moment("absence_believed_at"),
    # The id under which the service's listing shows the batch, where it is another than the one that create answered.
    Column("listed_batch_id", Text),
    # What its lines were sent with (`ledger.rules.admission.model_parameters`); null for batches that were claimed before they
    # were kept.
    Column("parameters", JSONB),
    # The fence that a lease cannot be: the deleted input file, on which a late create fails unbilled. The file's own time is
    # the service's clock; the deletion counts only with the key that had seen the file.
    moment("input_file_created_at"),
    moment("input_delete_requested_at"),
    Column("input_delete_key", Text),
    moment("input_deleted_at"),
    moment("cancel_requested_at"),
    Column("cancel_unfinished", Text),
    moment("created_at", nullable=False),
    moment("submitted_at"),
    moment("status_changed_at", nullable=False),
    moment("expires_at"),
    moment("completed_at"),
    moment("processed_at"),
    moment("not_found_since"),
    # When anything that the service says of it changed last, and when it was last asked for by its id.
    moment("changed_at"),
    moment("retrieved_at"),
    # The service said that there is news: the next poll is due at once.
    moment("poll_hinted_at"),
    moment("files_deleted_at"),
    # What the service reports about the whole batch, to be compared with its lines.
    Column("reported_total", Integer),
    Column("reported_completed", Integer),
    Column("reported_failed", Integer),
    Column("usage", JSONB),
    # What the lines said, written when they are ingested; both are compared by asset checks.
    Column("lines_succeeded", Integer),
    Column("lines_failed", Integer),
    Column("lines_input_tokens", BigInteger),
    Column("lines_output_tokens", BigInteger),
    Column("lines_cached_tokens", BigInteger),
    # How often results were asked for, and equal short downloads in a row, of which three are believed.
    Column("ingest_asks", Integer, nullable=False, server_default=text("0")),
    Column("short_downloads", Integer, nullable=False, server_default=text("0")),
    Column("short_download_hash", Text),
    # Since when they have been equal, what was wrong with them, and before when they are not fetched again.
    moment("short_since"),
    Column("short_reason", Text),
    moment("next_ingest_at"),
    Column("errors", JSONB, nullable=False, server_default=text("'[]'")),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("dagster_run_id", Text),
    Column("legacy_id", Text, unique=True),
    one_of("status", BatchStatus),
    CheckConstraint("purchase_guard IN ('tag_fence', 'tag')", name="purchase_guard_known"),
    CheckConstraint("cancel_unfinished IN ('pending', 'failed')", name="cancel_unfinished_known"),
    *not_negative("request_count", "body_bytes", "token_estimate", "ingest_asks", "short_downloads"),
    not_before("completed_at", "created_at"),
    not_before("processed_at", "created_at"),
    Index("ix_ai_batch_requests_company_id_status", "company_id", "status"),
    Index("ix_ai_batch_requests_unprocessed", "endpoint", "status", postgresql_where=text("processed_at IS NULL")),
    Index("ix_ai_batch_requests_input_file_id", "input_file_id"),
    # What people look through, newest first.
    Index("ix_ai_batch_requests_created_at", "created_at", "id"),
    Index("ix_ai_batch_requests_company_id_created_at", "company_id", "created_at", "id"),
    Index("ix_ai_batch_requests_status_created_at", "status", "created_at", "id"),
)

ai_processing_requests = Table(
    "ai_processing_requests",
    metadata,
    id_column(),
    # What it asks about: a column for each table that subjects of some kind lie in, of which exactly one is set, and the one that
    # is set. The kind is the `processing_type`.
    reference("session_id", "sessions.id", nullable=True),
    reference("chat_interaction_id", "chat_interactions.id", nullable=True),
    reference("chat_judgement_id", "chat_judgements.id", nullable=True),
    Column(
        "subject_id",
        Uuid,
        Computed("coalesce(session_id, chat_interaction_id, chat_judgement_id)", persisted=True),
        nullable=False,
    ),
    reference("company_id", "companies.id"),
    Column("processing_type", Text, nullable=False, server_default="session_analysis"),
    Column("model", Text, nullable=False),
    Column("processing_status", Text, nullable=False, server_default=RequestStatus.PENDING_BATCHING),
    reference("batch_id", "ai_batch_requests.id", nullable=True),
    # Asked by single calls and not in a batch: in progress from its first call until it ends.
    Column("by_call", Boolean, nullable=False, server_default=text("false")),
    # The input: what was asked about, and how. A body is rebuilt only from what these name.
    Column("prompt_version", Text, nullable=False),
    Column("transcript_hash", Text, nullable=False),
    Column("input_hash", Text, nullable=False),
    Column("body_bytes", Integer, nullable=False),
    Column("token_estimate", Integer, nullable=False),
    Column("max_output_tokens", Integer, nullable=False),
    # All tries ever, and where both allowances start counting (the last requeue).
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("attempts_before_requeue", Integer, nullable=False, server_default=text("0")),
    Column("releases", Integer, nullable=False, server_default=text("0")),
    Column("releases_before_requeue", Integer, nullable=False, server_default=text("0")),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("openai_request_id", Text, key="remote_request_id"),
    # Kept so that an input that returns is applied again and not bought again.
    Column("parsed_answer", JSONB),
    Column("raw_answer", Text),
    Column("answer_flags", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("legacy_id", Text, unique=True),
    moment("requested_at", nullable=False),
    moment("completed_at"),
    moment("updated_at", nullable=False),
    one_of("processing_status", RequestStatus),
    CheckConstraint("num_nonnulls(session_id, chat_interaction_id, chat_judgement_id) = 1", name="one_subject"),
    CheckConstraint(
        "(processing_status = 'BATCHING_IN_PROGRESS') <= (batch_id IS NOT NULL OR by_call)",
        name="in_progress_has_batch",
    ),
    CheckConstraint("NOT by_call OR processing_status <> 'PENDING_BATCHING'", name="calls_wait_for_no_batch"),
    *not_negative("body_bytes", "token_estimate", "max_output_tokens", "attempts", "releases"),
    not_before("completed_at", "requested_at"),
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
    # What ended on which day.
    Index(
        "ix_ai_processing_requests_completed_at",
        "completed_at",
        "processing_status",
        postgresql_where=text("completed_at IS NOT NULL"),
    ),
)

ai_request_attempts = Table(
    "ai_request_attempts",
    metadata,
    id_column(),
    reference("request_id", "ai_processing_requests.id"),
    # Null for single calls, and for tries of the system that the rows were taken over from.
    reference("batch_id", "ai_batch_requests.id", nullable=True),
    Column("is_call", Boolean, nullable=False, server_default=text("false")),
    Column("legacy_id", Text, unique=True),
    # An answer that showed after its try was settled for want of one: a row of its own, since a settled one never changes.
    Column("is_late", Boolean, nullable=False, server_default=text("false")),
    # The messages that this try asks about: its request may be given others once it waits again.
    Column("transcript_hash", Text),
    moment("created_at", nullable=False),
    moment("settled_at"),
    # What the claim set aside of the company's monthly cap: input as estimated, output at its maximum.
    Column("reserved_eur", MONEY),
    Column("outcome", Text),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("http_status", Integer),
    Column("finish_reason", Text),
    Column("openai_request_id", Text, key="remote_request_id"),
    Column("model", Text),
    Column("service_tier", Text),
    Column("system_fingerprint", Text),
    Column("prompt_tokens", BigInteger),
    Column("completion_tokens", BigInteger),
    Column("total_tokens", BigInteger),
    Column("cached_tokens", BigInteger),
    Column("cache_write_tokens", BigInteger),
    Column("audio_tokens_prompt", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("audio_tokens_completion", BigInteger),
    Column("accepted_prediction_tokens", BigInteger),
    Column("rejected_prediction_tokens", BigInteger),
    reference("pricing_id", "ai_model_pricing.id", nullable=True),
    Column("prompt_cost_usd", MONEY),
    Column("completion_cost_usd", MONEY),
    Column("total_cost_usd", MONEY),
    Column("usd_eur", RATE),
    Column("total_cost_eur", MONEY),
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
    Index("ix_ai_request_attempts_batch_id", "batch_id"),
    Index("ix_ai_request_attempts_settled_at", "settled_at"),
    Index("ix_ai_request_attempts_calls", "request_id", postgresql_where=text("is_call")),
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
)

ai_surplus_batches = Table(
    "ai_surplus_batches",
    metadata,
    id_column(),
    Column("openai_batch_id", Text, key="remote_batch_id", nullable=False, unique=True),
    reference("batch_id", "ai_batch_requests.id"),
    Column("endpoint", Text, nullable=False),
    Column("input_file_id", Text),
    Column("openai_status", Text, key="remote_status", nullable=False),
    # When it was made, as the service says within what can be; its price is the one of then.
    moment("submitted_at"),
    moment("found_at", nullable=False),
    moment("cancel_requested_at"),
    moment("not_found_since"),
    moment("ended_at"),
    Column("usage", JSONB),
    reference("pricing_id", "ai_model_pricing.id", nullable=True),
    Column("total_cost_usd", MONEY),
    Column("usd_eur", RATE),
    Column("total_cost_eur", MONEY),
    *not_negative("total_cost_usd", "total_cost_eur"),
    Index("ix_ai_surplus_batches_batch_id", "batch_id"),
)

ai_admissions = Table(
    "ai_admissions",
    metadata,
    # One row per endpoint and model, locked while requests are claimed, so that claims see each other's reservations.
    Column("endpoint", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("learned_token_limit", BigInteger),
    moment("updated_at", nullable=False),
)

ai_holds = Table(
    "ai_holds",
    metadata,
    id_column(),
    Column("endpoint", Text, nullable=False),
    # Null: the hold is the endpoint's.
    Column("model", Text),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    # Null: waits for a person (`submit --unhold`).
    moment("not_before"),
    Column("key_fingerprint", Text, nullable=False),
    Column("times", Integer, nullable=False, server_default=text("1")),
    moment("held_at", nullable=False),
    Index("uq_ai_holds_scope", "endpoint", "model", unique=True, postgresql_nulls_not_distinct=True),
    CheckConstraint("times >= 1", name="times_from_one"),
)

ai_endpoint_pauses = Table(
    "ai_endpoint_pauses",
    metadata,
    # One row per endpoint that asked to be called less often; no process calls it before `paused_until`.
    Column("endpoint", Text, primary_key=True),
    moment("paused_until", nullable=False),
    Column("reason", Text, nullable=False),
    Column("times", Integer, nullable=False, server_default=text("1")),
    moment("updated_at", nullable=False),
    CheckConstraint("times >= 1", name="times_from_one"),
)

endpoint_traits = Table(
    "endpoint_traits",
    metadata,
    # What an endpoint has shown a key: whether its listing may be believed, and whether a deleted input file fences a create.
    Column("endpoint", Text, primary_key=True),
    Column("key_fingerprint", Text, primary_key=True),
    Column("listing", Text, nullable=False, server_default="unproven"),
    moment("listing_at"),
    Column("listing_reason", Text),
    Column("fence", Text, nullable=False, server_default="unproven"),
    moment("fence_at"),
    Column("fence_reason", Text),
    # Its listing shows batches under other ids than create answered; it shows states that a look-up by id has gone beyond.
    Column("renames_ids", Boolean, nullable=False, server_default=text("false")),
    Column("listing_lags", Boolean, nullable=False, server_default=text("false")),
    moment("updated_at", nullable=False),
    CheckConstraint("listing IN ('unproven', 'proven', 'contradicted')", name="listing_known"),
    CheckConstraint("fence IN ('unproven', 'proven', 'refuted')", name="fence_known"),
)

endpoint_probes = Table(
    "endpoint_probes",
    metadata,
    # A batch that asks nothing of a model and shows what the service does; one of a kind is under way at a time.
    id_column(),
    Column("endpoint", Text, nullable=False),
    Column("key_fingerprint", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("nonce", Text, nullable=False, unique=True),
    Column("input_file_id", Text),
    Column("openai_batch_id", Text, key="remote_batch_id"),
    Column("outcome", Text),
    Column("reason", Text),
    moment("started_at", nullable=False),
    moment("made_at"),
    moment("ended_at"),
    CheckConstraint("kind IN ('listing', 'fence')", name="kind_known"),
    CheckConstraint("outcome IN ('proven', 'refuted', 'unknown')", name="outcome_known"),
    CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="ended_with_outcome"),
    Index(
        "uq_endpoint_probes_open",
        "endpoint",
        "key_fingerprint",
        "kind",
        unique=True,
        postgresql_where=text("ended_at IS NULL"),
    ),
)

model_parameters = Table(
    "model_parameters",
    metadata,
    # What requests for a model are sent with, where an operator has said so; other models have defaults by their name.
    Column("model", Text, primary_key=True),
    Column("parameters", JSONB, nullable=False),
    moment("updated_at", nullable=False),
)

database_properties = Table(
    "database_properties",
    metadata,
    # Facts about the whole database, such as the kind of endpoint it belongs to.
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    moment("recorded_at", nullable=False),
)
