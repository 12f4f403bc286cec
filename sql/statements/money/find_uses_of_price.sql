-- Whether any cost refers to a price, which must then stay as it is.
SELECT
    EXISTS (
        SELECT 1 FROM ai_request_attempts
        WHERE pricing_id = :pricing_id
    )
    OR EXISTS (
        SELECT 1 FROM ai_surplus_batches
        WHERE pricing_id = :pricing_id
    )
    OR EXISTS (
        SELECT 1 FROM ai_cost_adjustments
        WHERE pricing_id = :pricing_id
    ) AS is_used
