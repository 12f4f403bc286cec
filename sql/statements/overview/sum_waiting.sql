-- What waits to be sent, per company and model: requests with their tokens and bytes, and the most of a single one.
SELECT
    requests.company_id,
    requests.model,
    count(*) AS requests,
    sum(requests.token_estimate) AS token_estimate,
    sum(requests.body_bytes) AS body_bytes,
    sum(requests.max_output_tokens) AS max_output_tokens,
    max(requests.token_estimate) AS most_tokens,
    max(requests.body_bytes) AS most_bytes
FROM ai_processing_requests AS requests
JOIN companies ON companies.id = requests.company_id
WHERE
    requests.processing_status = 'PENDING_BATCHING'
    AND companies.status = ANY(:working_companies)
    AND (CAST(:company_id AS uuid) IS NULL OR requests.company_id = :company_id)
GROUP BY requests.company_id, requests.model
ORDER BY requests.company_id, requests.model
