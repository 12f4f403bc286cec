"""Tables of the HTTP API: who may call it, what was changed or refused, and what makes repeats harmless.

Add what a caller has or does. Only keyed hashes of tokens are stored, and no body of a call.
"""

from __future__ import annotations

from sqlalchemy import ARRAY, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from livedash_pipeline.base.store.tables.base import id_column, metadata, moment, not_before, reference

api_tokens = Table(
    "api_tokens",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    reference("company_id", "companies.id", nullable=True),
    Column("scopes", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    # The keyed hash, and the beginning of the token by which people recognise it in a list.
    Column("token_hash", Text, nullable=False, unique=True),
    Column("prefix", Text, nullable=False),
    moment("created_at", nullable=False),
    moment("expires_at"),
    moment("revoked_at"),
    moment("last_used_at"),
    CheckConstraint("role IN ('platform_admin', 'company')", name="role_known"),
    CheckConstraint("(role = 'company') = (company_id IS NOT NULL)", name="company_of_role"),
    not_before("expires_at", "created_at"),
)

audit_log = Table(
    "audit_log",
    metadata,
    id_column(),
    moment("at", nullable=False),
    # Who: a token, or a word such as `anonymous` or `command line`.
    Column("actor", Text, nullable=False),
    reference("token_id", "api_tokens.id", nullable=True),
    reference("company_id", "companies.id", nullable=True),
    Column("action", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("method", Text),
    Column("path", Text),
    Column("status", Integer),
    Column("address", Text),
    Column("request_id", Text),
    # Counts and ids.
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    CheckConstraint("outcome IN ('done', 'refused', 'failed')", name="outcome_known"),
    Index("ix_audit_log_at", "at"),
    Index("ix_audit_log_company_id_at", "company_id", "at"),
)

# Who is signed in to the console. A session has the rights of its token, and ends with it.
console_sessions = Table(
    "console_sessions",
    metadata,
    id_column(),
    reference("token_id", "api_tokens.id"),
    # The keyed hash of what the cookie holds.
    Column("session_hash", Text, nullable=False, unique=True),
    moment("created_at", nullable=False),
    moment("last_seen_at", nullable=False),
    moment("ended_at"),
    not_before("last_seen_at", "created_at"),
    Index("ix_console_sessions_last_seen_at", "last_seen_at"),
)

# Links that sign in once.
console_links = Table(
    "console_links",
    metadata,
    id_column(),
    reference("token_id", "api_tokens.id"),
    Column("link_hash", Text, nullable=False, unique=True),
    moment("created_at", nullable=False),
    moment("expires_at", nullable=False),
    moment("used_at"),
    not_before("expires_at", "created_at"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("token_id", Uuid, ForeignKey("api_tokens.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    # Another request under the same key is refused.
    Column("request_hash", Text, nullable=False),
    Column("status", Integer),
    Column("response", JSONB),
    moment("created_at", nullable=False),
    moment("finished_at"),
    CheckConstraint("length(key) BETWEEN 1 AND 255", name="key_length"),
    Index("ix_idempotency_keys_created_at", "created_at"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    # `webhook-id` of the sender: a delivery that comes again is known by it.
    Column("webhook_id", Text, primary_key=True),
    Column("event_type", Text, nullable=False),
    Column("openai_batch_id", Text, key="remote_batch_id"),
    moment("received_at", nullable=False),
    Index("ix_webhook_deliveries_received_at", "received_at"),
)
