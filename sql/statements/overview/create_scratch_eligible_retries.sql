-- Of what is staged, the stages that may be tried again, once per import, with the newest request of their session where it
-- is the analysis. One behind an earlier stage that is not over may be set back, and is not ready. Texts that were deleted, on
-- request or by age, are not fetched, read or asked about again.
CREATE TEMPORARY TABLE scratch_eligible_retries ON COMMIT DROP AS
WITH staged AS (
    SELECT DISTINCT
        scratch_retries.import_id,
        scratch_retries.session_id
    FROM scratch_retries
)

SELECT
    staged.import_id,
    staged.session_id,
    imports.company_id,
    stage_row.status,
    newest.id AS request_id,
    newest.processing_status AS request_status,
    CASE
        WHEN newest.transcript_hash = sessions.transcript_hash THEN nullif(newest.token_estimate, 0)
    END AS token_estimate,
    newest.body_bytes,
    NOT EXISTS (
        SELECT 1
        FROM processing_stages AS own
        JOIN processing_stages AS earlier ON earlier.position < own.position
        LEFT JOIN session_processing_status AS before
            ON before.import_id = staged.import_id AND before.stage = earlier.name
        WHERE own.name = :stage AND coalesce(before.status, 'PENDING') NOT IN ('COMPLETED', 'SKIPPED')
    ) AS is_ready
FROM staged
JOIN session_imports AS imports ON imports.id = staged.import_id
JOIN session_processing_status AS stage_row
    ON stage_row.import_id = staged.import_id AND stage_row.stage = :stage
LEFT JOIN sessions ON sessions.id = staged.session_id
LEFT JOIN LATERAL (
    SELECT
        requests.id,
        requests.processing_status,
        requests.transcript_hash,
        requests.token_estimate,
        requests.body_bytes
    FROM ai_processing_requests AS requests
    WHERE requests.session_id = staged.session_id AND requests.processing_type = 'session_analysis'
    -- Not by id alone: see find_sessions_to_request.
    ORDER BY requests.requested_at DESC, requests.id DESC
    LIMIT 1
) AS newest ON :stage = 'AI_ANALYSIS'
WHERE
    imports.erased_at IS NULL
    AND CASE
        -- Within CASE: what the planner believes about how many have failed must not decide how they are joined.
        WHEN NOT stage_row.status = ANY(CAST(:statuses AS text[]))
            THEN FALSE
        WHEN :stage = 'AI_ANALYSIS'
            THEN
                NOT EXISTS (
                    SELECT 1
                    FROM ai_processing_requests AS requests
                    WHERE
                        requests.subject_id = staged.session_id
                        AND requests.processing_type = 'session_analysis'
                        AND requests.processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
                )
                AND EXISTS (
                    SELECT 1 FROM messages
                    WHERE messages.session_id = staged.session_id
                )
                AND NOT EXISTS (
                    SELECT 1 FROM messages
                    WHERE messages.session_id = staged.session_id AND messages.content IS NULL
                )
        WHEN :stage IN ('TRANSCRIPT_FETCH', 'SESSION_CREATION')
            THEN
                NOT EXISTS (
                    SELECT 1 FROM transcripts
                    WHERE transcripts.import_id = staged.import_id AND transcripts.status = 'PRUNED'
                )
        ELSE TRUE
    END
