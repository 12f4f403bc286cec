-- Which of some prices any cost refers to, so that they must stay as they are.
SELECT given.pricing_id
FROM unnest(CAST(:pricing_ids AS uuid[])) AS given (pricing_id)
WHERE
    EXISTS (
        SELECT 1 FROM ai_request_attempts AS tries
        WHERE tries.pricing_id = given.pricing_id
    )
    OR EXISTS (
        SELECT 1 FROM ai_surplus_batches AS surplus
        WHERE surplus.pricing_id = given.pricing_id
    )
    OR EXISTS (
        SELECT 1 FROM ai_cost_adjustments AS adjustments
        WHERE adjustments.pricing_id = given.pricing_id
    )
