-- Sessions without a message have nothing to analyse; a skipped analysis skips the extraction of questions. One whose request is
-- open is left to that: whoever found no message may have looked for requests before it was made.
INSERT INTO session_processing_status AS stage_row (
    import_id, stage, status, error_message, started_at, completed_at, metadata
)
SELECT
    imports.import_id,
    stages.stage,
    'SKIPPED',
    :reason,
    :now,
    :now,
    '{}'::jsonb
FROM unnest(CAST(:import_ids AS uuid[])) AS imports (import_id)
CROSS JOIN (VALUES ('AI_ANALYSIS'), ('QUESTION_EXTRACTION')) AS stages (stage)
WHERE
    NOT EXISTS (
        SELECT 1
        FROM sessions
        JOIN ai_processing_requests AS requests ON requests.subject_id = sessions.id
        WHERE
            sessions.import_id = imports.import_id
            AND requests.processing_type = 'session_analysis'
            AND requests.processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
    )
ON CONFLICT (import_id, stage) DO UPDATE
    SET
        status = excluded.status,
        error_message = excluded.error_message,
        started_at = excluded.started_at,
        completed_at = excluded.completed_at
    WHERE stage_row.status IN ('PENDING', 'IN_PROGRESS', 'FAILED')
RETURNING stage_row.stage
