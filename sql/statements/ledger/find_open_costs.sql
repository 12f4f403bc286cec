-- Entries whose cost is unknown, of one company, model, batch or surplus batch or of all; with when their price was the one that
-- counts. What no line states comes first: once its cost is known, lines without figures of the same batch are not open.
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
    entries.cost_usd
FROM cost_entries AS entries
WHERE
    entries.is_open
    AND (CAST(:company_id AS uuid) IS NULL OR entries.company_id = :company_id)
    AND (CAST(:model AS text) IS NULL OR entries.model = :model)
    AND (CAST(:batch_id AS uuid) IS NULL OR entries.batch_id = :batch_id)
    AND (CAST(:surplus_id AS uuid) IS NULL OR entries.entry_id = :surplus_id)
ORDER BY entries.entry <> 'unattributed', entries.entry_id
