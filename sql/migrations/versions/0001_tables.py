"""All tables, the time-ordered id, the ledger's trigger and the views that people read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001_tables"
down_revision = None
branch_labels = None
depends_on = None

UUID7 = """
CREATE FUNCTION livedash_uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    -- 48 bits of milliseconds, then random bits, with the version (7) put over the random version (4).
    SELECT encode(
        set_bit(set_bit(
            overlay(
                uuid_send(gen_random_uuid())
                PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                FROM 1 FOR 6),
            52, 1), 53, 1),
        'hex')::uuid
$$
"""

SETTLED_ATTEMPTS_STAY = """
CREATE FUNCTION livedash_keep_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attempt % is settled as %, and a settled attempt never changes', old.id, old.outcome;
END
$$
"""

SETTLED_ATTEMPTS_TRIGGER = """
CREATE TRIGGER keep_outcome BEFORE UPDATE ON ai_request_attempts FOR EACH ROW
WHEN (old.outcome IS NOT NULL AND old IS DISTINCT FROM new)
EXECUTE FUNCTION livedash_keep_outcome()
"""

STAGES = ("CSV_IMPORT", "TRANSCRIPT_FETCH", "SESSION_CREATION", "AI_ANALYSIS", "QUESTION_EXTRACTION")

# An absent row stands for PENDING.
SESSION_STAGES = """
CREATE VIEW session_stages AS
SELECT
    session_imports.id AS import_id,
    session_imports.company_id,
    sessions.id AS session_id,
    processing_stages.name AS stage,
    processing_stages.position,
    coalesce(session_processing_status.status, 'PENDING') AS status,
    session_processing_status.error_message,
    coalesce(session_processing_status.retry_count, 0) AS retry_count,
    session_processing_status.started_at,
    session_processing_status.completed_at,
    coalesce(session_processing_status.metadata, '{}'::jsonb) AS metadata
FROM session_imports
CROSS JOIN processing_stages
LEFT JOIN session_processing_status
    ON session_processing_status.import_id = session_imports.id
    AND session_processing_status.stage = processing_stages.name
LEFT JOIN sessions ON sessions.import_id = session_imports.id
"""

SESSION_ANALYSIS = """
CREATE VIEW session_analysis AS
SELECT
    companies.slug AS company,
    session_imports.external_session_id,
    sessions.id AS session_id,
    sessions.start_time,
    sessions.end_time,
    sessions.duration_seconds,
    sessions.country,
    sessions.messages_sent,
    sessions.avg_response_time,
    sessions.initial_msg,
    sessions.language,
    sessions.sentiment,
    sessions.escalated,
    sessions.forwarded_hr,
    sessions.category,
    sessions.summary,
    coalesce(asked.questions, '{}') AS questions,
    sessions.analysed_at,
    coalesce(analysis.status, 'PENDING') AS analysis_status,
    cost.total_cost_eur
FROM sessions
JOIN companies ON companies.id = sessions.company_id
JOIN session_imports ON session_imports.id = sessions.import_id
LEFT JOIN session_processing_status AS analysis
    ON analysis.import_id = sessions.import_id AND analysis.stage = 'AI_ANALYSIS'
