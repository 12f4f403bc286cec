-- What some chat batches, or all of a company, have cost: all tries of all their questions, with what was filled in later.
SELECT
    turns.batch_id,
    coalesce(sum(paid.cost_usd), 0) AS cost_usd,
    coalesce(sum(paid.cost_eur), 0) AS cost_eur,
    coalesce(sum(paid.open_tries), 0) AS open_tries
FROM chat_batches AS batches
JOIN chat_interactions AS turns ON turns.batch_id = batches.id
JOIN ai_processing_requests AS requests ON requests.subject_id = turns.id AND requests.processing_type = 'chat_turn'
CROSS JOIN
    LATERAL (
        SELECT
            sum(entries.cost_usd) AS cost_usd,
            sum(entries.cost_eur) AS cost_eur,
            count(*) FILTER (WHERE entries.is_open) AS open_tries
        FROM cost_entries AS entries
        WHERE entries.request_id = requests.id
    ) AS paid
WHERE
    batches.company_id = CAST(:company_id AS uuid)
    OR batches.id = ANY(CAST(:batch_ids AS uuid[]))
GROUP BY turns.batch_id
