"""Tables of what is bought together: batches, and those at the service that no row asked for.

Add what a batch has to remember. `ai_surplus_batches` is the other half of the ledger, beside `ai_request_attempts`.
"""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Column, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.base.store.tables.base import (
    ENDPOINT,
    FINGERPRINT,
    MONEY,
    RATE,
    USD_EUR,
    company_column,
    id_column,
    legacy_column,
    metadata,
    moment,
    not_before,
    not_negative,
    one_of,
    reference,
)


def _number(name: str, kind: type[Integer | BigInteger], comment: str) -> Column[int]:
    return Column(name, kind, nullable=False, comment=comment)


def _reported(name: str, what: str) -> Column[int]:
    return Column(name, Integer, comment=f"{what}, as the service counts; null: it has not said.")


def _of_lines(name: str, kind: type[Integer | BigInteger], what: str) -> Column[int]:
    return Column(name, kind, comment=f"{what}, summed over its result files; null: not ingested.")


ai_batch_requests = Table(
    "ai_batch_requests",
    metadata,
    id_column(),
    company_column(),
    Column(
        "processing_type",
        Text,
        nullable=False,
        server_default="session_analysis",
        comment="The one kind that its requests are of.",
    ),
    Column("model", Text, nullable=False, comment="The one model that its requests ask."),
    Column(
        "status",
        Text,
        nullable=False,
        server_default=BatchStatus.PENDING,
        comment="Our word for where it stands, from PENDING to PROCESSED, FAILED or CANCELLED.",
    ),
    Column(
        "openai_status",
        Text,
        key="remote_status",
        comment="The service's word, unknown words included; null: none yet.",
    ),
    # The fingerprint of the key is reported and decides nothing.
    Column(
        "endpoint", Text, nullable=False, comment="Host and path of the service; decides alone who polls the batch."
    ),
    Column("key_fingerprint", Text, nullable=False, comment=FINGERPRINT),
    Column(
        "openai_batch_id",
        Text,
        key="remote_batch_id",
        unique=True,
        comment="The service's id of it; null: not created, or not known yet.",
    ),
    Column("input_file_id", Text, comment="The service's id of the uploaded lines; null: not uploaded."),
    # A service that only says that it deleted a file may still run what is created on it late, and show it without our name.
    Column(
        "earlier_input_file_ids",
        ARRAY(Text),
        nullable=False,
        server_default=text("'{}'"),
        comment="Input files of creates that were given up; the service was asked to delete each before the next was uploaded.",
    ),
    Column("output_file_id", Text, comment="The service's id of the answers; null: none yet."),
    Column("error_file_id", Text, comment="The service's id of the lines that failed; null: none."),
    _number("request_count", Integer, "Requests in it."),
    _number("body_bytes", BigInteger, "Size of its lines in bytes."),
    _number("token_estimate", BigInteger, "Tokens of the input of its lines, as estimated."),
    moment("lease_until", "Until when the row belongs to the process that submits it; null: to none."),
    Column(
        "fence",
        Integer,
        nullable=False,
        server_default=text("1"),
        comment="Number that every write of its submitter carries: an older one no longer counts.",
    ),
    moment("create_started_at", "When the call that buys it was about to be made; null: nothing was bought."),
    Column("create_nonce", Text, comment="Name of this one create in the batch's metadata; null: not called yet."),
    Column(
        "purchase_guard",
        Text,
        comment="Level of promise that it was bought with (see `endpoint_traits`); null: not created.",
    ),
    Column(
        "absence_doubt",
        Text,
        comment="Why the service's listing proves nothing of a lost create; null: no doubt.",
    ),
    moment("absence_believed_at", "When a person said that a lost create bought nothing; null: nobody did."),
    Column(
        "listed_batch_id",
        Text,
        comment="Id under which the service's listing shows it, where create answered another; null: the same.",
    ),
    Column("parameters", JSONB, comment="What its lines were sent with; null: claimed before that was kept."),
    # The fence that a lease cannot be: the deleted input file, on which a late create fails unbilled. The deletion counts only
    # with the key that had seen the file.
    moment("input_file_created_at", "When the input file was made, by the service's clock; null: not uploaded."),
    moment("input_delete_requested_at", "When the input file was about to be deleted; null: it was not."),
    Column("input_delete_key", Text, comment="Fingerprint of the key that deleted the input file; null: none did."),
    moment("input_deleted_at", "When the service confirmed that the input file is deleted; null: it has not."),
    moment("cancel_requested_at", "When somebody asked to cancel it; null: nobody did."),
    Column(
        "cancel_unfinished",
        Text,
        comment="What becomes of unfinished requests of a cancelled batch: `pending` or `failed`; null: not asked.",
    ),
    moment("created_at", "When its requests were claimed.", nullable=False),
    moment("submitted_at", "When the service made it; null: not yet."),
    moment("status_changed_at", "When its status changed last.", nullable=False),
    moment("expires_at", "When the service gives it up; null: not said."),
    moment("completed_at", "When it ended at the service; null: not yet."),
    moment("processed_at", "When its results, partial ones too, were ingested; null: not yet."),
    moment("not_found_since", "Since when the service does not know it; null: it does."),
    moment("changed_at", "When anything that the service says of it changed last; null: never seen."),
    moment("retrieved_at", "When it was last asked for by its id; null: never."),
    moment("poll_hinted_at", "When the service said that there is news, so that a poll is due; null: it did not."),
    moment("files_deleted_at", "When its files at the service were deleted; null: they were not."),
    # To be compared with its lines.
    _reported("reported_total", "Lines"),
    _reported("reported_completed", "Lines that were answered"),
    _reported("reported_failed", "Lines that failed"),
    Column(
        "usage",
        JSONB,
        comment="Tokens of the whole batch as the service states them once it has ended; null: it does not.",
    ),
    # Both are compared by asset checks.
    _of_lines("lines_succeeded", Integer, "Lines with an answer"),
    _of_lines("lines_failed", Integer, "Lines without an answer"),
    _of_lines("lines_input_tokens", BigInteger, "Input tokens"),
    _of_lines("lines_output_tokens", BigInteger, "Output tokens"),
    _of_lines("lines_cached_tokens", BigInteger, "Cached input tokens"),
    Column(
        "ingest_asks",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="How often a poll asked for its results to be ingested.",
    ),
    # Three equal ones are believed.
    Column(
        "short_downloads",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="Equal downloads in a row that were not whole.",
    ),
    Column("short_download_hash", Text, comment="Hash of the last download that was not whole; null: none was."),
    moment("short_since", "Since when such downloads have been equal; null: none was."),
    Column("short_reason", Text, comment="What was wrong with the last such download; null: none was."),
    moment("next_ingest_at", "Before when its files are not fetched again; null: at once."),
    Column(
        "errors",
        JSONB,
        nullable=False,
        server_default=text("'[]'"),
        comment="Validation errors, as the service lists them.",
    ),
    Column("error_code", Text, comment="Why it failed, as a code; null: it did not."),
    Column("error_message", Text, comment="Why it failed, as a sentence; null: it did not."),
    Column("dagster_run_id", Text, comment="Dagster run that claimed it; null: none."),
    legacy_column(),
    one_of("status", BatchStatus),
    CheckConstraint("purchase_guard IN ('tag_fence', 'tag')", name="purchase_guard_known"),
    CheckConstraint("cancel_unfinished IN ('pending', 'failed')", name="cancel_unfinished_known"),
    *not_negative("request_count", "body_bytes", "token_estimate", "ingest_asks", "short_downloads"),
    not_before("completed_at", "created_at"),
    not_before("processed_at", "created_at"),
    Index("ix_ai_batch_requests_company_id_status", "company_id", "status"),
    Index("ix_ai_batch_requests_unprocessed", "endpoint", "status", postgresql_where=text("processed_at IS NULL")),
    Index("ix_ai_batch_requests_input_file_id", "input_file_id"),
    Index(
        "ix_ai_batch_requests_earlier_input_file_ids",
        "earlier_input_file_ids",
        postgresql_using="gin",
        postgresql_where=text("earlier_input_file_ids <> '{}'"),
    ),
    # What people look through, newest first.
    Index("ix_ai_batch_requests_created_at", "created_at", "id"),
    Index("ix_ai_batch_requests_company_id_created_at", "company_id", "created_at", "id"),
    Index("ix_ai_batch_requests_status_created_at", "status", "created_at", "id"),
    comment="One row per batch of requests of one kind.",
)

