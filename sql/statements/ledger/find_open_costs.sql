-- Entries whose cost is unknown, after one of them, of one company, model or batch or of all; with when their price was the one that
-- counts.
SELECT
    entries.entry,
    entries.entry_id,
    entries.company_id,
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
    AND entries.entry_id > :after_id
    AND (CAST(:company_id AS uuid) IS NULL OR entries.company_id = :company_id)
    AND (CAST(:model AS text) IS NULL OR entries.model = :model)
    AND (CAST(:batch_id AS uuid) IS NULL OR entries.batch_id = :batch_id)
ORDER BY entries.entry_id
LIMIT :chunk_size
