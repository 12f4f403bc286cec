-- Analysis and extraction of questions are complete for sessions whose answers were written.
INSERT INTO session_processing_status AS stage_row (import_id, stage, status, started_at, completed_at, metadata)
SELECT
    scratch_answers.import_id,
    stages.stage,
    'COMPLETED',
    :now,
    :now,
    CASE stages.stage
        WHEN 'AI_ANALYSIS'
            THEN jsonb_build_object(
                'language', scratch_answers.answer ->> 'language',
                'sentiment', scratch_answers.answer ->> 'sentiment',
                'category', scratch_answers.answer ->> 'category',
                'requestId', scratch_answers.request_id,
                'repairs', to_jsonb(scratch_answers.answer_flags)
            )
        ELSE jsonb_build_object('questionsProcessed', jsonb_array_length(scratch_answers.answer -> 'questions'))
    END
FROM scratch_answers
CROSS JOIN (VALUES ('AI_ANALYSIS'), ('QUESTION_EXTRACTION')) AS stages (stage)
ON CONFLICT (import_id, stage) DO UPDATE
    SET
        status = 'COMPLETED',
        error_message = NULL,
        started_at = least(coalesce(stage_row.started_at, excluded.completed_at), excluded.completed_at),
        completed_at = excluded.completed_at,
        metadata = excluded.metadata
