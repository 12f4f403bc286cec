-- What waits to be submitted, per company, model and kind. Counting, not claiming: nothing is locked.
SELECT
    requests.company_id,
    companies.slug AS company,
    requests.model,
    requests.processing_type,
    count(*) AS requests,
    sum(requests.token_estimate) AS token_estimate,
    sum(requests.max_output_tokens) AS max_output_tokens,
    min(requests.updated_at) AS oldest,
    -- Their batch was never made: they have waited once and do not wait for others again.
    -- The tries are looked up for requests with that code alone: where it stood in a condition beside them, a null code did not
    -- spare the look-up.
    coalesce(
        bool_or(
            EXISTS (
                SELECT attempts.id
                FROM ai_request_attempts AS attempts
                WHERE
                    attempts.request_id = requests.id
                    AND attempts.error_code IN ('create_lost', 'abandoned', 'not_submitted')
            )
        ) FILTER (WHERE requests.error_code = 'not_run'),
        FALSE
    ) AS returned
FROM ai_processing_requests AS requests
JOIN companies ON companies.id = requests.company_id
WHERE
    requests.processing_status = 'PENDING_BATCHING'
    AND companies.status = ANY(:working_companies)
    AND (CAST(:company_id AS uuid) IS NULL OR requests.company_id = :company_id)
GROUP BY requests.company_id, companies.slug, requests.model, requests.processing_type
ORDER BY min(requests.updated_at), requests.company_id, requests.model, requests.processing_type
