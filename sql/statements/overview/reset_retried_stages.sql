-- Stages that are tried again wait; how often they have failed stays. An analysis that is bought again remembers since when,
-- so that answers from before are not applied once more, and its questions wait for the new one. Later stages that were
-- skipped wait too: what they were skipped for may be different now.
WITH reset AS (
    UPDATE session_processing_status AS stage_row
    SET
        status = 'PENDING',
        error_message = NULL,
        started_at = NULL,
        completed_at = NULL,
        metadata = CASE
            WHEN eligible.status = 'COMPLETED'
                THEN stage_row.metadata || jsonb_build_object('reanalyseAfter', CAST(:now AS timestamptz))
            ELSE stage_row.metadata
        END
    FROM scratch_eligible_retries AS eligible
    WHERE
        stage_row.import_id = eligible.import_id
        AND stage_row.stage = :stage
        AND stage_row.status = eligible.status
    RETURNING stage_row.import_id
),

later AS (
    UPDATE session_processing_status AS stage_row
    SET status = 'PENDING', error_message = NULL, started_at = NULL, completed_at = NULL
    FROM scratch_eligible_retries AS eligible
    WHERE
        stage_row.import_id = eligible.import_id
        AND stage_row.stage IN (
            SELECT later.name
            FROM processing_stages AS own
            JOIN processing_stages AS later ON later.position > own.position
            WHERE own.name = :stage
        )
        AND (
            stage_row.status = 'SKIPPED'
            OR (
                eligible.status = 'COMPLETED'
                AND stage_row.stage = 'QUESTION_EXTRACTION'
                AND stage_row.status IN ('COMPLETED', 'FAILED')
            )
        )
)

SELECT count(*) AS reset FROM reset
