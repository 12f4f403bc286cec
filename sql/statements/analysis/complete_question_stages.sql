-- The extraction of questions is complete for sessions whose kept answers were staged.
INSERT INTO session_processing_status AS stage_row (import_id, stage, status, started_at, completed_at, metadata)
SELECT
    scratch_answers.import_id,
    'QUESTION_EXTRACTION',
    'COMPLETED',
    :now,
    :now,
    jsonb_build_object(
        'questionsProcessed', jsonb_array_length(scratch_answers.answer -> 'questions'),
        'requestId', scratch_answers.request_id
    )
FROM scratch_answers
ORDER BY scratch_answers.import_id
ON CONFLICT (import_id, stage) DO UPDATE
    SET
        status = 'COMPLETED',
        error_message = NULL,
        started_at = excluded.started_at,
        completed_at = excluded.completed_at,
        metadata = excluded.metadata
    WHERE stage_row.status = 'PENDING'
