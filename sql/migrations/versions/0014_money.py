"""Long-context rates of each tier, adjustments beside the ledger, caps of companies, and one view of all that costs money."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014_money"
down_revision = "0013_chat_judgements"
branch_labels = None
depends_on = None

PRICING = "ai_model_pricing"
KINDS = ("input", "cached_input", "cache_write", "output")
CAPS = ("monthly_cap_eur", "daily_cap_eur", "monthly_budget_eur")
_PRICE = sa.Numeric(precision=14, scale=6)
_MONEY = sa.Numeric(precision=20, scale=12)
_MOMENT = sa.DateTime(timezone=True)
_NOW_LISTED = sa.text("superseded_at IS NULL")

# Rows that exist keep the costs that they gave: their factors become rates, for both tiers alike.
FACTORS_TO_RATES = """
UPDATE ai_model_pricing
SET
    long_input_usd = input_usd * long_input_factor,
    long_cached_input_usd = cached_input_usd * long_input_factor,
    long_cache_write_usd = cache_write_usd * long_input_factor,
    long_output_usd = output_usd * long_output_factor,
    batch_long_context_tokens = long_context_tokens,
    batch_long_input_usd = batch_input_usd * long_input_factor,
    batch_long_cached_input_usd = batch_cached_input_usd * long_input_factor,
    batch_long_cache_write_usd = batch_cache_write_usd * long_input_factor,
    batch_long_output_usd = batch_output_usd * long_output_factor
WHERE long_context_tokens IS NOT NULL
"""
# A factor that its column cannot hold is left out: a long request then costs what it costs otherwise.
RATES_TO_FACTORS = """
UPDATE ai_model_pricing AS price
SET
    long_input_factor = CASE WHEN factors.of_input < 999.9995 THEN factors.of_input END,
    long_output_factor = CASE WHEN factors.of_output < 999.9995 THEN factors.of_output END
FROM (
    SELECT
        id,
        long_input_usd / nullif(input_usd, 0) AS of_input,
        long_output_usd / nullif(output_usd, 0) AS of_output
    FROM ai_model_pricing
) AS factors
WHERE factors.id = price.id AND price.long_context_tokens IS NOT NULL
"""
# What came before holds one row of a moment: a person's, then the package's. The others go like those that were wrong.
ONE_OF_A_MOMENT = """
UPDATE ai_model_pricing AS price
SET superseded_at = price.created_at
FROM (
    SELECT
        id,
        row_number() OVER (
            PARTITION BY ai_model_id, effective_from
            ORDER BY source = 'operator' DESC, source = 'livedash', created_at DESC, id
        ) AS place
    FROM ai_model_pricing
    WHERE superseded_at IS NULL
) AS rivals
WHERE rivals.id = price.id AND rivals.place > 1
"""

# Requests that were measured before count too few tokens: from now on the role of each message (2 more of 2 messages), the
# schema as it is indented, and parameters that a model is shown are counted, and a reservation rests on the count. Growth was
# measured with the default parameters of all families: at most 92 tokens of a session's analysis and 19 of a judgement; a turn
# has one token more for each message, of which its n-th (from 0) has 2n + 2. Parameters that somebody set never make more tokens
# than bytes, and the headings of a schema are shorter than 64. A turn's bytes left out the frame of its messages and parameters.
# What is in flight or failed may wait again. Counted too high, a request sets a little more aside; taken back and applied
# again, this adds once more.
OLDER_ESTIMATES = """
WITH of_models AS MATERIALIZED (
    SELECT model, octet_length(jsonb_pretty(parameters)) + 64 AS size FROM model_parameters
),

of_batches AS MATERIALIZED (
    SELECT id, octet_length(jsonb_pretty(configuration -> 'parameters')) + 64 AS size FROM chat_batches
),

grown AS (
    SELECT
        requests.id,
        CASE requests.processing_type
            WHEN 'session_analysis' THEN 100 + coalesce(of_models.size, 0)
            WHEN 'chat_judgement' THEN 25 + coalesce(of_models.size, 0)
            WHEN 'chat_turn' THEN 2 * turns.turn + 2 + coalesce(of_batches.size, 0)
        END AS tokens,
        CASE requests.processing_type
            WHEN 'chat_turn' THEN 40 * (2 * turns.turn + 2) + coalesce(of_batches.size, 0)
            ELSE 0
        END AS bytes
    FROM ai_processing_requests AS requests
    LEFT JOIN of_models ON of_models.model = requests.model
    LEFT JOIN chat_interactions AS turns ON turns.id = requests.chat_interaction_id
    LEFT JOIN of_batches ON of_batches.id = turns.batch_id
    -- An estimate of 0 is none.
    WHERE requests.processing_status <> 'PROCESSING_COMPLETE' AND requests.token_estimate > 0
)

