-- Entries whose cost is unknown, of one company, model, batch, surplus batch, request or try or of all; with when their price was
-- the one that counts, and whether what a line does not state is booked beside the lines of its batch.
SELECT
    entries.entry,
    entries.entry_id,
    entries.company_id,
    entries.batch_id,
    entries.model,
    entries.priced_at,
    entries.incurred_at,
    entries.is_call,
    entries.service_tier,
    entries.prompt_tokens,
    entries.cached_tokens,
    entries.cache_write_tokens,
    entries.completion_tokens,
    entries.total_tokens,
    entries.cost_usd,
    entries.entry = 'line'
    AND EXISTS (
        SELECT 1
        FROM ai_cost_adjustments AS rest
        WHERE rest.batch_id = entries.batch_id
    ) AS rest_is_booked
FROM cost_entries AS entries
WHERE
    entries.is_open
    AND (CAST(:company_id AS uuid) IS NULL OR entries.company_id = :company_id)
    AND (CAST(:model AS text) IS NULL OR entries.model = :model)
    AND (CAST(:batch_id AS uuid) IS NULL OR entries.batch_id = :batch_id)
    AND (CAST(:surplus_id AS uuid) IS NULL OR entries.entry_id = :surplus_id)
    AND (CAST(:request_id AS uuid) IS NULL OR entries.request_id = :request_id)
    AND (CAST(:try_id AS uuid) IS NULL OR entries.entry_id = :try_id)
ORDER BY entries.entry_id
