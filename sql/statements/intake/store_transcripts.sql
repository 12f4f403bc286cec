-- Writes what fetches brought (staged), and with it their stage. Three kinds of row: content; neither content nor error,
-- which is "not changed"; an error. An error after an earlier success keeps the earlier content with its URL and ETag:
-- nothing is lost, and `error_code` with FETCHED says that the newest try failed. A try counts anew when the row of the
-- CSV is another one; each one after the first doubles the time until the next, and the last one leaves none. Stages that were
-- COMPLETED pass through PENDING in this statement: their row was due again.
WITH stored AS (
    INSERT INTO transcripts AS known (
        import_id, url, row_hash, status, content, sha256, etag, replaced_characters, error_code, error_message,
        attempts, next_attempt_at, fetched_at, updated_at
    )
    SELECT
        incoming.import_id,
        incoming.url,
        incoming.row_hash,
        CASE WHEN incoming.content IS NULL THEN 'FAILED' ELSE 'FETCHED' END,
        incoming.content,
        incoming.sha256,
        incoming.etag,
        incoming.replaced,
        incoming.error_code,
        incoming.error_message,
        CASE WHEN incoming.error_code IS NULL THEN 0 ELSE 1 END,
        CASE
            WHEN incoming.error_code IS NOT NULL AND NOT incoming.permanent AND :max_attempts > 1
                THEN CAST(:now AS timestamptz) + CAST(:retry_after AS interval)
        END,
        CASE WHEN incoming.error_code IS NULL THEN CAST(:now AS timestamptz) END,
        :now
    FROM scratch_transcripts AS incoming
    ORDER BY incoming.import_id
    ON CONFLICT (import_id) DO UPDATE
        SET
            url = CASE WHEN excluded.error_code IS NULL OR known.content IS NULL THEN excluded.url ELSE known.url END,
            row_hash = excluded.row_hash,
            status = CASE WHEN coalesce(excluded.content, known.content) IS NULL THEN 'FAILED' ELSE 'FETCHED' END,
            content = coalesce(excluded.content, known.content),
            sha256 = CASE WHEN excluded.content IS NULL THEN known.sha256 ELSE excluded.sha256 END,
            etag = CASE WHEN excluded.error_code IS NULL THEN excluded.etag ELSE known.etag END,
            replaced_characters = CASE
                WHEN excluded.content IS NULL THEN known.replaced_characters ELSE excluded.replaced_characters
            END,
            error_code = excluded.error_code,
            error_message = excluded.error_message,
            attempts = CASE
                WHEN excluded.error_code IS NULL THEN 0
                WHEN known.error_code IS NOT NULL AND known.row_hash = excluded.row_hash THEN known.attempts + 1
                ELSE 1
            END,
            next_attempt_at = CASE
                WHEN excluded.next_attempt_at IS NULL THEN NULL
                WHEN known.error_code IS NULL OR known.row_hash <> excluded.row_hash THEN excluded.next_attempt_at
                WHEN known.attempts + 1 < :max_attempts
                    THEN CAST(:now AS timestamptz) + CAST(:retry_after AS interval) * (2 ^ known.attempts)
            END,
            fetched_at = coalesce(excluded.fetched_at, known.fetched_at),
            updated_at = excluded.updated_at
        -- Deleted while it was being fetched: neither the text nor its stage is written.
        WHERE known.status <> 'PRUNED'
    RETURNING known.import_id
)

INSERT INTO session_processing_status AS stage_row (
    import_id, stage, status, error_message, retry_count, started_at, completed_at, metadata
)
SELECT
    incoming.import_id,
    'TRANSCRIPT_FETCH',
    CASE WHEN incoming.error_code IS NULL THEN 'COMPLETED' ELSE 'FAILED' END,
    incoming.error_message,
    CASE WHEN incoming.error_code IS NULL THEN 0 ELSE 1 END,
    :now,
    :now,
    incoming.stage_metadata
FROM scratch_transcripts AS incoming
JOIN stored ON stored.import_id = incoming.import_id
ORDER BY incoming.import_id
ON CONFLICT (import_id, stage) DO UPDATE
    SET
        status = excluded.status,
        error_message = excluded.error_message,
        retry_count = stage_row.retry_count + excluded.retry_count,
        started_at = excluded.started_at,
        completed_at = excluded.completed_at,
        metadata = excluded.metadata
