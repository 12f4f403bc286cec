-- Moves some imports at one stage to another status, from the states alone that the table of moves allows (`:expected`). What
-- is unknown, stands elsewhere, waits behind an earlier stage or has been tried too often is counted and left alone.
WITH asked AS (
    SELECT DISTINCT given.import_id
    FROM unnest(CAST(:import_ids AS uuid[])) AS given (import_id)
),

known AS (
    SELECT
        imports.id AS import_id,
        coalesce(stage_row.status, 'PENDING') AS status,
        coalesce(stage_row.retry_count, 0) AS retry_count
    FROM asked
    JOIN session_imports AS imports ON imports.id = asked.import_id
    LEFT JOIN session_processing_status AS stage_row ON stage_row.import_id = imports.id AND stage_row.stage = :stage
),

eligible AS (
    SELECT known.import_id
    FROM known
    WHERE
        known.status = ANY(CAST(:expected AS text[]))
        AND (CAST(:max_retries AS integer) IS NULL OR known.retry_count < :max_retries)
        AND (
            NOT :ready_only
            OR NOT EXISTS (
                SELECT 1
                FROM processing_stages AS own
                JOIN processing_stages AS earlier ON earlier.position < own.position
                LEFT JOIN session_processing_status AS before
                    ON before.import_id = known.import_id AND before.stage = earlier.name
                WHERE own.name = :stage AND coalesce(before.status, 'PENDING') NOT IN ('COMPLETED', 'SKIPPED')
            )
        )
),

moved AS (
    INSERT INTO session_processing_status AS stage_row (
        import_id, stage, status, error_message, retry_count, started_at, completed_at, metadata
    )
    SELECT
        eligible.import_id,
        :stage,
        :status,
        :error_message,
        CASE WHEN :status = 'FAILED' THEN 1 ELSE 0 END,
        CASE WHEN :status <> 'PENDING' THEN CAST(:now AS timestamptz) END,
        CASE WHEN :status IN ('COMPLETED', 'FAILED', 'SKIPPED') THEN CAST(:now AS timestamptz) END,
        CAST(:metadata AS jsonb)
    FROM eligible
    ORDER BY eligible.import_id
    ON CONFLICT (import_id, stage) DO UPDATE
        SET
            status = excluded.status,
            error_message = excluded.error_message,
            retry_count = stage_row.retry_count + excluded.retry_count,
            started_at = CASE
                WHEN excluded.status IN ('PENDING', 'IN_PROGRESS') OR stage_row.status NOT IN ('IN_PROGRESS')
                    THEN excluded.started_at
                ELSE coalesce(stage_row.started_at, excluded.started_at)
            END,
            completed_at = CASE
                WHEN stage_row.status = 'IN_PROGRESS' THEN greatest(excluded.completed_at, stage_row.started_at)
                ELSE excluded.completed_at
            END,
            metadata = stage_row.metadata || excluded.metadata
        WHERE stage_row.status = ANY(CAST(:expected AS text[]))
    RETURNING stage_row.import_id
)

SELECT
    (SELECT count(*) FROM asked) AS asked,
    (SELECT count(*) FROM known) AS found,
    (SELECT coalesce(array_agg(moved.import_id ORDER BY moved.import_id), '{}') FROM moved) AS moved
