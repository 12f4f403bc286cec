-- What was charged, or may have been, at a cost that nobody knows, by what is missing and by what its bill is of: a batch, a call
-- or a surplus batch. How many entries, and what was set aside for them, which is the most that they cost. The samples are the
-- ids that `livedash price backfill` takes.
WITH open_entries AS (
    SELECT
        entries.company_id,
        entries.model,
        entries.reserved_eur,
        CASE WHEN entries.entry IN ('call', 'surplus') THEN entries.entry ELSE 'batch' END AS bill,
        coalesce(surplus.openai_batch_id, CAST(coalesce(entries.batch_id, entries.request_id) AS text)) AS source_id,
        CASE
            WHEN entries.cost_usd IS NOT NULL THEN 'no_rate'
            WHEN entries.prompt_tokens IS NOT NULL AND entries.completion_tokens IS NOT NULL THEN 'no_price'
            WHEN
                entries.prompt_tokens IS NULL AND entries.completion_tokens IS NULL AND entries.total_tokens IS NOT NULL
                THEN 'no_price'
            -- What it does not state is booked beside it.
            WHEN
                entries.entry = 'line'
                AND EXISTS (
                    SELECT 1
                    FROM ai_cost_adjustments AS rest
                    WHERE rest.batch_id = entries.batch_id
                )
                THEN 'no_price'
            ELSE 'no_usage'
        END AS reason
    FROM cost_entries AS entries
    LEFT JOIN ai_surplus_batches AS surplus ON entries.entry = 'surplus' AND surplus.id = entries.entry_id
    WHERE entries.is_open
)

SELECT
    companies.slug AS company,
    open_entries.model,
    open_entries.reason,
    open_entries.bill,
    count(*) AS entries,
    sum(open_entries.reserved_eur) AS reserved_eur,
    (array_agg(DISTINCT open_entries.source_id))[1:CAST(:sample AS integer)] AS sample_ids
FROM open_entries
JOIN companies ON companies.id = open_entries.company_id
GROUP BY companies.slug, open_entries.model, open_entries.reason, open_entries.bill
ORDER BY companies.slug, open_entries.model, open_entries.reason, open_entries.bill
