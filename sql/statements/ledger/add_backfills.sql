-- Fills in open costs, each once: whoever comes second adds nothing.
INSERT INTO ai_cost_adjustments (
    kind,
    company_id,
    attempt_id,
    surplus_id,
    adjustment_id,
    pricing_id,
    cost_usd,
    usd_eur,
    cost_eur,
    reason,
    incurred_at,
    created_at
)
SELECT
    'backfill',
    filled.company_id,
    CASE WHEN filled.entry IN ('line', 'call') THEN filled.entry_id END,
    CASE WHEN filled.entry = 'surplus' THEN filled.entry_id END,
    CASE WHEN filled.entry = 'unattributed' THEN filled.entry_id END,
    filled.pricing_id,
    filled.cost_usd,
    filled.usd_eur,
    filled.cost_eur,
    filled.reason,
    filled.incurred_at,
    :now
FROM
    unnest(
        CAST(:entries AS text[]),
        CAST(:entry_ids AS uuid[]),
        CAST(:company_ids AS uuid[]),
        CAST(:pricing_ids AS uuid[]),
        CAST(:costs_usd AS numeric[]),
        CAST(:rates AS numeric[]),
        CAST(:costs_eur AS numeric[]),
        CAST(:reasons AS text[]),
        CAST(:incurred AS timestamptz[])
    ) AS filled (entry, entry_id, company_id, pricing_id, cost_usd, usd_eur, cost_eur, reason, incurred_at)
ON CONFLICT DO NOTHING