UPDATE ai_processing_requests AS requests
SET
    token_estimate = least(requests.token_estimate::bigint + grown.tokens, 2147483647),
    body_bytes = least(requests.body_bytes::bigint + grown.bytes, 2147483647)
FROM grown
WHERE grown.id = requests.id
"""

# All that costs money, in one place: each try of a request, what was filled in for a try and is taken back since its answer showed
# late, what a batch was charged for without a line, and surplus batches; amounts include what was filled in later. Every sum that
# anybody is shown comes from here.
# `is_open`: charged or perhaps charged, and nobody knows how much; such an entry, and one in flight, counts against a cap with
# `reserved_eur`. A line that states no tokens is not open where its batch's booking stands for it, which is open itself until it
# is priced, and then counts with what was set aside for such lines (for all lines, where all state theirs).
COST_ENTRIES = """
CREATE VIEW cost_entries AS
SELECT
    'line' AS entry,
    tries.id AS entry_id,
    batches.company_id,
    tries.batch_id,
    tries.request_id,
    batches.model,
    batches.processing_type,
    tries.outcome,
    tries.is_call,
    tries.is_late,
    tries.service_tier,
    coalesce(batches.submitted_at, batches.created_at) AS priced_at,
    tries.settled_at AS incurred_at,
    tries.settled_at IS NULL AS is_in_flight,
    tries.outcome IS NOT NULL
    -- A line in neither file may have been charged too.
    AND tries.outcome IN ('parsed', 'refused', 'truncated', 'invalid_output', 'artifact_unavailable', 'missing')
    AND tries.total_cost_eur IS NULL
    AND mended.id IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM ai_request_attempts AS late
        WHERE late.request_id = tries.request_id AND late.batch_id = tries.batch_id AND late.is_late AND NOT tries.is_late
    )
    AND (
        tries.prompt_tokens IS NOT NULL OR tries.completion_tokens IS NOT NULL OR tries.total_tokens IS NOT NULL
        OR NOT EXISTS (SELECT 1 FROM ai_cost_adjustments AS rest WHERE rest.batch_id = tries.batch_id)
    ) AS is_open,
    tries.reserved_eur,
    tries.prompt_tokens,
    tries.cached_tokens,
    tries.cache_write_tokens,
    tries.completion_tokens,
    tries.reasoning_tokens,
    tries.total_tokens,
    tries.pricing_id,
    CASE WHEN mended.id IS NULL THEN tries.total_cost_usd ELSE coalesce(tries.total_cost_usd, 0) + mended.cost_usd END AS cost_usd,
    CASE WHEN mended.id IS NULL THEN tries.total_cost_eur ELSE coalesce(tries.total_cost_eur, 0) + mended.cost_eur END AS cost_eur
FROM ai_request_attempts AS tries
JOIN ai_batch_requests AS batches ON batches.id = tries.batch_id
LEFT JOIN ai_cost_adjustments AS mended ON mended.attempt_id = tries.id
UNION ALL
SELECT
    'taken_back',
    tries.id,
    batches.company_id,
    tries.batch_id,
    tries.request_id,
    batches.model,
    batches.processing_type,
    tries.outcome,
    FALSE,
    FALSE,
    NULL,
    coalesce(batches.submitted_at, batches.created_at),
    back.incurred_at,
    FALSE,
    FALSE,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    back.cost_usd,
    back.cost_eur
FROM ai_cost_adjustments AS back
JOIN ai_cost_adjustments AS mended ON mended.id = back.adjustment_id
JOIN ai_request_attempts AS tries ON tries.id = mended.attempt_id
JOIN ai_batch_requests AS batches ON batches.id = tries.batch_id
UNION ALL
SELECT
    CASE WHEN tries.is_call THEN 'call' ELSE 'taken_over' END,
    tries.id,
    requests.company_id,
    NULL,
    tries.request_id,
    requests.model,
    requests.processing_type,
    tries.outcome,
    tries.is_call,
    tries.is_late,
    tries.service_tier,
    tries.created_at,
    tries.settled_at,
    tries.settled_at IS NULL,
    -- What the old system did not price, nobody can price any more.
    tries.is_call
    AND tries.outcome IS NOT NULL
    AND tries.outcome IN ('parsed', 'refused', 'truncated', 'invalid_output', 'artifact_unavailable')
    AND tries.total_cost_eur IS NULL
    AND mended.id IS NULL,
    tries.reserved_eur,
    tries.prompt_tokens,
    tries.cached_tokens,
    tries.cache_write_tokens,
    tries.completion_tokens,
    tries.reasoning_tokens,
    tries.total_tokens,
    tries.pricing_id,
    CASE WHEN mended.id IS NULL THEN tries.total_cost_usd ELSE coalesce(tries.total_cost_usd, 0) + mended.cost_usd END,
    CASE WHEN mended.id IS NULL THEN tries.total_cost_eur ELSE coalesce(tries.total_cost_eur, 0) + mended.cost_eur END
