-- Sessions without a message have nothing to analyse; a skipped analysis skips the extraction of questions.
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
ON CONFLICT (import_id, stage) DO UPDATE
    SET
        status = excluded.status,
        error_message = excluded.error_message,
        started_at = excluded.started_at,
        completed_at = excluded.completed_at
    WHERE stage_row.status IN ('PENDING', 'IN_PROGRESS', 'FAILED')
