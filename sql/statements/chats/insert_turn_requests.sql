-- One open request per turn: the partial unique index keeps a second one out.
INSERT INTO ai_processing_requests (
    chat_interaction_id, company_id, processing_type, model, prompt_version, transcript_hash, input_hash, body_bytes,
    token_estimate, max_output_tokens, requested_at, updated_at
)
SELECT
    built.turn_id,
    :company_id,
    'chat_turn',
    :model,
    :prompt_version,
    built.input_hash,
    built.input_hash,
    built.body_bytes,
    built.token_estimate,
    :max_output_tokens,
    :now,
    :now
FROM
    unnest(
        CAST(:turn_ids AS uuid[]),
        CAST(:input_hashes AS text[]),
        CAST(:body_bytes AS integer[]),
        CAST(:token_estimates AS integer[])
    ) AS built (turn_id, input_hash, body_bytes, token_estimate)
ON CONFLICT (subject_id, processing_type) WHERE processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
DO NOTHING
