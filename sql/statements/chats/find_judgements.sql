-- What a model has said of pairs of a company's answers, or that it has not yet.
SELECT
    judgements.pair_hash,
    judgements.verdict,
    judgements.error_code,
    paid.cost_usd,
    paid.cost_eur,
    paid.unpriced_tries
FROM chat_judgements AS judgements
CROSS JOIN
    LATERAL (
        SELECT
            coalesce(sum(tried.cost_usd), 0) AS cost_usd,
            coalesce(sum(tried.cost_eur), 0) AS cost_eur,
            coalesce(sum(tried.unpriced), 0) AS unpriced_tries
        FROM ai_processing_requests AS requests
        CROSS JOIN
            LATERAL (
                SELECT
                    sum(entries.cost_usd) AS cost_usd,
                    sum(entries.cost_eur) AS cost_eur,
                    count(*) FILTER (WHERE entries.is_open) AS unpriced
                FROM cost_entries AS entries
                WHERE entries.request_id = requests.id
            ) AS tried
        WHERE requests.subject_id = judgements.id AND requests.processing_type = 'chat_judgement'
    ) AS paid
WHERE
    judgements.company_id = :company_id
    AND judgements.pair_hash = ANY(CAST(:pair_hashes AS text[]))
    AND judgements.model = :model
    AND judgements.prompt_version = :prompt_version
