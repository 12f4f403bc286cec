-- Takes back what was filled in for tries of a batch whose answers have shown since: each once, counted now, so that the sums of
-- the time before stay as they were told.
INSERT INTO ai_cost_adjustments (
    kind, company_id, adjustment_id, cost_usd, usd_eur, cost_eur, reason, incurred_at, created_at
)
SELECT
    'taken_back',
    filled.company_id,
    filled.id,
    -filled.cost_usd,
    filled.usd_eur,
    -filled.cost_eur,
    CAST(:reason AS text),
    :now,
    :now
FROM ai_request_attempts AS tries
JOIN ai_cost_adjustments AS filled ON filled.attempt_id = tries.id
WHERE
    tries.batch_id = :batch_id
    AND NOT tries.is_late
    AND EXISTS (
        SELECT 1
        FROM ai_request_attempts AS late
        WHERE late.request_id = tries.request_id AND late.batch_id = tries.batch_id AND late.is_late
    )
ON CONFLICT DO NOTHING
