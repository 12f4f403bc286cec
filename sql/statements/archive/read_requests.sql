-- Rows of `requests.parquet`. What went wrong, as a sentence, stays here: it is short, and an erasure must reach it.
SELECT
    requests.id::text AS request_id,
    requests.session_id::text AS session_id,
    requests.processing_type,
    requests.model,
    requests.processing_status,
    requests.batch_id::text AS batch_id,
    requests.prompt_version,
    requests.transcript_hash,
    requests.input_hash,
    requests.body_bytes,
    requests.token_estimate,
    requests.max_output_tokens,
    requests.attempts,
    requests.releases,
    requests.error_code,
    requests.answer_flags,
    requests.requested_at,
    requests.completed_at,
    requests.raw_answer,
    requests.parsed_answer::text AS parsed_answer
FROM unnest(CAST(:session_ids AS uuid[])) WITH ORDINALITY AS wanted (session_id, place)
JOIN ai_processing_requests AS requests ON requests.session_id = wanted.session_id
ORDER BY wanted.place, requests.id
