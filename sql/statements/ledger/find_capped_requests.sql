-- What a claim of one company, model and kind could take next, priced against a spending cap: how many are above it, the highest
-- price of those, and the price of the first one that is not.
WITH ready AS (
    SELECT
        requests.id,
        requests.token_estimate * CAST(:eur_per_input_token AS numeric)
        + requests.max_output_tokens * CAST(:eur_per_output_token AS numeric) AS price
    FROM ai_processing_requests AS requests
    CROSS JOIN LATERAL request_subject(requests.processing_type, requests.subject_id) AS subject
    WHERE
        requests.company_id = :company_id
        AND requests.model = :model
        AND requests.processing_type = :processing_type
        AND requests.processing_status = 'PENDING_BATCHING'
        AND requests.prompt_version = :prompt_version
        AND requests.transcript_hash = subject.current_hash
        AND subject.is_claimable
)

SELECT
    count(*) FILTER (WHERE price > :cap) AS above,
    max(price) FILTER (WHERE price > :cap) AS highest,
    (
        SELECT first_ready.price FROM ready AS first_ready
        WHERE first_ready.price <= :cap
        ORDER BY first_ready.id
        LIMIT 1
    ) AS first_within
FROM ready