ai_surplus_batches = Table(
    "ai_surplus_batches",
    metadata,
    id_column(),
    Column(
        "openai_batch_id", Text, key="remote_batch_id", nullable=False, unique=True, comment="The service's id of it."
    ),
    reference("batch_id", "ai_batch_requests.id", "Batch whose metadata or input file it has."),
    Column("endpoint", Text, nullable=False, comment=ENDPOINT),
    Column("input_file_id", Text, comment="The service's id of its lines; null: not said."),
    Column(
        "openai_status", Text, key="remote_status", nullable=False, comment="The service's word for where it stands."
    ),
    # Its price is the one of then.
    moment("submitted_at", "When it was made, as the service says within what can be; null: not known."),
    moment("found_at", "When a listing showed it first.", nullable=False),
    moment("cancel_requested_at", "When we asked to cancel it; null: not yet."),
    moment("not_found_since", "Since when the service does not know it; null: it does."),
    moment("ended_at", "When it ended at the service; null: not yet."),
    Column("usage", JSONB, comment="Its tokens as the service states them once it has ended; null: it does not."),
    reference("pricing_id", "ai_model_pricing.id", "Price that was used; null: not priced.", nullable=True),
    Column("total_cost_usd", MONEY, comment="US dollars in all; null: price, rate or tokens unknown, or not ended."),
    Column("usd_eur", RATE, comment=USD_EUR),
    Column("total_cost_eur", MONEY, comment="Euro in all; null: price, rate or tokens unknown, or not ended."),
    *not_negative("total_cost_usd", "total_cost_eur"),
    Index("ix_ai_surplus_batches_batch_id", "batch_id"),
    comment="One row per batch at the service that no row asked for.",
)
