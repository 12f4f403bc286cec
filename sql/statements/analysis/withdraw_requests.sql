-- Unclaimed requests of a company whose sessions stand behind a stage that has failed since: their messages may be older than the
-- chat. Nothing was bought, and a new request is made once the stage is over. One that is being claimed is left to its batch.
WITH outdated AS MATERIALIZED (
    SELECT
        requests.id,
        requests.processing_status
    FROM ai_processing_requests AS requests
    JOIN sessions ON sessions.id = requests.session_id
    WHERE
        requests.company_id = :company_id
        AND requests.processing_type = 'session_analysis'
        AND requests.processing_status = 'PENDING_BATCHING'
        AND EXISTS (
            SELECT 1
            FROM session_processing_status AS before
            JOIN processing_stages AS earlier ON earlier.name = before.stage
            JOIN processing_stages AS own ON own.name = 'AI_ANALYSIS' AND own.position > earlier.position
            WHERE before.import_id = sessions.import_id AND before.status = 'FAILED'
        )
    ORDER BY requests.id
    LIMIT CAST(:most AS bigint)
    FOR UPDATE OF requests SKIP LOCKED
)

UPDATE ai_processing_requests AS requests
SET
    processing_status = 'PROCESSING_FAILED',
    error_code = 'input_outdated',
    error_message = :reason,
    completed_at = greatest(CAST(:now AS timestamptz), requests.requested_at),
    updated_at = :now
FROM outdated
WHERE requests.id = outdated.id AND requests.processing_status = outdated.processing_status
RETURNING requests.id