FROM ai_request_attempts AS tries
JOIN ai_processing_requests AS requests ON requests.id = tries.request_id
LEFT JOIN ai_cost_adjustments AS mended ON mended.attempt_id = tries.id
WHERE tries.batch_id IS NULL
UNION ALL
SELECT
    'unattributed',
    rest.id,
    batches.company_id,
    batches.id,
    NULL,
    batches.model,
    batches.processing_type,
    NULL,
    FALSE,
    FALSE,
    NULL,
    coalesce(batches.submitted_at, batches.created_at),
    rest.incurred_at,
    FALSE,
    rest.cost_eur IS NULL AND mended.id IS NULL,
    CASE
        -- Once: a further row of the batch takes back, or adds to, what the first one is the bound of.
        WHEN rest.cost_eur IS NULL AND mended.id IS NULL
        AND NOT EXISTS (
            SELECT 1 FROM ai_cost_adjustments AS earlier WHERE earlier.batch_id = rest.batch_id AND earlier.id < rest.id
        ) THEN (
            SELECT
                coalesce(
                    sum(tries.reserved_eur) FILTER (
                        WHERE tries.outcome IN (
                            'parsed', 'refused', 'truncated', 'invalid_output', 'artifact_unavailable', 'missing'
                        )
                        AND tries.prompt_tokens IS NULL AND tries.completion_tokens IS NULL AND tries.total_tokens IS NULL
                        AND NOT EXISTS (
                            SELECT 1 FROM ai_request_attempts AS late
                            WHERE late.request_id = tries.request_id AND late.batch_id = tries.batch_id AND late.is_late
                        )
                    ),
                    sum(tries.reserved_eur)
                )
            FROM ai_request_attempts AS tries
            WHERE tries.batch_id = rest.batch_id AND NOT tries.is_late
        )
    END,
    rest.prompt_tokens,
    rest.cached_tokens,
    NULL,
    rest.completion_tokens,
    NULL,
    rest.total_tokens,
    rest.pricing_id,
    CASE WHEN mended.id IS NULL THEN rest.cost_usd ELSE coalesce(rest.cost_usd, 0) + mended.cost_usd END,
    CASE WHEN mended.id IS NULL THEN rest.cost_eur ELSE coalesce(rest.cost_eur, 0) + mended.cost_eur END
FROM ai_cost_adjustments AS rest
JOIN ai_batch_requests AS batches ON batches.id = rest.batch_id
LEFT JOIN ai_cost_adjustments AS mended ON mended.adjustment_id = rest.id
UNION ALL
SELECT
    'surplus',
    surplus.id,
    batches.company_id,
    batches.id,
    NULL,
    batches.model,
    batches.processing_type,
    NULL,
    FALSE,
    FALSE,
    NULL,
    coalesce(surplus.submitted_at, surplus.found_at),
    surplus.ended_at,
    surplus.ended_at IS NULL,
    surplus.ended_at IS NOT NULL AND surplus.total_cost_eur IS NULL AND mended.id IS NULL,
    -- It asks what the batch asks that it is beside.
    (SELECT sum(tries.reserved_eur) FROM ai_request_attempts AS tries WHERE tries.batch_id = batches.id AND NOT tries.is_late),
    (surplus.usage ->> 'input_tokens')::bigint,
    (surplus.usage ->> 'cached_tokens')::bigint,
    NULL,
    (surplus.usage ->> 'output_tokens')::bigint,
    NULL,
    (surplus.usage ->> 'total_tokens')::bigint,
    surplus.pricing_id,
    CASE WHEN mended.id IS NULL THEN surplus.total_cost_usd ELSE coalesce(surplus.total_cost_usd, 0) + mended.cost_usd END,
    CASE WHEN mended.id IS NULL THEN surplus.total_cost_eur ELSE coalesce(surplus.total_cost_eur, 0) + mended.cost_eur END
