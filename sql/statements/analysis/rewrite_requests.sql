-- Unclaimed requests take the current input; they were locked when they were read.
UPDATE ai_processing_requests AS requests
SET
    model = :model,
    prompt_version = :prompt_version,
    transcript_hash = built.transcript_hash,
    input_hash = built.input_hash,
    body_bytes = built.body_bytes,
    token_estimate = built.token_estimate,
    max_output_tokens = built.max_output_tokens,
    updated_at = :now
FROM
    unnest(
        CAST(:request_ids AS uuid[]),
        CAST(:transcript_hashes AS text[]),
        CAST(:input_hashes AS text[]),
        CAST(:body_bytes AS integer[]),
        CAST(:token_estimates AS integer[]),
        CAST(:max_output_tokens AS integer[])
    ) AS built (request_id, transcript_hash, input_hash, body_bytes, token_estimate, max_output_tokens)
WHERE requests.id = built.request_id AND requests.processing_status = 'PENDING_BATCHING'
