"""Tables of the HTTP API: who may call it, what was changed or refused, and what makes repeats harmless.

Add what a caller has or does. Only keyed hashes of tokens are stored, and no body of a call.
"""

from __future__ import annotations

from sqlalchemy import ARRAY, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from livedash_pipeline.base.store.tables.base import (
    id_column,
    metadata,
    moment,
    not_before,
    reference,
)

api_tokens = Table(
    "api_tokens",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, comment="Name that people gave the token."),
    Column("role", Text, nullable=False, comment="`platform_admin`, or `company` for one company's own rows."),
    reference(
        "company_id", "companies.id", "Company that the token is limited to; null: all companies.", nullable=True
    ),
    Column("scopes", ARRAY(Text), nullable=False, server_default=text("'{}'"), comment="Rights of the token."),
    Column("token_hash", Text, nullable=False, unique=True, comment="Keyed hash of the token, never the token."),
    Column("prefix", Text, nullable=False, comment="Beginning of the token, by which people recognise it in a list."),
    moment("created_at", "When the token was made.", nullable=False),
    moment("expires_at", "When the token ends by itself; null: never."),
    moment("revoked_at", "When somebody ended the token; null: not revoked."),
    moment("last_used_at", "When a call used the token last; null: never."),
    CheckConstraint("role IN ('platform_admin', 'company')", name="role_known"),
    CheckConstraint("(role = 'company') = (company_id IS NOT NULL)", name="company_of_role"),
    not_before("expires_at", "created_at"),
    comment="One row per token of the HTTP API.",
)

audit_log = Table(
    "audit_log",
    metadata,
    id_column(),
    moment("at", "When it happened.", nullable=False),
    Column("actor", Text, nullable=False, comment="Name of a token, or a word such as `anonymous` or `command line`."),
    reference("token_id", "api_tokens.id", "Token that was used; null: none.", nullable=True),
    reference("company_id", "companies.id", "Company that it concerned; null: none or several.", nullable=True),
    Column("action", Text, nullable=False, comment="What was done or asked for."),
    Column("outcome", Text, nullable=False, comment="`done`, `refused` or `failed`."),
    Column("method", Text, comment="HTTP method; null: no call."),
    Column("path", Text, comment="Path of the call; null: no call."),
    Column("status", Integer, comment="HTTP status of the answer; null: no call."),
    Column("address", Text, comment="Network address of the caller; null: unknown."),
    Column("request_id", Text, comment="Id of the call in logs; null: no call."),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'"), comment="Counts and ids, never texts."),
    CheckConstraint("outcome IN ('done', 'refused', 'failed')", name="outcome_known"),
    Index("ix_audit_log_at", "at"),
    Index("ix_audit_log_company_id_at", "company_id", "at"),
    comment="One row per change, or refused call.",
)

# A session has the rights of its token, and ends with it.
console_sessions = Table(
    "console_sessions",
    metadata,
    id_column(),
    reference("token_id", "api_tokens.id", "Token whose rights the session has."),
    Column("session_hash", Text, nullable=False, unique=True, comment="Keyed hash of what the cookie holds."),
    moment("created_at", "When the person signed in.", nullable=False),
    moment("last_seen_at", "When a page was asked for last.", nullable=False),
    moment("ended_at", "When the person signed out; null: not yet."),
    not_before("last_seen_at", "created_at"),
    Index("ix_console_sessions_last_seen_at", "last_seen_at"),
    comment="One row per somebody who is signed in to the console.",
)

console_links = Table(
    "console_links",
    metadata,
    id_column(),
    reference("token_id", "api_tokens.id", "Token that the link signs in with."),
    Column("link_hash", Text, nullable=False, unique=True, comment="Keyed hash of the link, never the link."),
    moment("created_at", "When the link was made.", nullable=False),
    moment("expires_at", "When the link ends unused.", nullable=False),
    moment("used_at", "When somebody signed in with it; null: not yet."),
    not_before("expires_at", "created_at"),
    comment="One row per link that signs in once.",
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("token_id", Uuid, ForeignKey("api_tokens.id"), primary_key=True, comment="Token that sent the key."),
    Column("key", Text, primary_key=True, comment="The `Idempotency-Key` header of a call."),
    Column(
        "request_hash", Text, nullable=False, comment="Hash of the call: another call under the same key is refused."
    ),
    Column("status", Integer, comment="HTTP status that a repeat gets; null: the first call has not ended."),
    Column("response", JSONB, comment="Body that a repeat gets; null: the first call has not ended."),
    moment("created_at", "When the first call came.", nullable=False),
    moment("finished_at", "When the first call ended; null: not yet."),
    CheckConstraint("length(key) BETWEEN 1 AND 255", name="key_length"),
    Index("ix_idempotency_keys_created_at", "created_at"),
    comment="One row per `Idempotency-Key` of a token.",
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column(
        "webhook_id", Text, primary_key=True, comment="The sender's `webhook-id`: a repeated delivery has the same."
    ),
    Column("event_type", Text, nullable=False, comment="The service's word for what happened."),
    Column("openai_batch_id", Text, key="remote_batch_id", comment="Batch that it is about; null: about none."),
    moment("received_at", "When the delivery came first.", nullable=False),
    Index("ix_webhook_deliveries_received_at", "received_at"),
    comment="One row per delivery of the service's webhook.",
)
