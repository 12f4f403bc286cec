-- One pending request per session whose analysis is PENDING: the partial unique index keeps a second open one out, and the stage
-- is read here once more, since whoever looked for the session may have read it before somebody else analysed it.
INSERT INTO ai_processing_requests (
    session_id, company_id, model, prompt_version, transcript_hash, input_hash, body_bytes, token_estimate,
    max_output_tokens, requested_at, updated_at
)
SELECT
    built.session_id,
    :company_id,
    :model,
    :prompt_version,
    built.transcript_hash,
    built.input_hash,
    built.body_bytes,
    built.token_estimate,
    built.max_output_tokens,
    :now,
    :now
FROM
    unnest(
        CAST(:session_ids AS uuid[]),
        CAST(:transcript_hashes AS text[]),
        CAST(:input_hashes AS text[]),
        CAST(:body_bytes AS integer[]),
        CAST(:token_estimates AS integer[]),
        CAST(:max_output_tokens AS integer[])
    ) AS built (session_id, transcript_hash, input_hash, body_bytes, token_estimate, max_output_tokens)
WHERE
    coalesce(
        (
            SELECT analysis.status
            FROM sessions
            JOIN session_processing_status AS analysis
                ON analysis.import_id = sessions.import_id AND analysis.stage = 'AI_ANALYSIS'
            WHERE sessions.id = built.session_id
        ), 'PENDING'
    ) = 'PENDING'
ON CONFLICT (subject_id, processing_type) WHERE processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
DO NOTHING
