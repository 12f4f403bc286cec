"""What is known of an endpoint, how sure a purchase is, and what was allowed in so many words."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007_evidence"
down_revision = "0006_audit_retention"
branch_labels = None
depends_on = None

# As the first migration made it.
OLD_LANGUAGE_FORM = "ck_sessions_ck_sessions_language_form"
LANGUAGE_FORM = "ck_sessions_language_form"
BATCH_TEXTS = ("create_nonce", "purchase_guard", "listed_batch_id", "absence_doubt", "short_reason")
BATCH_MOMENTS = ("changed_at", "retrieved_at", "absence_believed_at", "short_since", "next_ingest_at")

# An erasure takes the service's words from a settled attempt; they may quote the chat.
KEEP_OUTCOME = """
CREATE OR REPLACE FUNCTION livedash_keep_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    without_words ai_request_attempts%ROWTYPE := old;
BEGIN
    without_words.error_message := NULL;
    IF new IS NOT DISTINCT FROM without_words THEN
        RETURN new;
    END IF;
    RAISE EXCEPTION 'attempt % is settled as %, and a settled attempt never changes', old.id, old.outcome;
END
$$
"""
# As the first migration made it.
OLD_KEEP_OUTCOME = """
CREATE OR REPLACE FUNCTION livedash_keep_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attempt % is settled as %, and a settled attempt never changes', old.id, old.outcome;
END
$$
"""
# Sessions that were erased before their attempts lost these words.
ERASE_ATTEMPTS = """
UPDATE ai_request_attempts AS attempts SET error_message = NULL
FROM ai_processing_requests AS requests
JOIN sessions ON sessions.id = requests.session_id
JOIN session_imports AS imports ON imports.id = sessions.import_id
WHERE requests.id = attempts.request_id AND imports.erased_at IS NOT NULL AND attempts.error_message IS NOT NULL
"""


def upgrade() -> None:
    for name in BATCH_TEXTS:
        op.add_column("ai_batch_requests", sa.Column(name, sa.Text(), nullable=True))
    for name in BATCH_MOMENTS:
        op.add_column("ai_batch_requests", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("ai_batch_requests", sa.Column("parameters", postgresql.JSONB(), nullable=True))
    op.create_check_constraint(
        op.f("ck_ai_batch_requests_purchase_guard_known"),
        "ai_batch_requests",
        "purchase_guard IN ('tag_fence', 'tag')",
    )
    op.add_column(
        "companies",
        sa.Column("allowed_addresses", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    _take_languages(OLD_LANGUAGE_FORM, LANGUAGE_FORM, "^[a-z]{2,3}$")
    _create_traits()
    _create_probes()
    _mark_late_attempts()
    op.execute(KEEP_OUTCOME)
    op.execute(ERASE_ATTEMPTS)
    op.create_table(
        "model_parameters",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("model", name="pk_model_parameters"),
    )


def _take_languages(old_name: str, name: str, form: str) -> None:
    # Three letters for languages that have no code of two.
    op.drop_constraint(op.f(old_name), "sessions")
    op.create_check_constraint(op.f(name), "sessions", f"language ~ '{form}'")


def _mark_late_attempts() -> None:
    op.add_column(
        "ai_request_attempts", sa.Column("is_late", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("ai_request_attempts", sa.Column("transcript_hash", sa.Text(), nullable=True))
    op.drop_constraint("uq_ai_request_attempts_request_id_batch_id", "ai_request_attempts")
    op.create_unique_constraint(
        op.f("uq_ai_request_attempts_request_id_batch_id_is_late"),
        "ai_request_attempts",
        ["request_id", "batch_id", "is_late"],
    )


def _create_traits() -> None:
    op.create_table(
        "endpoint_traits",
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("key_fingerprint", sa.Text(), nullable=False),
        sa.Column("listing", sa.Text(), server_default="unproven", nullable=False),
        sa.Column("listing_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("listing_reason", sa.Text(), nullable=True),
        sa.Column("fence", sa.Text(), server_default="unproven", nullable=False),
        sa.Column("fence_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence_reason", sa.Text(), nullable=True),
        sa.Column("renames_ids", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("listing_lags", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "listing IN ('unproven', 'proven', 'contradicted')", name=op.f("ck_endpoint_traits_listing_known")
        ),
        sa.CheckConstraint("fence IN ('unproven', 'proven', 'refuted')", name=op.f("ck_endpoint_traits_fence_known")),
        sa.PrimaryKeyConstraint("endpoint", "key_fingerprint", name="pk_endpoint_traits"),
    )


def _create_probes() -> None:
    op.create_table(
        "endpoint_probes",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("key_fingerprint", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("input_file_id", sa.Text(), nullable=True),
        sa.Column("openai_batch_id", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('listing', 'fence')", name=op.f("ck_endpoint_probes_kind_known")),
        sa.CheckConstraint(
            "outcome IN ('proven', 'refuted', 'unknown')", name=op.f("ck_endpoint_probes_outcome_known")
        ),
        sa.CheckConstraint(
            "(outcome IS NULL) = (ended_at IS NULL)", name=op.f("ck_endpoint_probes_ended_with_outcome")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_endpoint_probes"),
        sa.UniqueConstraint("nonce", name="uq_endpoint_probes_nonce"),
    )
    op.create_index(
        "uq_endpoint_probes_open",
        "endpoint_probes",
        ["endpoint", "key_fingerprint", "kind"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    op.execute(OLD_KEEP_OUTCOME)
    op.execute("DELETE FROM ai_request_attempts WHERE is_late")
    op.drop_constraint(op.f("uq_ai_request_attempts_request_id_batch_id_is_late"), "ai_request_attempts")
    op.create_unique_constraint(
        "uq_ai_request_attempts_request_id_batch_id", "ai_request_attempts", ["request_id", "batch_id"]
    )
    for name in ("transcript_hash", "is_late"):
        op.drop_column("ai_request_attempts", name)
    op.drop_table("model_parameters")
    op.drop_table("endpoint_probes")
    op.drop_table("endpoint_traits")
    op.execute("UPDATE sessions SET language = NULL WHERE length(language) = 3")
    # Kept answers are applied to sessions again, under the old check.
    op.execute(
        "UPDATE ai_processing_requests SET parsed_answer = jsonb_set(parsed_answer, '{language}', 'null')"
        " WHERE length(parsed_answer ->> 'language') = 3"
    )
    _take_languages(LANGUAGE_FORM, OLD_LANGUAGE_FORM, "^[a-z]{2}$")
    op.drop_column("companies", "allowed_addresses")
    op.drop_constraint(op.f("ck_ai_batch_requests_purchase_guard_known"), "ai_batch_requests")
    for name in (*BATCH_MOMENTS, *BATCH_TEXTS, "parameters"):
        op.drop_column("ai_batch_requests", name)