LEFT JOIN LATERAL (
    SELECT array_agg(questions.content ORDER BY session_questions.position) AS questions
    FROM session_questions
    JOIN questions ON questions.id = session_questions.question_id
    WHERE session_questions.session_id = sessions.id
) AS asked ON true
LEFT JOIN LATERAL (
    SELECT sum(ai_request_attempts.total_cost_eur) AS total_cost_eur
    FROM ai_processing_requests
    JOIN ai_request_attempts ON ai_request_attempts.request_id = ai_processing_requests.id
    WHERE ai_processing_requests.session_id = sessions.id
) AS cost ON true
"""


def upgrade() -> None:
    op.execute(UUID7)
    op.create_table(
        "ai_admissions",
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("learned_token_limit", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("endpoint", "model", name="pk_ai_admissions"),
    )
    op.create_table(
        "ai_holds",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("key_fingerprint", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("times >= 1", name="ck_ai_holds_times_from_one"),
        sa.PrimaryKeyConstraint("id", name="pk_ai_holds"),
    )
    op.create_index(
        "uq_ai_holds_scope", "ai_holds", ["endpoint", "model"], unique=True, postgresql_nulls_not_distinct=True
    )
    op.create_table(
        "ai_models",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), server_default="openai", nullable=False),
        sa.Column("max_tokens", sa.Integer(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("legacy_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ai_models"),
        sa.UniqueConstraint("legacy_id", name="uq_ai_models_legacy_id"),
        sa.UniqueConstraint("name", name="uq_ai_models_name"),
    )
    op.create_table(
        "companies",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="ACTIVE", nullable=False),
        sa.Column("csv_url", sa.Text(), nullable=False),
        sa.Column("csv_username_env", sa.Text(), nullable=True),
        sa.Column("csv_password_env", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), server_default="Europe/Amsterdam", nullable=False),
        sa.Column("transcript_hosts", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("bot_names", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("csv_etag", sa.Text(), nullable=True),
        sa.Column("csv_last_modified", sa.Text(), nullable=True),
        sa.Column("next_import_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("import_failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_by", sa.Text(), server_default="operator", nullable=False),
        sa.Column("legacy_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("slug ~ '^[a-z0-9-]{1,63}$'", name="ck_companies_slug_form"),
        sa.CheckConstraint("status IN ('ACTIVE', 'TRIAL', 'SUSPENDED', 'ARCHIVED')", name="ck_companies_status_known"),
        sa.CheckConstraint("import_failures >= 0", name="ck_companies_import_failures_not_negative"),
        sa.PrimaryKeyConstraint("id", name="pk_companies"),
        sa.UniqueConstraint("legacy_id", name="uq_companies_legacy_id"),
        sa.UniqueConstraint("slug", name="uq_companies_slug"),
    )
    op.create_table(
        "database_properties",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_database_properties"),
    )
    op.create_table(
        "exchange_rates",
        sa.Column("rate_date", sa.Date(), nullable=False),
        sa.Column("usd_eur", sa.Numeric(precision=18, scale=9), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("usd_eur > 0", name="ck_exchange_rates_usd_eur_positive"),
        sa.PrimaryKeyConstraint("rate_date", name="pk_exchange_rates"),
    )
    op.create_table(
        "processing_stages",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_processing_stages"),
        sa.UniqueConstraint("position", name="uq_processing_stages_position"),
    )
    op.create_table(
        "ai_batch_requests",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="PENDING", nullable=False),
        sa.Column("openai_status", sa.Text(), nullable=True),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("key_fingerprint", sa.Text(), nullable=False),
        sa.Column("openai_batch_id", sa.Text(), nullable=True),
        sa.Column("input_file_id", sa.Text(), nullable=True),
        sa.Column("output_file_id", sa.Text(), nullable=True),
        sa.Column("error_file_id", sa.Text(), nullable=True),
        sa.Column("request_count", sa.Integer(), nullable=False),
        sa.Column("body_bytes", sa.BigInteger(), nullable=False),
        sa.Column("token_estimate", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("create_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("input_file_created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("input_delete_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("input_delete_key", sa.Text(), nullable=True),
        sa.Column("input_deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_unfinished", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_found_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("files_deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reported_total", sa.Integer(), nullable=True),
        sa.Column("reported_completed", sa.Integer(), nullable=True),
        sa.Column("reported_failed", sa.Integer(), nullable=True),
        sa.Column("usage", postgresql.JSONB(), nullable=True),
        sa.Column("lines_succeeded", sa.Integer(), nullable=True),
        sa.Column("lines_failed", sa.Integer(), nullable=True),
        sa.Column("lines_input_tokens", sa.BigInteger(), nullable=True),
        sa.Column("lines_output_tokens", sa.BigInteger(), nullable=True),
        sa.Column("ingest_asks", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("short_downloads", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("short_download_hash", sa.Text(), nullable=True),
        sa.Column("errors", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("dagster_run_id", sa.Text(), nullable=True),
        sa.Column("legacy_id", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "cancel_unfinished IN ('pending', 'failed')", name="ck_ai_batch_requests_cancel_unfinished_known"
        ),
        sa.CheckConstraint(
            "status IN ('PENDING', 'UPLOADING', 'VALIDATING', 'IN_PROGRESS', 'FINALIZING', 'COMPLETED', 'PROCESSED', 'FAILED', 'CANCELLED')",
            name="ck_ai_batch_requests_status_known",
        ),
        sa.CheckConstraint("body_bytes >= 0", name="ck_ai_batch_requests_body_bytes_not_negative"),
        sa.CheckConstraint("completed_at >= created_at", name="ck_ai_batch_requests_completed_at_after_created_at"),
        sa.CheckConstraint("ingest_asks >= 0", name="ck_ai_batch_requests_ingest_asks_not_negative"),
        sa.CheckConstraint("processed_at >= created_at", name="ck_ai_batch_requests_processed_at_after_created_at"),
        sa.CheckConstraint("request_count >= 0", name="ck_ai_batch_requests_request_count_not_negative"),
        sa.CheckConstraint("short_downloads >= 0", name="ck_ai_batch_requests_short_downloads_not_negative"),
        sa.CheckConstraint("token_estimate >= 0", name="ck_ai_batch_requests_token_estimate_not_negative"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_ai_batch_requests_company_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ai_batch_requests"),
        sa.UniqueConstraint("legacy_id", name="uq_ai_batch_requests_legacy_id"),
        sa.UniqueConstraint("openai_batch_id", name="uq_ai_batch_requests_openai_batch_id"),
    )
    op.create_index(
        "ix_ai_batch_requests_company_id_status", "ai_batch_requests", ["company_id", "status"], unique=False
    )
    op.create_index("ix_ai_batch_requests_input_file_id", "ai_batch_requests", ["input_file_id"], unique=False)
    op.create_index(
        "ix_ai_batch_requests_unprocessed",
        "ai_batch_requests",
        ["endpoint", "status"],
        unique=False,
        postgresql_where=sa.text("processed_at IS NULL"),
    )
    op.create_table(
        "ai_model_pricing",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("ai_model_id", sa.Uuid(), nullable=False),
        sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("effective_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("input_usd", sa.Numeric(precision=14, scale=6), nullable=False),
        sa.Column("cached_input_usd", sa.Numeric(precision=14, scale=6), nullable=True),
        sa.Column("cache_write_usd", sa.Numeric(precision=14, scale=6), nullable=True),
        sa.Column("output_usd", sa.Numeric(precision=14, scale=6), nullable=False),
        sa.Column("batch_input_usd", sa.Numeric(precision=14, scale=6), nullable=True),
        sa.Column("batch_cached_input_usd", sa.Numeric(precision=14, scale=6), nullable=True),
        sa.Column("batch_cache_write_usd", sa.Numeric(precision=14, scale=6), nullable=True),
        sa.Column("batch_output_usd", sa.Numeric(precision=14, scale=6), nullable=True),
        sa.Column("long_context_tokens", sa.Integer(), nullable=True),
        sa.Column("long_input_factor", sa.Numeric(precision=6, scale=3), nullable=True),
        sa.Column("long_output_factor", sa.Numeric(precision=6, scale=3), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("legacy_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("batch_input_usd >= 0", name="ck_ai_model_pricing_batch_input_usd_not_negative"),
        sa.CheckConstraint("batch_output_usd >= 0", name="ck_ai_model_pricing_batch_output_usd_not_negative"),
        sa.CheckConstraint("effective_until > effective_from", name="ck_ai_model_pricing_until_after_from"),
        sa.CheckConstraint("input_usd >= 0", name="ck_ai_model_pricing_input_usd_not_negative"),
        sa.CheckConstraint("output_usd >= 0", name="ck_ai_model_pricing_output_usd_not_negative"),
        sa.ForeignKeyConstraint(["ai_model_id"], ["ai_models.id"], name="fk_ai_model_pricing_ai_model_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ai_model_pricing"),
        sa.UniqueConstraint("ai_model_id", "effective_from", name="uq_ai_model_pricing_ai_model_id_effective_from"),
        sa.UniqueConstraint("legacy_id", name="uq_ai_model_pricing_legacy_id"),
    )
    op.create_table(
        "company_ai_models",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("ai_model_id", sa.Uuid(), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(["ai_model_id"], ["ai_models.id"], name="fk_company_ai_models_ai_model_id"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_company_ai_models_company_id"),
        sa.PrimaryKeyConstraint("id", name="pk_company_ai_models"),
        sa.UniqueConstraint("company_id", "ai_model_id", name="uq_company_ai_models_company_id_ai_model_id"),
    )
    op.create_index(
        "uq_company_ai_models_default",
        "company_ai_models",
        ["company_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "import_runs",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("source_url", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="RUNNING", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dagster_run_id", sa.Text(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("not_modified", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("rows", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rows_new", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rows_changed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rows_unchanged", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rows_rejected", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.CheckConstraint("status IN ('RUNNING', 'COMPLETED', 'FAILED')", name="ck_import_runs_status_known"),
        sa.CheckConstraint("bytes >= 0", name="ck_import_runs_bytes_not_negative"),
        sa.CheckConstraint("finished_at >= started_at", name="ck_import_runs_finished_at_after_started_at"),
        sa.CheckConstraint("rows >= 0", name="ck_import_runs_rows_not_negative"),
        sa.CheckConstraint("rows_changed >= 0", name="ck_import_runs_rows_changed_not_negative"),
        sa.CheckConstraint("rows_new >= 0", name="ck_import_runs_rows_new_not_negative"),
        sa.CheckConstraint("rows_rejected >= 0", name="ck_import_runs_rows_rejected_not_negative"),
        sa.CheckConstraint("rows_unchanged >= 0", name="ck_import_runs_rows_unchanged_not_negative"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_import_runs_company_id"),
        sa.PrimaryKeyConstraint("id", name="pk_import_runs"),
    )
    op.create_index("ix_import_runs_company_id_started_at", "import_runs", ["company_id", "started_at"], unique=False)
    op.create_table(
        "questions",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(content) BETWEEN 1 AND 500", name="ck_questions_content_length"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_questions_company_id"),
        sa.PrimaryKeyConstraint("id", name="pk_questions"),
        sa.UniqueConstraint("company_id", "content", name="uq_questions_company_id_content"),
    )
    op.create_table(
        "ai_surplus_batches",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("openai_batch_id", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("input_file_id", sa.Text(), nullable=True),
        sa.Column("openai_status", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("usage", postgresql.JSONB(), nullable=True),
        sa.Column("pricing_id", sa.Uuid(), nullable=True),
        sa.Column("total_cost_usd", sa.Numeric(precision=20, scale=12), nullable=True),
        sa.Column("usd_eur", sa.Numeric(precision=18, scale=9), nullable=True),
        sa.Column("total_cost_eur", sa.Numeric(precision=20, scale=12), nullable=True),
        sa.CheckConstraint("total_cost_eur >= 0", name="ck_ai_surplus_batches_total_cost_eur_not_negative"),
        sa.CheckConstraint("total_cost_usd >= 0", name="ck_ai_surplus_batches_total_cost_usd_not_negative"),
        sa.ForeignKeyConstraint(["batch_id"], ["ai_batch_requests.id"], name="fk_ai_surplus_batches_batch_id"),
        sa.ForeignKeyConstraint(["pricing_id"], ["ai_model_pricing.id"], name="fk_ai_surplus_batches_pricing_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ai_surplus_batches"),
        sa.UniqueConstraint("openai_batch_id", name="uq_ai_surplus_batches_openai_batch_id"),
    )
    op.create_index("ix_ai_surplus_batches_batch_id", "ai_surplus_batches", ["batch_id"], unique=False)
    op.create_table(
        "import_rejects",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("import_run_id", sa.Uuid(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.Column("raw_text", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.CheckConstraint("line_number >= 1", name="ck_import_rejects_line_number_from_one"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_import_rejects_company_id"),
        sa.ForeignKeyConstraint(["import_run_id"], ["import_runs.id"], name="fk_import_rejects_import_run_id"),
        sa.PrimaryKeyConstraint("id", name="pk_import_rejects"),
    )
    op.create_index("ix_import_rejects_company_id", "import_rejects", ["company_id"], unique=False)
    op.create_index(
        "ix_import_rejects_import_run_id_line_number", "import_rejects", ["import_run_id", "line_number"], unique=False
    )
    op.create_table(
        "session_imports",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("external_session_id", sa.Text(), nullable=False),
        sa.Column("start_time_raw", sa.Text(), nullable=False),
        sa.Column("end_time_raw", sa.Text(), nullable=False),
        sa.Column("ip_address", sa.Text(), nullable=True),
        sa.Column("country_code", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("messages_sent", sa.Integer(), nullable=True),
        sa.Column("sentiment_raw", sa.Text(), nullable=True),
        sa.Column("escalated_raw", sa.Text(), nullable=True),
        sa.Column("forwarded_hr_raw", sa.Text(), nullable=True),
        sa.Column("full_transcript_url", sa.Text(), nullable=True),
        sa.Column("avg_response_time_seconds", sa.Numeric(precision=12, scale=3), nullable=True),
        sa.Column("tokens", sa.BigInteger(), nullable=True),
        sa.Column("tokens_eur", sa.Numeric(precision=14, scale=6), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("initial_message", sa.Text(), nullable=True),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("language_code", sa.Text(), nullable=True),
        sa.Column("sentiment_score", sa.Numeric(precision=4, scale=2), nullable=True),
        sa.Column("escalated", sa.Boolean(), nullable=True),
        sa.Column("forwarded_hr", sa.Boolean(), nullable=True),
        sa.Column("source", sa.Text(), server_default="csv", nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("import_run_id", sa.Uuid(), nullable=True),
        sa.Column("legacy_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("external_session_id <> ''", name="ck_session_imports_external_session_id_given"),
        sa.CheckConstraint("source IN ('csv', 'api')", name="ck_session_imports_source_known"),
        sa.CheckConstraint(
            "avg_response_time_seconds >= 0", name="ck_session_imports_avg_response_time_seconds_not_negative"
        ),
        sa.CheckConstraint("end_time >= start_time", name="ck_session_imports_end_time_after_start_time"),
        sa.CheckConstraint("messages_sent >= 0", name="ck_session_imports_messages_sent_not_negative"),
        sa.CheckConstraint("tokens >= 0", name="ck_session_imports_tokens_not_negative"),
        sa.CheckConstraint("tokens_eur >= 0", name="ck_session_imports_tokens_eur_not_negative"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_session_imports_company_id"),
        sa.ForeignKeyConstraint(["import_run_id"], ["import_runs.id"], name="fk_session_imports_import_run_id"),
        sa.PrimaryKeyConstraint("id", name="pk_session_imports"),
        sa.UniqueConstraint(
            "company_id", "external_session_id", name="uq_session_imports_company_id_external_session_id"
        ),
        sa.UniqueConstraint("legacy_id", name="uq_session_imports_legacy_id"),
    )
    op.create_table(
        "session_processing_status",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="PENDING", nullable=False),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("retry_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("metadata", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint(
            "status IN ('PENDING', 'IN_PROGRESS', 'COMPLETED', 'FAILED', 'SKIPPED')",
            name="ck_session_processing_status_status_known",
        ),
        sa.CheckConstraint(
            "completed_at >= started_at", name="ck_session_processing_status_completed_at_after_started_at"
        ),
        sa.CheckConstraint("retry_count >= 0", name="ck_session_processing_status_retry_count_not_negative"),
        sa.ForeignKeyConstraint(["import_id"], ["session_imports.id"], name="fk_session_processing_status_import_id"),
        sa.ForeignKeyConstraint(["stage"], ["processing_stages.name"], name="fk_session_processing_status_stage"),
        sa.PrimaryKeyConstraint("import_id", "stage", name="pk_session_processing_status"),
    )
    op.create_index(
        "ix_session_processing_status_unfinished",
        "session_processing_status",
        ["stage", "status", "import_id"],
        unique=False,
        postgresql_where=sa.text("status IN ('PENDING', 'IN_PROGRESS', 'FAILED')"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ip_address", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("full_transcript_url", sa.Text(), nullable=True),
        sa.Column("avg_response_time", sa.Numeric(precision=12, scale=3), nullable=True),
        sa.Column("initial_msg", sa.Text(), nullable=True),
        sa.Column("messages_sent", sa.Integer(), nullable=True),
        sa.Column("duration_seconds", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("sentiment", sa.Text(), nullable=True),
        sa.Column("escalated", sa.Boolean(), nullable=True),
        sa.Column("forwarded_hr", sa.Boolean(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("row_hash", sa.Text(), nullable=False),
        sa.Column("transcript_sha256", sa.Text(), nullable=True),
        sa.Column("transcript_hash", sa.Text(), nullable=True),
        sa.Column("stale", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("legacy_id", sa.Text(), nullable=True),
        sa.Column("analysed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("language ~ '^[a-z]{2}$'", name="ck_sessions_language_form"),
        sa.CheckConstraint("sentiment IN ('POSITIVE', 'NEUTRAL', 'NEGATIVE')", name="ck_sessions_sentiment_known"),
        sa.CheckConstraint("avg_response_time >= 0", name="ck_sessions_avg_response_time_not_negative"),
        sa.CheckConstraint("duration_seconds >= 0", name="ck_sessions_duration_seconds_not_negative"),
        sa.CheckConstraint("end_time >= start_time", name="ck_sessions_end_time_after_start_time"),
        sa.CheckConstraint("messages_sent >= 0", name="ck_sessions_messages_sent_not_negative"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_sessions_company_id"),
        sa.ForeignKeyConstraint(["import_id"], ["session_imports.id"], name="fk_sessions_import_id"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("import_id", name="uq_sessions_import_id"),
        sa.UniqueConstraint("legacy_id", name="uq_sessions_legacy_id"),
    )
    op.create_index("ix_sessions_stale", "sessions", ["company_id"], unique=False, postgresql_where=sa.text("stale"))
    op.create_table(
        "transcripts",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("row_hash", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("replaced_characters", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(status = 'FETCHED') = (content IS NOT NULL)", name="ck_transcripts_fetched_has_content"),
        sa.CheckConstraint("status IN ('FETCHED', 'FAILED')", name="ck_transcripts_status_known"),
        sa.CheckConstraint("attempts >= 0", name="ck_transcripts_attempts_not_negative"),
        sa.ForeignKeyConstraint(["import_id"], ["session_imports.id"], name="fk_transcripts_import_id"),
        sa.PrimaryKeyConstraint("import_id", name="pk_transcripts"),
    )
    op.create_index(
        "ix_transcripts_next_attempt_at",
        "transcripts",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("status = 'FAILED'"),
    )
    op.create_table(
        "ai_processing_requests",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("processing_type", sa.Text(), server_default="session_analysis", nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("processing_status", sa.Text(), server_default="PENDING_BATCHING", nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("prompt_version", sa.Text(), nullable=False),
        sa.Column("transcript_hash", sa.Text(), nullable=False),
        sa.Column("input_hash", sa.Text(), nullable=False),
        sa.Column("body_bytes", sa.Integer(), nullable=False),
        sa.Column("token_estimate", sa.Integer(), nullable=False),
        sa.Column("max_output_tokens", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts_before_requeue", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("releases", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("releases_before_requeue", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("openai_request_id", sa.Text(), nullable=True),
        sa.Column("parsed_answer", postgresql.JSONB(), nullable=True),
        sa.Column("raw_answer", sa.Text(), nullable=True),
        sa.Column("answer_flags", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("legacy_id", sa.Text(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(processing_status = 'BATCHING_IN_PROGRESS') <= (batch_id IS NOT NULL)",
            name="ck_ai_processing_requests_in_progress_has_batch",
        ),
        sa.CheckConstraint(
            "processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS', 'PROCESSING_COMPLETE', 'PROCESSING_FAILED')",
            name="ck_ai_processing_requests_processing_status_known",
        ),
        sa.CheckConstraint("attempts >= 0", name="ck_ai_processing_requests_attempts_not_negative"),
        sa.CheckConstraint("body_bytes >= 0", name="ck_ai_processing_requests_body_bytes_not_negative"),
        sa.CheckConstraint(
            "completed_at >= requested_at", name="ck_ai_processing_requests_completed_at_after_requested_at"
        ),
        sa.CheckConstraint("max_output_tokens >= 0", name="ck_ai_processing_requests_max_output_tokens_not_negative"),
        sa.CheckConstraint("releases >= 0", name="ck_ai_processing_requests_releases_not_negative"),
        sa.CheckConstraint("token_estimate >= 0", name="ck_ai_processing_requests_token_estimate_not_negative"),
        sa.ForeignKeyConstraint(["batch_id"], ["ai_batch_requests.id"], name="fk_ai_processing_requests_batch_id"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_ai_processing_requests_company_id"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_ai_processing_requests_session_id"),
        sa.PrimaryKeyConstraint("id", name="pk_ai_processing_requests"),
        sa.UniqueConstraint("legacy_id", name="uq_ai_processing_requests_legacy_id"),
    )
    op.create_index("ix_ai_processing_requests_batch_id", "ai_processing_requests", ["batch_id"], unique=False)
    op.create_index(
        "ix_ai_processing_requests_pending",
        "ai_processing_requests",
        ["company_id", "model", "id"],
        unique=False,
        postgresql_where=sa.text("processing_status = 'PENDING_BATCHING'"),
    )
    op.create_index(
        "ix_ai_processing_requests_session_id_requested_at",
        "ai_processing_requests",
        ["session_id", "requested_at"],
        unique=False,
    )
    op.create_index(
        "uq_ai_processing_requests_open",
        "ai_processing_requests",
        ["session_id", "processing_type"],
        unique=True,
        postgresql_where=sa.text("processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')"),
    )
    op.create_table(
        "messages",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('user', 'assistant', 'system', 'unknown')", name="ck_messages_role_known"),
        sa.CheckConstraint("position >= 0", name="ck_messages_position_not_negative"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_messages_session_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("session_id", "position", name="pk_messages"),
    )
    op.create_table(
        "session_questions",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("position >= 0", name="ck_session_questions_position_not_negative"),
        sa.ForeignKeyConstraint(["question_id"], ["questions.id"], name="fk_session_questions_question_id"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name="fk_session_questions_session_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_id", "position", name="pk_session_questions"),
        sa.UniqueConstraint("session_id", "question_id", name="uq_session_questions_session_id_question_id"),
    )
    op.create_index("ix_session_questions_question_id", "session_questions", ["question_id"], unique=False)
    op.create_table(
        "ai_request_attempts",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reserved_eur", sa.Numeric(precision=20, scale=12), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("finish_reason", sa.Text(), nullable=True),
        sa.Column("openai_request_id", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("service_tier", sa.Text(), nullable=True),
        sa.Column("system_fingerprint", sa.Text(), nullable=True),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=True),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=True),
        sa.Column("total_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=True),
        sa.Column("audio_tokens_prompt", sa.BigInteger(), nullable=True),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=True),
        sa.Column("audio_tokens_completion", sa.BigInteger(), nullable=True),
        sa.Column("accepted_prediction_tokens", sa.BigInteger(), nullable=True),
        sa.Column("rejected_prediction_tokens", sa.BigInteger(), nullable=True),
        sa.Column("pricing_id", sa.Uuid(), nullable=True),
        sa.Column("prompt_cost_usd", sa.Numeric(precision=20, scale=12), nullable=True),
        sa.Column("completion_cost_usd", sa.Numeric(precision=20, scale=12), nullable=True),
        sa.Column("total_cost_usd", sa.Numeric(precision=20, scale=12), nullable=True),
        sa.Column("usd_eur", sa.Numeric(precision=18, scale=9), nullable=True),
        sa.Column("total_cost_eur", sa.Numeric(precision=20, scale=12), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('parsed', 'refused', 'truncated', 'invalid_output', 'rejected', 'transient', 'not_run', 'missing', 'artifact_unavailable')",
            name="ck_ai_request_attempts_outcome_known",
        ),
        sa.CheckConstraint(
            "(outcome IS NULL) = (settled_at IS NULL)", name="ck_ai_request_attempts_settled_with_outcome"
        ),
        sa.CheckConstraint("completion_tokens >= 0", name="ck_ai_request_attempts_completion_tokens_not_negative"),
        sa.CheckConstraint("prompt_tokens >= 0", name="ck_ai_request_attempts_prompt_tokens_not_negative"),
        sa.CheckConstraint("settled_at >= created_at", name="ck_ai_request_attempts_settled_at_after_created_at"),
        sa.CheckConstraint("total_cost_eur >= 0", name="ck_ai_request_attempts_total_cost_eur_not_negative"),
        sa.CheckConstraint("total_cost_usd >= 0", name="ck_ai_request_attempts_total_cost_usd_not_negative"),
        sa.ForeignKeyConstraint(["batch_id"], ["ai_batch_requests.id"], name="fk_ai_request_attempts_batch_id"),
        sa.ForeignKeyConstraint(["pricing_id"], ["ai_model_pricing.id"], name="fk_ai_request_attempts_pricing_id"),
        sa.ForeignKeyConstraint(
            ["request_id"], ["ai_processing_requests.id"], name="fk_ai_request_attempts_request_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ai_request_attempts"),
        sa.UniqueConstraint("request_id", "batch_id", name="uq_ai_request_attempts_request_id_batch_id"),
    )
    op.create_index("ix_ai_request_attempts_batch_id", "ai_request_attempts", ["batch_id"], unique=False)
    op.execute(SETTLED_ATTEMPTS_STAY)
    op.execute(SETTLED_ATTEMPTS_TRIGGER)
    op.execute(SESSION_STAGES)
    op.execute(SESSION_ANALYSIS)
    stages = sa.table("processing_stages", sa.column("name", sa.Text), sa.column("position", sa.Integer))
    op.bulk_insert(stages, [{"name": name, "position": place} for place, name in enumerate(STAGES, start=1)])


def downgrade() -> None:
    op.execute("DROP VIEW session_analysis")
    op.execute("DROP VIEW session_stages")
    for table in (
        "ai_request_attempts",
        "session_questions",
        "messages",
        "ai_processing_requests",
        "transcripts",
        "sessions",
        "session_processing_status",
        "session_imports",
        "import_rejects",
        "ai_surplus_batches",
        "questions",
        "import_runs",
        "company_ai_models",
        "ai_model_pricing",
        "ai_batch_requests",
        "processing_stages",
        "exchange_rates",
        "database_properties",
        "companies",
        "ai_models",
        "ai_holds",
        "ai_admissions",
    ):
        op.drop_table(table)
    op.execute("DROP FUNCTION livedash_keep_outcome()")
    op.execute("DROP FUNCTION livedash_uuid7()")
