-- A request that no batch can hold fails before it is bought.
WITH failed AS (
    UPDATE ai_processing_requests
    SET
        processing_status = 'PROCESSING_FAILED',
        error_code = 'input_too_long',
        error_message = format(
            'The request has about %s tokens and %s bytes; at most %s tokens and %s bytes can be sent.',
            token_estimate, body_bytes, :max_tokens, :max_bytes
        ),
        completed_at = :now,
        updated_at = :now
    WHERE
        company_id = :company_id
        AND model = :model
        AND processing_status = 'PENDING_BATCHING'
        AND (body_bytes > :max_bytes OR token_estimate > :max_tokens)
    RETURNING session_id, error_message
)

INSERT INTO session_processing_status AS stage_row (
    import_id, stage, status, error_message, retry_count, started_at, completed_at
)
SELECT
    sessions.import_id,
    'AI_ANALYSIS',
    'FAILED',
    'input_too_long: ' || failed.error_message,
    1,
    :now,
    :now
FROM failed
JOIN sessions ON sessions.id = failed.session_id
ON CONFLICT (import_id, stage) DO UPDATE
    SET
        status = 'FAILED',
        error_message = excluded.error_message,
        retry_count = stage_row.retry_count + 1,
        completed_at = :now