FROM ai_surplus_batches AS surplus
JOIN ai_batch_requests AS batches ON batches.id = surplus.batch_id
LEFT JOIN ai_cost_adjustments AS mended ON mended.surplus_id = surplus.id
-- One that a row follows after all costs what its lines cost.
WHERE
    surplus.total_cost_usd IS NOT NULL
    OR mended.id IS NOT NULL
    OR NOT EXISTS (
        SELECT 1 FROM ai_batch_requests AS tracking
        WHERE tracking.openai_batch_id = surplus.openai_batch_id OR tracking.listed_batch_id = surplus.openai_batch_id
    )
"""

ADJUSTMENTS_STAY = """
CREATE FUNCTION livedash_keep_adjustment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'adjustment % is written, and a written adjustment never changes', old.id;
END
$$
"""
ADJUSTMENTS_TRIGGER = """
CREATE TRIGGER keep_adjustment BEFORE UPDATE OR DELETE ON ai_cost_adjustments FOR EACH ROW
EXECUTE FUNCTION livedash_keep_adjustment()
"""

# The sum stands within the inner query, so that the condition on the request reaches the tables below `cost_entries`.
# The cost of a session is null where any part of it is unknown: a sum without it would be wrong.
SESSION_COST = """
LEFT JOIN LATERAL (
    SELECT CASE WHEN NOT bool_or(paid.is_open) THEN sum(paid.cost_eur) END AS total_cost_eur
    FROM ai_processing_requests
    CROSS JOIN LATERAL (
        SELECT bool_or(entries.is_open) AS is_open, sum(entries.cost_eur) AS cost_eur
        FROM cost_entries AS entries
        WHERE entries.request_id = ai_processing_requests.id
    ) AS paid
    WHERE ai_processing_requests.session_id = sessions.id
) AS cost ON true
"""
OLD_SESSION_COST = """
LEFT JOIN LATERAL (
    SELECT sum(ai_request_attempts.total_cost_eur) AS total_cost_eur
    FROM ai_processing_requests
    JOIN ai_request_attempts ON ai_request_attempts.request_id = ai_processing_requests.id
    WHERE ai_processing_requests.session_id = sessions.id
) AS cost ON true
"""
SESSION_ANALYSIS = """
CREATE OR REPLACE VIEW session_analysis AS
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
"""


def upgrade() -> None:
    _prices()
    _adjustments()
    for name in CAPS:
        op.add_column("companies", sa.Column(name, _MONEY))
        op.create_check_constraint(op.f(f"ck_companies_{name}_not_negative"), "companies", f"{name} >= 0")
    op.add_column("ai_batch_requests", sa.Column("lines_cached_tokens", sa.BigInteger()))
    op.add_column("ai_surplus_batches", sa.Column("submitted_at", _MOMENT))
    _rates()
    op.execute(OLDER_ESTIMATES)
    op.execute(COST_ENTRIES)
    op.execute(SESSION_ANALYSIS + SESSION_COST)


def downgrade() -> None:
    """Adjustments go: what came before could neither hold nor show them."""
    op.execute(SESSION_ANALYSIS + OLD_SESSION_COST)
    op.execute("DROP VIEW cost_entries")
    op.drop_table("reporting_rates")
    op.drop_column("ai_surplus_batches", "submitted_at")
    op.drop_column("ai_batch_requests", "lines_cached_tokens")
    for name in CAPS:
        op.drop_column("companies", name)
    op.drop_table("ai_cost_adjustments")
    op.execute("DROP FUNCTION livedash_keep_adjustment()")
    _old_prices()


def _long_columns() -> list[str]:
    return [f"{tier}long_{kind}_usd" for tier in ("", "batch_") for kind in KINDS]


def _prices() -> None:
    op.add_column(PRICING, sa.Column("batch_long_context_tokens", sa.Integer()))
    for name in _long_columns():
        op.add_column(PRICING, sa.Column(name, _PRICE))
    op.add_column(PRICING, sa.Column("other_tiers", JSONB(), nullable=False, server_default=sa.text("'{}'")))
    op.add_column(PRICING, sa.Column("superseded_at", _MOMENT))
    op.execute(FACTORS_TO_RATES)
    op.drop_column(PRICING, "long_input_factor")
    op.drop_column(PRICING, "long_output_factor")
    op.drop_constraint(op.f("uq_ai_model_pricing_ai_model_id_effective_from"), PRICING)
    op.create_index(
        "uq_ai_model_pricing_start",
        PRICING,
        ["ai_model_id", "effective_from", "source"],
        unique=True,
        postgresql_where=_NOW_LISTED,
    )


def _old_prices() -> None:
    op.drop_index("uq_ai_model_pricing_start", PRICING)
    op.execute(ONE_OF_A_MOMENT)
    # Costs that refer to a row that goes keep their figures; nothing else of a settled try changes.
    op.execute("ALTER TABLE ai_request_attempts DISABLE TRIGGER keep_outcome")
    op.execute(
        "UPDATE ai_request_attempts SET pricing_id = NULL WHERE pricing_id IN"
        " (SELECT id FROM ai_model_pricing WHERE superseded_at IS NOT NULL)"
    )
    op.execute("ALTER TABLE ai_request_attempts ENABLE TRIGGER keep_outcome")
    op.execute(
        "UPDATE ai_surplus_batches SET pricing_id = NULL WHERE pricing_id IN"
        " (SELECT id FROM ai_model_pricing WHERE superseded_at IS NOT NULL)"
    )
    op.execute("DELETE FROM ai_model_pricing WHERE superseded_at IS NOT NULL")
    op.create_unique_constraint(
        op.f("uq_ai_model_pricing_ai_model_id_effective_from"), PRICING, ["ai_model_id", "effective_from"]
    )
    op.add_column(PRICING, sa.Column("long_input_factor", sa.Numeric(precision=6, scale=3)))
    op.add_column(PRICING, sa.Column("long_output_factor", sa.Numeric(precision=6, scale=3)))
    op.execute(RATES_TO_FACTORS)
    for name in (*_long_columns(), "batch_long_context_tokens", "other_tiers", "superseded_at"):
        op.drop_column(PRICING, name)
    # The package's prices are read anew by whichever version comes next.
    op.execute("DELETE FROM database_properties WHERE name = 'package_prices'")


def _adjustments() -> None:
    about = {
        "attempt_id": "ai_request_attempts",
        "batch_id": "ai_batch_requests",
        "surplus_id": "ai_surplus_batches",
        "adjustment_id": "ai_cost_adjustments",
    }
    others = {"company_id": "companies", **about, "pricing_id": PRICING}
    tokens = ("prompt_tokens", "cached_tokens", "completion_tokens", "total_tokens")
    op.create_table(
        "ai_cost_adjustments",
        sa.Column("id", sa.Uuid(), server_default=sa.text("livedash_uuid7()"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.Uuid()) for name in about),
        *(sa.Column(name, sa.BigInteger()) for name in tokens),
        sa.Column("pricing_id", sa.Uuid()),
        sa.Column("cost_usd", _MONEY),
        sa.Column("usd_eur", sa.Numeric(precision=18, scale=9)),
        sa.Column("cost_eur", _MONEY),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("incurred_at", _MOMENT, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_cost_adjustments")),
        *(
            sa.ForeignKeyConstraint([name], [f"{table}.id"], name=op.f(f"fk_ai_cost_adjustments_{name}"))
            for name, table in others.items()
        ),
        sa.CheckConstraint(
            "kind IN ('backfill', 'taken_back', 'unattributed')", name=op.f("ck_ai_cost_adjustments_kind_known")
        ),
        sa.CheckConstraint(
            f"num_nonnulls({', '.join(about)}) = 1", name=op.f("ck_ai_cost_adjustments_about_one_thing")
        ),
        sa.CheckConstraint(
            "(kind = 'unattributed') = (batch_id IS NOT NULL)",
            name=op.f("ck_ai_cost_adjustments_batches_are_unattributed"),
        ),
        sa.CheckConstraint(
            "kind = 'unattributed' OR cost_eur IS NOT NULL", name=op.f("ck_ai_cost_adjustments_backfill_has_a_cost")
        ),
        sa.CheckConstraint(
            "kind <> 'taken_back' OR adjustment_id IS NOT NULL",
            name=op.f("ck_ai_cost_adjustments_backfills_are_taken_back"),
        ),
    )
    for name in ("attempt_id", "surplus_id", "adjustment_id"):
        op.create_index(f"uq_ai_cost_adjustments_{name}", "ai_cost_adjustments", [name], unique=True)
    for name in ("batch_id", "incurred_at"):
        op.create_index(f"ix_ai_cost_adjustments_{name}", "ai_cost_adjustments", [name])
    op.execute(ADJUSTMENTS_STAY)
    op.execute(ADJUSTMENTS_TRIGGER)


def _rates() -> None:
    op.create_table(
        "reporting_rates",
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("rate_date", sa.Date(), nullable=False),
        sa.Column("usd_rate", sa.Numeric(precision=18, scale=9), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("recorded_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("currency", "rate_date", name=op.f("pk_reporting_rates")),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_reporting_rates_currency_is_a_code")),
        sa.CheckConstraint("usd_rate > 0", name=op.f("ck_reporting_rates_usd_rate_positive")),
    )
