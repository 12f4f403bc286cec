-- Stages of new chats, and those of analyses that are taken. Rows of our own that are more than a wait stay as they are.
INSERT INTO session_processing_status AS stage_row (
    import_id, stage, status, error_message, retry_count, started_at, completed_at, metadata
)
SELECT
    targets.import_id,
    offered.stage,
    offered.status,
    offered.error_message,
    offered.retry_count,
    offered.started_at,
    offered.completed_at,
    offered.metadata
FROM scratch_stages AS offered
JOIN scratch_targets AS targets ON targets.chat = offered.chat
WHERE
    CASE
        WHEN targets.import_is_new OR targets.session_is_new
            THEN offered.status <> 'PENDING' OR offered.retry_count > 0 OR offered.error_message IS NOT NULL
        ELSE targets.takes_analysis AND offered.stage IN ('AI_ANALYSIS', 'QUESTION_EXTRACTION')
    END
ORDER BY targets.import_id, offered.stage
ON CONFLICT (import_id, stage) DO UPDATE
    SET
        status = excluded.status,
        error_message = excluded.error_message,
        retry_count = excluded.retry_count,
        started_at = excluded.started_at,
        completed_at = excluded.completed_at,
        metadata = excluded.metadata
    WHERE stage_row.status = 'PENDING' OR (stage_row.metadata -> 'livedashBatch') IS NOT NULL
