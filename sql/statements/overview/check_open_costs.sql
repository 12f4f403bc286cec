-- What was charged, or may have been, at a cost that nobody knows, by what is missing: how many entries, and what was set aside
-- for them, which is the most that they cost.
WITH open_entries AS (
    SELECT
        entries.company_id,
        entries.model,
        entries.reserved_eur,
        coalesce(entries.batch_id, entries.request_id) AS source_id,
        CASE
            WHEN entries.cost_usd IS NOT NULL THEN 'no_rate'
            WHEN entries.prompt_tokens IS NOT NULL AND entries.completion_tokens IS NOT NULL THEN 'no_price'
            WHEN
                entries.prompt_tokens IS NULL AND entries.completion_tokens IS NULL AND entries.total_tokens IS NOT NULL
                THEN 'no_price'
            ELSE 'no_usage'
        END AS reason
    FROM cost_entries AS entries
    WHERE entries.is_open
)

SELECT
    companies.slug AS company,
    open_entries.model,
    open_entries.reason,
    count(*) AS entries,
    sum(open_entries.reserved_eur) AS reserved_eur,
    (array_agg(DISTINCT open_entries.source_id))[1:CAST(:sample AS integer)] AS sample_ids
FROM open_entries
JOIN companies ON companies.id = open_entries.company_id
GROUP BY companies.slug, open_entries.model, open_entries.reason
ORDER BY companies.slug, open_entries.model, open_entries.reason
