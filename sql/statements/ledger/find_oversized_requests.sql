-- Pending requests of a company, model and kind that no batch can hold, and why.
SELECT
    requests.id,
    format(
        'The request has about %s tokens and %s bytes; at most %s tokens and %s bytes can be sent.',
        requests.token_estimate, requests.body_bytes, :max_tokens, :max_bytes
    ) AS reason
FROM ai_processing_requests AS requests
WHERE
    requests.company_id = :company_id
    AND requests.model = :model
    AND requests.processing_type = :processing_type
    AND requests.processing_status = 'PENDING_BATCHING'
    AND (requests.body_bytes > :max_bytes OR requests.token_estimate > :max_tokens)
ORDER BY requests.id
FOR UPDATE OF requests
